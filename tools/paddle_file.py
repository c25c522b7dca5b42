"""Reads what Paddle saves for inference: a program (operators in order), and tensors, one file each or all in one. Needs NumPy."""
import os
import struct

import numpy as np

import protobuf as pb
from chain import Refused
from paddle_tensor import Damaged, next_tensor, read_tensor

DENSE = 7       # VarType.LOD_TENSOR
# Attributes by their kind: field of the value, and how it is read.
READERS = {0: lambda m: pb.integer(m, 3), 1: lambda m: struct.unpack("<f", m[4][-1])[0], 2: lambda m: pb.text(m, 5),
           3: lambda m: pb.integers(m, 6), 4: lambda m: pb.floats(m, 7), 5: lambda m: pb.texts(m, 8),
           6: lambda m: bool(pb.integer(m, 10)), 9: lambda m: pb.integer(m, 13), 11: lambda m: pb.integers(m, 15)}


class Operator:
    """kind; inputs, outputs: parameter -> names of variables; attributes by name."""

    def __init__(self, data):
        found = pb.message(data)
        self.kind = pb.text(found, 3)
        self.inputs, self.outputs = ({pb.text(m, 1): pb.texts(m, 2) for m in map(pb.message, found.get(field, []))} for field in (1, 2))
        self.attributes = {}
        for m in map(pb.message, found.get(4, [])):
            kind = pb.integer(m, 2)
            if kind in READERS:
                self.attributes[pb.text(m, 1)] = READERS[kind](m)

    def place(self):
        name = next((n for names in self.outputs.values() for n in names), "?")
        return f"operator {self.kind} (to {name!r})"


class Program:
    """operators of the main block, persistent: name -> dimensions of its parameters."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        try:
            blocks = [pb.message(b) for b in pb.message(data)[1]]
            self.operators = [Operator(o) for o in blocks[0].get(4, [])]
            self.persistent = {}
            for v in (pb.message(v) for b in blocks for v in b.get(3, [])):
                kind = pb.message(v[2][-1])
                if pb.integer(v, 3) and pb.integer(kind, 1) == DENSE:
                    self.persistent[pb.text(v, 1)] = pb.integers(pb.message(pb.message(kind[3][-1])[1][-1]), 2)
        except pb.WRONG:
            raise Refused(path, "a program of Paddle (__model__ or .pdmodel)", "none") from None
        if not self.operators:
            raise Refused(path, "a program of Paddle (__model__ or .pdmodel)", "no operators")


def shaped(dimensions, values):
    return np.array(values, np.float32).reshape(dimensions)


def one_by_one(folder, names):
    """Tensors of a folder that holds a file for each."""
    return {name: shaped(*read_tensor(os.path.join(folder, name))) for name in names}


def combined(path, persistent):
    """Tensors of one file: they stand in the order of their names, and the program knows their shapes."""
    with open(path, "rb") as f:
        data = f.read()
    out, at = {}, 0
    for name in sorted(persistent):
        dimensions, values, at = next_tensor(data, at, f"{path}: {name}")
        if dimensions != persistent[name]:
            raise Refused(f"{path}: {name}", f"the shape {persistent[name]} of the program", dimensions)
        out[name] = shaped(dimensions, values)
    if at != len(data):
        raise Refused(path, f"{len(out)} tensors, as the program has", f"{len(data) - at} bytes behind them")
    return out


def look(inputs):
    """(Program or None, name -> array) of the INPUTs: a folder, or a program and a file of parameters."""
    first = inputs[0]
    if os.path.isdir(first):
        if len(inputs) > 1:
            raise Refused("INPUT", "one folder", len(inputs))
        names = sorted(n for n in os.listdir(first) if os.path.isfile(os.path.join(first, n)))
        models = [n for n in names if n == "__model__" or n.endswith(".pdmodel")]
        if not models:
            return None, one_by_one(first, [n for n in names if not n.startswith(".")])
        if len(models) > 1:
            raise Refused(first, "one program", ", ".join(models))
        first = os.path.join(first, models[0])
    program, folder = Program(first), os.path.dirname(first) or "."
    beside = [os.path.join(folder, n) for n in ("__params__", "params", os.path.basename(first)[:-len(".pdmodel")] + ".pdiparams")]
    held = inputs[1:] or [p for p in beside if os.path.isfile(p)]
    if len(held) > 1:
        raise Refused("INPUT", "a program and one file of parameters", ", ".join(inputs))
    return program, combined(held[0], program.persistent) if held else one_by_one(folder, program.persistent)
