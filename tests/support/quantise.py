"""A model directory with its matrices in I8, by Python's own arithmetic: the oracle of what int8 rounds when a model is loaded.

    quantise.py FOLDER CASE...     of each directory CASE its model, as FOLDER/NAME OF THE CASE
"""
import json
import math
import os
import shutil
import struct
import sys
from array import array


def floats(dtype, data):
    if dtype == "F32":
        return array("f", data)
    if dtype == "F16":
        return array("f", struct.unpack("<%de" % (len(data) // 2), data))
    return array("f", b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2)))


def single(x):
    """The nearest float32. A quotient of two of them is rounded first to a double, which changes nothing: 53 >= 2 * 24 + 2."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def quantise(values, columns):
    """-> q, scales"""
    q, scales = array("b"), array("f")
    values = [0.0 if abs(x) < 2.0 ** -126 else x for x in values]
    for first in range(0, len(values), columns):
        row = values[first:first + columns]
        scale = single(max(map(abs, row)) / 127)
        scale = 0.0 if scale < 2.0 ** -126 else scale
        scales.append(scale)
        q.extend(round(single(x / scale)) if scale else 0 for x in row)
    return q, scales


def convert(source, copy):
    shutil.copytree(source, copy)
    with open(os.path.join(source, "model.safetensors"), "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    wide, narrow, metadata = [], [], header.pop("__metadata__", None)
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        part, shape = data[begin:end], tensor["shape"]
        state = name.endswith((".initial_state", ".initial_cell", ".transitions"))  # no weight
        if tensor["dtype"] not in ("F32", "F16", "BF16") or len(shape) < 2 or state:
            wide.append((name, tensor["dtype"], shape, part))
            continue
        q, scales = quantise(floats(tensor["dtype"], part), math.prod(shape[1:]))
        narrow.append((name, "I8", shape, q.tobytes()))
        wide.append((name + "_scale", "F32", [shape[0]], scales.tobytes()))
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, dtype, shape, part in wide + narrow:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(part)]}
        at += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(copy, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for *_, part in wide + narrow:
            f.write(part)


for case in sys.argv[2:]:
    convert(os.path.join(case, "model"), os.path.join(sys.argv[1], os.path.basename(os.path.normpath(case))))
