#!/usr/bin/env python3
"""Counts what is computed twice where a run with checkpoints is killed: one interval's records for each thread at most.

Runs are killed at random moments, and where the most is at stake: one thread is held up amid its work, before a
checkpoint or before the commit of a shard, until the others can do no more. Some are killed several times in a row, with
other intervals and threads each time. tests/attack/counted counts the sequences whose computing was begun, whoever
computes them and whatever becomes of them.

    builddir=build python3 tests/attack/redone.py                everything
    builddir=build python3 tests/attack/redone.py --seconds 8    a slice, at random
"""
import argparse
import itertools
import os
import random
import struct
import subprocess
import sys
import time

from common import GOLDEN, LIMIT, Attack, add_options, anonymous, make_shards, need, read, tree

MODEL = os.path.join(GOLDEN, "bahdanau/model")
INTERVALS = (1, 2, 3, 4, 7, 20, 40, 100, 1000)
TEAMS = (1, 2, 3, 8)
PLACES = ("sequence", "checkpoint", "commit")  # the order of enum place in counted.c
HELD = 40      # milliseconds that a thread is held up
SHARDS, RECORDS = 3, 160
KILLED = -9


class Counted:
    """The program, and what it makes undisturbed."""

    def __init__(self, root):
        build = os.path.abspath(os.environ.get("builddir", "build"))
        self.program = os.path.join(build, "tests/attack/counted")
        if not os.path.exists(self.program):
            print("no %s: make check builds it" % self.program)
            sys.exit(77)
        self.environment = dict(os.environ)
        self.inputs = os.path.join(root, "in")
        make_shards(self.inputs, SHARDS, RECORDS)
        outdir = os.path.join(root, "undisturbed")
        began = time.monotonic()
        done = self.run(root, outdir, 2, 20)
        self.seconds = time.monotonic() - began
        need(done == SHARDS * RECORDS, "undisturbed: %d sequences are computed, of %d" % (done, SHARDS * RECORDS))
        self.wanted = self.made(outdir)

    @staticmethod
    def made(outdir):
        return {path: anonymous(path, data) for path, data in tree(outdir).items() if not path.startswith("report")}

    def run(self, folder, outdir, threads, interval, place="sequence", n=0, moment=None):
        """How many sequences it computed. n: it dies at the n-th of the place; moment: it is killed after so many seconds."""
        counts = os.path.join(folder, "counts")
        process = subprocess.Popen([self.program, counts, str(PLACES.index(place)), str(n), str(HELD), MODEL, outdir,
                                    str(threads), str(interval), self.inputs], env=self.environment,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, said = process.communicate(timeout=LIMIT if moment is None else moment)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            need(moment is not None, "no end within %d s" % LIMIT)
        need(process.returncode in ((0, KILLED) if n or moment is not None else (0,)),
             "exit %d: %s" % (process.returncode, said.decode(errors="replace")))
        data = read(counts) if os.path.exists(counts) else b""  # it may have died before it was there
        if data:
            os.unlink(counts)
        return struct.unpack("<Q", data)[0] if len(data) == 8 else 0


def kill_and_count(folder, attack, counted, kills):
    """kills: interval, threads and further arguments of each of the runs that are killed."""
    outdir = os.path.join(folder, "out")
    done = sum(counted.run(folder, outdir, threads, interval, **how) for interval, threads, how in kills)
    interval, threads, _ = kills[-1]
    done += counted.run(folder, outdir, threads, interval)
    again, allowed = done - SHARDS * RECORDS, sum(interval * threads for interval, threads, _ in kills)
    need(counted.made(outdir) == counted.wanted, "not what an undisturbed run makes")
    need(0 <= again <= allowed, "%d records were computed again, %d may be" % (again, allowed))
    with attack.lock:
        if len(kills) == 1 and interval * threads < RECORDS:
            most = attack.most.setdefault((interval, threads), 0)
            attack.most[interval, threads] = max(most, again)


def case(attack, counted, what, kills):
    label = " ".join("I=%d T=%d %s" % (interval, threads, " ".join("%s=%s" % pair for pair in sorted(how.items())))
                     for interval, threads, how in kills)
    return what, label, kill_and_count, attack, counted, kills


def held(attack, counted, rng, interval, threads, place):
    """Killed where one thread is held up: at a sequence, checkpoint or commit picked at random."""
    checkpoints = max(1, SHARDS * (RECORDS // (interval * threads)))
    last = {"sequence": SHARDS * RECORDS, "checkpoint": checkpoints, "commit": SHARDS}[place]
    return case(attack, counted, "held up at a %s" % place,
                [(interval, threads, {"place": place, "n": rng.randint(1, last)})])


def at_random(attack, counted, rng, interval, threads):
    return case(attack, counted, "at a random moment",
                [(interval, threads, {"moment": rng.uniform(0, 1.1 * counted.seconds)})])


def in_a_row(attack, counted, rng):
    kills = [(rng.choice(INTERVALS[:7]), rng.choice(TEAMS),
              rng.choice(({"place": "sequence", "n": rng.randint(1, SHARDS * RECORDS // 3)},
                          {"place": "checkpoint", "n": rng.randint(1, 5)},
                          {"moment": rng.uniform(0, counted.seconds)}))) for _ in range(4)]
    return case(attack, counted, "four times in a row", kills)


def cases(attack, counted, rng, count):
    grid = list(itertools.product(INTERVALS, TEAMS))
    rng.shuffle(grid)
    for interval, threads in grid:
        yield held(attack, counted, rng, interval, threads, "checkpoint")
    for _ in range(count):
        for interval, threads in grid:
            for place in PLACES:
                yield held(attack, counted, rng, interval, threads, place)
            yield at_random(attack, counted, rng, interval, threads)
            yield in_a_row(attack, counted, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--count", type=int, default=5, help="rounds over all intervals and numbers of threads [5]")
    options = parser.parse_args()
    attack = Attack("redone", options)
    attack.most = {}
    print("redone: seed %d" % options.seed, flush=True)
    try:
        counted = Counted(attack.root)
        attack.each(cases(attack, counted, random.Random(options.seed), options.count))
        for interval, threads in sorted(attack.most):
            print("at most %3d of %3d computed again: intervals of %d, threads: %d" %
                  (attack.most[interval, threads], interval * threads, interval, threads))
    finally:
        code = attack.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
