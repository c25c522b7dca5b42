#!/usr/bin/env python3
"""Lets every allocation, thread creation and file call of the command fail, once and from then on, n upward until nothing
fires any more; interrupts every call that can be interrupted, and lets reads and writes fall short.

After a failure the command must have ended by itself with an exit code of its own and a message with the cause (and the
file); nothing may look finished that is not; and an undisturbed rerun must give every byte of an undisturbed run and
leave nothing else behind. What is merely interrupted or falls short is no failure at all.

    GRUS=build/grus python3 tests/attack/faults.py            everything
    GRUS=build/grus python3 tests/attack/faults.py --seconds 20   a slice, at random
"""
import argparse
import itertools
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import json

from common import (Attack, Command, ERRNO, EXIT_CODES, GOLDEN, Job, LIMIT, NEVER, SUPPORT, Wrong, add_options, make_feature_shard,
                    make_shards, need, plan, read, tree, usable, words, write)

NO_RENAME = plan("rename-new", 1, "fail", "on", ERRNO["EINVAL"])  # a file system that knows no RENAME_NOREPLACE

# Class, how, when, errno, whether the run must succeed all the same, further plans.
MODES = [
    ("alloc", "fail", "once", "ENOMEM", False, ""),
    ("alloc", "fail", "on", "ENOMEM", False, ""),
    ("alloc-foreign", "fail", "once", "ENOMEM", False, ""),
    ("alloc-foreign", "fail", "on", "ENOMEM", False, ""),
    ("thread", "fail", "once", "EAGAIN", False, ""),
    ("thread", "fail", "on", "EAGAIN", False, ""),
    ("thread-foreign", "fail", "once", "EAGAIN", False, ""),
    ("thread-foreign", "fail", "on", "EAGAIN", False, ""),
    ("open", "fail", "once", "EMFILE", False, ""),
    ("open", "fail", "on", "EMFILE", False, ""),
    ("open", "fail", "once", "EIO", False, ""),
    ("open", "fail", "on", "EACCES", False, ""),
    ("open", "fail", "other", "EINTR", True, ""),
    ("read", "fail", "once", "EIO", False, ""),
    ("read", "fail", "on", "EIO", False, ""),
    ("read", "fail", "other", "EINTR", True, ""),
    ("read", "short", "on", "EIO", True, ""),
    ("write", "fail", "once", "ENOSPC", False, ""),
    ("write", "fail", "on", "ENOSPC", False, ""),
    ("write", "fail", "once", "EIO", False, ""),
    ("write", "fail", "on", "EDQUOT", False, ""),
    ("write", "fail", "other", "EINTR", True, ""),
    ("write", "short", "on", "EIO", True, ""),
    ("sync", "fail", "once", "EIO", False, ""),
    ("sync", "fail", "on", "EIO", False, ""),
    ("sync", "fail", "once", "ENOSPC", False, ""),
    ("sync", "fail", "once", "EINTR", True, ""),
    ("sync", "fail", "other", "EINTR", True, ""),
    ("close", "fail", "once", "EIO", False, ""),
    ("close", "fail", "on", "ENOSPC", False, ""),
    ("close", "fail", "on", "EINTR", True, ""),
    ("rename", "fail", "once", "EIO", False, ""),
    ("rename", "fail", "on", "ENOSPC", False, ""),
    ("rename-new", "fail", "once", "EIO", False, ""),
    ("rename-new", "fail", "on", "ENOSPC", False, ""),
    ("rename-new", "fail", "once", "EINVAL", True, ""),
    ("rename-new", "fail", "on", "EINVAL", True, ""),
    ("link", "fail", "once", "EIO", False, NO_RENAME),
    ("link", "fail", "on", "ENOSPC", False, NO_RENAME),
    ("unlink", "fail", "once", "EIO", False, NO_RENAME),
    ("unlink", "fail", "on", "EIO", False, NO_RENAME),
    ("truncate", "fail", "once", "EIO", False, ""),
    ("truncate", "fail", "on", "EIO", False, ""),
    ("mkdir", "fail", "once", "ENOSPC", False, ""),
    ("mkdir", "fail", "on", "EIO", False, ""),
    ("stat", "fail", "once", "EIO", False, ""),
    ("stat", "fail", "on", "EIO", False, ""),
    ("seek", "fail", "once", "EIO", False, ""),
    ("seek", "fail", "on", "EIO", False, ""),
    ("lock", "fail", "once", "EINTR", True, ""),
    ("lock", "fail", "on", "ENOLCK", True, ""),
    ("poll", "fail", "once", "EINTR", True, ""),
]


def label(mode, n):
    call_class, how, when, error, _, more = mode
    return "%s %s %s %s%s n=%d" % (call_class, how if how != "fail" else error, when, "", " (no renameat2)" if more else "", n)


def plans_of(mode, n):
    call_class, how, when, error, _, more = mode
    return plan(call_class, n, how, when, ERRNO[error]) + (";" + more if more else "")


def met(mode, n, result):
    """Whether there was an n-th call of the mode's class: with further plans, what fired need not be this one."""
    return result.counts.get(mode[0], 0) >= n


def judge_end(mode, result):
    """How the process ended. Nothing is asked where a library ended it."""
    call_class, _, _, error, must_succeed, _ = mode
    message = result.err.strip()
    if call_class.endswith("-foreign"):
        return
    need(result.code in EXIT_CODES, "exit %d: %s" % (result.code, message))
    need(result.code != 2, "called a usage error: %s" % message)
    if must_succeed:
        need(result.code == 0, "an interruption became an error: exit %d: %s" % (result.code, message))
    if result.code == 0:
        return
    need(re.search(r"^grus: \S", message, re.M), "exit %d without a message: %r" % (result.code, message))
    if call_class == "alloc":
        need(re.search("memory|thread", message), "the message does not speak of memory: %s" % message)
    elif call_class == "thread":
        need("thread" in message, "the message does not speak of threads: %s" % message)
    else:
        need(os.strerror(ERRNO[error]) in message, "the message lacks the cause: %s" % message)
        need("/" in message or "standard" in message, "the message names no file: %s" % message)


class RunTarget:
    """`grus run` on a directory that is new, or a copy of one that was left half done."""

    def __init__(self, job, before=None):
        self.name, self.job, self.before = job.name + (" resumed" if before else ""), job, before

    def attempt(self, folder, attack, mode, n):
        outdir = os.path.join(folder, "out")
        if self.before:
            shutil.copytree(self.before, outdir)
        result = self.job.command.run(self.job.run_arguments(outdir), plans_of(mode, n))
        if met(mode, n, result):
            judge_end(mode, result)
            if mode[0].endswith("-foreign"):
                attack.note("%s: exit %d" % (mode[0], result.code))
            if os.path.isdir(outdir):
                self.job.check_anytime(outdir)
            if result.code == 0:
                for path in self.job.wanted:
                    need(os.path.exists(os.path.join(outdir, path)), "exit 0, and %s is missing" % path)
            # What was there and could not be read is set aside, and told; or the run has ended with an error amid that.
            unread = mode[0] in ("open", "read") and not mode[4] and (
                result.code != 0 or "set aside to .grus/aside" in result.err)
            if not self.job.rerun_unless_known(outdir, unread):
                attack.note("directories in a state from which a rerun had made all before")
        return result


class LookTarget:
    """A command that changes nothing: what it says when it succeeds is what it says undisturbed, unless it says that
    something could not be read."""

    def __init__(self, command, name, arguments, place, may_differ=None, stdin=None):
        self.command, self.name, self.arguments, self.place = command, name, arguments, place
        self.may_differ, self.stdin = may_differ, stdin
        self.wanted = self.run(None)
        need(self.wanted.code == 0, "%s, undisturbed: exit %d: %s" % (name, self.wanted.code, self.wanted.err))
        self.before = tree(place)

    def run(self, plans):
        return self.command.run(self.arguments, plans, stdin=self.stdin)

    def attempt(self, folder, attack, mode, n):
        result = self.run(plans_of(mode, n))
        if met(mode, n, result):
            told = self.may_differ and re.search(self.may_differ, result.out)
            if mode[0].endswith("-foreign"):
                attack.note("%s: exit %d" % (mode[0], result.code))
            if not (result.code == 1 and told):
                judge_end(mode, result)
            if result.code == 0 and result.out != self.wanted.out:
                need(told, "exit 0, and another output: %r" % result.out[:300])
            need(tree(self.place) == self.before, "it changed something")
        return result


def half_done(job, folder):
    """A directory in which one shard is done, one has no manifest yet, and the dead have left files."""
    shutil.copytree(job.finished, folder)
    os.unlink(os.path.join(folder, ".grus/done/s1.json"))
    os.unlink(os.path.join(folder, ".grus/done/s2.json"))
    os.unlink(os.path.join(folder, [p for p in job.outputs if p.startswith("s2.")][0]))
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = re.sub(r"[^0-9A-Za-z.]", "-", os.uname().nodename)
    for stem in ("s1", "s2", "run"):
        write(os.path.join(folder, ".grus/partial", "%s.%d-0123456789abcdef@%s" % (stem, gone.pid, host)), b"half of")
    return folder


def killed_with_journal(job, root):
    """A directory whose owner was killed when there were checkpoints of a shard."""
    for n in range(60, 1000):
        folder = os.path.join(root, "killed-%d" % n)
        job.command.run(job.run_arguments(folder), plan("change", n, "kill-before"))
        journals = [p for p, data in tree(folder).items() if p.endswith("+journal") and len(data) > 1000]
        if journals:
            return folder
        shutil.rmtree(folder)
    raise Wrong("%s: no journal, wherever it is killed" % job.name)


def sentencepiece_model(folder):
    """An encoder over the pieces of tests/support/files/squares.sentencepiece."""
    os.makedirs(folder)
    rng = random.Random(3)
    shapes = {"encoder.embedding.weight": [325, 4], "encoder.rnn.weight_ih_l0": [15, 4],
              "encoder.rnn.weight_hh_l0": [15, 5], "encoder.rnn.bias_ih_l0": [15], "encoder.rnn.bias_hh_l0": [15]}
    header, data = {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = struct.pack("<%df" % count, *(rng.uniform(-1, 1) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    write(os.path.join(folder, "model.safetensors"), struct.pack("<Q", len(text)) + text + data)
    shutil.copy(os.path.join(SUPPORT, "files/squares.sentencepiece"), os.path.join(folder, "squares.model"))
    write(os.path.join(folder, "config.json"), json.dumps(
        {"model_type": "encoder",
         "source": {"tokenizer": {"type": "sentencepiece", "model": "squares.model"}, "embedding_dim": 4},
         "encoder": {"hidden_size": 5}, "pooling": {"type": "mean"}}).encode())
    return folder


def make_targets(command, root):
    inputs = os.path.join(root, "in")
    make_shards(inputs, 3, 12)
    text = Job(command, root, "text", os.path.join(GOLDEN, "bahdanau/model"), [inputs])
    bpe = Job(command, root, "bpe", os.path.join(GOLDEN, "bpe/model"), [inputs], ["--beam-size", "2", "--attention", "soft"])
    shard = os.path.join(root, "f.safetensors")
    make_feature_shard(shard, 3, [2, 0, 5, 1])
    features = Job(command, root, "features", os.path.join(GOLDEN, "features-encoder/model"), [shard],
                   ["--task", "embed", "--format", "npy"])
    rows = Job(command, root, "rows", os.path.join(GOLDEN, "features-encoder/model"), [shard],
               ["--task", "states", "--format", "safetensors"])
    kept = Job(command, root, "checkpoints", os.path.join(GOLDEN, "bahdanau/model"), [inputs],
               ["--checkpoint-records", "3", "--batch-tokens", "16"])
    targets = [RunTarget(text), RunTarget(text, half_done(text, os.path.join(root, "half"))), RunTarget(bpe),
               RunTarget(features), RunTarget(rows), RunTarget(kept), RunTarget(kept, killed_with_journal(kept, root))]
    try:
        model = sentencepiece_model(os.path.join(root, "sentencepiece-model"))
        targets.append(RunTarget(Job(command, root, "sentencepiece", model, [inputs])))
    except Wrong as wrong:
        if "sentencepiece" not in str(wrong):
            raise
        print("without SentencePiece: %s" % wrong)
    looks = [
        ("status", ["status", text.finished], r"broken|missing|failed"),
        ("status --json", ["status", "--json", text.finished], r"broken|missing|failed"),
        ("verify", ["verify", text.finished, "--inputs", inputs], None),
        ("inspect a model", ["inspect", os.path.join(GOLDEN, "bahdanau/model")], None),
        ("inspect a shard", ["inspect", os.path.join(inputs, "s0.jsonl")], None),
        ("standard input", ["run", os.path.join(GOLDEN, "bahdanau/model"), "-", "-o", "-", "-t", "2", "--quiet"], None),
        ("a dry run", ["run", os.path.join(GOLDEN, "bahdanau/model"), inputs, "-o", text.finished, "--dry-run"], None),
    ]
    for name, arguments, may_differ in looks:
        targets.append(LookTarget(command, name, arguments, text.finished, may_differ,
                                  os.path.join(inputs, "s0.jsonl") if "-" in arguments else None))
    return targets


def all_cases(attack, target, mode):
    """n = 1, 2, … until nothing fires."""
    n = 0
    while True:
        values = attack.each(("%s: %s" % (target.name, mode[0]), "%s: %s" % (target.name, label(mode, at)),
                              target.attempt, attack, mode, at) for at in range(n + 1, n + 9))
        attack.note("of the cases met a call", sum(value is None or met(mode, n + 1 + i, value)
                                                   for i, value in enumerate(values)))
        if attack.over() or any(value is not None and not met(mode, n + 1 + i, value) for i, value in enumerate(values)):
            return
        if all(value is None for value in values):
            return  # each of them failed: said already
        n += 8


def slice_of_cases(attack, targets):
    """One case of every target and mode in turn, n at random, in random order, until the time is over."""
    rng = random.Random(attack.options.seed)
    counts = {}
    for target in targets:
        probe = ("alloc", "fail", "once", "ENOMEM", False, NO_RENAME)
        counts[target.name] = target.attempt(os.path.join(attack.root, "probe-%d" % len(counts)), attack, probe, NEVER).counts
    pairs = [(target, mode) for target in targets for mode in MODES if counts[target.name][mode[0]]]
    while True:
        rng.shuffle(pairs)
        for target, mode in pairs:
            n = rng.randint(1, counts[target.name][mode[0]])
            yield ("%s: %s" % (target.name, mode[0]), "%s: %s" % (target.name, label(mode, n)), target.attempt, attack, mode, n)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--only", help="classes of calls, with commas [all]")
    parser.add_argument("--target", help="targets whose name has this [all]")
    options = parser.parse_args()
    attack = Attack("faults", options)
    print("faults: seed %d" % options.seed, flush=True)
    try:
        command = Command(attack.root)
        usable(command)
        targets = [t for t in make_targets(command, attack.root) if not options.target or options.target in t.name]
        if options.only:
            MODES[:] = [mode for mode in MODES if mode[0] in options.only.split(",")]
        if options.seconds:
            attack.each(slice_of_cases(attack, targets))
        else:
            for target, mode in itertools.product(targets, MODES):
                all_cases(attack, target, mode)
    finally:
        code = attack.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
