#!/usr/bin/env python3
"""Stands in for `grus run` so that the other tools can be tested: the same command line, the reference model in double.

FAKE_ERROR=x moves every number by x, FAKE_TEXT=1 drops the last character of every text: both must make a sweep fail.
"""
import argparse
import json
import os
import sys

import torch

import formats
import model
import task


def spoil(value, by, cut):
    if isinstance(value, dict):
        return {k: spoil(v, by, cut) for k, v in value.items()}
    if isinstance(value, list):
        return [spoil(v, by, cut) for v in value]
    if isinstance(value, float):
        return value + by
    return value[:-1] if cut and isinstance(value, str) else value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run"])
    parser.add_argument("model")
    parser.add_argument("input", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    task.add_options(parser)
    parser.add_argument("-t", "--threads")
    parser.add_argument("--batch-tokens")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = model.Model.load(options.model, torch.float64)
    by, cut = float(os.environ.get("FAKE_ERROR", 0)), "FAKE_TEXT" in os.environ
    os.makedirs(options.output, exist_ok=True)
    for path in options.input:
        out = []
        for n, line in enumerate(formats.read_lines(path), 1):
            if path.endswith(".txt"):
                record = {"text": line}
                line = '{"id":%d}' % n
            else:
                record = json.loads(line)
            out.append(formats.splice(line, spoil(task.process(net, record, options).fields, by, cut)) + "\n")
        stem = os.path.basename(path).rsplit(".", 1)[0]
        with open(os.path.join(options.output, stem + ".jsonl.zst"), "wb") as f:
            f.write(formats.zstd("".join(out).encode()))


if __name__ == "__main__":
    sys.exit(main())
