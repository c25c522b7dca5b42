#!/usr/bin/env python3
"""onnx_models.py DIR: ONNX graphs for tests/command/import_onnx.sh, with records and what the model makes of them.

NAME.onnx, NAME.jsonl and NAME.expected: by loops over the definitions in onnx_graphs.py, or by PyTorch, whose own exporter has then
written the graph. bad-NAME.onnx and bad-NAME.says: a graph that is refused, and what the refusal has to say. NAME.options: what is
given to the importer. Needs PyTorch."""
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch import nn

import onnx_graphs as og
from onnx_graphs import node

LENGTHS = (1, 2, 3, 5, 8, 13)
H, E = 5, 3
rs = np.random.RandomState(7)
torch.manual_seed(7)
torch.set_grad_enabled(False)
warnings.simplefilter("ignore")


def numbers(*shape):
    return rs.uniform(-1, 1, shape).astype(np.float32)


def save(name, records, expected, options=()):
    for suffix, rows in (("jsonl", records), ("expected", [{**r, **e} for r, e in zip(records, expected)])):
        with open(f"{name}.{suffix}", "w", encoding="utf-8") as f:
            f.write("".join(json.dumps(row) + "\n" for row in rows))
    write_options(name, options)


def write_options(name, options):
    with open(f"{name}.options", "w", encoding="utf-8") as f:
        f.write("".join(option + "\n" for option in options))


def feature_records():
    return [{"id": i, "features": numbers(n, E).astype(float).tolist()} for i, n in enumerate(LENGTHS)]


def id_records(tokens):
    return [{"id": i, "text": rs.randint(tokens, size=n).tolist()} for i, n in enumerate(LENGTHS)]


# ------------------------------------------------------------ written node by node

def cell_weights(gates, directions, size, hidden=H):
    return [numbers(directions, gates * hidden, size), numbers(directions, gates * hidden, hidden), numbers(directions, 2 * gates * hidden)]


def final_states(name, operator, directions, initial=(), reader=None, attributes=None):
    """One layer; its last states are the graph's output, and the model's pooled vector."""
    gates = 3 if operator == "GRU" else 4
    weights = cell_weights(gates, len(directions), E)
    constants = dict(zip(("W", "R", "B"), weights))
    states = [numbers(len(directions), 1, H) for _ in initial]
    constants.update(zip(initial, states))
    way = "bidirectional" if len(directions) == 2 else directions[0]
    nodes = [node(operator, ["X", "W", "R", "B", "", *initial], ["Y", "Y_h"], hidden_size=H, direction=way, **(attributes or {})),
             node("Transpose", ["Y_h"], ["t"], perm=[1, 0, 2]), node("Reshape", ["t", "flat"], ["last"])]
    constants["flat"] = np.array([0, -1], np.int64)
    og.write(name + ".onnx", nodes, constants, {"X": ["T", "N", E]}, ["last"])
    records, expected = feature_records(), []
    first = [s[:, 0] for s in states] or [np.zeros((len(directions), H))] * (1 + (operator == "LSTM"))
    for record in records:
        arguments = [(w, (*(x[d] for x in weights), *(s[d] for s in first))) for d, w in enumerate(directions)]
        _, last = og.run(reader, np.array(record["features"]), arguments)
        expected.append({"embedding": last.reshape(-1).tolist()})
    save(name, records, expected)


def stacked(name):
    """Two layers, the upper one backwards by a flip, a batch norm as scale and shift between them, last position of the outputs."""
    low, high = cell_weights(3, 1, E), cell_weights(3, 1, H)
    scale, shift = numbers(H) + 2, numbers(H)
    constants = {f"{k}{i}": v for i, layer in enumerate((low, high)) for k, v in zip("WRB", layer)}
    constants.update(scale=scale, shift=shift, axes=np.array([1], np.int64), back=np.array([-1], np.int64),
                     end=np.array([-1 << 62], np.int64), time=np.array([0], np.int64), first=np.array(0, np.int64))
    nodes = [node("GRU", ["X", "W0", "R0", "B0"], ["y0"], hidden_size=H), node("Squeeze", ["y0", "axes"], ["s0"]),
             node("Mul", ["s0", "scale"], ["m0"]), node("Add", ["m0", "shift"], ["x1"]),
             node("Slice", ["x1", "back", "end", "time", "back"], ["flipped"]),
             node("GRU", ["flipped", "W1", "R1", "B1"], ["y1"], hidden_size=H), node("Squeeze", ["y1", "axes"], ["s1"]),
             node("Slice", ["s1", "back", "end", "time", "back"], ["outputs"]),
             node("Gather", ["outputs", "first"], ["last"], axis=0)]
    og.write(name + ".onnx", nodes, constants, {"X": ["T", "N", E]}, ["last"])
    records, expected = feature_records(), []
    for record in records:
        y, _ = og.run(og.gru, np.array(record["features"]), [("forward", (*(x[0] for x in low), np.zeros(H), False))])
        _, last = og.run(og.gru, y[:, 0] * scale + shift, [("reverse", (*(x[0] for x in high), np.zeros(H), False))])
        expected.append({"embedding": last.reshape(-1).tolist()})
    save(name, records, expected)


def uneven(name):
    """Convolutions whose padding is longer on one side, as a node of its own, as SAME_UPPER, and as pads; a kernel over time and one
    row, as tf2onnx writes it."""
    weights = cell_weights(3, 1, 4)
    kernels = [numbers(4, E, 1, 4), numbers(4, 4, 1, 4), numbers(4, 4, 1, 3)]
    constants = dict(zip("WRB", weights), K0=kernels[0], K1=kernels[1], K2=kernels[2], axes=np.array([0], np.int64),
                     rows=np.array([2], np.int64), pads=np.array([0, 0, 0, 3, 0, 0, 0, 0], np.int64))
    nodes = [node("Transpose", ["X"], ["t"], perm=[1, 2, 0]), node("Unsqueeze", ["t", "rows"], ["u"]), node("Pad", ["u", "pads"], ["p"]),
             node("Conv", ["p", "K0"], ["c0"]), node("Tanh", ["c0"], ["a0"]),
             node("Conv", ["a0", "K1"], ["c1"], auto_pad="SAME_UPPER"), node("Tanh", ["c1"], ["a1"]),
             node("Conv", ["a1", "K2"], ["c2"], pads=[0, 0, 0, 2]),
             node("Squeeze", ["c2", "rows"], ["s"]), node("Transpose", ["s"], ["x"], perm=[2, 0, 1]),
             node("GRU", ["x", "W", "R", "B"], ["Y", "Y_h"], hidden_size=H), node("Squeeze", ["Y_h", "axes"], ["last"])]
    og.write(name + ".onnx", nodes, constants, {"X": ["T", "N", E]}, ["last"])
    records, expected = feature_records(), []
    for record in records:
        x = np.array(record["features"])
        for kernel, before, after, act in zip(kernels, (3, 1, 0), (0, 2, 2), (np.tanh, np.tanh, lambda v: v)):
            k = kernel[:, :, 0].transpose(2, 1, 0)
            padded = np.concatenate([np.zeros((before, x.shape[1])), x, np.zeros((after, x.shape[1]))])
            x = act(np.array([np.einsum("ki,kio->o", padded[t:t + len(k)], k) for t in range(len(padded) - len(k) + 1)]))
        _, end = og.run(og.gru, x, [("forward", (*(w[0] for w in weights), np.zeros(H), False))])
        expected.append({"embedding": end.reshape(-1).tolist()})
    save(name, records, expected)


def step_of_stream(name):
    """A graph whose first states are an input, as those for one step of a stream have it."""
    weights = cell_weights(3, 1, E)
    nodes = [node("GRU", ["X", "W", "R", "B", "", "h"], ["Y", "Y_h"], hidden_size=H, linear_before_reset=1),
             node("Squeeze", ["Y_h", "axes"], ["last"])]
    constants = dict(zip("WRB", weights), axes=np.array([0], np.int64))
    for path in (name, "bad-" + name):
        og.write(path + ".onnx", nodes, constants, {"X": [1, 1, E], "h": [1, 1, H]}, ["last"])
    records, expected = feature_records(), []
    for record in records:
        _, last = og.run(og.gru, np.array(record["features"]), [("forward", (*(x[0] for x in weights), np.zeros(H), True))])
        expected.append({"embedding": last.reshape(-1).tolist()})
    save(name, records, expected, ["--stateless"])
    return "expected initial_h of constants, each sequence for itself, found states from input 'h'"


# ------------------------------------------------------------ by PyTorch and its exporter

class Joined(nn.Module):
    """Embedding, two layers of a GRU in both directions, last states of the top one, softmax."""

    def __init__(self):
        super().__init__()
        self.table, self.rnn, self.out = nn.Embedding(11, E), nn.GRU(E, H, 2, bidirectional=True, batch_first=True), nn.Linear(2 * H, 4)

    def forward(self, ids):
        _, h = self.rnn(self.table(ids))
        return self.out(torch.cat((h[-2], h[-1]), -1)).softmax(-1)


class Halves(nn.Module):
    """An LSTM in both directions with learned first states; the last states are taken from the outputs, backward before forward."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(E, H, bidirectional=True, batch_first=True), nn.Linear(2 * H, 4)
        self.h, self.c = nn.Parameter(torch.randn(2, 1, H)), nn.Parameter(torch.randn(2, 1, H))

    def forward(self, x):
        states = [s.expand(-1, x.shape[0], -1).contiguous() for s in (self.h, self.c)]
        y, _ = self.rnn(x, tuple(states))
        return self.out(torch.cat((y[:, 0, H:], y[:, -1, :H]), -1)).softmax(-1)


class Mean(nn.Module):
    """Means over positions, sequence before batch, logarithms of a softmax."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(E, H), nn.Linear(H, 4)

    def forward(self, x):
        return self.out(self.rnn(x.transpose(0, 1))[0].mean(0)).log_softmax(-1)


class Frames(nn.Module):
    """A sigmoid for each position, behind a hidden layer, on both layers' outputs side by side."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.GRU(E, H, bidirectional=True, batch_first=True), nn.GRU(2 * H, H, batch_first=True)
        self.mid, self.out = nn.Linear(3 * H, 7), nn.Linear(7, 4)

    def forward(self, x):
        low = self.low(x)[0]
        return torch.sigmoid(self.out(torch.tanh(self.mid(torch.cat((self.high(low)[0], low), -1)))))


class Convolved(nn.Module):
    """Convolutions with batch norm, swish and a maximum; a scale of the input before them; numbers for each position."""

    def __init__(self, groups=1):
        super().__init__()
        self.one, self.norm = nn.Conv1d(E, 6, 4, stride=2, padding=1), nn.BatchNorm1d(6)
        self.two, self.pool = nn.Conv1d(6, 8, 3, padding=2, dilation=2, groups=groups), nn.MaxPool1d(2, 1)
        self.rnn, self.out = nn.LSTM(8, H, bidirectional=True), nn.Linear(2 * H, 4)
        self.mean, self.deviation = nn.Parameter(torch.randn(E)), nn.Parameter(torch.rand(E) + 0.5)
        self.norm.running_mean.uniform_()
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = nn.functional.silu(self.norm(self.one(((x - self.mean) / self.deviation).transpose(1, 2))))
        x = self.pool(torch.relu(self.two(x))).permute(2, 0, 1)
        return self.out(self.rnn(x)[0]).transpose(0, 1)


def by_position(name, module, lengths=LENGTHS):
    """A module that gives numbers for each position, exported by PyTorch."""
    records = [r for r in feature_records() if len(r["features"]) in lengths]
    tensors = [torch.tensor([r["features"]]) for r in records]
    module.eval()
    torch.onnx.export(module, torch.cat((tensors[-1], tensors[-1])), name + ".onnx", input_names=["x"], output_names=["frames"],
                      dynamic_axes={"x": {0: "N", 1: "T"}}, opset_version=13)
    save(name, records, [{"frames": module(x)[0].tolist()} for x in tensors])
    with open(name + ".run", "w", encoding="utf-8") as f:
        f.write("--head-output\nprobs\n")


def by_torch(name, module, ids=0, opset=13):
    records = id_records(ids) if ids else feature_records()
    field = "text" if ids else "features"
    tensors = [torch.tensor([r[field]]) for r in records]
    module.eval()
    torch.onnx.export(module, torch.cat((tensors[3], tensors[3])), name + ".onnx", input_names=["x"], output_names=["kind"],
                      dynamic_axes={"x": {0: "N", 1: "T"}}, opset_version=opset)
    expected = []
    for x in tensors:
        probs = module(x)[0].softmax(-1) if isinstance(module, Mean) else module(x)[0]
        expected.append({"kind": {"label": str(int(probs.argmax())), "prob": float(probs.max())}})
    save(name, records, expected)


# ------------------------------------------------------------ what is refused

def one_node(name, says, operator="GRU", extra=(), inputs=(), more=(), output="Y", domain="", **attributes):
    """A layer with a fault."""
    constants = dict(zip("WRB", cell_weights(3 if operator == "GRU" else 4, 2 if attributes.get("direction") == "bidirectional" else 1, E)))
    constants.update(extra)
    nodes = [node(operator, ["X", "W", "R", "B", *inputs], ["Y", "Y_h"], hidden_size=H, **attributes), *more]
    og.write(f"bad-{name}.onnx", nodes, constants, {"X": ["T", "N", E]}, [output])
    refused(name, says)


def refused(name, says):
    with open(f"bad-{name}.says", "w", encoding="utf-8") as f:
        f.write(says + "\n")


def refusals():
    one_node("clip", "node 'Y' (GRU): expected no clip, found clip 3", clip=3.0)
    one_node("layout", "expected layout 0, found layout 1", layout=1)
    one_node("coupled", "node 'Y' (LSTM): expected a forget gate of its own, found input_forget 1", "LSTM", input_forget=1)
    one_node("peepholes", "node 'Y' (LSTM): expected an LSTM without peepholes, found weights P", "LSTM", {"P": numbers(1, 3 * H)},
             ["", "", "", "P"])
    one_node("hard-lstm", "expected an LSTM with activations sigmoid, tanh, tanh, found hard_sigmoid, tanh, tanh", "LSTM",
             activations=["HardSigmoid", "Tanh", "Tanh"])
    one_node("steep", "found hardsigmoid with alpha 0.16666", activations=["HardSigmoid", "Tanh"],
             activation_alpha=[1 / 6], activation_beta=[0.5])
    one_node("affine", "found sigmoid, affine with alpha None and beta None", activations=["Sigmoid", "Affine"])
    one_node("softsign", "found sigmoid, softsign", activations=["Sigmoid", "Softsign"])
    one_node("two-activations", "expected the same activations in both directions", direction="bidirectional",
             activations=["Sigmoid", "Tanh", "Sigmoid", "Relu"])
    og.write("bad-same-stride.onnx", [node("Conv", ["X", "K"], ["c"], auto_pad="SAME_UPPER", strides=[2]), node("Transpose", ["c"], ["x"], perm=[2, 0, 1]),
                                      node("GRU", ["x", "W", "R"], ["Y"])],
             dict(zip("WR", cell_weights(3, 1, 2)), K=numbers(2, E, 3)), {"X": ["N", E, "T"]}, ["Y"])
    refused("same-stride", "node 'c' (Conv): expected a padding that is the same for every length, found SAME_UPPER with stride 2")
    one_node("operator", "node 'z' (Erf): expected an operator that has a counterpart in grus, found Erf", output="z",
             more=[node("Erf", ["Y"], ["z"])])
    one_node("custom", "found com.microsoft.Attention", output="z", more=[node("Attention", ["Y"], ["z"], domain="com.microsoft")])
    one_node("quantised", "node 'q' (DynamicQuantizeLinear): expected a graph of float32, found a quantised one", output="q",
             more=[node("DynamicQuantizeLinear", ["Y"], ["q"])])
    one_node("residual", "expected a layer behind a layer, found two layers that are joined by arithmetic", output="z",
             more=[node("Add", ["Y", "Y"], ["z"])])
    both = [node("Transpose", ["Y"], ["t"], perm=[0, 2, 1, 3]), node("Reshape", ["t", "flat"], ["f"]), node("Gather", ["f", "at"], ["z"], axis=0)]
    flat = {"flat": np.array([0, 0, -1], np.int64), "at": np.array(-1, np.int64)}
    one_node("last-of-both", "found the last position of its backward direction, which has read one position alone", extra=flat, output="z",
             more=both, direction="bidirectional")
    units = [node("Transpose", ["Y"], ["t"], perm=[0, 2, 3, 1]), node("Reshape", ["t", "flat"], ["z"])]
    one_node("units-before-directions", "expected the directions merged before the units of each", extra=flat, output="z", more=units,
             direction="bidirectional")
    upper = dict(zip(("W1", "R1", "B1"), cell_weights(3, 1, H)), axes=np.array([1], np.int64))
    one_node("two-cells", "node 'y1' (GRU): expected the cell of the layers below, GRU with reset after the product, found GRU with reset before the product", extra=upper, output="y1",
             more=[node("Squeeze", ["Y", "axes"], ["x1"]), node("GRU", ["x1", "W1", "R1", "B1"], ["y1"], hidden_size=H)],
             linear_before_reset=1)
    one_node("between", "expected nothing but linear layers without activation between node 'y1' (GRU) and the layer below, found tanh",
             extra=upper, output="y1", more=[node("Squeeze", ["Y", "axes"], ["x1"]), node("Tanh", ["x1"], ["a1"]),
                                             node("GRU", ["a1", "W1", "R1", "B1"], ["y1"], hidden_size=H)])
    og.write("bad-no-cell.onnx", [node("Tanh", ["X"], ["Y"])], {}, {"X": ["T", "N", E]}, ["Y"])
    refused("no-cell", "expected a GRU or LSTM layer, found none before its outputs")
    with open("bad-file.onnx", "wb") as f:
        f.write(b"\x89HDF\r\n\x1a\n no graph at all")
    refused("file", "bad-file.onnx: expected an ONNX model")
    with open("stacked.onnx", "rb") as f:
        whole = f.read()
    with open("bad-short.onnx", "wb") as f:
        f.write(whole[:len(whole) // 2])
    refused("short", "bad-short.onnx: expected an ONNX model")


def damaged(name, count):
    """The same graph with bytes changed, which the importer takes or refuses, whatever they are."""
    with open(name + ".onnx", "rb") as f:
        whole = f.read()
    for i in range(count):
        other = bytearray(whole)
        for at in rs.randint(len(whole), size=1 + i % 3):
            other[at] = rs.randint(256)
        with open(f"damaged/{i}.onnx", "wb") as f:
            f.write(other)


def main():
    os.makedirs(os.path.join(sys.argv[1], "damaged"), exist_ok=True)
    os.chdir(sys.argv[1])
    after = lambda *a: og.gru(*a, True)
    before = lambda *a: og.gru(*a, False)
    final_states("reset-after", "GRU", ["forward"], reader=after, attributes={"linear_before_reset": 1})
    final_states("reset-before", "GRU", ["forward", "reverse"], reader=before)
    final_states("reverse", "GRU", ["reverse"], ["initial_h"], reader=before)
    final_states("hard", "GRU", ["forward"], reader=lambda *a: og.gru(*a, False, og.hard_sigmoid, lambda x: np.maximum(x, 0)),
                 attributes={"activations": ["HardSigmoid", "Relu"]})
    final_states("linear", "GRU", ["forward"], reader=lambda *a: og.gru(*a, True, og.sigmoid, lambda x: x),
                 attributes={"activations": ["Sigmoid", "Affine"], "activation_alpha": [1.0], "activation_beta": [0.0],
                             "linear_before_reset": 1})
    final_states("lstm", "LSTM", ["forward", "reverse"], ["initial_h", "initial_c"], reader=og.lstm)
    stacked("stacked")
    refused("stream", step_of_stream("stream"))
    by_torch("joined", Joined(), 11)
    by_torch("joined-11", Joined(), 11, 11)
    by_torch("halves", Halves())
    by_torch("mean", Mean())
    by_position("frames", Frames())
    by_position("convolved", Convolved(), LENGTHS[3:])
    by_position("grouped", Convolved(2), LENGTHS[3:])
    uneven("uneven")
    refusals()
    damaged("joined", 120)


if __name__ == "__main__":
    main()
