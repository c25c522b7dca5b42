#!/usr/bin/env python3
"""export_models.py DIR: a small tagger as torch.save writes it, bare and wrapped in the ways of the field, its configuration, and
configurations with one key that has no place there, for tests/command/export.sh. Needs PyTorch."""
import copy
import json
import os
import sys

import torch

ENCODER = {"hidden_size": 3}
CONFIG = {
    "model_type": "encoder",
    "source": {"tokenizer": {"type": "whitespace", "vocab": "words"}, "embedding_dim": 4},
    "encoder": {"hidden_size": 3, "bidirectional": True},
    "pooling": {"type": "mean"},
    "heads": {"kind": {"on": "sequence", "labels": "kinds"}, "tags": {"on": "token", "labels": "kinds"}},
}
# The same with attention pooling.
ATTENTION = {**CONFIG, "pooling": {"type": "attention", "score": "additive", "size": 5, "query": "learned"}}
# Layers before the encoder; the tagger below has tensors for a pooling alone.
POOL = {"type": "max_pool", "size": 3}
FRONT = [{"type": "conv1d", "channels": 4, "kernel": 3, "padding": 1, "activation": "tanh"}, POOL, {"type": "linear", "size": 4}]
# Path of keys, and what is put there; the first ones are no mistakes.
EDITS = [("encoder.num_layers", 1), ("encoder.reset", "after"), ("pooling.normalize", True), ("heads.tags.inputs", ["state"]),
         ("encoder", {**ENCODER, "direction": "both"}), ("encoder", {**ENCODER, "direction": ["both"]}),
         ("encoder", {**ENCODER, "direction": ["both", "both"]}), ("encoder", {**ENCODER, "direction": "right"}),
         ("encoder", {**ENCODER, "direction": [1]}), ("encoder.direction", "both"), ("encoder.cell", "rnn"), ("encoder.cell", "lstm"),
         ("encoder.initial_state", "zeros"), ("encoder.initial_state", "given"), ("encoder.initial_state", "learned"),
         ("front", []), ("front", {}), ("front", [3]), ("front", [POOL]), ("front", [{**POOL, "padding": 1, "stride": 1}]),
         ("front", [{**POOL, "padding": 2}]), ("front", [{**POOL, "activation": "none"}, {**POOL, "dilation": 1}]),
         ("front", [{**POOL, "activation": "relu"}]), ("front", [{**POOL, "dilation": 2}]), ("front", [{**POOL, "stride": 0}]),
         ("front", [{**POOL, "kernel": 3}]), ("front", [{**POOL, "channels": 4}]), ("front", [{**POOL, "ceil_mode": False}]),
         ("front", [{**POOL, "size": 1.5}]), ("front", [{**POOL, "type": "avg_pool"}]), ("front", [{"type": "max_pool"}]),
         ("front", [{**POOL, "padding": 1, "stride": 1}, {**POOL, "size": 65537}]), ("front", [FRONT[0]]),
         ("extra", 1), ("source.lower", True), ("source.feature_dim", 4), ("source.tokenizer.lower", True),
         ("source.tokenizer.codes", "x"), ("source.tokenizer.model", "x"), ("encoder.dropout", 0.1), ("encoder.hidden", 3),
         ("pooling.size", 3), ("pooling.score", "dot"), ("pooling.query", "learned"), ("pooling.temperature", 1),
         ("pooling.kind", "mean"), ("heads.kind.inputs", ["state"]), ("heads.kind.weight", 1), ("heads.kind.size", 2),
         ("heads.kind.activation", "sigmoid"), ("heads.kind.activation", "tanh"), ("heads.kind.activation", "none"), ("heads.kind.threshold", 0.4),
         ("heads.kind.threshold", 0.5), ("heads.kind.decode", "crf"), ("heads.tags.decode", "crf"), ("heads.tags.blank", 1), ("heads.tags.join", "-"),
         ("heads.tags.blank", 0), ("heads.tags.inputs", ["layer1"]), ("heads.tags.inputs", ["source"]), ("heads.kind.hidden", [{"size": 3}]),
         ("heads.kind.hidden", [{"sizes": 3}]), ("heads.kind.hidden", [{"size": 3, "activation": "elu"}]), ("heads.kind.hidden", [7]), ("attention", {"score": "dot"}),
         ("decoder", {}), ("generation", {"beam_size": 2}), ("decoder.vocab", "words"), ("tensors.encoder", "enc")]


class Caller(torch.nn.Module):
    """A network with names and layers of its own: convolutions, layers of an LSTM each by itself, a head with a hidden layer."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.ModuleList([torch.nn.Conv1d(2, 4, 5), torch.nn.Conv1d(4, 6, 3)])
        self.rnn = torch.nn.ModuleList([torch.nn.LSTM(6, 3), torch.nn.LSTM(3, 3)])
        self.out = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


class Tagger(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.encoder, self.heads = torch.nn.Module(), torch.nn.ModuleDict()
        self.encoder.embedding = torch.nn.Embedding(6, 4)
        self.encoder.rnn = getattr(torch.nn, cell)(4, 3, bidirectional=True)
        self.heads["kind"], self.heads["tags"] = torch.nn.Linear(6, 2), torch.nn.Linear(6, 2)


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def renamed(state, names):
    """A state with other names: the longest prefix counts."""
    out = {}
    for name, tensor in state.items():
        old = max((o for o in names if name.startswith(o)), key=len, default="")
        out[names.get(old, "") + name[len(old):]] = tensor
    return out


def without(state, *names):
    return {name: tensor for name, tensor in state.items() if name not in names}


def normed(state, name, g, v):
    """The tensor as g times a direction v of another length, row by row."""
    weight = state[name]
    length = weight.norm(dim=1, keepdim=True)
    return {**without(state, name), g: length, v: weight * 3}


def awkward(state):
    """Matrices whose rows are hard to round: ties, zeros, denormal weights, such scales, numbers of all sizes."""
    state, denormals = dict(state), torch.tensor([1e-40, -1.1e-38, 1.4e-45])
    for name in state:
        if state[name].dim() == 2:
            rows = torch.randn(state[name].shape) * 10 ** torch.empty(len(state[name]), 1).uniform_(-30, 3)
            rows[1] = torch.randint(-127, 127, rows[1].shape) + 0.5
            rows[1, 0] = -127
            rows[0, -1] = denormals[len(name) % 3]
            if len(rows) > 4:
                rows[2], rows[3, 1:], rows[4] = 0, -1.1e-38, 1.4e-36 * rows[4].sign()
            state[name] = rows
    return state


def write(top):
    torch.manual_seed(1)
    state, lstm = Tagger("GRU").state_dict(), Tagger("LSTM").state_dict()
    heads = "heads.kind"
    states = {
        "plain": state, "state_dict": {"state_dict": state, "epoch": 3}, "model": {"model": state, "optimizer": {}},
        "model_state_dict": {"model_state_dict": state, "loss": 0.1}, "both": {"model": state, "state_dict": state},
        "module": prefixed(state, "module."), "orig": prefixed(state, "_orig_mod."),
        "norm": normed(state, "encoder.rnn.weight_hh_l0", "encoder.rnn.weight_hh_l0_g", "encoder.rnn.weight_hh_l0_v"),
        "parametrized": normed(state, heads + ".weight", heads + ".parametrizations.weight.original0",
                               heads + ".parametrizations.weight.original1"),
        "half-biased": without(state, "encoder.rnn.bias_hh_l0_reverse"),
        "awkward": awkward(state), "awkward-half": {name: tensor.bfloat16() for name, tensor in awkward(state).items()},
        "great": {**state, "heads.kind.weight": torch.full((2, 6), 3.4028234663852886e38)},
        "lstm": lstm, "learned": {**state, "encoder.initial_state": torch.randn(2, 3)},
        "unbiased": without(state, *(n for n in state if "rnn.bias" in n)),
    }
    other = renamed(state, {"encoder.embedding": "words.lut", "encoder.rnn": "gru", "heads.kind": "fc_kind", "heads.tags": "fc_tags"})
    own = {"x2h.weight": torch.randn(9, 4), "x2h.bias": torch.randn(9), "h2h.weight": torch.randn(9, 3), "h2h.bias": torch.randn(9)}
    states.update({
        "other": prefixed(other, "module._orig_mod."), "caller": Caller().state_dict(), "own": own,
        "turned": {**other, "fc_kind.weight": torch.randn(2, 5), "fc_tags.weight": other["fc_tags.weight"].t(),
                   "words.lut.weight": other["words.lut.weight"].t()},
        "lin": {**prefixed(torch.nn.Linear(7, 4).state_dict(), "first."), **prefixed(torch.nn.GRU(4, 3).state_dict(), "rnn."),
                **prefixed(torch.nn.Linear(3, 2).state_dict(), "out.")},
        "projected": torch.nn.LSTM(4, 5, proj_size=3).state_dict(), "rnn": torch.nn.RNN(4, 3).state_dict(),
        "two": {**prefixed(torch.nn.GRU(4, 3).state_dict(), "encoder."), **prefixed(torch.nn.GRU(5, 3).state_dict(), "decoder.")},
    })
    for name, saved in states.items():
        torch.save(saved, f"{top}/{name}.pt")
    state.update({"attention.key.weight": torch.randn(5, 6), "attention.energy.weight": torch.randn(1, 5)})
    torch.save(state, f"{top}/attention.pt")
    with open(f"{top}/attention.json", "w") as file:
        json.dump(ATTENTION, file)
    state.update({"front.0.weight": torch.randn(4, 4, 3), "front.0.bias": torch.randn(4), "front.2.weight": torch.randn(4, 4)})
    torch.save(state, f"{top}/front.pt")
    with open(f"{top}/front.json", "w") as file:
        json.dump({**ATTENTION, "front": FRONT}, file)
    for name, lines in (("words", "a b c d e <unk>"), ("kinds", "x y")):
        with open(f"{top}/{name}", "w") as file:
            file.write(lines.replace(" ", "\n") + "\n")
    for i, (path, value) in enumerate([("model_type", "encoder"), *EDITS]):
        config = copy.deepcopy(CONFIG)
        *outer, key = path.split(".")
        at = config
        for name in outer:
            at = at.setdefault(name, {})
        at[key] = value
        with open(f"{top}/{i:02d}-{path}.json" if i else f"{top}/config.json", "w") as file:
            json.dump(config, file)
    with open(f"{top}/lstm.json", "w") as file:
        json.dump({**CONFIG, "encoder": {**CONFIG["encoder"], "cell": "lstm"}}, file)
    with open(f"{top}/learned.json", "w") as file:
        json.dump({**CONFIG, "encoder": {**CONFIG["encoder"], "initial_state": "learned"}}, file)
    with open(f"{top}/99-twice.json", "w") as file:
        file.write(json.dumps(CONFIG)[:-1] + ', "encoder": {"hidden_size": 3, "bidirectional": true}}')


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    write(sys.argv[1])
