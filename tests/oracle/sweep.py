#!/usr/bin/env python3
"""Holds `grus run` against PyTorch on random models, field by field.

    sweep.py [--grus PATH] [--count N] [--seed S] [--compute-type float32|int8] [--tight] [--keep DIR]

The case of seed S is always the same: repeat one with `--seed S --count 1`. Numbers pass within 2e-5 + 1e-4 |x|, with
--tight within 1e-5 (embeddings, probabilities, attention, the log-probability of each token; their sums over a sequence
keep the wider one); texts and labels must be the same. A record may differ only where PyTorch itself decided by less
than 1e-5: such true ties are listed. Where a text can be cut anywhere, every prefix of one sequence is a record. With --compute-type int8 the reference is that
of quantised.py, and a record may differ, too, where a value was rounded otherwise (otherwise.py): nothing else explains it
and it is listed. There may be twice as many as float errors make likely. Embeddings are held against the model in float32 as well.
Shards are of every kind, results are read in every format. At the end stands how often each value of the contract was
drawn; from 300 cases on one that never was is a failure. The exit code is 1 when something failed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import cells
import ensemble
import formats
import make_cases
import otherwise
import quantised
import random_members
import random_models
import shards
import task
from coverage import Coverage
from model import Model


FULL = 300          # cases, after which every value of the contract has to have come by
COSINE_LOSS = 0.01  # of an embedding by int8


def run(args, where, shard, options, rs):
    """Runs grus on where/model and one shard; -> the output directory, or raises with what it said."""
    out = tempfile.mkdtemp(prefix="out-", dir=where)
    command = [args.grus, "run", os.path.join(where, "model"), shard, "-o", out, "--quiet", "-t", str(1 + rs.randint(3)), *options]
    if args.compute_type != "float32":
        command += ["--compute-type", args.compute_type]
    if rs.rand() < 0.5:
        command += ["--batch-tokens", str(rs.choice([1, 7, 64, 500]))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return out


def compare_run(lines, fronts, results, tolerance, explain=None):
    """-> failures [text], ties [text], numbers [(field, difference, size)]; explain: what else may be the reason of differences
    of a record (i, what it got, a function of a result and a tolerance that gives them), in words, or None."""
    failures, ties, pairs = [], [], []
    if len(lines) != len(fronts):
        return [f"{len(lines)} records, expected {len(fronts)}"], [], []
    for i, (line, front, result) in enumerate(zip(lines, fronts, results)):
        got = json.loads(line)

        def compare(result, tolerance, front=front, got=got):
            return task.compare(json.loads(formats.splice(json.dumps(front), result.fields)), got, tolerance)

        differences = compare(result, tolerance)
        tie = task.true_tie(result, got, differences) if differences else None
        reason = explain(i, got, compare) if explain and differences and not tie else None
        if not differences:
            pairs += task.numbers(result.fields, got)
        elif tie:
            ties.append(f"record {i}: margin {tie[0]:.2g}, {tie[1]}, {tie[2]}")
        elif reason:
            ties.append(f"record {i}: {reason}")
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


def bare(options):
    """The options without those that --format txt and npy have no room for."""
    drop = [i for i, word in enumerate(options) if word == "--token-scores"]
    drop += [k for i, word in enumerate(options) if word == "--attention" for k in (i, i + 1)]
    drop += [i for i, word in enumerate(options) if word == "--attention-heads"]
    return [word for i, word in enumerate(options) if i not in drop]


def other_formats(options, results):
    """--format txt where the task has one result, npy for vectors, and safetensors for vectors and states."""
    if options.task == "states":
        return ["safetensors"]
    fields = [name for name in results[0].fields if name not in ("attention", "alignment")]
    if any(isinstance(part, list) for r in results for name in fields if isinstance(r.fields[name], list) for part in r.fields[name]):
        return []                               # lists of each position
    decoded = "score" in fields
    return (["txt"] if decoded or len(fields) == 1 else []) + (["npy", "safetensors"] if options.task == "embed" else [])


def explaining(args, net, plain, records, options, results, tolerance):
    """compare_run's: values that int8 rounds otherwise; counts what it explains."""
    bounds, wrong = otherwise.Bounds(plain, records, options, results), []

    def explain(i, got, compare):
        result = results[i]
        if len(wrong) > 1:                                          # enough to know
            return None
        if otherwise.follow(net, records[i], options, result, lambda other: compare(other, tolerance)):
            reason = "followed"
        elif bounds.hold(result, got, compare, tolerance):
            reason = "within bounds"
        else:
            wrong.append(i)
            return None
        args.n_otherwise += 1
        return f"rounded otherwise, {reason}, closest {min(result.rounding.near)[0]:.2g} of {result.rounding.count}"

    args.n_records += len(results)
    args.n_expected += otherwise.expected(results)
    return explain


def cosine_failures(args, plain, lines, records):
    """Embeddings by int8 against the model in float32."""
    failures = []
    for i, (line, record) in enumerate(zip(lines, records)):
        loss = otherwise.cosine_loss(task.process(plain, record, task.parse_options(["--task", "embed"])).fields["embedding"],
                                     json.loads(line)["embedding"])
        args.losses.append(loss)
        if not loss <= COSINE_LOSS:
            failures.append(f"record {i}: 1 - cosine {loss:.2g} to the embedding in float32")
    return failures


def answered(results, lines):
    """The results as they were said."""
    for result, line in zip(results, map(json.loads, lines)):
        result.fields = {name: task.floats(line[name]) if name == "embedding" else line[name] for name in result.fields}


def steady(net, records, options, tolerance):
    """States without a bound may make a record's errors grow: those of which PyTorch itself says another thing in double
    are left out."""
    parts = [member.config.get(part, {}) for member in getattr(net, "members", [net]) for part in ("encoder", "decoder")]
    if all(cells.settings(part)["activation"] == "tanh" for part in parts):
        return records
    exact = ensemble.again(net, torch.float64)
    return [r for r in records if not task.compare(*(task.process(n, r, options).fields for n in (exact, net)), tolerance)]


def one_line(args, case, net, where, records, kind, options, coverage, seed):
    """All formats of one command line; -> failures, ties, numbers"""
    tolerance = task.tight_tolerance if args.tight else task.sweep_tolerance
    parsed, dtype = task.parse_options(options), ["F32", "F16", "BF16"][seed // 4 % 3]
    here = tempfile.mkdtemp(prefix="in-", dir=where)
    quantises = args.compute_type == "int8"
    plain = ensemble.again(net, torch.float32) if quantises else net
    records = steady(plain, records, parsed, tolerance)
    shard, records, fronts = shards.write(kind, records, os.path.join(here, "input"), dtype, bool(case.rs.randint(2)))
    results = [(otherwise if quantises else task).process(net, r, parsed) for r in records]
    explain = explaining(args, net, plain, records, parsed, results, tolerance) if quantises else None
    coverage.run(case, kind, parsed, "jsonl", dtype)
    lines = shards.read(run(args, where, shard, options, case.rs), "jsonl")
    failures, ties, pairs = compare_run(lines, fronts, results, tolerance, explain)
    failures += nbest_failures(lines)
    if quantises and parsed.task == "embed":
        failures += cosine_failures(args, plain, lines, records)
    if case.kind == "seq2seq" and parsed.task not in ("score", "states"):
        fail, n = ([], 0) if parsed.repetition_penalty else forced_failures(args, net, where, lines, records, results, parsed, case.rs)
        failures, args.n_forced = failures + fail, args.n_forced + n
    if quantises and not failures:
        answered(results, lines)
    for form in other_formats(parsed, results):
        coverage.run(case, kind, parsed, form, dtype)
        found = shards.read(run(args, where, shard, bare(options) + ["--format", form], case.rs), form)
        compare = {"npy": shards.compare_rows, "safetensors": shards.compare_features}
        fail, tie = shards.compare_text(found, results, tolerance) if form == "txt" else (compare[form](found, results, tolerance), [])
        failures += [f"{form}: {text}" for text in fail]
        ties += [f"{form}: {text}" for text in tie]
    return failures, ties, pairs


def nbest_failures(lines):
    """Lists that are not sorted or hold something twice, and rows of weights that do not sum to 1."""
    failures = []
    for i, record in enumerate(map(json.loads, lines)):
        items = record.get("nbest", [])
        if any(not a["score"] >= b["score"] for a, b in zip(items, items[1:])):
            failures.append(f"record {i}: the n-best list is not sorted")
        if len({json.dumps([item["output"], item["logprob"]]) for item in items}) < len(items):
            failures.append(f"record {i}: the n-best list holds something twice")
        rows = [row for step in record.get("attention", []) for row in (step if step and isinstance(step[0], list) else [step])]
        if any(row and not abs(sum(row) - 1) <= 1e-6 for row in rows):
            failures.append(f"record {i}: a row of weights does not sum to 1")
    return failures


def followed(net, line, record, result):
    """The record with the output as its target, where following that is the same as the search: it ended, and the text is
    cut into its own tokens."""
    best = result.detail["tokens"]
    same = result.detail["steps"] == len(best) + 1 and result.margin >= task.TIE and json.loads(line)["output"] == result.fields["output"]
    try:
        return same and net.target.encode(result.fields["output"]) == best and {**record, "target": result.fields["output"]}
    except ValueError:
        return None


def forced_failures(args, net, where, lines, records, results, options, rs):
    """What the search says of its best outputs, against forced scoring of them by the same command. -> failures, n"""
    pairs = [(line, followed(net, line, r, result)) for line, r, result in zip(lines, records, results)]
    pairs = [(json.loads(line)["logprob"], r) for line, r in pairs if r]
    if not pairs:
        return [], 0
    here = tempfile.mkdtemp(prefix="forced-", dir=where)
    shard, _, _ = shards.write("jsonl", [r for _, r in pairs], os.path.join(here, "input"), None, True)
    beam = ["--beam-size", str(options.beam_size)] if options.beam_size else []
    others = [word for directory in options.ensemble for word in ("--ensemble", directory)]
    found = shards.read(run(args, where, shard, ["--task", "score", *beam, *others], rs), "jsonl")
    got = [json.loads(line)["logprob"] for line in found]
    return [f"forced: record {r['id']}: beam {a}, forced {b}" for (a, r), b in zip(pairs, got)
            if not abs(a - b) <= max(1e-5, 2.4e-7 * abs(a))], len(pairs)


def together(case, net, where):
    """Of some cases: other models that decode with it. -> [(all of them, options)]"""
    rs = np.random.RandomState([case.seed, 11])
    if case.kind != "seq2seq" or rs.rand() >= 0.4:
        return []
    members = [(member, os.path.join(where, f"member-{k}")) for k, member in enumerate(random_members.draw_members(case, rs))]
    for member, directory in members:
        member.write(directory)
    nets = ensemble.Ensemble([net] + [type(net).load(directory) for _, directory in members])
    return [(nets, options) for options in make_cases.ensemble_lines(case, members, rs)]


def one(seed, args, coverage):
    """-> failures, ties, numbers, one line about the case"""
    case = random_models.draw(seed, make_cases.strata(seed, args.sentencepiece))
    coverage.add(case)
    records = make_cases.random_records(case)
    features = case.source_tokens is None
    if case.kind == "encoder" and (features or case.source_kind in ("char", "ids")):
        records = prefixes(case, records)
    kinds = shards.FEATURE_KINDS if features else shards.TEXT_KINDS
    failures, ties, pairs, about = [], [], [], []
    where = tempfile.mkdtemp(prefix=f"oracle-{seed}-")
    try:
        case.write(os.path.join(where, "model"))
        net = (quantised.Quantised if args.compute_type == "int8" else Model).load(os.path.join(where, "model"))
        for of, options in [(net, line) for line in make_cases.command_lines(case)] + together(case, net, where):
            kind, text = kinds[seed % len(kinds)], " ".join(options)
            if "score" in options:
                kind = shards.NO_TARGET.get(kind, kind)
            if "--prefix-key" in options:
                kind = "jsonl.zst" if kind.endswith(".zst") else "jsonl"
            about.append(text)
            try:
                fail, tie, some = one_line(args, case, of, where, records, kind, options, coverage, seed)
            except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                fail, tie, some = [str(error)], [], []
            failures += [f"[{text}] {f}" for f in fail]
            ties += [f"[{text}] {t}" for t in tie]
            pairs += some
        if failures and args.keep:
            shutil.copytree(where, os.path.join(args.keep, str(seed)), dirs_exist_ok=True)
    finally:
        shutil.rmtree(where)
    return failures, ties, pairs, describe(case.config) + " | " + kind + " | " + " ; ".join(about)


def heads_of(spec):
    return f"x{spec['heads']}" if "heads" in spec else ""


def describe(config):
    """The case in a few words."""
    source, encoder = config["source"], config["encoder"]
    words = [config["model_type"], source.get("tokenizer", {"type": "features"})["type"],
             *(spec["type"] for spec in config.get("front", [])),
             f"H{encoder['hidden_size']}x{encoder.get('num_layers', 1)}{'bi' if encoder.get('bidirectional') else ''}",
             *cells.unlike(encoder)]
    if config["model_type"] == "seq2seq":
        d = config["decoder"]
        attends = "attention" in config
        words += [config["attention"]["score"] + heads_of(config["attention"]) if attends else "no attention", d["bridge"], "conditional" if d.get("conditional") else d["attention"]["query"] if attends else "", "+".join(d["input"]),
                  f"H{d['hidden_size']}x{d.get('num_layers', 1)}", *cells.unlike(d)] + (["tied"] if d.get("tied") else [])
    else:
        pooling = config.get("pooling") or {"type": "no pooling"}
        words += [pooling.get("score", pooling["type"]) + heads_of(pooling), pooling.get("query", "")] + list(config.get("heads", {}))
    return " ".join(w for w in words if w)


def reads_sentencepiece(grus):
    """Whether this grus was built with SentencePiece: else it refuses the type before it looks for the file."""
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(where, "config.json"), "w", encoding="utf-8") as f:
            json.dump({"model_type": "encoder", "source": {"tokenizer": {"type": "sentencepiece", "model": "none"}, "embedding_dim": 1},
                       "encoder": {"hidden_size": 1}, "pooling": {"type": "mean"}}, f)
        done = subprocess.run([grus, "inspect", where], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return b"has no sentencepiece" not in done.stderr


def int8_failures(args):
    """Prints what was seen of roundings; -> 1 if too many records were rounded otherwise."""
    most = 2 * args.n_expected + 3
    print(f"{args.n_otherwise} of {args.n_records} records rounded otherwise, {args.n_expected:.1f} expected, at most {most:.1f}")
    print(f"{len(args.losses)} embeddings, 1 - cosine to float32 at most {max(args.losses, default=0):.2g}")
    return int(args.n_otherwise > most)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grus", default=os.environ.get("GRUS", "./grus"), help="the command [$GRUS, else ./grus]")
    parser.add_argument("--count", type=int, default=FULL)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow one by one")
    parser.add_argument("--compute-type", choices=["float32", "int8"], default="float32", help="of grus; [%(default)s]")
    parser.add_argument("--tight", action="store_true", help="1e-5 instead of 2e-5 + 1e-4 |x|")
    parser.add_argument("--keep", metavar="DIR", help="copy the files of failing cases there")
    parser.add_argument("--verbose", action="store_true", help="a line for every case, also for those that pass")
    args = parser.parse_args()
    args.grus = os.path.abspath(args.grus)
    if not os.access(args.grus, os.X_OK):
        parser.error(f"{args.grus}: no such command")
    torch.set_num_threads(1)
    started, passed, failed, n_ties, worst = time.time(), 0, 0, 0, {}
    args.n_forced = args.n_records = args.n_expected = args.n_otherwise = 0
    args.losses = []
    args.sentencepiece = formats.has_sentencepiece() and reads_sentencepiece(args.grus)
    coverage = Coverage(args.sentencepiece)
    print(f"seeds {args.seed} to {args.seed + args.count - 1}{'' if args.sentencepiece else ', without sentencepiece'}", flush=True)
    for seed in range(args.seed, args.seed + args.count):
        failures, ties, pairs, about = one(seed, args, coverage)
        passed, failed = passed + (not failures), failed + bool(failures)
        n_ties += sum("rounded otherwise" not in text for text in ties)
        if failures or args.verbose:
            print(f"{'FAILED' if failures else 'ok'} seed {seed}: {about}")
        for text in failures[:5]:
            print("    " + text)
        for text in ties:
            print(f"    {'' if 'rounded otherwise' in text else 'true tie, '}seed {seed}: {text}")
        for field, difference, size in pairs:
            largest = worst.setdefault(field, [0, 0.0, 0.0])
            largest[0] += 1
            largest[1] = max(largest[1], difference)
            largest[2] = max(largest[2], difference / max(1.0, size))
        sys.stdout.flush()
    for field, (n, absolute, relative) in sorted(worst.items()):
        print(f"{field}: {n} numbers, largest difference {absolute:.2g}, {relative:.2g} of max(1, |x|)")
    print(f"{args.n_forced} outputs of searches scored again by forced decoding, to 1e-5")
    coverage.print()
    missing = coverage.missing() if args.count >= FULL else []
    for value in missing:
        print(f"FAILED: never drawn: {value}")
    failed += bool(missing)
    if args.compute_type == "int8":
        failed += int8_failures(args)
    print(f"seeds {args.seed} to {args.seed + args.count - 1}, {n_ties} true ties, {time.time() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
