"""Writes ONNX graphs for the importer's tests, and computes what their recurrent nodes mean: loops in float64 over the operator's
definition, in ONNX's own layout and gate order, so that nothing is shared with the importer. Needs NumPy."""
import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "peers"))
from onnx_model import FLOAT, INT64, attribute as plain_attribute, data, number, tensor, value    # noqa: E402


def attribute(name, given):
    """As bench/peers has it; and floats, lists of floats, and lists of texts."""
    if isinstance(given, float):
        return data(1, name) + number(20, 1) + bytes([2 << 3 | 5]) + struct.pack("<f", given)
    if isinstance(given, list) and given and isinstance(given[0], float):
        return data(1, name) + data(7, struct.pack(f"<{len(given)}f", *given)) + number(20, 6)
    if isinstance(given, list) and given and isinstance(given[0], str):
        return data(1, name) + b"".join(data(9, text) for text in given) + number(20, 8)
    if isinstance(given, list):         # a packed list, which may hold negative numbers
        return data(1, name) + b"".join(number(8, n % (1 << 64)) for n in given) + number(20, 7)
    return plain_attribute(name, given % (1 << 64) if isinstance(given, int) else given)


def node(operator, inputs, outputs, domain="", **attributes):
    return (b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) + data(3, outputs[0]) + data(4, operator) +
            b"".join(data(5, attribute(*a)) for a in attributes.items()) + (data(7, domain) if domain else b""))


def write(path, nodes, constants, inputs, outputs, opset=13):
    """constants: name -> array; inputs: name -> sizes, of int64 where they are two; outputs: names."""
    graph = b"".join(data(1, n) for n in nodes) + data(2, "test")
    graph += b"".join(data(5, tensor(n, np.ascontiguousarray(a))) for n, a in constants.items())
    graph += b"".join(data(11, value(n, FLOAT if len(sizes) != 2 else INT64, sizes)) for n, sizes in inputs.items())
    graph += b"".join(data(12, value(n, FLOAT, [])) for n in outputs)
    with open(path, "wb") as f:
        f.write(number(1, 7) + data(2, "tests") + data(7, graph) + data(8, data(1, "") + number(2, opset)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def gru(x, w, r, b, h, before, gate=sigmoid, act=np.tanh):
    """One direction over x (T, input): all states. ONNX: rows z, r, h; b is [Wb, Rb]; before: linear_before_reset."""
    n, out = len(h), []
    wb, rb = np.split(b, 2)
    for row in x @ w.T + wb:
        z = gate(row[:n] + r[:n] @ h + rb[:n])
        reset = gate(row[n:2 * n] + r[n:2 * n] @ h + rb[n:2 * n])
        inner = reset * (r[2 * n:] @ h + rb[2 * n:]) if before else r[2 * n:] @ (reset * h) + rb[2 * n:]
        h = (1 - z) * act(row[2 * n:] + inner) + z * h
        out.append(h)
    return np.array(out)


def lstm(x, w, r, b, h, c):
    """Rows i, o, f, c."""
    out = []
    for row in x @ w.T + sum(np.split(b, 2)):
        i, o, f, g = np.split(row + r @ h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def run(cell, x, directions):
    """(Y (T, directions, H), Y_h (directions, H)); directions: "forward" or "reverse" and the arguments of the cell."""
    all_states = []
    for way, arguments in directions:
        states = cell(x if way == "forward" else x[::-1], *arguments)
        all_states.append((states if way == "forward" else states[::-1], states[-1]))
    return np.stack([s for s, _ in all_states], 1), np.stack([last for _, last in all_states])
