"""Reads what TensorFlow saves, without TensorFlow: checkpoints of both formats (PREFIX.index with PREFIX.data-…, and the single file
of version 1), frozen graphs (.pb), and the graphs in PREFIX.meta and saved_model.pb. What the variables mean is import_tensorflow.py's.

The formats: tensorflow/core/protobuf/tensor_bundle.proto, core/util/saved_tensor_slice.proto, core/framework/graph.proto, and LevelDB's
table format, in which both kinds of checkpoints keep their keys.
"""
import os
import re
import struct

import numpy as np

import protobuf
from importing import Refused

DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 14: "bfloat16", 19: "<f2"}
LISTS = {1: (5, "f"), 2: (6, "d")}       # fields of a TensorProto with single values
MOST = 1 << 28      # numbers of a constant that is written as one
MAGIC = 0xdb4775248b80fb57
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


class Node:
    """Of a graph. inputs: (node, which of its outputs), without control inputs."""

    def __init__(self, name, op, inputs, attributes):
        self.name, self.op, self.inputs, self.attributes = name, op, inputs, attributes


class Saved:
    """variables: name -> array; graph: name -> Node, or None where the files have none."""

    def __init__(self, variables, graph):
        self.variables, self.graph = variables, graph


# ------------------------------------------------------------ LevelDB's tables

def block(data, offset, size, path):
    """(key, value) of a block."""
    if offset + size + 5 > len(data):
        raise Refused(f"{path}: is cut off, or damaged")
    kind, block_data = data[offset + size], data[offset:offset + size]
    if kind != 0:
        raise Refused(f"{path}: holds compressed blocks (kind {kind})")
    restarts, = struct.unpack("<I", block_data[-4:])
    end, at, key = size - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = protobuf.varint(block_data, at)
        own, at = protobuf.varint(block_data, at)
        length, at = protobuf.varint(block_data, at)
        key = key[:shared] + block_data[at:at + own]
        yield key, block_data[at + own:at + own + length]
        at += own + length


def table(path):
    """(key, value) of all entries, or None if this is no table."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 48 or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        return None
    _, at = protobuf.varint(data, len(data) - 48)       # the handle of the meta index, which has nothing for us
    _, at = protobuf.varint(data, at)
    offset, at = protobuf.varint(data, at)
    size, at = protobuf.varint(data, at)
    entries = []
    for _, handle in block(data, offset, size, path):
        begin, at = protobuf.varint(handle, 0)
        length, at = protobuf.varint(handle, at)
        entries += block(data, begin, length, path)
    return entries


# ------------------------------------------------------------ tensors

def dimensions(data):
    return [protobuf.integer(protobuf.message(d), 1) for d in protobuf.message(data).get(2, [])]


def as_array(data, kind, shape):
    """Of bytes; None for texts and the like."""
    if kind not in DTYPES:
        return None
    if DTYPES[kind] == "bfloat16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(data, DTYPES[kind]).reshape(shape)


def tensor(data):
    """Of a TensorProto."""
    found = protobuf.message(data)
    kind = protobuf.integer(found, 1)
    shape = dimensions(found[2][-1]) if 2 in found else []
    if 4 in found and found[4][-1]:
        return as_array(found[4][-1], kind, shape)
    if kind not in LISTS:
        return None
    values = np.array(protobuf.floats(found, *LISTS[kind]), DTYPES[kind])
    count = int(np.prod(shape))
    if len(values) == 1 and 1 < count <= MOST:      # one value stands for all
        values = np.repeat(values, count)
    return values.reshape(shape) if len(values) == count else None


def bundle(prefix, entries):
    """The variables of a checkpoint of version 2."""
    out, shards, files = {}, 1, {}
    for key, value in entries:
        entry = protobuf.message(value)
        if not key:
            shards = protobuf.integer(entry, 1, 1)
            if protobuf.integer(entry, 2):
                raise Refused(f"{prefix}.index: numbers are big-endian")
            continue
        name, shard = key.decode("utf-8", "replace"), protobuf.integer(entry, 3)
        if 7 in entry or protobuf.integer(entry, 1) not in DTYPES:
            continue        # slices of a variable, and texts
        path = f"{prefix}.data-{shard:05d}-of-{shards:05d}"
        if path not in files:
            with open(path, "rb") as f:
                files[path] = f.read()
        offset, size = protobuf.integer(entry, 4), protobuf.integer(entry, 5)
        if offset + size > len(files[path]):
            raise Refused(f"{path}: {name} lies at {offset} to {offset + size}, and the file has {len(files[path])} bytes")
        shape = dimensions(entry[2][-1]) if 2 in entry else []
        out[name.removesuffix(SUFFIX)] = as_array(files[path][offset:offset + size], protobuf.integer(entry, 1), shape)
    return out


def slices(entries):
    """The variables of a checkpoint of version 1: each is one slice, or it is left out."""
    out, shapes = {}, {}
    for key, value in entries:
        found = protobuf.message(value)
        if not key:
            for meta in protobuf.message(found[1][-1]).get(1, []):
                fields = protobuf.message(meta)
                shapes[protobuf.text(fields, 1)] = dimensions(fields[2][-1]) if 2 in fields else []
        elif 2 in found:
            fields = protobuf.message(found[2][-1])
            values = protobuf.message(fields[3][-1])
            kind = protobuf.integer(values, 1)
            if kind in LISTS:
                out[protobuf.text(fields, 1)] = np.array(protobuf.floats(values, *LISTS[kind]), DTYPES[kind])
    return {n: v.reshape(shapes[n]) for n, v in out.items() if v.size == int(np.prod(shapes.get(n, [0])))}


# ------------------------------------------------------------ graphs

def graph_of(data):
    """name -> Node of a GraphDef."""
    out = {}
    for item in protobuf.message(data).get(1, []):
        found = protobuf.message(item)
        inputs = []
        for text in protobuf.texts(found, 3):
            if not text.startswith("^"):
                name, _, which = text.partition(":")
                inputs.append((name, int(which or 0)))
        attributes = {}
        for attribute in found.get(5, []):
            fields = protobuf.message(attribute)
            attributes[protobuf.text(fields, 1)] = fields[2][-1] if 2 in fields else b""
        name = protobuf.text(found, 1)
        out[name] = Node(name, protobuf.text(found, 2), inputs, attributes)
    return out


def meta_graph(data):
    found = protobuf.message(data)
    return graph_of(found[2][-1]) if 2 in found else None


def constant(node):
    """The array of a Const node, or None."""
    value = protobuf.message(node.attributes.get("value", b"")).get(8) if node.op == "Const" else None
    return tensor(value[-1]) if value else None


def constants(graph):
    """name -> array of the constants of a frozen graph that are not scalars."""
    out = {}
    for name, node in graph.items():
        array = constant(node)
        if array is not None and array.ndim and array.dtype.kind == "f":
            out[name] = array
    return out


# ------------------------------------------------------------ files

def newest(folder):
    """The prefix of the checkpoint in a folder: of a SavedModel, or what its file `checkpoint` names."""
    saved = os.path.join(folder, "variables", "variables")
    if os.path.exists(saved + ".index"):
        return saved
    try:
        with open(os.path.join(folder, "checkpoint"), encoding="utf-8") as f:
            found = re.search(r'^model_checkpoint_path: "(.*)"', f.read(), re.M)
    except FileNotFoundError:
        found = None
    if not found:
        raise Refused(f"{folder}: no SavedModel, and no file checkpoint that names one")
    return os.path.join(folder, os.path.basename(found[1]))


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def read_one(path):
    """-> (variables or None, graph or None)"""
    graph = None
    if os.path.isdir(path):
        if os.path.exists(os.path.join(path, "saved_model.pb")):
            graph = meta_graph(protobuf.message(read_file(os.path.join(path, "saved_model.pb")))[2][0])
        path = newest(path)
    if path.endswith(".meta"):
        return None, meta_graph(read_file(path))
    if path.endswith(".pb"):
        graph = graph_of(read_file(path))
        return constants(graph) or None, graph
    prefix = re.sub(r"\.(index|data-\d+-of-\d+)$", "", path)
    index = prefix + ".index"
    if graph is None and os.path.exists(prefix + ".meta"):
        graph = meta_graph(read_file(prefix + ".meta"))
    entries = table(index if os.path.exists(index) else prefix)
    if entries is None:
        raise Refused(f"{path}: no checkpoint of TensorFlow; a frozen graph ends in .pb, a graph in .meta")
    return bundle(prefix, entries) if os.path.exists(index) else slices(entries), graph


def read(paths):
    """Saved, of one or more files: a checkpoint or a frozen graph, and perhaps the graph of the checkpoint."""
    variables = graph = None
    for path in paths:
        try:
            found, told = read_one(path)
        except (ValueError, TypeError, AttributeError, IndexError, KeyError, struct.error) as e:    # Damaged is a ValueError
            raise Refused(f"{path}: damaged, or not what its name says: {e}") from None
        variables, graph = found or variables, told or graph
    if not variables:
        raise Refused(f"{paths[0]}: no variables; give the checkpoint too")
    return Saved({n: a for n, a in variables.items() if a is not None}, graph)
