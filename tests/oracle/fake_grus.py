#!/usr/bin/env python3
"""Stands in for `grus run` so that the other tools can be tested: the same command line, the reference model in double.

FAKE_ERROR=x moves every number by x, FAKE_TEXT=1 drops the last character of every text: both must make a sweep fail. So
must FAKE_OTHERWISE=1, which with int8 rounds the value of each record that is closest to a middle the other way: each
record can be explained, and there are too many.
"""
import argparse
import json
import os
import sys
import tempfile

import numpy as np
import torch

import formats
import model
import otherwise
import quantised
import shards
import task


def spoil(value, by, cut):
    if isinstance(value, dict):
        return {k: spoil(v, by, cut) for k, v in value.items()}
    if isinstance(value, list):
        return [spoil(v, by, cut) for v in value]
    if isinstance(value, float):
        return value + by
    return value[:-1] if cut and isinstance(value, str) else value


def read(path):
    """(line to splice into, record) of every record of a shard"""
    form = os.path.basename(path).split(".")[1]
    if form == "safetensors":
        with open(path, "rb") as f:
            data = f.read()
        with tempfile.NamedTemporaryFile() as plain:
            plain.write(formats.unzstd(data) if path.endswith(".zst") else data)
            plain.flush()
            tensors = formats.read_safetensors(plain.name)
        offsets = tensors["offsets"].astype(int)
        for n, (a, b) in enumerate(zip(offsets, offsets[1:])):
            yield '{"id":%d}' % n, {"features": tensors["features"][a:b].tolist()}
        return
    for n, line in enumerate(formats.read_lines(path), 1):
        if form == "jsonl":
            yield line, json.loads(line)
        else:
            columns = line.split("\t")
            yield '{"id":%d}' % n, {"text": columns[0], "target": columns[-1]}


def answer(net, record, options):
    if options.compute_type == "float32":
        return task.process(net, record, options)
    result = otherwise.process(net, record, options)
    if "FAKE_OTHERWISE" in os.environ and result.rounding.near:
        return otherwise.process(net, record, options, frozenset([min(result.rounding.near)[1]]))
    return result


def write_features(stem, records):
    rows = [row for record in records for row in record]
    offsets = np.concatenate([[0], np.cumsum([len(record) for record in records])])
    size = len(rows[0]) if rows else 1
    formats.write_safetensors(stem, {"features": np.array(rows, np.float32).reshape(-1, size), "offsets": offsets},
                              {"features": "F32", "offsets": "I64"})
    with open(stem, "rb") as f, open(f"{stem}.safetensors.zst", "wb") as to:
        to.write(formats.zstd(f.read()))
    os.remove(stem)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run", "inspect"])
    parser.add_argument("model")
    parser.add_argument("input", nargs="*")
    parser.add_argument("-o", "--output")
    parser.add_argument("--format", choices=["jsonl", "txt", "npy", "safetensors"], default="jsonl")
    parser.add_argument("--compute-type", choices=["float32", "int8"], default="float32")
    task.add_options(parser)
    parser.add_argument("-t", "--threads")
    parser.add_argument("--batch-tokens")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    if options.command == "inspect":
        return 0
    torch.set_num_threads(1)
    int8 = options.compute_type == "int8"
    net = quantised.Quantised.load(options.model) if int8 else model.Model.load(options.model, torch.float64)
    by, cut = float(os.environ.get("FAKE_ERROR", 0)), "FAKE_TEXT" in os.environ
    os.makedirs(options.output, exist_ok=True)
    for path in options.input:
        pairs = list(read(path))
        results = [spoil(answer(net, record, options).fields, by, cut) for _, record in pairs]
        stem = os.path.join(options.output, os.path.basename(path).split(".")[0])
        if options.format == "npy":
            np.save(stem, np.array([r["embedding"] for r in results], np.float32))
            continue
        if options.format == "safetensors":
            write_features(stem, [r["states"] if "states" in r else [r["embedding"]] for r in results])
            continue
        lines = [formats.splice(line, fields) for (line, _), fields in zip(pairs, results)]
        if options.format == "txt":
            texts = map(shards.text_of, results)
            lines = [text if isinstance(text, str) else " ".join(map(repr, text)) for text in texts]
        with open(f"{stem}.{options.format}.zst", "wb") as f:
            f.write(formats.zstd("".join(line + "\n" for line in lines).encode()))


if __name__ == "__main__":
    sys.exit(main())
