#!/usr/bin/env python3
"""The threads of a run: many repetitions on 1, 2, 3, 8 and 16 threads under a watchdog, ThreadSanitizer, helgrind.

Parts, each named by --only:

- repeat: small runs, most with one record a batch, so that the queue is always full or empty; every file has the
  SHA-256 of an undisturbed run on one thread. A run none of whose threads does anything any more is a deadlock: its
  stacks are printed. The watchdog is tried on a run that waits for standard input.
- tsan: a build with clang's ThreadSanitizer, whose OpenMP tells it of its barriers (Archer); no report from the suites
  of the scheduler or from whole runs. Then with each race of tests/planted/threads, which has to be reported.
- helgrind: the same with valgrind, on the cases of the queue and on a whole run.
- deadlock: a lost wake-up (tests/planted/threads/lost-wakeup.patch) has to be seen by the watchdog.

    GRUS=build/grus builddir=build srcdir=. python3 tests/attack/threads.py [--seconds N] [--only repeat]
"""
import argparse
import glob
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import GOLDEN, Attack, Command, Wrong, add_options, anonymous, make_shards, need, read, tree, write

TEAMS = (1, 2, 3, 8, 16)
MODEL = os.path.join(GOLDEN, "bahdanau/model")
STALL = 10   # seconds in which every thread sleeps: a deadlock
LIMIT = 600  # seconds for one process, busy all the while
SAMPLE = 0.2
SOURCE = os.path.abspath(os.environ.get("srcdir", "."))
BUILD = os.path.abspath(os.environ.get("builddir", "build"))


# ---- the watchdog ----

class Stalled(Wrong):
    """A process that came to a standstill; the text has its stacks."""


def activity(pid):
    """The states of its threads, and the clock ticks that it has had; None once it has ended."""
    states, ticks = "", 0
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                fields = f.read().rpartition(")")[2].split()
            states += fields[0]
            ticks += int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return None
    return states, ticks


def stacks(process):
    if not shutil.which("gdb"):
        process.send_signal(signal.SIGABRT)  # leaves a core where they are allowed
        return "(no gdb, no stacks)"
    try:
        return subprocess.run(["gdb", "-p", str(process.pid), "-batch", "-nx", "-ex", "thread apply all backtrace"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60).stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "(gdb does not end)"


def watch(process, stall):
    """Waits for its end, or until all of its threads have slept for so many seconds. A monitor that wakes ten times a
    second is no life: less than a hundredth of a CPU does not count. Who waits for a CPU, or for a disk, is not asleep.
    """
    began = before = time.monotonic()
    asleep, ticks = 0.0, 0
    while True:
        try:
            return process.wait(SAMPLE)
        except subprocess.TimeoutExpired:
            pass
        now, seen = time.monotonic(), activity(process.pid)
        if seen and seen[1] > ticks + stall:
            asleep, ticks = 0.0, seen[1]
        elif seen and set(seen[0]) == {"S"}:
            asleep += min(now - before, 2 * SAMPLE)
        before = now
        if asleep > stall or now - began > LIMIT:
            what = "no thread has run for %d s" % stall if asleep > stall else "no end within %d s" % LIMIT
            text = stacks(process)
            process.kill()
            process.wait()
            raise Stalled("%s\n%s" % (what, text))


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def execute(folder, arguments, environment=None, stdin=os.devnull, stop_after=None, stall=STALL):
    """Runs it under the watchdog; with stop_after it gets a SIGTERM after so many seconds."""
    out, err = os.path.join(folder, "stdout"), os.path.join(folder, "stderr")
    with open(stdin, "rb") as source, open(out, "wb") as to_out, open(err, "wb") as to_err:
        process = subprocess.Popen(arguments, env=environment, stdin=source, stdout=to_out, stderr=to_err)
    if stop_after is not None:
        try:
            process.wait(stop_after)
        except subprocess.TimeoutExpired:
            process.terminate()
    code = watch(process, stall)
    return Result(code, read(out), read(err).decode(errors="replace"))


# ---- the runs ----

def digest(files):
    """Of every file its SHA-256; without reports, which tell of times, what an unfinished run may leave, and who a run is."""
    return {path: hashlib.sha256(anonymous(path, data)).hexdigest() for path, data in files.items()
            if data is not None and not re.match(r"report.*\.json$", path)}


KINDS = {  # its options, and whether one of its shards fails
    "one record a batch": (["--batch-tokens", "1", "--checkpoint-records", "7"], False),
    "small batches": (["--batch-tokens", "40"], False),
    "a failed shard": (["--batch-tokens", "1", "--on-error", "fail"], True),
    "stopped amid": (["--batch-tokens", "1", "--checkpoint-records", "7"], False),
    "through pipes": (["--batch-tokens", "1"], False),
}


class Runs:
    """The runs, of one command (a list of words) in one environment, and what they make undisturbed on one thread."""

    def __init__(self, root, words, environment=None, records=40):
        self.words, self.environment = words, environment
        self.inputs = os.path.join(root, "inputs")
        make_shards(self.inputs, 4, records)
        write(os.path.join(self.inputs, "empty.jsonl"), b"")
        # Over what a slot of small batches holds: these take the big slots in turn.
        with open(os.path.join(self.inputs, "s0.jsonl"), "ab") as f:
            for n in (1100, 1030, 1200):
                f.write(b'{"text": "%s"}\n' % (b"abcdefghik" * (n // 10)))
        self.faulty = os.path.join(root, "faulty")
        shutil.copytree(self.inputs, self.faulty)
        write(os.path.join(self.faulty, "s1.txt"), b"")
        with open(os.path.join(self.faulty, "s3.jsonl"), "ab") as f:
            f.write(b'{"text": 1}\n' + b'{"text": "after it"}\n' * records)
        self.wanted, self.codes = {}, {}
        for kind in KINDS:
            folder = tempfile.mkdtemp(dir=root)
            began = time.monotonic()
            result = self.run(folder, kind, 1, bare=True)
            if kind == "stopped amid":
                self.span = time.monotonic() - began
            need((result.code in range(1, 6)) if KINDS[kind][1] else result.code == 0,
                 "%s, undisturbed: exit %d: %s" % (kind, result.code, result.err))
            self.wanted[kind], self.codes[kind] = self.made(folder, kind, result), result.code
            need(len(self.wanted[kind]) >= (1 if kind == "through pipes" else 8), "%s: nothing was done" % kind)

    def run(self, folder, kind, threads, bare=False, **more):
        """bare: with the default batches, and no checkpoints."""
        options, faulty = KINDS[kind]
        arguments = self.words + ["run", MODEL, "-t", str(threads), "-q"]
        arguments += [word for word in options if word in ("--on-error", "fail")] if bare else options
        if kind == "through pipes":
            return execute(folder, arguments + ["-", "-o", "-"], self.environment,
                           stdin=os.path.join(self.inputs, "s0.jsonl"), **more)
        outdir = os.path.join(folder, "out")
        inputs = self.faulty if faulty else self.inputs
        return execute(folder, arguments + [inputs, "-o", outdir], self.environment, **more)

    @staticmethod
    def made(folder, kind, result):
        if kind == "through pipes":
            return {"standard output": hashlib.sha256(result.out).hexdigest()}
        return digest(tree(os.path.join(folder, "out")))

    def case(self, folder, kind, threads, seed):
        """One run, held against the undisturbed one; what it said is returned."""
        said = ""
        if kind == "stopped amid":
            rng = random.Random(seed)
            result = self.run(folder, kind, threads, stop_after=rng.uniform(0, 1.1 * self.span))
            need(result.code in (0, 128 + signal.SIGTERM, -signal.SIGTERM),
                 "stopped: exit %d: %s" % (result.code, result.err))
            said, threads = result.err, rng.choice(TEAMS)
            for path, data in tree(os.path.join(folder, "out")).items():
                need("/" in path or data is None or path.startswith("report") or
                     hashlib.sha256(data).hexdigest() == self.wanted[kind].get(path), "stopped: %s is not whole" % path)
        result = self.run(folder, kind, threads)
        said += result.err
        need(result.code == self.codes[kind], "exit %d, not %d: %s" % (result.code, self.codes[kind], result.err))
        made = self.made(folder, kind, result)
        for path in sorted(set(made) | set(self.wanted[kind])):
            need(made.get(path) == self.wanted[kind].get(path), "%s: %s" % (
                path, "other bytes" if path in made and path in self.wanted[kind] else
                "left over" if path in made else "missing"))
        return said

    def cases(self, count, seed):
        for i in range(count):
            for threads in TEAMS:
                for kind in KINDS:
                    yield ("%s, %d threads" % (kind, threads), "%s, %d threads, %d" % (kind, threads, i), self.case,
                           kind, threads, seed + i)


def watchdog_barks(folder, runs):
    """A run that waits for standard input looks like a deadlock."""
    reading, writing = os.pipe()
    try:
        execute(folder, runs.words + ["run", MODEL, "-", "-o", "-", "-q"], runs.environment,
                stdin="/dev/fd/%d" % reading, stall=2)
    except Stalled as stalled:
        need(not shutil.which("gdb") or "grus_reader_main" in str(stalled) or "ptrace" in str(stalled),
             "the watchdog tells no stacks: %s" % stalled)
        return
    finally:
        os.close(reading)
        os.close(writing)
    raise Wrong("the watchdog does not see that a run stands still")


def patches_apply(_):
    for path in patches():
        result = subprocess.run(["patch", "--dry-run", "-s", "-f", "-F0", "-p1", "-d", SOURCE, "-i", path],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        need(result.returncode == 0, "%s: %s" % (os.path.basename(path), result.stdout.decode()))


def repeat(attack, options):
    command = Command(attack.root)
    runs = Runs(attack.root, [command.grus], command.environment)
    attack.case("watchdog", "watchdog", watchdog_barks, runs)
    if shutil.which("patch"):
        attack.case("patches apply", "patches", patches_apply)
    if not options.seconds:
        attack.each(runs.cases(options.count, options.seed))
        return
    # A slice: every number of threads once with every kind, then on until the time is over.
    ends, attack.ends = attack.ends, None
    attack.each(runs.cases(1, options.seed))
    attack.ends = ends
    attack.each(runs.cases(options.count, options.seed + 1))


# ---- builds with tools ----

class Copy:
    """A copy of the sources, to be built and to be patched."""
    built = None

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="grus-threads-")
        self.source = os.path.join(self.root, "src")
        builds = {os.path.basename(BUILD)} if os.path.dirname(BUILD) == SOURCE else set()

        def unwanted(folder, names):
            return [name for name in names if name in builds or name in (".git", ".libs") or
                    name.endswith((".o", ".lo", ".la")) or
                    folder == SOURCE and name.startswith("build") and name != "build-aux"]

        shutil.copytree(SOURCE, self.source, symlinks=True, ignore=unwanted)
        for name in ("config.status", "config.h", "Makefile"):
            if os.path.exists(os.path.join(self.source, name)):
                os.unlink(os.path.join(self.source, name))

    def command(self, words, folder):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        result = subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        said = result.stdout.decode(errors="replace")
        need(result.returncode == 0, "%s failed:\n%s" % (" ".join(words), said[-3000:]))

    def configure(self, name, words):
        folder = os.path.join(self.root, name)
        os.makedirs(folder)
        self.command(["../src/configure", "--disable-shared", "CFLAGS=-g -O1", "CXXFLAGS=-g -O1"] + words, folder)
        self.make(folder)
        return folder

    def plain(self):
        """The one build without a sanitizer, made when it is first wanted."""
        if not self.built:
            self.built = self.configure("plain", [])
        return self.built

    def make(self, folder):
        self.command([os.environ.get("MAKE", "make"), "-j2", "grus", "tests/unit/check_scheduler", "tests/unit/check_batcher"],
                     folder)

    def patch(self, path, back=False):
        self.command(["patch", "-s", "-p1", "-i", path] + (["-R"] if back else []), self.source)


def patches():
    return sorted(glob.glob(os.path.join(SOURCE, "tests/planted/threads/*.patch")))


def races():
    return [path for path in patches() if b"\nReported in: " in read(path)]


def suites(folder, where, words, environment, of=("tests/unit/check_scheduler", "tests/unit/check_batcher")):
    """The C suites; what they said."""
    said = ""
    for suite in of:
        result = execute(folder, words + [os.path.join(where, suite)], dict(environment, CK_FORK="no", srcdir=SOURCE),
                         stall=60)
        said += result.out.decode(errors="replace") + result.err + "exit %d\n" % result.code
    return said


def reports(said, marks):
    """The reports of the tool in what was said, as many lines of each as tell where it is."""
    lines = said.splitlines()
    return ["\n".join(lines[i:i + 14]) for i, line in enumerate(lines) if any(mark in line for mark in marks)]


def clean(said, marks):
    found = reports(said, marks)
    need(not found, "%d reports; the first:\n%s" % (len(found), found[0] if found else ""))


def until_reported(folder, runs, words, environment, said, marks):
    """Whole runs, five at most, until one of them has a report; what they said."""
    for i in range(5):
        if not reports(said, marks):
            arguments = ["run", MODEL, runs.inputs, "-q", "-t", str(TEAMS[1 + i % 4]), "--batch-tokens", "1"]
            said = execute(folder, words + arguments + ["-o", os.path.join(folder, "out-%d" % i)], environment).err
    return said


def planted(attack, tool, where, copy, marks, look):
    """Each race by itself has to be reported, in the function that its patch names."""
    for path in races():
        name = os.path.basename(path)[:-len(".patch")]

        def case(folder, path=path):
            expected = re.search(r"^Reported in: (\S+)$", read(path).decode(), re.M).group(1)
            copy.patch(path)
            try:
                copy.make(where)
                said = look(folder)
            finally:
                copy.patch(path, back=True)
            found = reports(said, marks)
            need(found, "not reported")
            need(expected in said, "reported, but not in %s:\n%s" % (expected, found[0]))
            attack.note("%s: race %s reported" % (tool, name))

        attack.case("%s: planted races" % tool, "%s %s" % (tool, name), case)
    copy.make(where)


def clang_has(what):
    return subprocess.run(["clang", what], stdout=subprocess.PIPE).stdout.decode().strip()


def tsan(attack, copy, options):
    marks = ("WARNING: ThreadSanitizer", "FATAL: ThreadSanitizer", "ThreadSanitizer: ")
    if not shutil.which("clang"):
        raise SystemExit("check-threads needs clang, its runtime and its OpenMP "
                         "(Debian packages: clang, libclang-rt-14-dev, libomp-dev)")
    library = clang_has("-print-file-name=libarcher.so")
    if not os.path.exists(library):
        library = next(iter(sorted(glob.glob("/usr/lib/llvm-*/lib/libarcher.so"))), None)
    if not library:
        raise SystemExit("check-threads needs Archer, which tells ThreadSanitizer of OpenMP "
                         "(Debian package: libomp-dev)")
    symbolizer = clang_has("-print-prog-name=llvm-symbolizer")
    symbols = " external_symbolizer_path=" + symbolizer if os.path.isabs(symbolizer) else " allow_addr2line=1"
    flags = "ignore_noninstrumented_modules=1" + symbols
    where = copy.configure("tsan", ["CC=clang", "CXX=clang++", "--enable-tsan"])
    grus = [os.path.join(where, "grus")]
    environment = dict(Command(os.path.join(attack.root, "tsan")).environment, OMP_TOOL_LIBRARIES=library,
                       TSAN_OPTIONS=flags)
    eager = dict(environment, TSAN_OPTIONS=flags + " halt_on_error=1")

    def archer(folder):
        result = execute(folder, grus + ["run", MODEL, runs.inputs, "-t", "2", "-q", "-o", os.path.join(folder, "out")],
                         dict(environment, ARCHER_OPTIONS="verbose=1"))
        need("Archer detected OpenMP application with TSan" in result.out.decode() + result.err,
             "Archer does not tell of OpenMP: %s" % result.err)

    def whole(folder, kind, threads, seed):
        clean(runs.case(folder, kind, threads, seed), marks)

    def look(folder):
        said = suites(folder, where, [], eager, ["tests/unit/check_scheduler"])
        return said + until_reported(folder, runs, grus, eager, said, marks)

    runs = Runs(os.path.join(attack.root, "tsan"), grus, environment)
    attack.case("tsan: OpenMP is understood", "archer", archer)
    attack.case("tsan: suites", "suites", lambda folder: clean_suites(suites(folder, where, [], environment), 2, marks))
    attack.each(("tsan: runs", "tsan, %s, %d threads, %d" % (kind, threads, i), whole, kind, threads, options.seed + i)
                for i in range(options.rounds) for kind in KINDS for threads in TEAMS)
    planted(attack, "tsan", where, copy, marks, look)


def clean_suites(said, number, marks):
    clean(said, marks)
    need(said.count("exit 0\n") == number, "a suite fails:\n%s" % said[-2000:])


def helgrind(attack, copy, options):
    marks = ("Possible data race", "Thread #")
    if not shutil.which("valgrind"):
        raise SystemExit("check-threads needs valgrind (Debian package: valgrind)")
    where = copy.plain()
    # valgrind knows no AVX-512.
    environment = dict(Command(os.path.join(attack.root, "helgrind")).environment, BLIS_ARCH_TYPE="3")
    words = ["valgrind", "--tool=helgrind", "-q", "--fair-sched=yes", "--error-exitcode=99",
             "--suppressions=" + os.path.join(SOURCE, "tests/support/helgrind.supp")]
    eager = words + ["--exit-on-first-error=yes"]
    grus = os.path.join(where, "grus")

    def cases(folder, words):
        return suites(folder, where, words, dict(environment, CK_RUN_CASE="queue"), ["tests/unit/check_scheduler"])

    def whole(folder, kind, threads, seed):
        clean(runs.case(folder, kind, threads, seed), marks)

    def look(folder):
        said = cases(folder, eager)
        return said + until_reported(folder, runs, eager + [grus], environment, said, marks)

    runs = Runs(os.path.join(attack.root, "helgrind"), words + [grus], environment, records=12)
    attack.case("helgrind: the queue", "queue", lambda folder: clean_suites(cases(folder, words), 1, marks))
    attack.each(("helgrind: runs", "helgrind, %s, %d threads" % (kind, threads), whole, kind, threads, options.seed)
                for kind in KINDS for threads in TEAMS)
    planted(attack, "helgrind", where, copy, marks, look)


def deadlock(attack, copy, _):
    where = copy.plain()
    runs = Runs(os.path.join(attack.root, "deadlock"), [os.path.join(where, "grus")])

    def case(folder):
        path = os.path.join(SOURCE, "tests/planted/threads/lost-wakeup.patch")
        copy.patch(path)
        try:
            copy.make(where)
            try:
                runs.case(folder, "one record a batch", 3, 0)
            except Stalled as stalled:
                need(not shutil.which("gdb") or "grus_queue_reserve" in str(stalled) or "ptrace" in str(stalled),
                     "stalled, but its stacks do not tell where:\n%s" % stalled)
                return
            raise Wrong("a lost wake-up is not seen")
        finally:
            copy.patch(path, back=True)

    attack.case("watchdog: a planted deadlock", "lost-wakeup", case)
    copy.make(where)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--count", type=int, default=50, help="repetitions [50]")
    parser.add_argument("--rounds", type=int, default=2, help="of every run under ThreadSanitizer [2]")
    parser.add_argument("--only", default="repeat,tsan,helgrind,deadlock", help="parts [repeat,tsan,helgrind,deadlock]")
    options = parser.parse_args()
    attack = Attack("threads", options)
    print("threads: seed %d" % options.seed, flush=True)
    parts, copy = options.only.split(","), None
    try:
        if "repeat" in parts:
            repeat(attack, options)
        for name, part in (("tsan", tsan), ("helgrind", helgrind), ("deadlock", deadlock)):
            if name in parts:
                copy = copy or Copy()
                os.makedirs(os.path.join(attack.root, name), exist_ok=True)
                part(attack, copy, options)
    finally:
        if copy:
            shutil.rmtree(copy.root, ignore_errors=True)
        code = attack.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
