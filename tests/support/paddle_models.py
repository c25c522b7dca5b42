#!/usr/bin/env python3
"""paddle_models.py DIR: models as Paddle saves them for tests/command/import_paddle.sh, with records and what the model makes of them.

NAME.inputs holds the INPUTs and options of the importer, NAME.jsonl the records, NAME.expected the results: loops in float64 over
Paddle's definitions, in its own layout and gate order, and PyTorch for the layers of version 2. bad-NAME.inputs and bad-NAME.says: what
is refused, and what the refusal has to say. Needs PyTorch."""
import itertools
import json
import os
import struct
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "peers"))
from onnx_model import data, number     # noqa: E402

LENGTHS = (1, 2, 3, 4, 6, 8)
V, E, H, C = 11, 3, 5, 4
FLOAT32, DENSE, FEED = 5, 7, 9
rs = np.random.RandomState(11)
torch.set_grad_enabled(False)


# ------------------------------------------------------------ Paddle's files

def description(shape):
    return number(1, FLOAT32) + b"".join(number(2, n) for n in shape)


def stream(array):
    about = description(array.shape)
    return struct.pack("<IQ", 0, 0) + struct.pack("<Ii", 0, len(about)) + about + array.astype("<f4").tobytes()


def attribute(name, value):
    kind, coded = {bool: (6, lambda: number(10, value)), int: (0, lambda: number(3, value)),
                   float: (1, lambda: bytes([4 << 3 | 5]) + struct.pack("<f", value)), str: (2, lambda: data(5, value))}[type(value)]
    return data(1, name) + number(2, kind) + coded()


def operator(kind, inputs, outputs, **attributes):
    """inputs, outputs: parameter -> name or names."""
    def held(field, groups):
        return b"".join(data(field, data(1, k) + b"".join(data(2, n) for n in ([v] if isinstance(v, str) else v)))
                        for k, v in groups.items())
    return held(1, inputs) + held(2, outputs) + data(3, kind) + b"".join(data(4, attribute(*a)) for a in attributes.items())


def variable(name, shape):
    return data(1, name) + data(2, number(1, DENSE) + data(3, data(1, description(shape)))) + number(3, 1)


def program(operators, parameters, source="words", out=None):
    feed = operator("feed", {"X": "feed"}, {"Out": source}, col=0)
    block = number(1, 0) + number(2, 0)
    block += data(3, data(1, "feed") + data(2, number(1, FEED)) + number(3, 1))
    block += b"".join(data(3, variable(n, a.shape)) for n, a in parameters.items())
    block += b"".join(data(4, o) for o in [feed, *operators, operator("fetch", {"X": out}, {"Out": "fetch"}, col=0)])
    return data(1, block)


def save(name, coded, parameters, form):
    """form: "files" (a folder with a file for each), "params" (a folder with __params__), "two" (.pdmodel and .pdiparams), "bare" (no
    program). -> the importer's INPUTs."""
    if form == "two":
        with open(name + ".pdmodel", "wb") as f:
            f.write(coded)
        with open(name + ".pdiparams", "wb") as f:
            f.write(b"".join(stream(parameters[n]) for n in sorted(parameters)))
        return [name + ".pdmodel", name + ".pdiparams"]
    os.makedirs(name + ".in")
    held = {"__params__": b"".join(stream(parameters[n]) for n in sorted(parameters))} if form == "params" else \
        {n: stream(a) for n, a in parameters.items()}
    if form != "bare":
        held["__model__"] = coded
    for file, content in held.items():
        with open(os.path.join(name + ".in", file), "wb") as f:
            f.write(content)
    return [name + ".in"]


def write(name, inputs, records, expected, options=()):
    with open(name + ".inputs", "w", encoding="utf-8") as f:
        f.write("".join(word + "\n" for word in [*inputs, *options]))
    for suffix, rows in (("jsonl", records), ("expected", [{**r, **e} for r, e in zip(records, expected)])):
        with open(f"{name}.{suffix}", "w", encoding="utf-8") as f:
            f.write("".join(json.dumps(row) + "\n" for row in rows))


def refused(name, says, inputs, options=()):
    write("bad-" + name, inputs, [], [], options)
    with open(f"bad-{name}.says", "w", encoding="utf-8") as f:
        f.write(says + "\n")


# ------------------------------------------------------------ its definitions

def numbers(*shape):
    return rs.uniform(-1, 1, shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dynamic_gru(xs, weight, bias, origin=False, act=np.tanh):
    """xs: rows u, r, c of the linear layer before; weight [H, 3H]: first [H, 2H] of u and r, then [H, H] of c."""
    flat = weight.reshape(-1).astype(np.float64)
    early, late = flat[:2 * H * H].reshape(H, 2 * H), flat[2 * H * H:].reshape(H, H)
    h, out = np.zeros(H), []
    for x in xs + bias.reshape(-1):
        u, r = np.split(sigmoid(x[:2 * H] + h @ early), 2)
        c = act(x[2 * H:] + (r * h) @ late)
        h = u * h + (1 - u) * c if origin else (1 - u) * h + u * c
        out.append(h)
    return np.array(out)


def dynamic_lstm(xs, weight, bias):
    """Columns c, i, f, o."""
    h, c, out = np.zeros(H), np.zeros(H), []
    for x in xs + bias.reshape(-1)[:4 * H]:
        g, i, f, o = np.split(x + h @ weight.astype(np.float64), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


class Network:
    """Layers of a program in the making: operators, parameters, and a function of ids for each variable."""

    def __init__(self):
        self.parameters, self.operators, self.fc, self.cells = {"word_emb": numbers(V, E)}, [], 0, 0
        self.operators.append(operator("lookup_table", {"Ids": "words", "W": "word_emb"}, {"Out": "embedded"}))
        self.functions = {"embedded": lambda ids: self.parameters["word_emb"][ids].astype(np.float64)}

    def linear(self, of, width, size):
        k = self.fc
        self.fc += 1
        w, b = f"fc_{k}.w_0", f"fc_{k}.b_0"
        self.parameters.update({w: numbers(width, size), b: numbers(size)})
        self.operators += [operator("mul", {"X": of, "Y": w}, {"Out": f"fc_{k}.tmp_0"}, x_num_col_dims=1),
                           operator("elementwise_add", {"X": f"fc_{k}.tmp_0", "Y": b}, {"Out": f"fc_{k}.tmp_1"}, axis=1)]
        below = self.functions[of]
        self.functions[f"fc_{k}.tmp_1"] = lambda ids: below(ids) @ self.parameters[w] + self.parameters[b]
        return f"fc_{k}.tmp_1"

    def cell(self, kind, of, width, reverse=False, bias=None, **attributes):
        gates, k = 3 if kind == "gru" else 4, self.cells
        self.cells += 1
        x, w, b, out = self.linear(of, width, gates * H), f"{kind}_{k}.w_0", f"{kind}_{k}.b_0", f"{kind}_{k}.tmp_0"
        self.parameters.update({w: numbers(H, gates * H), b: numbers(1, bias or gates * H)})
        self.operators.append(operator(kind, {"Input": x, "Weight": w, "Bias": b}, {"Hidden": out}, is_reverse=reverse, **attributes))
        options = {"origin": attributes["origin_mode"]} if attributes.get("origin_mode") else {}
        if attributes.get("activation") == "relu":
            options["act"] = lambda v: np.maximum(v, 0)
        run, below = dynamic_gru if kind == "gru" else dynamic_lstm, self.functions[x]

        def states(ids):
            rows = below(ids)
            made = run(rows[::-1] if reverse else rows, self.parameters[w], self.parameters[b], **options)
            return made[::-1] if reverse else made
        self.functions[out] = states
        return out

    def concat(self, a, b):
        out = f"concat_{len(self.operators)}"
        self.operators.append(operator("concat", {"X": [a, b]}, {"Out": out}, axis=1))
        one, other = self.functions[a], self.functions[b]
        self.functions[out] = lambda ids: np.concatenate([one(ids), other(ids)], axis=1)
        return out

    def apply(self, kind, of, function, **attributes):
        out = f"{kind}_{len(self.operators)}"
        self.operators.append(operator(kind, {"X": of}, {"Out": out}, **attributes))
        below = self.functions[of]
        self.functions[out] = lambda ids: function(below(ids))
        return out


def records():
    return [{"id": i, "text": rs.randint(V, size=n).tolist()} for i, n in enumerate(LENGTHS)]


def finish(name, net, out, form, field="embedding", options=()):
    held = records()
    if field == "embedding":
        expected = [{"embedding": net.functions[out](r["text"]).reshape(-1).tolist()} for r in held]
    else:
        rows = [np.argmax(net.functions[out](r["text"]), axis=-1) for r in held]
        expected = [{field: [str(i) for i in row]} for row in rows]
    write(name, save(name, program(net.operators, net.parameters, out=out), net.parameters, form), held, expected, options)


def last(rows):
    return rows[-1:]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def tagger(normed=True):
    """Two layers of dynamic_gru in both directions, each direction an operator of its own, and a label for each position."""
    net = Network()
    layer, width = "embedded", E
    for _ in range(2):
        layer, width = net.concat(net.cell("gru", layer, width, False), net.cell("gru", layer, width, True)), 2 * H
    scores = net.linear(layer, width, C)
    return net, net.apply("softmax", scores, softmax) if normed else scores


def crf(net, scores):
    """crf_decoding: the start's row, the end's row, then from x to. By trying every path of short texts."""
    net.parameters["crfw"] = weights = numbers(C + 2, C) * 3
    net.operators.append(operator("crf_decoding", {"Emission": scores, "Transition": "crfw"}, {"ViterbiPath": "path"}))

    def best(ids):
        rows = net.functions[scores](ids)
        ways = itertools.product(range(C), repeat=len(rows))
        path = max(ways, key=lambda y: weights[0, y[0]] + weights[1, y[-1]] + sum(r[i] for r, i in zip(rows, y)) +
                   sum(weights[2 + a, b] for a, b in zip(y, y[1:])))
        return np.eye(C)[list(path)]
    net.functions["path"] = best
    return "path"


def version_2():
    """nn.GRU of version 2 is PyTorch's: the names of its weights are those of the operator's list, weights before biases."""
    torch.manual_seed(3)
    rnn, table = torch.nn.GRU(E, H, 2, bidirectional=True, batch_first=True), numbers(V, E)
    state = {n: t.numpy() for n, t in rnn.state_dict().items()}
    suffixes = [f"l{k}{r}" for k in (0, 1) for r in ("", "_reverse")]
    names = [f"weight_{w}_{s}" for s in suffixes for w in ("ih", "hh")] + [f"bias_{w}_{s}" for s in suffixes for w in ("ih", "hh")]
    parameters = {"table": table, **state}
    operators = [operator("lookup_table_v2", {"Ids": "words", "W": "table"}, {"Out": "embedded"}),
                 operator("fill_constant", {}, {"Out": "zeros"}, value=0.0),
                 operator("transpose2", {"X": "embedded"}, {"Out": "turned"}),
                 operator("rnn", {"Input": "turned", "PreState": "zeros", "WeightList": names}, {"Out": "states", "State": "end"}, mode="GRU",
                          num_layers=2, is_bidirec=True, hidden_size=H),
                 operator("sequence_pool", {"X": "states"}, {"Out": "mean"}, pooltype="AVERAGE")]
    held = records()
    expected = [{"embedding": rnn(torch.from_numpy(table[r["text"]])[None])[0][0].mean(0).tolist()} for r in held]
    write("version-2", save("version-2", program(operators, parameters, out="mean"), parameters, "two"), held, expected)


def refusals(net, out):
    inputs = save("plain", program(net.operators, net.parameters, out=out), net.parameters, "bare")
    refused("bare", "expected a program (__model__, .pdmodel), or --cell, for tensors do not tell how a cell computes", inputs)
    refused("other-kind", "--cell dynamic_lstm: expected the kind that the names tell, found gru_0.w_0", inputs, ["--cell", "dynamic_lstm"])
    refused("directions", "--directions: expected both for layer 0, found forward", inputs,
            ["--cell", "dynamic_gru", "--directions", "forward,both"])

    net = Network()
    end = net.cell("lstm", "embedded", E, bias=7 * H, use_peepholes=True)
    refused("peepholes", "operator lstm (to 'lstm_0.tmp_0'): expected an LSTM without peepholes (use_peepholes=False), found a bias of 35 values",
            save("peepholes", program(net.operators, net.parameters, out=end), net.parameters, "files"))
    net = Network()
    end = net.cell("lstm", "embedded", E, gate_activation="hard_sigmoid")
    refused("hard-lstm", "expected an LSTM with activations sigmoid, tanh, tanh, found hard_sigmoid, tanh, tanh",
            save("hard-lstm", program(net.operators, net.parameters, out=end), net.parameters, "files"))
    net = Network()
    end = net.apply("sequence_pool", net.cell("gru", "embedded", E, True), last, pooltype="LAST")
    refused("last-of-backward", "found the last position of its backward direction",
            save("last-of-backward", program(net.operators, net.parameters, out=end), net.parameters, "files"))
    net = Network()
    end = net.apply("layer_norm", net.cell("gru", "embedded", E), last)
    refused("operator", "expected an operator that has a counterpart in grus, found layer_norm",
            save("operator", program(net.operators, net.parameters, out=end), net.parameters, "files"))
    net, end = tagger()
    inputs = save("short", program(net.operators, net.parameters, out=end), net.parameters, "two")
    with open("short.pdiparams", "r+b") as f:
        f.truncate(700)
    refused("short", "short.pdiparams: ", inputs)
    with open("none.pdmodel", "wb") as f:
        f.write(b"no program")
    refused("none", "none.pdmodel: expected a program of Paddle (__model__ or .pdmodel), found none", ["none.pdmodel", "short.pdiparams"])


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    net, out = tagger()
    finish("tagger", net, out, "files", "tag", ["--head", out + "=tag"])
    refusals(net, out)
    net, out = tagger(False)
    finish("path", net, crf(net, out), "params", "tag", ["--head", "path=tag"])
    net = Network()
    states = net.cell("gru", "embedded", E)
    finish("end", net, net.apply("sequence_pool", states, last, pooltype="LAST"), "params")
    net = Network()
    states = net.cell("gru", "embedded", E, True, origin_mode=True, activation="relu")
    finish("origin", net, net.apply("sequence_pool", states, lambda rows: rows[:1], pooltype="FIRST"), "two")
    net = Network()
    both = net.concat(net.cell("lstm", "embedded", E, False, use_peepholes=False), net.cell("lstm", "embedded", E, True, use_peepholes=False))
    finish("lstm", net, net.apply("sequence_pool", both, lambda rows: rows.max(0), pooltype="MAX"), "files")
    version_2()


if __name__ == "__main__":
    main()
