"""Reads an ONNX file into a Graph: nodes, constants, inputs and outputs. Needs NumPy alone: protobuf.py reads the messages."""
import os
import struct

import numpy as np

import protobuf as pb

# TensorProto.DataType: NumPy's type, and the field that holds values which are no raw bytes.
TYPES = {1: ("<f4", 4), 2: ("u1", 5), 3: ("i1", 5), 4: ("<u2", 5), 5: ("<i2", 5), 6: ("<i4", 5), 7: ("<i8", 7), 9: ("?", 5),
         10: ("<f2", 5), 11: ("<f8", 10), 12: ("<u4", 11), 13: ("<u8", 11), 16: ("bf16", 5)}
EXTERNAL = 1


class Unreadable(ValueError):
    pass


class Node:
    """operator, its domain, the names of inputs ("" where one is left out) and outputs, attributes by name."""

    def __init__(self, data, folder):
        found = pb.message(data)
        self.inputs, self.outputs = pb.texts(found, 1), pb.texts(found, 2)
        self.name, self.operator, self.domain = pb.text(found, 3), pb.text(found, 4), pb.text(found, 7)
        self.attributes = dict(attribute(a, folder) for a in found.get(5, []))

    def place(self):
        """How an error names the node."""
        outputs = [o for o in self.outputs if o]
        return f"node {self.name or (outputs or ['?'])[0]!r} ({self.operator})"


def tensor(data, folder):
    """-> name, array. float16 and bfloat16 become float32."""
    found = pb.message(data)
    name, shape, kind = pb.text(found, 8), pb.integers(found, 1), pb.integer(found, 2)
    if kind not in TYPES:
        raise Unreadable(f"constant {name!r}: expected numbers, found a tensor of ONNX's type {kind}")
    dtype, field = TYPES[kind]
    if pb.integer(found, 14) == EXTERNAL:
        raw = external(name, found, folder)
    elif 9 in found:
        raw = found[9][-1]
    else:
        raw = None
    if raw is None:
        values = pb.floats(found, 4) if field == 4 else pb.floats(found, 10, "d") if field == 10 else pb.integers(found, field)
        if kind in (10, 16):
            raw, values = struct.pack(f"<{len(values)}H", *values), None
        else:
            array = np.array(values, dtype)
    if raw is not None:
        array = np.frombuffer(raw, "<u2" if dtype == "bf16" else dtype)
    if dtype == "bf16":
        array = (array.astype("<u4") << 16).view("<f4")
    elif dtype == "<f2":
        array = array.astype("<f4")
    if array.size != int(np.prod(shape, dtype=np.int64)):
        raise Unreadable(f"constant {name!r}: expected {int(np.prod(shape, dtype=np.int64))} values for the shape {shape}, "
                         f"found {array.size}")
    return name, array.reshape(shape)


def external(name, found, folder):
    """The bytes of a tensor that lie in a file beside the model, never outside its folder."""
    where = {pb.text(m, 1): pb.text(m, 2) for m in map(pb.message, found.get(13, []))}
    path = os.path.normpath(where.get("location", ""))
    if os.path.isabs(path) or path.split(os.sep)[0] == "..":
        raise Unreadable(f"constant {name!r}: expected its data in the model's folder, found {path!r}")
    with open(os.path.join(folder, path), "rb") as f:
        f.seek(int(where.get("offset", 0)))
        return f.read(int(where["length"])) if "length" in where else f.read()


def attribute(data, folder):
    found = pb.message(data)
    kind = pb.integer(found, 20)
    readers = {1: lambda: struct.unpack("<f", found.get(2, [bytes(4)])[-1])[0], 2: lambda: pb.integer(found, 3),
               3: lambda: pb.text(found, 4), 4: lambda: tensor(found[5][-1], folder)[1], 6: lambda: pb.floats(found, 7),
               7: lambda: pb.integers(found, 8), 8: lambda: pb.texts(found, 9)}
    if kind == 0:       # files of before the field: whichever value is there
        kind = next((k for field, k in ((2, 1), (3, 2), (4, 3), (5, 4), (7, 6), (8, 7), (9, 8)) if field in found), 0)
    return pb.text(found, 1), readers[kind]() if kind in readers else None


def value(data):
    """A graph's input or output: name, sizes (a number, a name, or None where the file has none), or None for no tensor."""
    found = pb.message(data)
    kind = pb.message(found[2][-1]) if 2 in found else {}
    if 1 not in kind:
        return pb.text(found, 1), None
    held = pb.message(kind[1][-1])
    if 2 not in held:
        return pb.text(found, 1), None
    sizes = []
    for d in map(pb.message, pb.message(held[2][-1]).get(1, [])):
        sizes.append(pb.integer(d, 1) if 1 in d else pb.text(d, 2) or None)
    return pb.text(found, 1), [None if isinstance(n, int) and n <= 0 else n for n in sizes]


class Graph:
    """nodes in order; constants: name -> array; inputs, outputs: name -> sizes; opset: of the operators without a domain."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        folder = os.path.dirname(os.path.abspath(path))
        try:
            model = pb.message(data)
            if 7 not in model or 8 not in model:
                raise Unreadable("expected an ONNX model, found none: no graph or no opset_import in it")
            graph = pb.message(model[7][-1])
            sets = {pb.text(m, 1): pb.integer(m, 2) for m in map(pb.message, model[8])}
            self.opset = sets.get("", sets.get("ai.onnx", 1))
            self.producer = f"{pb.text(model, 2)} {pb.text(model, 3)}".strip()
            self.constants = dict(tensor(t, folder) for t in graph.get(5, []))
            self.nodes = [Node(n, folder) for n in graph.get(1, [])]
            self.inputs = {n: s for n, s in map(value, graph.get(11, [])) if n not in self.constants}
            self.outputs = dict(map(value, graph.get(12, [])))
        except Unreadable:
            raise
        except (*pb.WRONG, OSError) as error:
            raise Unreadable(f"expected an ONNX model: {error or type(error).__name__}") from None
