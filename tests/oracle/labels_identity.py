#!/usr/bin/env python3
"""Do the heads of a model answer in grus as in PyTorch, record by record?

    labels_identity.py --model DIR --input SHARD [--grus PATH | --output SHARD]

SHARD is JSONL with `text` or `features` (.jsonl or .jsonl.zst). With --grus it runs `grus run` itself; or it takes the output
of an earlier run. Every label of every head is compared, and every probability. Records that differ are listed with
the margin by which PyTorch decided; the exit code is 1 if a margin is 1e-5 or more, or a probability differs by more than 1e-5.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import torch

import formats
import task
from model import Encoded, Model


def run_grus(grus, model, shard, threads):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([grus, "run", model, shard, "-o", directory, "--quiet", "-t", str(threads)], check=True)
        stem = os.path.basename(shard).removesuffix(".zst").rsplit(".", 1)[0]
        return formats.read_lines(os.path.join(directory, stem + ".jsonl.zst"))


def torch_results(net, records, batch):
    """A Result for each record; `batch` of them are encoded at once."""
    options = task.parse_options([])
    for k in range(0, len(records), batch):
        part = records[k:k + batch]
        enc = net.encode([r["features"] if net.features else net.source_ids(r["text"]) for r in part])
        for i, length in enumerate(enc.lengths.tolist()):
            one = Encoded(enc.outputs[i:i + 1, :length], enc.lengths[i:i + 1], [x[i:i + 1] for x in enc.finals])
            yield task.process_encoder(net, one, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--grus", help="run this command")
    parser.add_argument("--output", help="output shard of a run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=100, help="records that PyTorch encodes at once")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if not (args.grus or args.output):
        parser.error("give --grus or --output")
    net = Model.load(args.model)
    records = [json.loads(line) for line in formats.read_lines(args.input)]
    lines = formats.read_lines(args.output) if args.output else run_grus(args.grus, args.model, args.input, args.threads)
    if len(lines) != len(records):
        sys.exit(f"{len(lines)} records for {len(records)}")
    labels, differing, ties, close, worst = 0, 0, 0, 0, 0.0
    for number, (expected, line) in enumerate(zip(torch_results(net, records, args.batch), lines), 1):
        got = json.loads(line)
        got = {head: got.get(head) for head in expected.fields}
        differences = task.compare(expected.fields, got, task.tight_tolerance)
        labels += sum(len(v) if isinstance(v, list) else 1 for v in expected.fields.values())
        close += expected.margin < task.TIE
        worst = max([worst] + [d for _, d, _ in task.numbers(expected.fields, got)])
        if differences:
            tie = task.true_tie(expected, got, differences)
            differing, ties = differing + 1, ties + bool(tie)
            print(f"record {number}: {differences[:3]}, margin {expected.margin:.3g}{' true tie' if tie else ' DIFFERENT'}")
    print(f"{len(records)} records, {labels} labels: {len(records) - differing} records the same, {ties} true ties, "
          f"{differing - ties} different; {close} decided by less than {task.TIE:g}; largest difference of a probability {worst:.2g}")
    return 0 if differing == ties else 1


if __name__ == "__main__":
    sys.exit(main())
