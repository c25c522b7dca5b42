#!/usr/bin/env python3
"""Makes random model directories over the whole cross of variants, with inputs and what PyTorch makes of them.

    make_cases.py --out DIR [--count N] [--seed S]
    make_cases.py --case DIR | FILE.case             prints the details of a case that is there

DIR/<seed>/ gets model/ (a model directory), input.jsonl, options (a command line for `grus run`), expected.jsonl (what
`grus run` must answer) and detail.jsonl (encoder outputs, pooled vectors, probabilities of heads, attention rows, token
ids, margin). The case of a seed is always the same. Models are drawn by random_models.py.
"""
import argparse
import json
import os
import shutil
import tempfile

import numpy as np
import torch

import formats
import golden_case
import task
from model import Model
from random_models import BRIDGES, ORDERED_INPUTS, ORDERED_READOUTS, QUERIES, SCORES, draw


def strata(seed, sentencepiece=False):
    """As seeds count up, every score comes by with every bridge and query, every order of a decoder's inputs and of a
    readout's with every bridge and query, and every pooling; now and then sentencepiece, where that is to be had."""
    k, turn = divmod(seed, 3)
    tokens = {"source_type": "sentencepiece", "features": False} if sentencepiece and seed % 14 == 5 else {}
    if turn < 2:
        k = 2 * k + turn
        # Those of the first 144 have their context, so that none of these orders loses it.
        orders = k % 240 < 144
        rest = {"decoder_attention": orders or k % 3 > 0, **({"conditional": False} if orders else {})}
        return {**rest, "kind": "seq2seq", "score": SCORES[k % 6], "bridge": BRIDGES[k // 6 % 4], "query": QUERIES[k // 24 % 3],
                "input": ORDERED_INPUTS[k % 15], "readout": ORDERED_READOUTS[(k + k // 15) % 15], **tokens,
                **({"target_type": "sentencepiece"} if sentencepiece and seed % 22 == 7 else {})}
    if k % 16 < 12:
        return {"kind": "encoder", "pooling": "attention", "score": SCORES[k % 16 % 6],
                "pool_query": ["last_hidden", "learned"][k % 16 // 6], **tokens}
    kind = ["mean", "max", "last", None][k % 16 - 12]
    return {"kind": "encoder", "pooling": kind, **tokens, **({} if kind else {"heads": ["token"]})}


def rules(case):
    """On tokens."""
    rs = np.random.RandomState([case.seed, 7])
    found = ["--disable-unk"] if rs.rand() < 0.25 else []
    if rs.rand() < 0.4:
        found += ["--no-repeat-ngram-size", str(rs.choice([1, 2, 3, 4]))]
    if rs.rand() < 0.4:
        found += ["--repetition-penalty", str(rs.choice(["0.8", "1.2", "2", "10"]))]
    return found


def by_head(case, spec, attention):
    return ["--attention-heads"] * bool(spec and "heads" in spec and "soft" in attention and case.multihead_rs.rand() < 0.5)


def command_lines(case):
    """Lists of options, one for each run worth doing on this model."""
    rs, lines = case.rs, [["--task", "states"]]
    if case.kind == "encoder":
        pooling, heads = case.config.get("pooling"), case.config.get("heads", {})
        soft = ["--attention", "soft"] if pooling and pooling["type"] == "attention" and rs.rand() < 0.8 else []
        soft += by_head(case, pooling, soft)
        if pooling:
            lines.append(["--task", "embed"] + soft)
        kinds = {h["on"] for h in heads.values()}
        if heads:
            lines.append([] + soft)
        if "sequence" in kinds and rs.rand() < 0.5:
            lines.append(["--task", "classify"])
        if "token" in kinds and rs.rand() < 0.5:
            lines.append(["--task", "tag"] + soft)
        if any(h.get("decode") == "ctc" for h in heads.values()):
            size = str(np.random.RandomState([case.seed, 6]).randint(2, 7))
            lines.append((["--task", "tag"] if case.seed % 2 else []) + ["--beam-size", size])
        for output in ["probs", "logits"] * bool(heads):
            if case.head_rs.rand() < 0.6:
                lines.append(["--head-output", output])
        return lines
    attention = ["--attention", str(rs.choice(["none", "soft", "soft", "hard"]))]
    if "attention" not in case.config:
        attention = []
    attention += by_head(case, case.config.get("attention"), attention)
    search_options = []
    beam = int(rs.choice([0, 1, 2, 3, 5, 8, 12]))
    if beam:
        search_options += ["--beam-size", str(beam)]
    else:
        beam = case.config.get("generation", {}).get("beam_size", 1)
    if beam > 1 and rs.rand() < 0.6:
        search_options += ["--n-best", str(1 + rs.randint(beam))]
    norm = ["--length-norm", str(rs.choice(["none", "avg", "gnmt"]))] if rs.rand() < 0.7 else []
    if norm and rs.rand() < 0.5:
        norm += ["--length-penalty", str(rs.choice(["0", "0.5", "0.6", "1.5"]))]
    limits = ["--max-length", str(rs.choice(["12", "60", "1"], p=[.5, .4, .1]))] if rs.rand() < 0.5 else []
    if rs.rand() < 0.3:
        limits += ["--max-length-factor", str(rs.choice(["0", "0.5", "1.3"]))]
    if rs.rand() < 0.3:
        limits += ["--min-length", str(rs.choice(["2", "5", "15"]))]
    lines.append((["--task", "translate"] if rs.rand() < 0.5 else []) + search_options + rules(case) + norm + limits + attention)
    lines.append(["--task", "score", "--token-scores"] + norm + attention)
    lines.append(prefixed(np.random.RandomState([case.seed, 8]), norm + attention))
    return lines


def prefixed(rs, others):
    """A search with prefixes."""
    beam = int(rs.choice([1, 2, 4, 7]))
    more = ["--n-best", str(1 + rs.randint(beam))] if beam > 1 else []
    more += ["--max-length", str(rs.choice(["1", "4", "15"]))] if rs.rand() < 0.5 else []
    more += ["--min-length", str(rs.choice(["2", "6"]))] if rs.rand() < 0.3 else []
    return ["--prefix-key", "prefix", "--beam-size", str(beam)] + more + others


def ensemble_lines(case, members, rs):
    """A search and a forced scoring by several models; members: [(the drawn model, its directory)]."""
    others = [word for _, where in members for word in ("--ensemble", where)]
    norm = ["--length-norm", str(rs.choice(["none", "avg", "gnmt"]))] if rs.rand() < 0.7 else []
    attends = all("attention" in config for config in [case.config] + [member.config for member, _ in members])
    attention = ["--attention", str(rs.choice(["none", "soft", "hard"]))] if attends else []
    return [prefixed(rs, rules(case) + norm + attention) + others,
            ["--task", "score", "--token-scores"] + norm + attention + others]


def random_records(model):
    """Lengths 0, 1, 2, 3 and some up to 200; targets of all lengths too."""
    rs = model.rs
    lengths = [0, 1, 2, 3] + [int(n) for n in rs.randint(1, 25, size=6)] + [int(rs.choice([40, 77, 129, 200]))]
    if model.h > 100:
        lengths = lengths[:7]
    order = rs.permutation(len(lengths))
    score = model.kind == "seq2seq"
    records = [model.record(f"r{i}", lengths[k], int(rs.choice([0, 1, 2, 7, 15, 30])) if score else None) for i, k in enumerate(order)]
    for i, record in enumerate(records):
        if score and (i + model.seed) % 4:                  # some have none
            record["prefix"] = model.prefix(int(model.prefix_rs.choice([0, 1, 1, 2, 3, 5, 12])))
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="DIR")
    what.add_argument("--case", metavar="DIR|FILE")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.case:
        return show(args.case)
    for seed in range(args.seed, args.seed + args.count):
        case = draw(seed, strata(seed))
        records, lines = random_records(case), command_lines(case)
        for n, options in enumerate(lines):
            where = os.path.join(args.out, f"{seed}-{n}")
            shutil.rmtree(where, ignore_errors=True)
            case.write(os.path.join(where, "model"))
            write_case(where, records, options)
        print(seed, json.dumps(case.config, ensure_ascii=False))


def show(where):
    if where.endswith(".case"):
        with tempfile.TemporaryDirectory() as folder:
            golden_case.unpack([where], folder)
            return show(os.path.join(folder, os.path.basename(where)[:-len(".case")]))
    net = Model.load(os.path.join(where, "model"))
    options = task.parse_options(formats.read_lines(os.path.join(where, "options"))[0].split())
    for line in formats.read_lines(os.path.join(where, "input.jsonl")):
        result = task.process(net, json.loads(line), options)
        print(line)
        for name, value in {**result.fields, **result.detail}.items():
            print(f"    {name}: {formats.dumps(value)}")
        print(f"    closest decision: {min(result.gaps, default='none')}")


def write_case(where, records, options, detail=True):
    """input.jsonl, options, expected.jsonl, and detail.jsonl beside a written model/. -> results"""
    net, parsed = Model.load(os.path.join(where, "model")), task.parse_options(options)
    lines = [json.dumps(r, ensure_ascii=False) for r in records]
    results = [task.process(net, r, parsed) for r in records]
    files = {"input.jsonl": lines, "options": [" ".join(options)],
             "expected.jsonl": [formats.splice(line, r.fields) for line, r in zip(lines, results)]}
    if detail:
        files["detail.jsonl"] = [formats.dumps({**r.detail, "margin": min(r.margin, 1e9)}) for r in results]
    for name, content in files.items():
        with open(os.path.join(where, name), "w", encoding="utf-8", newline="") as f:
            f.write("".join(line + "\n" for line in content))
    return results


if __name__ == "__main__":
    main()
