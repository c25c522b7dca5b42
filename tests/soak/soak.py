#!/usr/bin/env python3
"""Random jobs for MINUTES: random models, shards, damage, options, ranks, kills; through the command, and through the
library in processes that live all the while.

Each job is run once, at first, on one thread and without disturbance: that is what every other run of it has to give,
byte for byte. Two processes run each model once to warm up, and then every job too. In both, descriptors and threads
must stay where they are. One lives as any process does: what malloc has of the system, and may keep, must not grow
without end, and memory may not be more than was predicted for the largest job so far. In the other, malloc keeps
nothing by the thread: there what it has given out after a job must stay where it is, and so must resident memory.

    GRUS=build/grus builddir=build srcdir=. python3 tests/soak/soak.py --minutes 60

Then inputs and directories of the same job change while it is run (meddling.py). With --library only these processes
work, and nothing is killed; with --meddled nothing but the changes is tried.
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from meddling import Meddling

REPEATS = 4  # of a job, by each process
LEAST_JOBS = 60
# Between the medians of the first and the last third. The pool of threads that a job leaves is of one of a few sizes.
GIVEN_GROWTH = 16 << 10  # bytes
RESIDENT_GROWTH = 4 << 10  # kB
SYSTEM_GROWTH, SYSTEM_JOBS = 0.25, 2000  # as a share, once so many jobs have filled the arenas
# By default each thread that begins takes an arena that others have left, and in time each arena has held the most of
# what any thread needs; threads also have caches, which count as given out.
ONE_ARENA = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"
TASKS = {"embed": 1, "classify": 2, "tag": 3, "translate": 4, "score": 5, "states": 6}


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def outputs(outdir):
    return {name: digest(os.path.join(outdir, name)) for name in sorted(os.listdir(outdir))
            if not name.startswith((".", "report"))}


class Job:
    """A model and shards made of its golden records, some of them damaged."""

    def __init__(self, case, root, rng, folder="shards"):
        self.model = os.path.join(case, "model")
        with open(os.path.join(case, "options")) as f:
            words = f.read().split()
        self.options = [] if rng.random() < 0.3 else words
        if "--task" in words and not self.options:
            self.options = words[words.index("--task"):][:2]
        self.task = self.options[self.options.index("--task") + 1] if "--task" in self.options else None
        with open(os.path.join(self.model, "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        # Whether it can be asked for hypotheses.
        self.searches = config["model_type"] == "seq2seq" and self.task != "states"
        # The living process is told of the task and the beam alone.
        self.is_plain = len(self.options) == (2 if self.task else 0)
        with open(os.path.join(case, "input.jsonl"), "rb") as f:
            self.lines = f.read().splitlines(keepends=True)
        self.folder = os.path.join(root, folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.inputs = [self.write_shard(i, rng) for i in range(rng.choice([1, 1, 2, 3, 5]))]

    def write_shard(self, i, rng):
        path = os.path.join(self.folder, "s%d.jsonl" % i)
        n = rng.choice([0, 1, 7, 30, 100, 300])
        with open(path, "wb") as f:
            for k in range(n):
                line = bytearray(rng.choice(self.lines))
                # The first stays whole: a run all of whose records are in error ends with 1.
                if k > 0 and rng.random() < 0.05 and len(line) > 1:
                    line[rng.randrange(len(line) - 1)] = rng.choice(b"\xff\x00\"{}x \\")
                f.write(line)
        if rng.random() < 0.4:
            subprocess.run(["zstd", "-q", "--rm", "--check", path], check=True)
            path += ".zst"
        return path


class Soak:
    def __init__(self, grus, root, rng):
        self.grus, self.root, self.rng = grus, root, rng
        self.jobs = self.runs = self.kills = self.records = 0
        self.failures = []
        self.meddled = collections.Counter()

    def command(self, job, outdir, threads, batch, rank=None, more=()):
        words = [self.grus, "run", job.model, *job.inputs, "-o", outdir, "--quiet", "-t", str(threads), *job.options, *more]
        if batch:
            words += ["--batch-tokens", str(batch)]
        if rank:
            words += ["--rank", str(rank[0]), "--world-size", str(rank[1])]
        self.runs += 1
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, process, what, allowed=(0,)):
        try:
            errors = process.communicate(timeout=300)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.failures.append("%s: no end within 300 s" % what)
            return None
        if process.returncode not in allowed:
            self.failures.append("%s: exit %s: %s" % (what, process.returncode, errors.strip()[-300:]))
        return process.returncode

    def disturbed(self, job, outdir):
        """Some runs that are killed, perhaps several at once, then one that goes to the end for each rank."""
        rng = self.rng
        world = rng.choice([1, 1, 1, 2, 3])
        for _ in range(rng.choice([0, 1, 2, 4])):
            ranks = [(r, world) for r in range(world)] if rng.random() < 0.5 else [(rng.randrange(world), world)] * 2
            running = [self.command(job, outdir, rng.choice([1, 2, 3]), rng.choice([0, 16, 64, 500]), r) for r in ranks]
            for process in running:
                time.sleep(rng.random() ** 3 * 0.4)
                process.send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]))
                self.kills += 1
            for process in running:
                self.finish(process, "killed run", (0, -9, -15, -2, -10, 130, 143, 138))
        for rank in range(world):
            process = self.command(job, outdir, rng.choice([1, 2, 3, 8]), rng.choice([0, 1, 16, 500]), (rank, world))
            self.finish(process, "last run of rank %d of %d" % (rank, world))

    def compare(self, what, job, expected, found):
        if expected != found:
            self.keep("%s of %s %s differs: %s" % (what, job.model, job.options, found))

    def keep(self, failure):
        folder = tempfile.mkdtemp(prefix="grus-soak-failed-")
        shutil.copytree(self.root, os.path.join(folder, "files"), symlinks=True)
        self.failures.append("%s; files in %s" % (failure, folder))
        print("FAIL: %s" % self.failures[-1], flush=True)

    def meddled_job(self, case, other):
        """A job that changes, and another run, of another folder, that wants its directory."""
        theirs = Job(other, self.root, self.rng, "theirs")
        self.jobs += 1
        Meddling(self, Job(case, self.root, self.rng), theirs, outputs).run()

    def one_job(self, case, living, library_alone):
        job = Job(case, self.root, self.rng)
        self.jobs += 1
        names = [os.path.join(self.root, n) for n in ("reference", "disturbed", "living")]
        for name in names:
            shutil.rmtree(name, ignore_errors=True)
        code = self.finish(self.command(job, names[0], 1, 0), "reference", (0, 1))
        if code not in (0, 1):
            return
        with open(os.path.join(names[0], "report.json")) as f:
            report = json.load(f)
        self.records += report["records"]
        if (code == 1) != (0 < report["records"] == report["records_failed"]):
            self.failures.append("reference: exit %d, %d of %d records in error" %
                                 (code, report["records_failed"], report["records"]))
        if code == 1:  # all records are in error, which each rank would tell otherwise
            return
        expected = outputs(names[0])
        if not library_alone:
            self.disturbed(job, names[1])
            self.compare("disturbed run", job, expected, outputs(names[1]))
            self.inspect(names[1])
        known = {0: expected} if job.is_plain else {}
        for process in living * REPEATS:
            beam = self.rng.choice([0, 1, 4] if job.searches else [0, 1])
            if process.run(job, beam, names[2], self):
                found = outputs(names[2])
                self.compare("library's run", job, known.setdefault(beam, found), found)
            shutil.rmtree(names[2], ignore_errors=True)
        for name in names:
            shutil.rmtree(name, ignore_errors=True)

    def inspect(self, outdir):
        left = os.listdir(os.path.join(outdir, ".grus", "partial"))
        if left:
            self.failures.append("left behind: %s" % left)
        if subprocess.run([self.grus, "verify", "--quiet", outdir], capture_output=True).returncode != 0 and \
                subprocess.run([self.grus, "verify", outdir], capture_output=True).returncode != 0:
            self.failures.append("verify finds a difference in %s" % outdir)


Held = collections.namedtuple("Held", "resident descriptors threads given kept predicted")  # kB, , , bytes, bytes, kB


def middle(values):
    return sorted(values)[len(values) // 2]


def slope(values):
    """Of the least-squares line through values, and its standard error."""
    n, mean_i, mean = len(values), (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((i - mean_i) ** 2 for i in range(n))
    rise = sum((i - mean_i) * (v - mean) for i, v in enumerate(values)) / spread
    rest = sum((v - mean - rise * (i - mean_i)) ** 2 for i, v in enumerate(values))
    return rise, (rest / (n - 2) / spread) ** 0.5


class Living:
    """The process that runs every job too, and what it holds after each."""

    def __init__(self, program, tunables=None):
        environment = dict(os.environ, GLIBC_TUNABLES=tunables) if tunables else None
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.is_counted = tunables is not None
        self.held = []
        self.warm = 0

    def ask(self, words, soak):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().split(None, 7)
        if len(line) >= 7 and line[0] == "0":
            return Held(*map(int, line[1:7]))
        soak.failures.append("job of the library: %s: %s" % (words, line))
        return None

    def run(self, job, beam, outdir, soak):
        rng = soak.rng
        words = [job.model, TASKS.get(job.task, 0), beam, rng.choice([1, 2, 4]), rng.choice([0, 16, 500]), outdir, *job.inputs]
        held = self.ask(words, soak)
        if held:
            self.held.append(held)
        return held is not None

    def warm_up(self, cases, soak):
        for case in cases:
            outdir = os.path.join(soak.root, "warm")
            self.run(Job(case, soak.root, soak.rng), 0, outdir, soak)
            shutil.rmtree(outdir, ignore_errors=True)
        self.warm = len(self.held)

    def end(self, soak):
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            soak.failures.append("a process of jobs ended with %d" % self.process.returncode)

    def is_new(self):
        """There are too few jobs to judge."""
        return len(self.held) < self.warm + LEAST_JOBS

    def verdict(self, soak):
        """What was held; what is not sound is told to soak."""
        held, wrong = self.held[self.warm:], soak.failures.append
        if self.is_new():
            return "%d jobs in one process: too few to judge" % len(held)
        third = len(held) // 3
        given, given_error = slope([h.given for h in held])
        resident, resident_error = slope([h.resident for h in held])
        def growth(values):
            return middle(values[-third:]) - middle(values[:third])

        given_growth, resident_growth = growth([h.given for h in held]), growth([h.resident for h in held])
        if len({h.descriptors for h in held}) != 1:
            wrong("descriptors are not flat: %s" % sorted({h.descriptors for h in held}))
        if max(h.threads for h in held) > max(h.threads for h in self.held[:self.warm]):
            wrong("threads grow: %s" % sorted({h.threads for h in held}))
        # A sanitizer's allocator tells nothing, and keeps what is freed.
        if self.is_counted and held[0].given:
            if given_growth > GIVEN_GROWTH and given > 3 * given_error:
                wrong("what malloc has given out grows by %.1f bytes a job (+-%.1f), %d in all" % (given, given_error, given_growth))
            if resident_growth > RESIDENT_GROWTH and resident > 3 * resident_error:
                wrong("resident memory grows by %.2f kB a job (+-%.2f), %d kB in all" % (resident, resident_error, resident_growth))
        system = [h.given + h.kept for h in held]
        first, last = middle(system[:third]), middle(system[-third:])
        if len(held) >= SYSTEM_JOBS and last > (1 + SYSTEM_GROWTH) * first:
            wrong("malloc takes ever more of the system: %.1f MB, then %.1f" % (first / 1e6, last / 1e6))
        over = [i for i, h in enumerate(self.held) if h.given and h.resident > max(g.predicted for g in self.held[:i + 1])]
        if over:
            wrong("more memory after job %d than any was to take: %s" % (over[0], self.held[over[0]]))
        return ("%d jobs in one process%s: malloc has given out %.1f to %.1f kB, slope %+.2f bytes a job (+-%.2f), median of the last "
                "third %+d bytes of the first's; it has of the system %.0f MB, in the last third %.0f; resident %.1f to %.1f MB, slope "
                "%+.2f kB a job (+-%.2f), %+d kB; predicted at most %.0f MB; descriptors %s, threads %s" %
                (len(held), " with one arena" if self.is_counted else "", min(h.given for h in held) / 1e3,
                 max(h.given for h in held) / 1e3, given, given_error, given_growth, first / 1e6, last / 1e6, min(h.resident for h in held) / 1024,
                 max(h.resident for h in held) / 1024, resident, resident_error, resident_growth, max(h.predicted for h in held) / 1024,
                 sorted({h.descriptors for h in held}), sorted({h.threads for h in held})))


def cpu_seconds():
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def behind_wrapper(grus):
    """The program itself: libtool's wrapper is a shell script, which takes signals until it is replaced."""
    with open(grus, "rb") as f:
        if f.read(2) != b"#!":
            return grus
    libraries = os.path.join(os.path.dirname(grus), ".libs")
    os.environ["LD_LIBRARY_PATH"] = libraries
    return os.path.join(libraries, "grus")


def is_known(case):
    """Whether this build has the tokenizer of a golden case."""
    with open(os.path.join(case, "model/config.json"), encoding="utf-8") as f:
        return bool(os.environ.get("SENTENCEPIECE")) or '"sentencepiece"' not in f.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seconds", dest="minutes", type=lambda text: float(text) / 60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1, help="of one core, at most [1]")
    parser.add_argument("--library", action="store_true", help="no command that is killed")
    parser.add_argument("--meddled", action="store_true", help="only jobs whose inputs and directories change")
    parser.add_argument("--log", help="what the processes hold after each of their jobs, a line each")
    options = parser.parse_args()
    grus = behind_wrapper(os.path.abspath(os.environ.get("GRUS", "build/grus")))
    golden = os.path.join(os.environ.get("builddir", "build"), "tests", "cases")
    cases = sorted(c for c in glob.glob(os.path.join(os.path.abspath(golden), "*")) if os.path.isdir(c) and is_known(c))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grus-soak-") as root:
        soak = Soak(grus, root, random.Random(options.seed))
        jobs = os.path.join(os.environ.get("builddir", "build"), "tests", "soak", "jobs")
        living = [] if options.meddled else [Living(jobs), Living(jobs, ONE_ARENA)]
        for process in living:
            process.warm_up(cases, soak)
        logged, told = 0, start
        while len(soak.failures) < 10 and (time.monotonic() - start < 60 * options.minutes or any(p.is_new() for p in living)):
            before, cpu = time.monotonic(), cpu_seconds()
            if not options.meddled:
                soak.one_job(soak.rng.choice(cases), living, options.library)
            if not options.library:
                soak.meddled_job(*soak.rng.sample(cases, 2))
            spent = cpu_seconds() - cpu
            if options.share < 1:
                time.sleep(max(0, min(30, spent / options.share - (time.monotonic() - before))))
            if options.log and living:
                with open(options.log, "a") as f:
                    for pair in zip(*(process.held[logged:] for process in living)):
                        f.write("%.0f  %s\n" % (time.monotonic() - start, "  ".join(" ".join(map(str, held)) for held in pair)))
                logged = min(len(process.held) for process in living)
            if time.monotonic() > told + 300:
                told = time.monotonic()
                print("%d jobs, %d runs, %d changes, %d failures" % (soak.jobs, soak.runs, sum(soak.meddled.values()), len(soak.failures)), flush=True)
        for process in living:
            process.end(soak)
        texts = [process.verdict(soak) for process in living]
    for failure in soak.failures:
        print("FAIL seed %d: %s" % (options.seed, failure))
    print("%.1f minutes: %d jobs, %d runs of the command, %d kills, %d records; %d failures" %
          ((time.monotonic() - start) / 60, soak.jobs, soak.runs, soak.kills, soak.records, len(soak.failures)))
    if soak.meddled:
        print("changes: %s" % ", ".join("%d %s" % (n, name) for name, n in sorted(soak.meddled.items())))
    print("\n".join(texts))
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
