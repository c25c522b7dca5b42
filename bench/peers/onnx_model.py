"""The encoder as a file of ONNX, written without the onnx package: protocol buffers are tags, lengths and bytes.

Two nodes of GRU, with linear_before_reset where that is nn.GRU's arithmetic, or of LSTM; gates in ONNX's orders. Input
X [T, N, input], or ids [T, N] and a Gather from the embedding, and lengths [N]; output Y [T, N, 2 * hidden].
"""
import struct

import numpy as np

FLOAT, INT32, INT64 = 1, 6, 7


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name, array):
    kind = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}[array.dtype]
    return b"".join(number(1, d) for d in array.shape) + number(2, kind) + data(8, name) + data(9, array.tobytes())


def attribute(name, value):
    """AttributeProto: f 2, i 3, s 4, ints 8; types FLOAT 1, INT 2, STRING 3, INTS 7."""
    if isinstance(value, str):
        return data(1, name) + data(4, value) + number(20, 3)
    if isinstance(value, list):
        return data(1, name) + b"".join(number(8, v) for v in value) + number(20, 7)
    return data(1, name) + number(3, value) + number(20, 2)


def node(operator, inputs, outputs, **attributes):
    return (b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) + data(3, outputs[0]) +
            data(4, operator) + b"".join(data(5, attribute(*a)) for a in attributes.items()))


def value(name, kind, dims):
    shape = b"".join(data(1, data(2, d) if isinstance(d, str) else number(1, d)) for d in dims)
    return data(1, name) + data(2, data(1, number(1, kind) + data(2, shape)))


# The place in PyTorch's order of each of ONNX's gates: z, r, h; i, o, f, c.
ORDERS = {"gru": (1, 0, 2), "gru_before": (1, 0, 2), "lstm": (0, 3, 1, 2)}


def gates(t, hidden, cell):
    return np.concatenate([t[i * hidden:(i + 1) * hidden] for i in ORDERS[cell]])


def recurrent(cell, inputs, output, hidden):
    more = {} if cell == "lstm" else {"linear_before_reset": int(cell == "gru")}
    return node("LSTM" if cell == "lstm" else "GRU", inputs, [output], direction="bidirectional", hidden_size=hidden, **more)


def write(path, weights, layers, hidden, size, cell="gru"):
    initializers, nodes, x = [tensor("flat", np.array([0, 0, 2 * hidden], np.int64))], [], "X"
    embedding = weights.get("encoder.embedding.weight")
    source = value("X", FLOAT, ["T", "N", size])
    if embedding is not None:
        source = value("ids", INT32, ["T", "N"])
        initializers.append(tensor("embedding", embedding))
        nodes.append(node("Gather", ["embedding", "ids"], ["X"], axis=0))
    for layer in range(layers):
        def both(*names):
            return np.stack([np.concatenate([gates(weights[f"encoder.rnn.{n}_l{layer}{r}"], hidden, cell) for n in names])
                             for r in ("", "_reverse")])
        initializers += [tensor(f"W{layer}", both("weight_ih")), tensor(f"R{layer}", both("weight_hh")),
                         tensor(f"B{layer}", both("bias_ih", "bias_hh"))]
        y = "Y" if layer == layers - 1 else f"x{layer + 1}"
        nodes += [recurrent(cell, [x, f"W{layer}", f"R{layer}", f"B{layer}", "lengths"], f"y{layer}", hidden),
                  node("Transpose", [f"y{layer}"], [f"t{layer}"], perm=[0, 2, 1, 3]),
                  node("Reshape", [f"t{layer}", "flat"], [y])]
        x = y
    graph = (b"".join(data(1, n) for n in nodes) + data(2, "encoder") + b"".join(data(5, t) for t in initializers) +
             data(11, source) + data(11, value("lengths", INT32, ["N"])) +
             data(12, value("Y", FLOAT, ["T", "N", 2 * hidden])))
    with open(path, "wb") as f:
        f.write(number(1, 8) + data(2, "grus") + data(7, graph) + data(8, data(1, "") + number(2, 14)))
