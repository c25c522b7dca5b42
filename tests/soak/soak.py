#!/usr/bin/env python3
"""Random jobs for MINUTES: random models, shards, damage, options, ranks, kills; through the command, and through the
library in one process that lives all the while.

Each job is run once, at first, on one thread and without disturbance: that is what every other run of it has to give,
byte for byte. Of the living process, memory, descriptors and threads must stay where they were after the first tenth of
its jobs.

    GRUS=build/grus builddir=build srcdir=. python3 tests/soak/soak.py --minutes 60
"""
import argparse
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

TASKS = {"embed": 1, "classify": 2, "tag": 3, "translate": 4, "score": 5}


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def outputs(outdir):
    return {name: digest(os.path.join(outdir, name)) for name in sorted(os.listdir(outdir))
            if not name.startswith((".", "report"))}


class Job:
    """A model and shards made of its golden records, some of them damaged."""

    def __init__(self, case, root, rng):
        self.model = os.path.join(case, "model")
        with open(os.path.join(case, "options")) as f:
            words = f.read().split()
        self.options = [] if rng.random() < 0.3 else words
        if "--task" in words and not self.options:
            self.options = words[words.index("--task"):][:2]
        with open(glob.glob(os.path.join(case, "input.*"))[0], "rb") as f:
            self.lines = f.read().splitlines(keepends=True)
        self.folder = os.path.join(root, "shards")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.inputs = [self.write_shard(i, rng) for i in range(rng.choice([1, 1, 2, 3, 5]))]

    def write_shard(self, i, rng):
        path = os.path.join(self.folder, "s%d.jsonl" % i)
        n = rng.choice([0, 1, 7, 30, 100, 300])
        with open(path, "wb") as f:
            for _ in range(n):
                line = bytearray(rng.choice(self.lines))
                if rng.random() < 0.05 and len(line) > 1:
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

    def command(self, job, outdir, threads, batch, rank=None):
        words = [self.grus, "run", job.model, *job.inputs, "-o", outdir, "--quiet", "-t", str(threads), *job.options]
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
            keep = tempfile.mkdtemp(prefix="grus-soak-failed-")
            shutil.copytree(self.root, os.path.join(keep, "files"))
            self.failures.append("%s of %s %s differs: %s; files in %s" % (what, job.model, job.options, found, keep))

    def one_job(self, case, living):
        job = Job(case, self.root, self.rng)
        self.jobs += 1
        names = [os.path.join(self.root, n) for n in ("reference", "disturbed", "living")]
        for name in names:
            shutil.rmtree(name, ignore_errors=True)
        if self.finish(self.command(job, names[0], 1, 0), "reference") != 0:
            return
        expected = outputs(names[0])
        with open(os.path.join(names[0], "report.json")) as f:
            self.records += json.load(f).get("records", 0)
        self.disturbed(job, names[1])
        self.compare("disturbed run", job, expected, outputs(names[1]))
        left = os.listdir(os.path.join(names[1], ".grus", "partial"))
        if left:
            self.failures.append("left behind: %s" % left)
        if subprocess.run([self.grus, "verify", "--quiet", names[1]], capture_output=True).returncode != 0 and \
                subprocess.run([self.grus, "verify", names[1]], capture_output=True).returncode != 0:
            self.failures.append("verify finds a difference in %s" % names[1])
        living.run(job, names[2], self)
        for name in names:
            shutil.rmtree(name, ignore_errors=True)


class Living:
    """The process that runs every job too, and what it holds after each."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.held = []

    def run(self, job, outdir, soak):
        task = TASKS[job.options[job.options.index("--task") + 1]] if "--task" in job.options else 0
        rng = soak.rng
        words = [job.model, task, rng.choice([0, 1, 4]), rng.choice([1, 2, 4]), rng.choice([0, 16, 500]), outdir, *job.inputs]
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().split(None, 5)
        if len(line) < 5 or line[0] != "0":
            soak.failures.append("job of the library: %s: %s" % (words, line))
        else:
            self.held.append(tuple(map(int, line[1:5])))

    def verdict(self):
        """(text, sound): the slope of memory by least squares, over all jobs but the first tenth."""
        held = self.held[max(len(self.held) // 10, 5):]
        if len(held) < 200:
            return "too few jobs to judge memory", True
        n, mean_i = len(held), (len(held) - 1) / 2
        mean = sum(h[0] for h in held) / n
        slope = sum((i - mean_i) * (h[0] - mean) for i, h in enumerate(held)) / sum((i - mean_i) ** 2 for i in range(n))
        third = n // 3
        first, last = (sorted(h[0] for h in part)[third // 2] for part in (held[:third], held[-third:]))
        fds, threads = {h[1] for h in held}, {h[2] for h in held}
        text = ("%d jobs in one process: memory %.1f MB, slope %+.2f kB a job, median of the last third %+.2f %% of the first's; "
                "descriptors %s, threads %s" % (n, mean / 1024, slope, 100 * (last - first) / first,
                                               sorted(fds), sorted(threads)))
        # Allocators round and keep: what grows by less than 3 % between the thirds is no leak of a record or a job.
        return text, last - first <= 0.03 * first and len(fds) == 1 and max(threads) <= max(h[2] for h in self.held[:len(self.held) // 3 + 1])


def cpu_seconds():
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1, help="of one core, at most [1]")
    parser.add_argument("--log", help="what the living process holds after each job, a line each")
    options = parser.parse_args()
    grus = os.path.abspath(os.environ.get("GRUS", "build/grus"))
    golden = os.path.join(os.environ.get("srcdir", "."), "tests", "golden")
    cases = sorted(c for c in glob.glob(os.path.join(os.path.abspath(golden), "*")) if os.path.isdir(c))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grus-soak-") as root:
        soak = Soak(grus, root, random.Random(options.seed))
        living = Living(os.path.join(os.environ.get("builddir", "build"), "tests", "soak", "jobs"))
        while time.monotonic() - start < 60 * options.minutes and len(soak.failures) < 10:
            before, cpu = time.monotonic(), cpu_seconds()
            soak.one_job(soak.rng.choice(cases), living)
            spent = cpu_seconds() - cpu
            if options.share < 1:
                time.sleep(max(0, min(30, spent / options.share - (time.monotonic() - before))))
            if options.log:
                with open(options.log, "a") as f:
                    f.write("%.0f %d %s\n" % (time.monotonic() - start, soak.jobs, living.held[-1:] or ""))
        living.process.stdin.close()
        if living.process.wait(60) != 0:
            soak.failures.append("the living process ended with %d" % living.process.returncode)
        text, sound = living.verdict()
    if not sound:
        soak.failures.append("not flat")
    for failure in soak.failures:
        print("FAIL seed %d: %s" % (options.seed, failure))
    print("%.0f minutes: %d jobs, %d runs of the command, %d kills, %d records; %d failures" %
          ((time.monotonic() - start) / 60, soak.jobs, soak.runs, soak.kills, soak.records, len(soak.failures)))
    print(text)
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
