#!/usr/bin/env python3
"""Writes tests/golden/int8.expected: what the reference of int8 makes of the golden cases.

    int8_expected.py CASES tests/golden/int8.expected

CASES is the folder of the unpacked cases (tests/cases of a build). A line is one record's result: the case, its number from
0, and its fields but for attention. Left out are records of which another program may say something else: a value was rounded
close to a middle (quantised.NEAR), or something was decided by less than MARGIN.
"""
import json
import os
import sys

import torch

import formats
import make_golden
import otherwise
import quantised
import task

DROPPED = ("attention", "alignment", "nbest")


def plain(value):
    """Numbers with the digits that float32 has."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def lines(where, name):
    net = quantised.Quantised.load(os.path.join(where, "model"))
    options = task.parse_options(formats.read_lines(os.path.join(where, "options"))[0].split())
    for n, line in enumerate(formats.read_lines(os.path.join(where, "input.jsonl"))):
        result = otherwise.process(net, json.loads(line), options)
        if result.margin < make_golden.MARGIN or result.rounding.near:
            continue
        yield {"case": name, "record": n, **plain({key: x for key, x in result.fields.items() if key not in DROPPED})}


def main():
    torch.set_num_threads(1)
    cases, to = sys.argv[1:]
    with open(to, "w", encoding="utf-8") as f:
        for name in sorted(os.listdir(cases)):
            where = os.path.join(cases, name)
            with open(os.path.join(where, "model", "config.json"), encoding="utf-8") as config:
                if '"sentencepiece"' in config.read():
                    continue
            for made in lines(where, name):
                f.write(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
