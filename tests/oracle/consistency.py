#!/usr/bin/env python3
"""Does what grus says of its own translations hold together? Needs no PyTorch.

    consistency.py --grus PATH --model DIR --texts FILE

Each text (one a line) is translated with an n-best list and soft attention; then the best translation is given back as the
target of a forced decoding. Checked: an n-best list is sorted, begins with the best and has no sequence of tokens twice; its
scores and log-probabilities agree; attention rows sum to 1; forced scoring finds the log-probability that the search
reported. The model is run under another configuration of its target side, tokenizer `ids`, because one text may be cut into
tokens in several ways; how many translations are cut otherwise than the search wrote them is counted with the model as it is.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import formats


def run(grus, model, records, *options):
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    done = subprocess.run([grus, "run", model, "-", "-o", "-", "--quiet", *options], input=lines.encode(), stdout=subprocess.PIPE,
                          check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def with_ids(model, directory):
    """The model with token ids for output text, in a new directory that links to its files."""
    for name in os.listdir(model):
        if name != "config.json":
            os.symlink(os.path.realpath(os.path.join(model, name)), os.path.join(directory, name))
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["decoder"]["tokenizer"] = {"type": "ids"}
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    return directory


def n_best_faults(record):
    items = record["nbest"]
    faults = [] if {k: record[k] for k in items[0]} == items[0] else ["the best is not the first"]
    if any(not a["score"] >= b["score"] for a, b in zip(items, items[1:])):
        faults.append("not sorted")
    if len({tuple(i["output"]) for i in items}) < len(items):
        faults.append("a sequence twice")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grus", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of log-probabilities")
    args = parser.parse_args()
    texts = [{"text": t} for t in formats.read_lines(args.texts)]
    beam = str(args.beam_size)
    search = ("--beam-size", beam, "--n-best", beam)
    with tempfile.TemporaryDirectory() as directory:
        model = with_ids(args.model, directory)
        found = run(args.grus, model, texts, *search, "--attention", "soft")
        forced = run(args.grus, model, [{**t, "target": r["output"]} for t, r in zip(texts, found)], "--task", "score")
    plain = run(args.grus, args.model, texts, *search)
    again = run(args.grus, args.model, [{**t, "target": r["output"]} for t, r in zip(texts, plain)], "--task", "score")
    if not len(texts) == len(found) == len(forced) == len(plain) == len(again):
        sys.exit("a record is missing")

    wrong = 0
    for text, record in zip(texts, found):
        for fault in n_best_faults(record):
            print(f"{text['text']}: n-best: {fault}")
            wrong += 1
    sums = [abs(sum(row) - 1) for r in found for row in r["attention"]]
    scores = [abs(f["logprob"] - r["logprob"]) for f, r in zip(forced, found)]
    same = [a["logprob"] for a in plain] == [a["logprob"] for a in found]
    other = sum(not abs(a["logprob"] - r["logprob"]) <= args.tolerance for a, r in zip(again, plain))
    lists = [len(r["nbest"]) for r in found]
    print(f"{len(texts)} texts, {sum(lists)} translations in n-best lists of {min(lists)} to {max(lists)}, {wrong} faults")
    print(f"{len(sums)} attention rows, sums within {max(sums):.2g} of 1")
    print(f"forced scoring within {max(scores):.2g} of the search's log-probability")
    print(f"{other} best translations are cut into other tokens when they are read back")
    if not same:
        print("output as ids and as text have different log-probabilities")
    return 0 if not wrong and same and max(sums) <= 1e-6 and max(scores) <= args.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
