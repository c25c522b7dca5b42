"""A job of which inputs and directories change, between its attempts and while they run: what must come out is known all
the same.

An attempt may succeed, or fail with the exit code of what was done to it. But wherever `verify` finds nothing wrong, each
output is what a fresh run of the inputs at hand makes; so it is behind an attempt that ended with 0 and was left alone;
and a last attempt, which is let alone and told to redo what changed and to take inputs that came, ends as a fresh run
does, with its outputs and no other. Where another run has taken the directory, the attempts are refused, and all of it is
the other's.
"""
import hashlib
import os
import shutil
import signal
import subprocess
import time

DONE, FAILED, USAGE, INPUT, OUTPUT = 0, 1, 2, 4, 5  # exit codes
ENDED = {signal.SIGKILL: (-9,), signal.SIGTERM: (-15, 143, 130), signal.SIGINT: (-2, 130), signal.SIGCONT: ()}
TICK = 0.012  # seconds between two changes: a file's time goes on by then, whatever the clock of the kernel


def read(path):
    with open(path, "rb") as f:
        return f.read()


def lines_of(path):
    data = read(path)
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-q", "-d", "-c", path], capture_output=True).stdout
    return data.splitlines(keepends=True)


def packed(path, lines):
    data = b"".join(lines)
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    return data


def put(path, data, anew):
    """Writes data into the file, or into a new one that takes its name."""
    with open(path + ".new" if anew else path, "wb") as f:
        f.write(data)
    if anew:
        os.rename(path + ".new", path)


def differing(some, others):
    """Names of some outputs that others lack, or have with another content."""
    return [name for name in some if others.get(name) != some[name]]


class Meddling:
    """One job: its inputs, the directory, and another run that wants it."""

    def __init__(self, soak, job, other, outputs):
        self.soak, self.rng, self.job, self.other, self.outputs = soak, soak.rng, job, other, outputs
        self.outdir = os.path.join(soak.root, "meddled")
        self.world = self.rng.choice([1, 1, 1, 2])
        self.grown = self.may_be_taken = self.was_away = False
        self.fresh_of = {}
        self.done = []  # what was done to it, in order

    # What is done to inputs. Every one of them changes what a fresh run makes, but for touch and copy.

    def grow(self, path):
        with open(path, "ab") as f:
            f.write(packed(path, [self.rng.choice(self.job.lines) for _ in range(self.rng.choice([1, 5, 100]))]))

    def shrink(self, path):
        lines = lines_of(path)
        put(path, packed(path, lines[:self.rng.randrange(len(lines) + 1)]), self.rng.random() < 0.5)

    def cut(self, path):
        os.truncate(path, self.rng.randrange(os.path.getsize(path) + 1))

    def replace(self, path):
        """By as many bytes, where it is not compressed."""
        put(path, packed(path, lines_of(path)[::-1]), self.rng.random() < 0.5)

    def touch(self, path):
        os.utime(path)

    def copy(self, path):
        put(path, read(path), True)

    def put_away(self, path):
        os.rename(path, path + ".away")
        self.was_away = True

    def add(self, _):
        self.job.inputs.append(self.job.write_shard(len(self.job.inputs) + self.rng.choice([0, 100]), self.rng))
        self.grown = True

    # What is done to the directory.

    def remove(self):
        shutil.rmtree(self.outdir, ignore_errors=True)

    def remake(self):
        self.remove()
        os.makedirs(self.outdir, exist_ok=True)

    def empty(self):
        for name in os.listdir(self.outdir) if os.path.isdir(self.outdir) else ():
            path = os.path.join(self.outdir, name)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)

    def take(self):
        """Another run comes, and has the directory if none is claimed when it comes."""
        if self.rng.random() < 0.8:
            self.remove()
        process = self.soak.command(self.other, self.outdir, 1, 0)
        self.may_be_taken = True
        return process

    def remove_output(self):
        self.remove_one(self.outdir, lambda name: not name.startswith((".", "report")))

    def remove_manifest(self):
        self.remove_one(os.path.join(self.outdir, ".grus", "done"), lambda name: name.endswith(".json"))

    def remove_one(self, folder, fits):
        names = sorted(filter(fits, os.listdir(folder))) if os.path.isdir(folder) else []
        if names:
            os.unlink(os.path.join(folder, self.rng.choice(names)))

    INPUTS = (grow, shrink, cut, replace, replace, touch, copy, put_away, add)
    DIRECTORY = (remove, remake, empty, take, remove_output, remove_manifest)

    def meddle(self):
        """One change; the process that it began, or None."""
        process = None
        paths = [path for path in self.job.inputs if os.path.exists(path)]
        time.sleep(TICK)
        what = self.rng.choice(self.INPUTS if paths and self.rng.random() < 0.65 else self.DIRECTORY)
        path = self.rng.choice(paths) if what in self.INPUTS else self.outdir
        self.done.append("%s %s" % (what.__name__, os.path.basename(path)))
        try:
            process = what(self, path) if what in self.INPUTS else what(self)
        except OSError:  # a run was quicker: what was to be removed is not there, or something is there again
            self.done.append("in vain")
        self.soak.meddled[what.__name__] += 1
        time.sleep(TICK)
        return process

    def put_back(self):
        for path in self.job.inputs:
            if os.path.exists(path + ".away"):
                os.rename(path + ".away", path)

    # Attempts, and what is asked of them.

    def start(self, rank, policy, grow):
        words = ["--checkpoint-records", str(self.rng.choice([1, 20, 1000]))] + (["--on-changed", policy] if policy else [])
        return self.soak.command(self.job, self.outdir, self.rng.choice([1, 2, 3]), self.rng.choice([0, 1, 16, 500]),
                                 (rank, self.world), words + ["--grow"] * grow)

    def attempt(self):
        """Runs of some ranks, perhaps disturbed. Whether one alone was left alone and did everything."""
        policy = self.rng.choice([None, "fail", "redo", "redo", "keep"])
        grow = self.grown or self.rng.random() < 0.3
        ranks = range(self.world) if self.rng.random() < 0.7 else [self.rng.randrange(self.world)] * 2
        self.done.append("attempt %s%s" % (policy, " --grow" * grow))
        running = [self.start(rank, policy, grow) for rank in ranks]
        others, changes = [], self.rng.choice([0, 0, 1, 1, 2, 3])
        for _ in range(changes):
            time.sleep(self.rng.random() ** 2 * 0.2)
            others.append(self.meddle())
        sent = self.rng.choice([*ENDED]) if self.rng.random() < 0.3 else None
        for process in running if sent else ():
            time.sleep(self.rng.random() ** 3 * 0.2)
            process.send_signal(sent)
            self.soak.kills += 1
        allowed = (DONE, FAILED, OUTPUT) + ENDED.get(sent, ())
        allowed += (USAGE,) * (self.grown or self.may_be_taken) + (INPUT,) * self.was_away
        codes = [self.finish(process, "an attempt", allowed) for process in running]
        for process in filter(None, others):
            self.finish(process, "another run", (DONE, FAILED, USAGE, OUTPUT))
        return codes == [DONE] and not changes and not sent and policy != "keep"

    def finish(self, process, what, allowed):
        before = len(self.soak.failures)
        code = self.soak.finish(process, what, allowed)
        if len(self.soak.failures) > before:
            self.wrong(self.soak.failures.pop())
        return code

    def wrong(self, what):
        self.soak.keep("meddled job: %s; %s %s in %d parts: %s" %
                       (what, self.job.model, self.job.options, self.world, ", ".join(self.done)))

    def fresh(self, job):
        """Exit code and outputs of a run of the inputs as they are."""
        state = hashlib.sha256(repr([(p, hashlib.sha256(read(p)).digest()) for p in job.inputs]).encode()).digest()
        if state not in self.fresh_of:
            outdir = os.path.join(self.soak.root, "fresh")
            shutil.rmtree(outdir, ignore_errors=True)
            code = self.finish(self.soak.command(job, outdir, 1, 0), "a fresh run", (DONE, FAILED))
            self.fresh_of[state] = code, self.made(outdir)
            shutil.rmtree(outdir, ignore_errors=True)
        return self.fresh_of[state]

    def made(self, outdir):
        return self.outputs(outdir) if os.path.isdir(outdir) else {}

    def verify(self):
        return subprocess.run([self.soak.grus, "verify", self.outdir], capture_output=True).returncode

    def look(self, is_whole):
        """Nothing that verify takes for right may be wrong."""
        self.put_back()
        if not os.path.isdir(self.outdir):
            return
        code, found = self.verify(), self.made(self.outdir)
        wanted = self.fresh(self.job)[1]
        differ = differing(found, wanted) and not (self.may_be_taken and not differing(found, self.fresh(self.other)[1]))
        if code == DONE and differ:
            self.wrong("verify finds nothing wrong, and of %s something differs" % sorted(found))
        elif is_whole and (code != DONE or found != wanted):
            self.wrong("an attempt ended with 0, verify with %d, and the outputs are %s" %
                       (code, "right" if found == wanted else "not"))

    def last(self):
        code, wanted = self.fresh(self.job)
        codes = [self.finish(self.start(rank, "redo", True), "the last attempt", (DONE, FAILED, USAGE, OUTPUT))
                 for rank in range(self.world)]
        found, verdict = self.made(self.outdir), self.verify()
        if self.may_be_taken and USAGE in codes:
            self.soak.meddled["ended as another run's"] += 1
            return self.last_of_other(codes, found)
        # An output that has lost its manifest stays where its shard fails, and verify tells.
        is_right = found == wanted or (code == FAILED and verdict != DONE and not differing(wanted, found))
        worst = max(codes, key=lambda c: c or 0)
        if self.world > 1 and found == wanted and verdict == DONE and worst == FAILED:
            worst = code  # all records of one part were in error, and of the others not
        if worst != code or not is_right or (code == DONE and verdict != DONE):
            self.wrong("the last attempt ended with %s, verify with %d; a fresh run with %d; the outputs are %s" %
                       (codes, verdict, code, "right" if is_right else "not"))

    def last_of_other(self, codes, found):
        """The directory is another run's, though outputs and manifests of it may have been removed since it ended: what is
        there is its own, and when it goes on it lacks nothing."""
        theirs, wanted = self.fresh(self.other)
        if codes != [USAGE] * self.world or differing(found, wanted):
            self.wrong("another run's directory: exit %s, or outputs that are not its own" % codes)
        code = self.finish(self.soak.command(self.other, self.outdir, 1, 0), "the other run, once more", (DONE, FAILED))
        verdict = self.verify()
        if code != theirs or verdict != DONE or self.made(self.outdir) != wanted:
            self.wrong("another run goes on: exit %s, verify %d; a fresh run with %d" % (code, verdict, theirs))

    def run(self):
        shutil.rmtree(self.outdir, ignore_errors=True)
        for _ in range(self.rng.choice([1, 2, 3])):
            self.look(self.attempt())
            for _ in range(self.rng.choice([0, 1, 1, 2])):
                process = self.meddle()
                if process:
                    self.finish(process, "another run", (DONE, FAILED, USAGE, OUTPUT))
            self.look(False)
        self.last()
        shutil.rmtree(self.outdir, ignore_errors=True)


