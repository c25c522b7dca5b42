"""Heads of encoder models: what they read, hidden layers, the last one, and what is told of it. A part of model.Model, which has
self.heads, and self.pooling before it."""
import numpy as np
import torch

import cells
import paths

ACTIVATIONS = {"none": lambda x: x, "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid,
               "silu": lambda x: x * torch.sigmoid(x)}


class Part(str):
    """A part of what Model.linear multiplies, of `size` columns."""

    def __new__(cls, name, size):
        part = super().__new__(cls, name)
        part.size = size
        return part


def reads_layers(config):
    """Whether a head reads the outputs of a layer by its number."""
    return any(part.startswith("layer") for spec in config.get("heads", {}).values() for part in spec.get("inputs", []))


def part(model, name, entering):
    """A word of `inputs`, as Model.linear has it; entering: that of what enters the encoder, and its size"""
    if name == "pooled":
        return Part("pooled", getattr(getattr(model, "attention", None), "context_size", model.d))
    if name == "source":
        return Part(*entering)
    if name == "state":
        return Part("outputs", model.d)
    return Part("outputs", model.hidden * cells.count(model.directions[int(name[len("layer"):])]))


def read(model, name, spec, entering):
    """The tensors of a head, and its specification"""
    inputs = spec.get("inputs", ["state"]) if spec["on"] == "token" else ["pooled"]
    parts = [part(model, one, entering) for one in inputs]
    layers, reading = [], parts
    for i, hidden in enumerate(spec.get("hidden", [])):
        activation, prefix = hidden.get("activation", "none"), f"heads.{name}.hidden.{i}"
        w = model.tensor(prefix + ".weight", (hidden["size"], sum(p.size for p in reading)))
        layers.append((w, model.tensor(prefix + ".bias", (len(w),), optional=True), activation, reading))
        reading = [Part("hidden." + activation, hidden["size"])]
    w = model.tensor(f"heads.{name}.weight", (spec.get("size"), sum(p.size for p in reading)))
    layers.append((w, model.tensor(f"heads.{name}.bias", (len(w),), optional=True), "none", reading))
    crf = paths.read(model, name, len(w)) if spec.get("decode") == "crf" else None
    return {**spec, "inputs": inputs, "layers": layers, "crf": crf}


def logits(model, head, enc, pooled):
    """One sequence -> the last linear layer's output: (C) of a sequence head, (T, C) of a token head"""
    x = pooled
    if head["on"] == "token":
        of = {"state": lambda: enc.outputs[0], "pooled": lambda: pooled.expand(enc.outputs.shape[1], -1), "source": lambda: enc.entering[0]}
        x = torch.cat([of[name]() if name in of else enc.layers[int(name[len("layer"):])][0] for name in head["inputs"]], dim=1)
    for w, b, activation, parts in head["layers"]:
        x = ACTIVATIONS[activation](model.linear(x, w, b, parts))
    return x


def probs(head, x):
    kind = head.get("activation", "softmax")
    return {"softmax": lambda: torch.softmax(x, dim=-1), "sigmoid": lambda: torch.sigmoid(x), "none": lambda: x}[kind]()


def told(head, x, output, beam_size):
    """-> what a record gets of logits x, and the gaps of what was decided, [(gap, place)]"""
    if output == "labels" and head.get("decode", "argmax") != "argmax":
        return paths.told(head, x, beam_size)
    kind, on_token = head.get("activation", "softmax"), head["on"] == "token"
    numbers = (x if output == "logits" else probs(head, x)).double().numpy()
    rows = numbers.reshape(-1, numbers.shape[-1])
    if output != "labels" or kind == "none":
        return numbers.tolist() if len(rows) else [], []
    names = head["names"]
    if kind == "softmax":
        best, gaps = [names[int(np.argmax(row))] for row in rows], [(two_best(row), f"position {t}") for t, row in enumerate(rows)]
        return best if on_token else {"label": best[0], "prob": float(rows[0].max())}, gaps
    threshold = np.float32(head.get("threshold", 0.5))
    chosen = [[name for name, p in zip(names, row) if np.float32(p) >= threshold] for row in rows]
    gaps = [(float(np.abs(row - float(threshold)).min()), f"position {t}") for t, row in enumerate(rows)]
    return chosen if on_token else {"labels": chosen[0], "probs": rows[0].tolist()}, gaps


def two_best(values):
    top = np.sort(values)[::-1]
    return float(top[0] - top[1]) if len(top) > 1 else float("inf")
