#!/usr/bin/env python3
"""Holds two builds of the command against each other, byte for byte: what both make of the same work, and of each other's.

    compare_builds.py OLD NEW                  slices of the demo shards; some minutes
    compare_builds.py OLD NEW --quick          smaller slices, every fifth golden case
    compare_builds.py OLD NEW --full           the whole demo shards
    compare_builds.py OLD NEW --only resume    some parts alone: models, golden, commands, wrong, resume, kernels

OLD and NEW are programs `grus`, or the directories that they were built in. What is tried is in build_trials.py. Work is done
in a temporary directory (TMPDIR) that is removed; nothing is written to the source tree. The exit code is 1 where a byte differs, 0
where none does.
"""
import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import build_trials

SHOWN = 4  # differences of a trial
LIMIT = 1800  # seconds that a process may take


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class Build:
    """A built command. It is always called by the name grus, and sees nothing of a launcher."""

    def __init__(self, path):
        path = os.path.abspath(os.path.join(path, "grus") if os.path.isdir(path) else path)
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("SLURM_", "OMPI_", "PMI_", "BLIS_", "COLUMNS", "LINES"))}
        self.environment.update(LC_ALL="C.UTF-8", NO_COLOR="1")
        # libtool's wrapper is a shell script; the program behind it finds its library by the path alone.
        with open(path, "rb") as f:
            wrapper = f.read(2) == b"#!"
        behind = os.path.join(os.path.dirname(path), ".libs", "grus")
        if wrapper and os.path.exists(behind):
            self.environment["LD_LIBRARY_PATH"] = os.path.dirname(behind)
            path = behind
        self.path = path

    def start(self, arguments, where, environment=None, stdin=subprocess.DEVNULL):
        return subprocess.Popen(["grus", *arguments], executable=self.path, cwd=where, stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**self.environment, **(environment or {})})

    def run(self, arguments, where, environment=None, stdin=None):
        """stdin: a path, seen from `where`."""
        with open(os.path.join(where, stdin) if stdin else os.devnull, "rb") as source:
            process = self.start(arguments, where, environment, source)
            try:
                out, err = process.communicate(timeout=LIMIT)
            finally:
                process.kill()
        return Result(process.returncode, out, err)

    def kill(self, process):
        """Kills it outright. -> whether it was still at work"""
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL


def unpacked(name, data):
    if not name.endswith(".zst"):
        return data
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def describe(name, old, new):
    """The first place where two contents differ, in a few lines; of shards, where what is in them does."""
    if old is None or new is None:
        return f"{name}: only {'NEW' if old is None else 'OLD'} has it"
    if unpacked(name, old) != unpacked(name, new):
        old, new = unpacked(name, old), unpacked(name, new)
    at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    line = old.count(b"\n", 0, at) + 1
    texts = []
    for data in (old, new):
        begin = max(data.rfind(b"\n", 0, at) + 1, at - 60)
        texts.append(data[begin:at + 60].split(b"\n")[0])
    return f"{name}: {len(old)} and {len(new)} bytes, from byte {at} (line {line}) on\n        OLD {texts[0]!r}\n        NEW {texts[1]!r}"


def differences(old, new):
    """Both are contents by name."""
    return [describe(name, old.get(name), new.get(name)) for name in sorted({**old, **new}) if old.get(name) != new.get(name)]


def run_trial(trial, root, old, new):
    """-> (differences as text, how many contents were compared)"""
    where = tempfile.mkdtemp(dir=root)
    try:
        before, after = trial.function(where, old, new)
        found = differences(before, after)
        if not before:
            found.append("nothing was compared")
        return found, len(before)
    except Exception as error:  # whatever it is, it is this trial's, and the others go on
        return [f"the trial itself failed: {type(error).__name__}: {error}"], 0
    finally:
        shutil.rmtree(where, ignore_errors=True)


def compare(trials, root, old, new, jobs):
    """-> how many trials differ"""
    failed = compared = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_trial, trial, root, old, new) for trial in trials]
        for trial, future in zip(trials, futures):
            found, count = future.result()
            compared += count
            if not found:
                continue
            failed += 1
            print(f"DIFFERS {trial.part}: {trial.name}", flush=True)
            for text in found[:SHOWN]:
                print("    " + text, flush=True)
            if len(found) > SHOWN:
                print(f"    and {len(found) - SHOWN} more")
    print(f"{len(trials) - failed} trials equal, {failed} differ; {compared} contents compared")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="scale", action="store_const", const="quick", default="usual")
    size.add_argument("--full", dest="scale", action="store_const", const="full")
    parser.add_argument("--only", action="append", choices=build_trials.PARTS, help="a part; may be repeated [all]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at a time [the CPUs]")
    args = parser.parse_args()
    began = time.monotonic()
    root = tempfile.mkdtemp(prefix="grus-compare-")
    try:
        old, new = Build(args.old), Build(args.new)
        trials = build_trials.make(root, old, new, args.scale, args.only or build_trials.PARTS)
        failed = compare(trials, root, old, new, args.jobs)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
