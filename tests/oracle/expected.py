#!/usr/bin/env python3
"""What PyTorch makes of the first records of a shard: the case that tests/command/models.sh holds grus against.

    expected.py --model models/g2p-en --input models/g2p-en/demo.jsonl.zst --out tests/support/models/g2p-en

Writes input.jsonl, expected.jsonl and options to OUT; the options, behind `--`, are those of `grus run`. A record that
PyTorch decided by less than 1e-3 may come out otherwise elsewhere: it is left out, and shown. With --demo the input is the model's
demo shard, whose features are large: input.jsonl is not written, and expected.jsonl has no features. With --ensemble, OUT is
named after all members, with + between.
"""
import argparse
import json
import os

import ensemble
import formats
import task
from model import Model

MARGIN = 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", required=True, help=".jsonl or .jsonl.zst")
    parser.add_argument("--out", required=True, help="directory to write")
    parser.add_argument("--ensemble", action="append", default=[], help="a model that decodes along with --model; may be repeated")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("options", nargs="*")
    args = parser.parse_args()
    members, options = [Model.load(m) for m in [args.model, *args.ensemble]], task.parse_options(args.options)
    model = ensemble.Ensemble(members) if args.ensemble else members[0]
    given, expected = [], []
    for line in formats.read_lines(args.input)[:args.count]:
        record = json.loads(line)
        result = task.process(model, record, options)
        if result.margin < MARGIN:
            print(f"left out, decided by {result.margin:.2g}: {line[:200]}")
            continue
        given.append(line)
        kept = json.dumps({k: v for k, v in record.items() if k != "features"}) if args.demo else line
        expected.append(kept[:-1] + "," + formats.dumps(result.fields)[1:])
    os.makedirs(args.out, exist_ok=True)
    files = [("expected.jsonl", expected), ("options", [" ".join(args.options)])]
    for name, lines in files if args.demo else [("input.jsonl", given), *files]:
        with open(os.path.join(args.out, name), "w", encoding="utf-8", newline="\n") as f:
            f.write("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
