#!/usr/bin/env python3
"""Holds `grus run` against PyTorch on random models, field by field.

    sweep.py [--grus PATH] [--count N] [--seed S] [--tight] [--keep DIR]

The case of seed S is always the same: repeat one with `--seed S --count 1`. Numbers pass within 2e-5 + 1e-4 |x|, with
--tight within 1e-5 (embeddings, probabilities, attention, the log-probability of each token; their sums over a sequence
keep the wider one); texts and labels must be the same. A record may differ only where PyTorch itself decided by less
than 1e-5: such true ties are listed. Encoder outputs are seen through `embed`; where a text can be cut anywhere, every
prefix of one sequence is a record, so that pooling `last` shows each position.
The exit code is 1 when something failed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import torch

import formats
import make_cases
import task
from model import Model


def run(grus, where, n, options, rs):
    """Runs grus on where/model and where/input.jsonl; -> output lines, or raises with what it said."""
    out = os.path.join(where, f"out{n}")
    command = [grus, "run", os.path.join(where, "model"), os.path.join(where, "input.jsonl"), "-o", out, "--quiet",
               "-t", str(1 + rs.randint(3)), *options]
    if rs.rand() < 0.5:
        command += ["--batch-tokens", str(rs.choice([1, 7, 64, 500]))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return formats.read_lines(os.path.join(out, "input.jsonl.zst"))


def compare_run(lines, records, results, tolerance):
    """-> failures [text], ties [text], numbers [(field, difference, size)]"""
    failures, ties, pairs = [], [], []
    if len(lines) != len(records):
        return [f"{len(lines)} records, expected {len(records)}"], [], []
    for i, (line, record, result) in enumerate(zip(lines, records, results)):
        got = json.loads(line)
        expected = json.loads(formats.splice(json.dumps(record), result.fields))
        differences = task.compare(expected, got, tolerance)
        tie = task.true_tie(result, got, differences) if differences else None
        if not differences:
            pairs += task.numbers(result.fields, got)
        elif tie:
            ties.append(f"record {i}: margin {tie[0]:.2g}, {tie[1]}, {tie[2]}")
        else:
            path, a, b = differences[0]
            failures.append(f"record {i}{path}: PyTorch {str(a)[:200]}, grus {str(b)[:200]}"
                            f" ({len(differences)} differences, margin {result.margin:.2g})")
    return failures, ties, pairs


def prefixes(case, records):
    """All prefixes of one more sequence, so that final states show the output of every position."""
    longest = case.record("prefix", 12)
    key = "features" if case.source_tokens is None else "text"
    more = [{"id": f"prefix{n}", key: longest[key][:n]} for n in range(1, len(longest[key]))]
    return records + more


def one(seed, args):
    """-> failures, ties, numbers, one line about the case"""
    case = make_cases.draw(seed, make_cases.strata(seed))
    records = make_cases.random_records(case)
    if case.kind == "encoder" and (case.source_tokens is None or case.source_kind in ("char", "ids")):
        records = prefixes(case, records)
    failures, ties, pairs, about = [], [], [], []
    where = tempfile.mkdtemp(prefix=f"oracle-{seed}-")
    try:
        case.write(os.path.join(where, "model"))
        with open(os.path.join(where, "input.jsonl"), "w", encoding="utf-8") as f:
            f.write("".join(json.dumps(r, ensure_ascii=bool(case.rs.randint(2))) + "\n" for r in records))
        net = Model.load(os.path.join(where, "model"))
        for n, options in enumerate(case.command_lines()):
            text = " ".join(options)
            about.append(text)
            parsed = task.parse_options(options)
            results = [task.process(net, r, parsed) for r in records]
            try:
                lines = run(args.grus, where, n, options, case.rs)
                fail, tie, some = compare_run(lines, records, results, task.tight_tolerance if args.tight else task.sweep_tolerance)
            except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                fail, tie, some = [str(error)], [], []
            failures += [f"[{text}] {f}" for f in fail]
            ties += [f"[{text}] {t}" for t in tie]
            pairs += some
        if failures and args.keep:
            shutil.copytree(where, os.path.join(args.keep, str(seed)), dirs_exist_ok=True)
    finally:
        shutil.rmtree(where)
    return failures, ties, pairs, describe(case.config) + " | " + " ; ".join(about)


def describe(config):
    """The case in a few words."""
    source, encoder = config["source"], config["encoder"]
    words = [config["model_type"], source.get("tokenizer", {"type": "features"})["type"],
             f"H{encoder['hidden_size']}x{encoder.get('num_layers', 1)}{'bi' if encoder.get('bidirectional') else ''}"]
    if config["model_type"] == "seq2seq":
        d = config["decoder"]
        words += [config["attention"]["score"], d["bridge"], d["attention"]["query"], "+".join(d["input"]),
                  f"H{d['hidden_size']}x{d.get('num_layers', 1)}"] + (["tied"] if d.get("tied") else [])
    else:
        pooling = config.get("pooling") or {"type": "no pooling"}
        words += [pooling.get("score", pooling["type"]), pooling.get("query", "")] + list(config.get("heads", {}))
    return " ".join(w for w in words if w)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grus", default=os.environ.get("GRUS", "./grus"), help="the command [$GRUS, else ./grus]")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow one by one")
    parser.add_argument("--tight", action="store_true", help="1e-5 instead of 2e-5 + 1e-4 |x|")
    parser.add_argument("--keep", metavar="DIR", help="copy the files of failing cases there")
    parser.add_argument("--verbose", action="store_true", help="a line for every case, also for those that pass")
    args = parser.parse_args()
    args.grus = os.path.abspath(args.grus)
    if not os.access(args.grus, os.X_OK):
        parser.error(f"{args.grus}: no such command")
    torch.set_num_threads(1)
    started, passed, failed, n_ties, worst = time.time(), 0, 0, 0, {}
    print(f"seeds {args.seed} to {args.seed + args.count - 1}", flush=True)
    for seed in range(args.seed, args.seed + args.count):
        failures, ties, pairs, about = one(seed, args)
        passed, failed = passed + (not failures), failed + bool(failures)
        n_ties += len(ties)
        if failures or args.verbose:
            print(f"{'FAILED' if failures else 'ok'} seed {seed}: {about}")
        for text in failures[:5]:
            print("    " + text)
        for text in ties:
            print(f"    true tie, seed {seed}: {text}")
        for field, difference, size in pairs:
            largest = worst.setdefault(field, [0, 0.0, 0.0])
            largest[0] += 1
            largest[1] = max(largest[1], difference)
            largest[2] = max(largest[2], difference / max(1.0, size))
        sys.stdout.flush()
    for field, (n, absolute, relative) in sorted(worst.items()):
        print(f"{field}: {n} numbers, largest difference {absolute:.2g}, {relative:.2g} of max(1, |x|)")
    print(f"seeds {args.seed} to {args.seed + args.count - 1}, {n_ties} true ties, {time.time() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
