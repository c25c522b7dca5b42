"""What faults.py and crash.py share: small jobs, their undisturbed results, the command behind the shim, and the
judgement of an output directory.
"""
import concurrent.futures
import errno
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

# The order of enum call_class, enum how and enum when in shim.c.
CLASSES = ("alloc", "alloc-foreign", "thread", "thread-foreign", "open", "read", "write", "sync", "close", "rename",
           "rename-new", "link", "unlink", "truncate", "mkdir", "stat", "seek", "lock", "poll", "change")
HOWS = ("fail", "short", "kill-before", "kill-after", "kill-amid")
WHENS = ("once", "on", "other")
NEVER = 1 << 60
EXIT_CODES = range(6)
LIMIT = 60  # seconds that a process may take: far more than any needs


class Wrong(Exception):
    """What was promised and is not so."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def plan(call_class, n, how="fail", when="once", error=0):
    return "%d,%d,%d,%d,%d" % (CLASSES.index(call_class), n, HOWS.index(how), WHENS.index(when), error)


def tree(root):
    """Every file below root, by its path from there, with its content; directories with None."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root)] = None
        for name in files:
            path = os.path.join(folder, name)
            try:
                found[os.path.relpath(path, root)] = read(path)
            except FileNotFoundError:
                pass  # a live process took it away
    return found


class Result:
    def __init__(self, code, out, err, counts, fired):
        self.code, self.out, self.err, self.counts, self.fired = code, out, err, counts, fired


class Command:
    """The built command, and how to start it behind the shim."""

    def __init__(self, root):
        grus = os.path.abspath(os.environ.get("GRUS", "build/grus"))
        build = os.path.dirname(grus)
        if os.path.basename(build) == ".libs":
            build = os.path.dirname(build)
        self.environment = dict(os.environ, OMP_NUM_THREADS="2", LC_ALL="C.UTF-8")
        for name in list(self.environment):
            if name.startswith(("SLURM_", "OMPI_", "PMI_")):
                del self.environment[name]
        # libtool's wrapper is a shell script; the shim is for the program behind it alone.
        if read(grus)[:2] == b"#!":
            grus = os.path.join(build, ".libs", "grus")
            self.environment["LD_LIBRARY_PATH"] = os.path.join(build, ".libs")
        self.grus = grus
        self.shim = os.environ.get("SHIM") or os.path.join(build, "tests/attack/.libs/shim.so")
        self.states = os.path.join(root, "states")
        os.makedirs(self.states)
        self.lock = threading.Lock()
        self.started = 0

    def start(self, arguments, plans=None, log=None, stdin=None):
        with self.lock:
            self.started += 1
            state = os.path.join(self.states, str(self.started))
        environment = dict(self.environment)
        if plans is not None or log:
            environment.update(LD_PRELOAD=self.shim, SHIM_STATE=state)
            if plans:
                environment["SHIM_PLAN"] = plans
            if log:
                environment["SHIM_LOG"] = log
        with open(stdin or os.devnull, "rb") as source:
            process = subprocess.Popen([self.grus] + arguments, env=environment, stdin=source,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.state = state
        return process

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Wrong("no end within %d s" % LIMIT)
        counts, fired = {}, 0
        if os.path.exists(process.state):
            data = read(process.state)
            os.unlink(process.state)
            if len(data) == 8 * (2 + len(CLASSES)):
                numbers = struct.unpack("%dQ" % (2 + len(CLASSES)), data)
                fired, counts = numbers[1], dict(zip(CLASSES, numbers[2:]))
        return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), counts, fired)

    def run(self, arguments, plans=None, log=None, stdin=None):
        return self.finish(self.start(arguments, plans, log, stdin))


def words(n, seed):
    rng = random.Random(seed)
    return ["".join(rng.choice("abcdefghiklmno") for _ in range(rng.randrange(0, 9))) for _ in range(n)]


def make_shards(folder, shards, records):
    """Shards of three kinds in turn; texts of which some are empty and some hold what the model does not know."""
    os.makedirs(folder, exist_ok=True)
    for i in range(shards):
        texts = words(records, i + 1)
        if i % 3 == 1:
            path = os.path.join(folder, "s%d.txt" % i)
            write(path, "".join(text + "\n" for text in texts).encode())
        else:
            path = os.path.join(folder, "s%d.jsonl" % i)
            write(path, "".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts)).encode())
        if i % 3 == 2 and shutil.which("zstd"):
            subprocess.run(["zstd", "-q", "--check", "--rm", path], check=True)


def make_feature_shard(path, dimension, lengths):
    rng = random.Random(7)
    ends = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    head = json.dumps({"offsets": {"dtype": "I64", "shape": [len(ends)], "data_offsets": [0, 8 * len(ends)]},
                       "features": {"dtype": "F32", "shape": [ends[-1], dimension],
                                    "data_offsets": [8 * len(ends), 8 * len(ends) + 4 * dimension * ends[-1]]}})
    head = head.encode() + b" " * (-len(head) % 8)
    values = struct.pack("<%df" % (dimension * ends[-1]), *(rng.uniform(-1, 1) for _ in range(dimension * ends[-1])))
    write(path, struct.pack("<Q", len(head)) + head + struct.pack("<%dq" % len(ends), *ends) + values)


class Job:
    """One run: a model, inputs, options, for a number of ranks, and what an undisturbed run of it makes."""

    def __init__(self, command, root, name, model, inputs, options=(), world=1):
        self.command, self.name, self.world = command, name, world
        self.span = {}  # by the number of processes: seconds within which about half of them have ended
        self.known = set()  # states of a directory from which a rerun has made everything
        self.arguments = [model] + inputs + list(options)
        self.home = os.path.join(root, name)
        os.makedirs(self.home)
        outdir = os.path.join(self.home, "undisturbed")
        started = time.monotonic()
        for rank in range(world):
            result = command.run(self.run_arguments(outdir, rank))
            need(result.code == 0, "%s, undisturbed: exit %d: %s" % (name, result.code, result.err))
        self.seconds = time.monotonic() - started
        self.wanted = self.settled(tree(outdir))
        self.finished = outdir
        self.outputs = sorted(p for p, data in self.wanted.items() if not p.startswith(".grus/") and data is not None)
        self.records = sum(json.loads(data)["records_in"] for p, data in self.wanted.items()
                           if p.startswith(".grus/done/") and data is not None)
        need(len(self.outputs) >= 1 and self.records > 0, "%s: nothing was done" % name)

    @staticmethod
    def settled(files):
        """Without what may differ from run to run: reports, the identity of the run, and whether a shard has ever failed."""
        return {p: anonymous(p, data) for p, data in files.items() if not is_report(p) and p != ".grus/failed"}

    def run_arguments(self, outdir, rank=0):
        arguments = ["run"] + self.arguments + ["-o", outdir, "-t", "2", "--quiet"]
        if self.world > 1:
            arguments += ["--rank", str(rank), "--world-size", str(self.world)]
        return arguments

    def check_anytime(self, outdir):
        """Holds at every moment: what has its final name is whole, and a manifest tells of an output that is there."""
        files = {p: anonymous(p, data) for p, data in tree(outdir).items()}
        for path in self.outputs:
            if path in files:
                need(files[path] == self.wanted[path], "%s is there and is not what it should be" % path)
            manifest = ".grus/done/%s.json" % stem_of(path)
            if manifest in files:
                need(files[manifest] == self.wanted[manifest], "%s differs" % manifest)
                need(path in files, "%s is there without its output" % manifest)
        if ".grus/run.json" in files:
            need(files[".grus/run.json"] == self.wanted[".grus/run.json"], "run.json differs")
        for path, data in files.items():
            if is_report(path):
                json.loads(data)
            elif not path.startswith(".grus/") and data is not None:
                need(path in self.outputs or path.startswith("report"), "a stranger in OUTDIR: %s" % path)

    def check_finished(self, outdir, leftovers=False, unread=False):
        """All is there, byte by byte, and nothing else; but for leftovers, where they may be. unread: an output of an
        earlier run could not be read, so it may have been set aside, and must be whole there."""
        files = self.settled(tree(outdir))
        for path in self.outputs if unread else []:
            aside = ".grus/aside/%s.1%s" % (stem_of(path), path[len(stem_of(path)):])
            if files.get(aside) == self.wanted[path]:
                del files[aside]
        if unread and not any(path.startswith(".grus/aside/") for path in files):
            files.pop(".grus/aside", None)
        if leftovers:
            files = {p: data for p, data in files.items() if not p.startswith(".grus/partial/")}
        for path in self.wanted:
            need(path in files, "%s is missing" % path)
            need(files[path] == self.wanted[path], "%s differs from the undisturbed run's" % path)
        for path in files:
            need(path in self.wanted, "%s is left over" % path)

    def rerun(self, outdir, unread=False):
        """Runs every rank again, undisturbed; how many records were computed is returned."""
        records = 0
        for rank in range(self.world):
            report = os.path.join(outdir, "report-%d.json" % rank if self.world > 1 else "report.json")
            if os.path.exists(report):
                os.unlink(report)
            result = self.command.run(self.run_arguments(outdir, rank))
            need(result.code == 0, "the rerun: exit %d: %s" % (result.code, result.err.strip()))
            if os.path.exists(report):  # there is none where nothing was left to do
                told = json.loads(read(report))
                records += told["records"] - told["records_resumed"]
        self.check_finished(outdir, unread=unread)
        return records

    def rerun_unless_known(self, outdir, unread=False):
        """As rerun, but for a directory like one that a rerun has settled: what a rerun does follows from what it finds.
        Whether it was run is returned. No process of the directory may be alive."""
        state = state_of(outdir)
        if state in self.known:
            return False
        self.rerun(outdir, unread)
        self.known.add(state)
        return True


def state_of(outdir):
    """A hash of every name and byte there; without what is different each time and means nothing where the owner is
    dead: the process and the random number in a temporary name, and the reports."""
    if not os.path.isdir(outdir):
        return None
    found = sorted((re.sub(r"\.[0-9]+-[0-9a-f]{16}@", ".@", path), data is None, anonymous(path, data) or b"")
                   for path, data in tree(outdir).items() if not is_report(path))
    state = hashlib.sha256()
    for path, is_folder, data in found:
        state.update(b"%s %d %d\n%s" % (os.fsencode(path), is_folder, len(data), data))
    return state.digest()


def anonymous(path, data):
    """run.json, manifests and causes of failures without the identity of the run and the time."""
    if data is not None and path.startswith(".grus/failed/"):
        return re.sub(rb', "(time|run)": "[^"]*"', b"", data)
    if data is None or not (path == ".grus/run.json" or path.startswith(".grus/done/")):
        return data
    return re.sub(rb',\s*"run": "[0-9a-f]{16}"', b"", data)


def is_report(path):
    return "/" not in path and path.startswith("report") and path.endswith(".json")


def stem_of(output):
    for suffix in (".jsonl.zst", ".txt.zst", ".npy", ".safetensors.zst"):
        if output.endswith(suffix):
            return output[:-len(suffix)]
    raise Wrong("%s: an output of no known format" % output)


class Attack:
    """Runs cases, two at a time, counts them by heading, and keeps what failed."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.tried, self.failures, self.notes = {}, [], {}
        self.lock = threading.Lock()
        base = os.environ.get("TMPDIR") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.root = tempfile.mkdtemp(prefix="grus-%s-" % name, dir=base)
        self.ends = time.monotonic() + options.seconds if options.seconds else None

    def over(self):
        return self.ends is not None and time.monotonic() > self.ends

    def note(self, text, number=1):
        with self.lock:
            self.notes[text] = self.notes.get(text, 0) + number

    def case(self, heading, label, function, *arguments):
        """One case; whatever it returns, or None where it failed."""
        folder = tempfile.mkdtemp(dir=self.root, prefix="case-")
        value, wrong = None, None
        try:
            value = function(folder, *arguments)
        except (Wrong, OSError, ValueError) as error:
            wrong = "%s" % error
        with self.lock:
            self.tried[heading] = self.tried.get(heading, 0) + 1
            if wrong:
                self.failures.append(label)
                if len(self.failures) <= 2000:
                    print("FAILED: %s %s: %s" % (heading, label, wrong), flush=True)
        if wrong and self.options.keep:
            shutil.copytree(folder, os.path.join(self.options.keep, label.replace("/", "_").replace(" ", "_")),
                            dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        return value

    def each(self, cases):
        """Runs (heading, label, function, arguments…) of an iterable until the time is over; the values in order."""
        values, waiting = [], []
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for case in cases:
                if self.over():
                    break
                waiting.append(pool.submit(self.case, *case))
                if len(waiting) >= 2 * self.options.jobs:
                    values.append(waiting.pop(0).result())
            values.extend(future.result() for future in waiting)
        return values

    def finish(self):
        shutil.rmtree(self.root, ignore_errors=True)
        for heading in sorted(self.tried):
            print("%8d  %s" % (self.tried[heading], heading))
        for text in sorted(self.notes):
            print("%8d  note: %s" % (self.notes[text], text))
        print("%s: %d cases tried, %d failed (seed %d)" %
              (self.name, sum(self.tried.values()), len(self.failures), self.options.seed))
        return 1 if self.failures else 0


def add_options(parser):
    parser.add_argument("--seconds", type=float, default=0,
                        help="a slice: cases in random order until this time is over [all of them]")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or time.time() % 1000000))
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time [2]")
    parser.add_argument("--keep", help="a directory for what failed [nothing is kept]")


def usable(command):
    """Exits with 77 where the shim cannot be used."""
    if not os.path.exists(command.shim):
        print("no shim (%s): this build has none, or not yet: make check builds it" % command.shim)
        sys.exit(77)
    result = command.run(["--version"], plan("alloc", NEVER))
    if result.code != 0 or result.counts.get("alloc") is None:
        print("the command does not run behind the shim (a build with sanitizers?): %s" % result.err.strip())
        sys.exit(77)


SUPPORT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support")
# The golden cases, as make tests/cases/stamp has unpacked them.
GOLDEN = os.path.join(os.path.abspath(os.environ.get("builddir", "build")), "tests/cases")
ERRNO = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "EINTR", "EMFILE", "ENOMEM", "EAGAIN", "EINVAL",
                                                 "ENOLCK", "EACCES", "EDQUOT")}
