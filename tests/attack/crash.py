#!/usr/bin/env python3
"""Kills the command: before, after and amid every call that changes what is on the disk; at random moments; ten times in
a row; alone, and with others at work in the same directory. And lets the power go at each of these moments, with what
was not brought to the disk lost in whole or in part.

Afterwards nothing may look finished that is not, and an undisturbed rerun must give every byte of an undisturbed run,
leave nothing else behind, and do at most the work again that was not recorded.

    GRUS=build/grus python3 tests/attack/crash.py                everything
    GRUS=build/grus python3 tests/attack/crash.py --seconds 20   a slice, at random
"""
import argparse
import json
import os
import random
import shutil
import struct
import sys
import time

from common import Attack, Command, GOLDEN, Job, add_options, make_shards, need, plan, usable
from power import Disk, Folder, read_log

KILLED = -9
INTERVAL = 40  # records between two checkpoints
CHECKPOINT_TAG, CHECKPOINT_BYTES = 0x54504b43, 8 * (5 + 32) + 8  # in a journal
MODES = ("nothing", "names", "zeros", "random")


def kill_call(folder, job, how, n, copies):
    """One process dies at its n-th change. Others on the directory, ranks or copies of one rank, are not disturbed by
    it."""
    outdir = os.path.join(folder, "out")
    ranks = range(job.world) if job.world > 1 else [0] * copies
    victim = n % len(ranks)
    processes = [job.command.start(job.run_arguments(outdir, rank), plan("change", n, how) if i == victim else None)
                 for i, rank in enumerate(ranks)]
    results = [job.command.finish(process) for process in processes]
    fired = results[victim].fired
    for i, result in enumerate(results):
        wanted = KILLED if i == victim and fired else 0
        need(result.code == wanted, "process %d of %d: exit %d: %s" % (i, len(ranks), result.code, result.err.strip()))
    job.check_anytime(outdir) if os.path.isdir(outdir) else None
    job.rerun(outdir)
    return fired


def start_and_kill(job, outdir, copies, rng):
    """Starts every rank, or copies of the only one, and kills each at a moment of its own."""
    ranks = range(job.world) if job.world > 1 else [0] * copies
    processes = [job.command.start(job.run_arguments(outdir, rank)) for rank in ranks]
    started = time.monotonic()
    span = job.span.setdefault(len(ranks), job.seconds / job.world)
    killed = 0
    for moment, process in sorted(((rng.uniform(0, span), p) for p in processes), key=lambda pair: pair[0]):
        time.sleep(max(0, started + moment - time.monotonic()))
        process.kill()
    for process in processes:
        result = job.command.finish(process)
        need(result.code in (0, KILLED), "exit %d: %s" % (result.code, result.err.strip()))
        killed += result.code == KILLED
    # A busy machine is slower at one time than at another: as many as not are to be killed.
    job.span[len(ranks)] = span * (0.8 if 2 * killed < len(ranks) else 1.25)
    if os.path.isdir(outdir):
        job.check_anytime(outdir)
    return killed


def kill_at_random(folder, attack, job, copies, times, seed):
    rng = random.Random(seed)
    outdir = os.path.join(folder, "out")
    for _ in range(times):
        attack.note("processes killed at a random moment", start_and_kill(job, outdir, copies, rng))
    job.rerun(outdir)


def undisturbed_copies(folder, job, copies):
    """Live copies of one rank: all of them succeed."""
    outdir = os.path.join(folder, "out")
    processes = [job.command.start(job.run_arguments(outdir)) for _ in range(copies)]
    for process in processes:
        result = job.command.finish(process)
        need(result.code == 0, "exit %d: %s" % (result.code, result.err.strip()))
    job.check_finished(outdir)


def checkpoints_of(journal):
    """How many records each whole checkpoint of a journal tells of; see io/outdir/journal_format.h."""
    def number(at):
        return struct.unpack_from("<Q", journal, at)[0]
    records, at = [], 16 + number(8) if len(journal) >= 16 else 0
    while 0 < at <= len(journal) - 24:
        if number(at) == CHECKPOINT_TAG:
            if at + CHECKPOINT_BYTES <= len(journal):
                records.append(number(at + 8))
            at += CHECKPOINT_BYTES
        else:
            at += 24 + number(at + 16)
    return records


def files_below(folder, path=""):
    """The files that are on the disk for certain in a folder and those in it, with their paths."""
    for name, node in folder.synced.items():
        if isinstance(node, Folder):
            yield from files_below(node, path + name + "/")
        else:
            yield path + name, node


class Power:
    """A run whose changes are written down, and what may be left of them."""

    def __init__(self, attack, job):
        self.job = job
        self.home = os.path.join(attack.root, "power-" + job.name)
        os.mkdir(self.home)
        log = os.path.join(attack.root, "log-" + job.name)
        outdir = os.path.join(self.home, "out")
        processes = [job.command.start(job.run_arguments(outdir, rank), log=log) for rank in range(job.world)]
        for process in processes:
            result = job.command.finish(process)
            need(result.code == 0, "exit %d: %s" % (result.code, result.err))
        job.check_finished(outdir)
        self.events = read_log(log)
        disk = self.disk_after(len(self.events))
        copy = os.path.join(attack.root, "copy-" + job.name)
        os.mkdir(copy)
        disk.survive(copy, "zeros", None)
        job.check_finished(os.path.join(copy, "out"))  # the model and the disk agree, and all data was synced

    def disk_after(self, n):
        disk = Disk(self.home)
        for event in self.events[:n]:
            disk.apply(event)
        return disk

    def saved(self, disk):
        """Records whose results are on the disk for certain: in shards that are done, and in checkpoints of others."""
        out = disk.top.synced.get("out", Folder()).synced
        grus = out.get(".grus", Folder()).synced
        manifests = dict(files_below(grus.get("done", Folder())))
        done = sum(json.loads(manifest.synced)["records_in"] for manifest in manifests.values())
        best = {}
        for name, journal in grus.get("partial", Folder()).synced.items():
            stem = name.split(".")[0].replace("%2F", "/")
            if name.endswith("+journal") and stem + ".json" not in manifests:
                best[stem] = max(checkpoints_of(journal.synced) + [best.get(stem, 0)])
        return done, sum(best.values())

    def goes(self, folder, n, mode, seed):
        disk = self.disk_after(n)
        disk.survive(folder, mode, random.Random(seed))
        outdir = os.path.join(folder, "out")
        if os.path.isdir(outdir):
            self.job.check_anytime(outdir)
        if n == len(self.events):
            self.job.check_finished(outdir, leftovers=True)  # it has told that all is done
        again = self.job.rerun(outdir)
        done, saved = self.saved(disk)
        need(again <= self.job.records - done - saved, "%d records were done again, of %d, with %d in shards that were "
             "done and %d in checkpoints" % (again, self.job.records, done, saved))


def make_jobs(command, root):
    inputs = os.path.join(root, "in")
    make_shards(inputs, 3, 12)
    longer = os.path.join(root, "longer-in")
    make_shards(longer, 3, 400)
    many = os.path.join(root, "many-in")
    make_shards(many, 9, 5)
    folders = os.path.join(root, "folders-in")
    for i, folder in enumerate((".", "a", "a/b", "c")):
        make_shards(os.path.join(folders, folder), 1 + i % 2, 12)
    model = os.path.join(GOLDEN, "bahdanau/model")
    return {
        "short": Job(command, root, "short", model, [inputs]),
        "longer": Job(command, root, "longer", model, [longer], ["--attention", "soft"]),
        "checkpoints": Job(command, root, "checkpoints", model, [longer],
                           ["--checkpoint-records", str(INTERVAL), "--batch-tokens", "200"]),
        "two": Job(command, root, "two", model, [inputs], world=2),
        "eight": Job(command, root, "eight", model, [many], world=8),
        "folders": Job(command, root, "folders", model, [folders], ["--recursive", "--checkpoint-records", "4"], world=2),
    }


# Name of the job, copies of its only rank.
TOGETHER = (("short", 1), ("longer", 1), ("checkpoints", 1), ("checkpoints", 2), ("short", 2), ("short", 8), ("two", 1), ("eight", 1),
            ("folders", 1))
HOWS = ("kill-before", "kill-after", "kill-amid")


def kill_case(jobs, name, copies, how, n):
    job = jobs[name]
    processes = max(job.world, copies)
    heading = "killed at a change, %d process%s%s" % (processes, "es" if processes > 1 else "",
                                                      " of one rank" if copies > 1 else "")
    return (heading, "%s x%d %s n=%d" % (name, copies, how, n), kill_call, job, how, n, copies)


def random_case(attack, jobs, name, copies, times, seed):
    processes = max(jobs[name].world, copies)
    heading = "killed at %s, %d process%s" % ("random" if times == 1 else "random %d times in a row" % times, processes,
                                              "es" if processes > 1 else "")
    return (heading, "%s x%d %d times, seed %d" % (name, copies, times, seed), kill_at_random, attack, jobs[name], copies,
            times, seed)


def power_case(power, n, mode, seed):
    return ("power lost, %s kept of what was not synced" % mode, "%s: power n=%d %s seed %d" %
            (power.job.name, n, mode, seed), power.goes, n, mode, seed)


def every_change(attack, jobs):
    for name, copies in TOGETHER:
        for how in HOWS:
            n, more = 0, True
            while more and not attack.over():
                values = attack.each(kill_case(jobs, name, copies, how, at) for at in range(n + 1, n + 9))
                more = any(values) and n < 5000
                n += 8


def every_moment(attack, jobs, options):
    for name, copies in TOGETHER:
        attack.each(random_case(attack, jobs, name, copies, 1, options.seed + i)
                    for i in range(-(-options.count // len(TOGETHER))))
        attack.each(random_case(attack, jobs, name, copies, 10, options.seed + i)
                    for i in range(-(-options.count // 10 // len(TOGETHER))))
    for copies in (2, 8):
        attack.each(("copies of one rank, undisturbed", "copies %d" % i, undisturbed_copies, jobs["short"], copies)
                    for i in range(20))


def every_power(attack, powers, options):
    for power in powers:
        attack.each(power_case(power, n, mode, options.seed + i) for n in range(len(power.events) + 1) for mode in MODES
                    for i in range(3 if mode == "random" else 1))


def slice_of_everything(attack, jobs, powers, options):
    rng = random.Random(options.seed)
    changes = {}
    for name, job in jobs.items():
        folder = os.path.join(attack.root, "probe-" + name)
        changes[name] = job.command.run(job.run_arguments(folder), plan("change", 1 << 60)).counts["change"]
        shutil.rmtree(folder)
    while True:
        for name, copies in TOGETHER:
            for how in HOWS:
                yield kill_case(jobs, name, copies, how, rng.randint(1, changes[name]))
            yield random_case(attack, jobs, name, copies, 1, rng.randrange(1 << 30))
        yield random_case(attack, jobs, *rng.choice(TOGETHER), 10, rng.randrange(1 << 30))
        for power in powers:
            for mode in MODES:
                yield power_case(power, rng.randint(0, len(power.events)), mode, rng.randrange(1 << 30))
        yield ("copies of one rank, undisturbed", "copies", undisturbed_copies, jobs["short"], 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--count", type=int, default=int(os.environ.get("COUNT", 1000)),
                        help="kills at random moments; as many again in rows of ten [1000]")
    parser.add_argument("--only", default="change,random,power", help="parts, with commas [change,random,power]")
    options = parser.parse_args()
    attack = Attack("crash", options)
    print("crash: seed %d" % options.seed, flush=True)
    try:
        command = Command(attack.root)
        usable(command)
        jobs = make_jobs(command, attack.root)
        powers = [Power(attack, jobs[name]) for name in ("short", "checkpoints", "two", "folders")]
        if options.seconds:
            attack.each(slice_of_everything(attack, jobs, powers, options))
        if not options.seconds and "change" in options.only:
            every_change(attack, jobs)
        if not options.seconds and "random" in options.only:
            every_moment(attack, jobs, options)
        if not options.seconds and "power" in options.only:
            every_power(attack, powers, options)
    finally:
        code = attack.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
