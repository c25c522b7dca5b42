#!/usr/bin/env python3
"""TensorFlow models for tests/command/import_tensorflow.sh: checkpoints and graphs as TensorFlow lays them out, with random weights, and
what its cells compute with them, by the formulas of its documentation in its own layout.

    tensorflow_models.py make DIR              the files, and NAME.jsonl and NAME.expected for each model
    tensorflow_models.py check EXPECTED OUT...  as keras_models.py
"""
import os
import struct
import sys

import numpy as np

from keras_models import FUNCTIONS, check, numbers, sigmoid, softmax, write_records


# ------------------------------------------------------------ protocol buffers and LevelDB's tables

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """Of a message: an integer, a float, bytes or a text."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def shape(array):
    return b"".join(field(2, field(1, n)) for n in array.shape)


def block(entries):
    """Keys share what they have in common with the one before, but for every third."""
    data, restarts, last = b"", [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % 3 == 0:
            restarts.append(len(data))
        else:
            shared = len(os.path.commonprefix([last, key]))
        data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return data + b"".join(struct.pack("<I", r) for r in restarts or [0]) + struct.pack("<I", len(restarts) or 1)


def table(path, entries, cut=4):
    """entries: {key: value}, sorted here; blocks of `cut` entries."""
    entries, data, index = sorted(entries.items()), b"", []
    for i in range(0, len(entries), cut):
        part = block(entries[i:i + cut])
        index.append((entries[min(i + cut, len(entries)) - 1][0] + b"\x00", varint(len(data)) + varint(len(part))))
        data += part + b"\x00" + bytes(4)
    handles = b""
    for part in (block([]), block(index)):
        handles += varint(len(data)) + varint(len(part))
        data += part + b"\x00" + bytes(4)
    with open(path, "wb") as f:
        f.write(data + handles.ljust(40, b"\x00") + struct.pack("<Q", 0xdb4775248b80fb57))


def write_bundle(prefix, variables):
    """Version 2, in two shards."""
    entries, shards = {b"": field(1, 2) + field(3, field(1, 1))}, [b"", b""]
    for i, (name, array) in enumerate(variables.items()):
        data = array.astype("<f4").tobytes()
        entries[name.encode()] = field(1, 1) + field(2, shape(array)) + (field(3, i % 2) if i % 2 else b"") + \
            field(4, len(shards[i % 2])) + field(5, len(data)) + varint(6 << 3 | 5) + bytes(4)
        shards[i % 2] += data
    table(prefix + ".index", entries)
    for i, data in enumerate(shards):
        with open(f"{prefix}.data-0000{i}-of-00002", "wb") as f:
            f.write(data)


def write_first(path, variables):
    """Version 1: a table of slices, each a whole variable."""
    meta = b"".join(field(1, field(1, n) + field(2, shape(a)) + field(3, 1) + field(4, b"")) for n, a in variables.items())
    entries = {b"": field(1, meta)}
    for name, array in variables.items():
        values = field(1, 1) + field(5, array.astype("<f4").tobytes())
        entries[b"\x00" + name.encode() + b"\x00\x01"] = field(2, field(1, name) + field(2, b"") + field(3, values))
    table(path, entries)


class Graph:
    def __init__(self):
        self.data = b""

    def node(self, name, op, *inputs, **attributes):
        self.data += field(1, field(1, name) + field(2, op) + b"".join(field(3, i) for i in inputs)
                           + b"".join(field(5, field(1, k) + field(2, v)) for k, v in attributes.items()))
        return name

    def constant(self, name, array, single=False):
        array = np.asarray(array, np.float32)
        data = field(5, struct.pack("<f", array.flat[0])) if single else field(4, array.astype("<f4").tobytes())
        self.node(name, "Const", dtype=field(6, 1), value=field(8, field(1, 1) + field(2, shape(array)) + data))
        return self.node(name + "/read", "Identity", name)

    def lstm(self, scope, kernel, bias, forget, activation="Tanh"):
        """One step of BasicLSTMCell, as its class makes it; kernel and bias are the nodes that read them."""
        self.node(scope + "/concat", "ConcatV2", "x", "h", "axis")
        self.node(scope + "/MatMul", "MatMul", scope + "/concat", kernel)
        self.node(scope + "/BiasAdd", "BiasAdd", scope + "/MatMul", bias)
        self.node(scope + "/split", "Split", "axis", scope + "/BiasAdd")
        if forget is not None:
            self.constant(scope + "/add/y", np.array(forget), single=True)
            self.node(scope + "/add", "Add", scope + "/split:2", scope + "/add/y")
        self.node(scope + "/Sigmoid", "Sigmoid", scope + ("/split:2" if forget is None else "/add"))
        self.node(scope + "/Sigmoid_1", "Sigmoid", scope + "/split")
        self.node(scope + "/Tanh", activation, scope + "/split:1")
        self.node(scope + "/Sigmoid_2", "Sigmoid", scope + "/split:3")

    def gru(self, scope, parts, activation="Tanh", reset=True):
        self.node(scope + "/concat", "ConcatV2", "x", "h", "axis")
        self.node(scope + "/MatMul", "MatMul", scope + "/concat", parts[0])
        self.node(scope + "/BiasAdd", "BiasAdd", scope + "/MatMul", parts[1])
        self.node(scope + "/Sigmoid", "Sigmoid", scope + "/BiasAdd")
        self.node(scope + "/split", "Split", "axis", scope + "/Sigmoid")
        self.node(scope + "/mul", "Mul", scope + "/split", "h")
        self.node(scope + "/concat_1", "ConcatV2", "x", scope + "/mul" if reset else "h", "axis")
        self.node(scope + "/MatMul_1", "MatMul", scope + "/concat_1", parts[2])
        self.node(scope + "/BiasAdd_1", "BiasAdd", scope + "/MatMul_1", parts[3])
        self.node(scope + "/Act", activation, scope + "/BiasAdd_1")

    def write(self, path, meta=False):
        with open(path, "wb") as f:
            f.write(field(1, b"") + field(2, self.data) if meta else self.data)


# ------------------------------------------------------------ TensorFlow's formulas

def gru(x, gates, gate_bias, candidate, bias, activation="tanh"):
    units = candidate.shape[1]
    h, out = np.zeros(units), []
    for value in x:
        r, u = np.split(sigmoid(np.concatenate([value, h]) @ gates + gate_bias), 2)
        c = FUNCTIONS[activation](np.concatenate([value, r * h]) @ candidate + bias)
        h = u * h + (1 - u) * c
        out.append(h)
    return np.array(out)


def of_cudnn(x, gates, gate_bias, own, own_bias, recurrent, recurrent_bias):
    h, out = np.zeros(recurrent.shape[1]), []
    for value in x:
        r, u = np.split(sigmoid(np.concatenate([value, h]) @ gates + gate_bias), 2)
        c = np.tanh(value @ own + own_bias + r * (h @ recurrent + recurrent_bias))
        h = (1 - u) * c + u * h
        out.append(h)
    return np.array(out)


def lstm(x, kernel, bias, forget):
    units = kernel.shape[1] // 4
    h, c, out = np.zeros(units), np.zeros(units), []
    for value in x:
        i, j, f, o = np.split(np.concatenate([value, h]) @ kernel + bias, 4)
        c = sigmoid(f + forget) * c + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def both(function, x, forward, backward, *more):
    return np.concatenate([function(x, *forward, *more), function(x[::-1], *backward, *more)[::-1]], 1)


def gru_cell(width, units):
    return numbers(width + units, 2 * units), numbers(2 * units) + 1, numbers(width + units, units), numbers(units)


def lstm_cell(width, units):
    return numbers(width + units, 4 * units, size=1), numbers(4 * units)


# ------------------------------------------------------------ the models of the test

GRU_NAMES = ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")


def bidirectional(at):
    """bidirectional_dynamic_rnn with GRUCells, twice, of two sizes; what an optimizer keeps beside it."""
    table, kernel, bias = numbers(9, 4, size=1), numbers(6, 3, size=2), numbers(3)
    cells = [[gru_cell(4, 5), gru_cell(4, 5)], [gru_cell(10, 3), gru_cell(10, 3)]]
    variables = {"embeddings/words": table, "embeddings/words/Adam": table, "proj/kernel": kernel, "proj/bias": bias, "beta1_power": np.ones(())}
    for k, layer in enumerate(cells):
        for side, cell in zip(("fw", "bw"), layer):
            variables.update({f"layer_{k}/bidirectional_rnn/{side}/gru_cell/{n}": a for n, a in zip(GRU_NAMES, cell)})
    write_bundle(at + ".ckpt", variables)
    write_records(at, [9], lambda x: {"tag": softmax(both(gru, both(gru, table[x], *cells[0]), *cells[1]) @ kernel + bias)})


def frozen(at):
    """A frozen graph that tells forget_bias; a linear layer in front, as many make it by hand, and a head of two."""
    w, b, (kernel, bias) = numbers(3, 5), numbers(5), lstm_cell(5, 4)
    one, one_bias, two, two_bias = numbers(4, 6), numbers(6), numbers(6, 2, size=2), numbers(2)
    g = Graph()
    for name in ("x", "h", "axis"):
        g.node(name, "Placeholder")
    scope = "rnn/while/basic_lstm_cell"
    nodes = [g.constant(n, a) for n, a in (("rnn/basic_lstm_cell/kernel", kernel), ("rnn/basic_lstm_cell/bias", bias))]
    nodes = [g.node(f"{scope}/{n}/Enter", "Enter", r) for n, r in zip("wb", nodes)]
    for name, array in (("Variable", w), ("Variable_1", b), ("dense/kernel", one), ("dense/bias", one_bias), ("dense_1/kernel", two), ("dense_1/bias", two_bias)):
        g.constant(name, array)
    g.lstm(scope, *nodes, 0.7)
    g.write(at + ".pb")
    g = Graph()         # a cell that is not BasicLSTMCell under its name
    g.lstm(scope, g.constant("rnn/basic_lstm_cell/kernel", kernel), g.constant("rnn/basic_lstm_cell/bias", bias), 1.0, "Relu")
    g.write(os.path.join(os.path.dirname(at), "relu.pb"))
    write_records(at, 3, lambda x: {"kind": softmax(np.tanh(lstm(np.maximum(x @ w + b, 0), kernel, bias, 0.7)[-1] @ one + one_bias) @ two + two_bias)})


def apart(at):
    """Version 1's checkpoint and version 1's names; two MultiRNNCells, so that no layer reads both directions."""
    cells = [[lstm_cell(3, 4), lstm_cell(4, 4)] for _ in range(2)]
    w, b = numbers(8, 2, size=2), numbers(2)
    variables = {"softmax_w": w, "softmax_b": b}
    for side, layers in zip(("fw", "bw"), cells):
        for k, (kernel, bias) in enumerate(layers):
            scope = f"bidirectional_rnn/{side}/multi_rnn_cell/cell_{k}/lstm_cell"
            variables.update({scope + "/weights": kernel, scope + "/biases": bias})
    write_first(at + ".ckpt", variables)

    def answer(x):
        ends = [x, x[::-1]]
        for k in range(2):
            ends = [lstm(e, *layers[k], 1.0) for e, layers in zip(ends, cells)]
        return {"tag": sigmoid(np.concatenate([ends[0], ends[1][::-1]], 1) @ w + b)}

    write_records(at, 3, answer)


def cudnn(at):
    """CudnnCompatibleGRUCell: its reset comes after. The head is plain numbers of the mean."""
    gates, gate_bias, own, own_bias, recurrent, recurrent_bias = numbers(7, 8), numbers(8), numbers(3, 4), numbers(4), numbers(4, 4), numbers(4)
    w = numbers(4, 2)
    scope = "rnn/multi_rnn_cell/cell_0/cudnn_compatible_gru_cell"
    write_bundle(at + ".ckpt", {f"{scope}/gates/kernel": gates, f"{scope}/gates/bias": gate_bias, "out": w,
                                f"{scope}/candidate/input_projection/kernel": own, f"{scope}/candidate/input_projection/bias": own_bias,
                                f"{scope}/candidate/hidden_projection/kernel": recurrent, f"{scope}/candidate/hidden_projection/bias": recurrent_bias})
    write_records(at, 3, lambda x: {"next": of_cudnn(x, gates, gate_bias, own, own_bias, recurrent, recurrent_bias).mean(0) @ w})


def custom(at):
    """Names of its own, and a graph beside the checkpoint which tells that the candidate is rectified."""
    cell, w = gru_cell(3, 4), numbers(4, 2, size=2)
    names = [f"my/{n}" for n in GRU_NAMES]
    write_bundle(at + ".ckpt", {**dict(zip(names, cell)), "w": w})
    for name, activation, reset in ((at + ".ckpt.meta", "Relu", True), (os.path.join(os.path.dirname(at), "other.meta"), "Tanh", False)):
        g = Graph()
        for node in ("x", "h", "axis"):
            g.node(node, "Placeholder")
        g.gru("my_1", [g.node(n, "VariableV2") for n in names], activation, reset)
        g.write(name, meta=True)
    write_records(at, 3, lambda x: {"kind": softmax(gru(x, *cell, "relu").max(0) @ w)})


def refused(folder):
    def save(name, variables):
        write_bundle(os.path.join(folder, name + ".ckpt"), variables)

    kernel, bias = lstm_cell(3, 4)
    cell = {"rnn/lstm_cell/kernel": kernel, "rnn/lstm_cell/bias": bias}
    save("plain", {**cell, "embed_a": numbers(5, 3), "embed_b": numbers(6, 3), "out/kernel": numbers(4, 2), "out/bias": numbers(2)})
    save("peepholes", {**cell, "rnn/lstm_cell/w_f_diag": bias[:4]})
    save("projection", {**cell, "rnn/lstm_cell/projection/kernel": numbers(4, 3)})
    save("normalised", {"rnn/layer_norm_basic_lstm_cell/kernel": kernel, "rnn/layer_norm_basic_lstm_cell/input/gamma": bias[:4]})
    save("unknown", {"some/kernel": kernel, "some/bias": bias})
    save("of-keras", {"gru/kernel": numbers(3, 12), "gru/recurrent_kernel": numbers(4, 12)})
    save("widths", {**cell, "rnn_1/lstm_cell/kernel": lstm_cell(5, 4)[0], "rnn_1/lstm_cell/bias": bias})
    save("mixed", {**cell, **{f"rnn/gru_cell/{n}": a for n, a in zip(GRU_NAMES, gru_cell(3, 4))}})
    with open(os.path.join(folder, "plain.ckpt.index"), "rb") as f:
        data = f.read()
    with open(os.path.join(folder, "cut.ckpt.index"), "wb") as f:
        f.write(data[:40] + data[-48:])


def make(folder):
    for function in (bidirectional, frozen, apart, cudnn, custom):
        function(os.path.join(folder, function.__name__))
    refused(folder)


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
