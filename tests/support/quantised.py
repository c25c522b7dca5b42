#!/usr/bin/env python3
"""quantised.py MODEL QUANTISED: whether the second model directory holds the tensors of the first (all float32), matrices as I8
with scales, each rounded as doc/model-format.md says. Here each quotient is rounded to float32 from double, which is the same."""
import json
import math
import struct
import sys

TINY = 2.0 ** -126


def read(path):
    """name -> (dtype, shape, numbers)"""
    with open(f"{path}/model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        size, letter = {"F32": (4, "f"), "I8": (1, "b")}[about["dtype"]]
        tensors[name] = about["dtype"], about["shape"], struct.unpack(f"<{(end - begin) // size}{letter}", data[begin:end])
    return tensors


def normal(x):
    return x if abs(x) >= TINY else 0.0


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def quantised(row):
    """-> integers, scale"""
    row = [normal(w) for w in row]
    scale = normal(float32(max(map(abs, row)) / 127))
    return [round(float32(w / scale)) if scale else 0 for w in row], scale


def main():
    plain, found = map(read, sys.argv[1:])
    wanted = {}
    for name, (_, shape, numbers) in plain.items():
        if len(shape) < 2:
            wanted[name] = plain[name]
            continue
        size = math.prod(shape[1:])
        rows = [quantised(numbers[i * size:(i + 1) * size]) for i in range(shape[0])]
        wanted[name] = "I8", shape, tuple(q for row, _ in rows for q in row)
        wanted[name + "_scale"] = "F32", shape[:1], tuple(scale for _, scale in rows)
    wrong = [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
    for name in wrong:
        print(f"{name}: wanted {wanted.get(name)}, found {found.get(name)}", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
