"""The reference of `--compute-type int8`: the model of model.py with its products taken of integers, as the model format
defines them.

Matrices are q * scale, a scale for each row: the file's, or max |w| / 127. What they are multiplied with is rounded row by
row and part by part: scale 1/127 where the values lie in [-1, 1] by construction, else max |x| / 127. What the definition
says of rounding is done in float32, each operation by itself; all else in double. Where a beam is searched, the products
of the context are made of the encoder's outputs and summed by attention (folded), and so is `general` on the side of keys.

A value that comes of float32 may lie so close to the middle of two integers that another program rounds it to the other
one; what follows is then another result, as right as this one. Rounding knows these values, and can take them the other way
(otherwise.py).
"""
import json
import os
import zlib

import numpy as np
import torch
from torch import nn

import cells
import formats
import multihead
from fronts import is_bounded
import heads
from model import Attention, Model

LARGEST = np.float32(127)
PIECE = 1 << 16         # columns whose sum is exact in 32 bits
NEAR = 1e-4             # of a step: values of size 1 that float32 makes wrong by less than 8e-7 cannot be rounded otherwise
EXACT_PARTS = ("source", "embedding", "learned")    # they come from files: every program rounds the same numbers


nearest = np.rint       # ties to even


class Rounding:
    """To the nearest integer, ties to even. `near`: [(distance from a middle, (digest of the values, place))]; of `other`, which
    are such places, the other neighbour is taken, wherever the same values are rounded: two matrices may read one vector."""

    def __init__(self, other=frozenset()):
        self.other, self.near, self.found, self.count = other, [], set(), 0

    def __call__(self, v, exact):
        q = nearest(v)
        if exact:
            return q
        self.count += v.size
        off = (v - q).astype(np.float64)
        for place in np.flatnonzero(0.5 - np.abs(off) < NEAR):
            key = (zlib.crc32(v.tobytes()), int(place))
            if key not in self.found:
                self.found.add(key)
                self.near.append((0.5 - abs(off.flat[place]), key))
            if key in self.other:
                q.flat[place] += 1 if off.flat[place] > 0 else -1
        return q


def scale_of(x):
    """Of float32 rows: max |x| / 127, a column"""
    return np.abs(x).max(axis=1, keepdims=True) / LARGEST


def matrix(w, scale=None):
    """A tensor of q * scale from float32 rows, its `q` and `scale` beside it; scale: one for each row, if the file has them."""
    scale = scale_of(w) if scale is None else scale[:, None]
    q = nearest(np.divide(w, scale, out=np.zeros_like(w), where=scale > 0))
    x = torch.tensor(q * scale, dtype=torch.float64)
    x.q, x.scale = q.astype(np.float64), scale[:, 0]
    return x


def quantise(x, bounded, exact, rounding):
    """Rows of float32 -> their integers, in double, and a scale for each, a column"""
    if bounded:
        v = np.minimum(np.maximum(x * LARGEST, -LARGEST), LARGEST)
        return rounding(v, exact).astype(np.float64), np.full((len(x), 1), 1 / LARGEST, np.float32)
    greatest = np.abs(x).max(axis=1, keepdims=True)
    greatest[greatest < np.float32(2.0 ** -120)] = 0
    inverse = np.divide(LARGEST, greatest, out=np.zeros_like(greatest), where=greatest > 0)
    finite = np.isfinite(greatest)
    v = np.where(finite, x, np.float32(0)) * np.where(finite, inverse, np.float32(0))
    return rounding(v, exact).astype(np.float64), np.where(finite, greatest / LARGEST, np.float32(np.nan))


def multiply(q, scale, q_w, scale_w):
    """The float that each sum of integers stands for; rows of both -> (rows, rows of the weights), in double"""
    y = 0
    for first in range(0, q.shape[1], PIECE):
        sums = q[:, first:first + PIECE] @ q_w[:, first:first + PIECE].T
        y = y + sums.astype(np.float32).astype(np.float64) * (scale * scale_w)
    return y


class Taps:
    """The weights of a convolution as a matrix: a row has the taps of one column side by side, as in the file."""

    def __init__(self, matrix, taps):
        self.matrix, self.taps = matrix, taps


class QuantisedAttention(Attention):
    """Folded where its model is."""

    def scores(self, q, enc):
        if not self.model.folds or self.score != "general":
            return super().scores(q, enc)
        if enc.keys is None:
            w = matrix(self.w.numpy().T.astype(np.float32))
            enc.keys = self.model.linear(enc.outputs, w, None, ["outputs"])
        return q @ enc.keys.transpose(1, 2)

    def __call__(self, q, enc):
        context, weights = super().__call__(q, enc)
        if self.model.readers():
            if not hasattr(enc, "products"):
                enc.products = self.model.products(enc.outputs)
            context = torch.cat([context, weights @ enc.products], dim=2)
        return context, weights


def find_bounded(config):
    """Which vectors of Model.linear lie in [-1, 1] by construction."""
    encoder, decoder = config["encoder"], config.get("decoder", {})
    outputs, state = (cells.settings(spec)["activation"] == "tanh" for spec in (encoder, decoder))
    outputs = outputs and encoder.get("initial_state") != "learned"
    state = state and (decoder.get("bridge") != "last" or outputs)
    pooled = outputs and not config.get("pooling", {}).get("normalize", False)
    joined = "heads" in config.get("attention", config.get("pooling", {}))           # contexts are a product
    pooled = pooled and not joined
    bounded = {"outputs": outputs, "context": outputs and not joined, "sums": False, "pooled": pooled, "state": state, "embedding": False, "source": False, "learned": False}
    bounded.update({f"hidden.{name}": name in ("tanh", "sigmoid") for name in heads.ACTIVATIONS})
    front = config.get("front", [])
    bounded.update({f"front.{i}": is_bounded(front, i) for i in range(1, len(front) + 1)})
    readout = decoder.get("readout", {"inputs": []})
    if readout.get("size") is None:
        bounded["readout"] = all(bounded[part] for part in readout["inputs"])
    else:
        bounded["readout"] = readout.get("activation") == "tanh"
    return bounded


class Quantised(Model):
    """`rounding` sees what is rounded. With `folds`, a context has its products with readers() behind it."""

    loops, attention_type, multihead_type = True, QuantisedAttention, multihead.Plain

    def __init__(self, config, tensors, directory=None, scales=None):
        self.file_scales, self.rounding, self.bounded = scales or {}, Rounding(), find_bounded(config)
        super().__init__(config, tensors, directory, torch.float64)

    @classmethod
    def load(cls, directory):
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        scales = {}
        tensors = formats.read_safetensors(os.path.join(directory, "model.safetensors"), scales)
        return cls(config, tensors, directory, scales)

    def tensor(self, name, shape, optional=False):
        x = super().tensor(name, shape, optional)
        if x is None or x.dim() < 2 or name.startswith("encoder.initial") or name.endswith(".transitions"):
            return x
        made = matrix(x.flatten(1).numpy().astype(np.float32), self.file_scales.get(self.file_name(name)))
        return made if x.dim() == 2 else Taps(made, x.shape[2])

    def sorted_taps(self, w):
        if not isinstance(w, Taps):
            return w
        order = torch.arange(w.matrix.shape[1]).view(-1, w.taps).T.reshape(-1)
        sorted_matrix = w.matrix[:, order]
        sorted_matrix.q, sorted_matrix.scale = w.matrix.q[:, order.numpy()], w.matrix.scale
        return sorted_matrix

    def columns(self, parts, whole):
        """How many each part has; whole: all together."""
        if len(parts) == 1:
            return [whole]
        if all(hasattr(part, "size") for part in parts):
            return [part.size for part in parts]
        sizes = {"outputs": self.d, "pooled": self.d, "context": self.d}
        if hasattr(self, "attention"):
            sizes["context"] = sizes["pooled"] = getattr(self.attention, "context_size", self.d)
        if self.config["model_type"] == "seq2seq":
            sizes.update(embedding=self.dec_embedding.shape[1], state=self.dec_hidden, readout=self.readout_size)
        return [sizes[part] for part in parts]

    def readers(self):
        """The matrices whose products of the context are folded, and their parts: those of a layer; none where the context
        goes to the output as it is."""
        if not self.folds or self.config.get("attention", {}).get("heads") or (self.readout_weight is None and "context" in self.readout_inputs):
            return []
        cell, inputs = (self.second, ["context"]) if self.second else (self.dec_rnn, self.inputs)
        every = [(cell.weights["weight_ih_l0"], inputs), (self.readout_weight, self.readout_inputs)]
        return [(w, parts) for w, parts in every if "context" in parts]

    def products(self, outputs):
        """Of the encoder's outputs, side by side for all readers."""
        rows, made = outputs.reshape(-1, self.d).numpy(), []
        for w, parts in self.readers():
            first = sum(self.columns(parts, w.shape[1])[:parts.index("context")])
            made.append(self.product(rows, w, first, "context"))
        made = np.concatenate(made, axis=1)
        return torch.from_numpy(made).reshape(*outputs.shape[:-1], made.shape[1])

    def product(self, rows, w, first, part):
        """Of one part, by w's columns from `first` on"""
        q, scale = quantise(rows.astype(np.float32), self.bounded[part], part in EXACT_PARTS, self.rounding)
        return multiply(q, scale, w.q[:, first:first + rows.shape[1]], w.scale)

    def linear(self, x, w, b, parts):
        rows, y, at, first = x.reshape(-1, x.shape[-1]).numpy(), 0, 0, 0
        readers = [reader for reader, _ in self.readers()] if "context" in parts else []
        for part, n in zip(parts, self.columns(parts, w.shape[1])):
            if part == "context" and readers:
                place = [reader is w for reader in readers].index(True)
                known = at + n + sum(map(len, readers[:place]))
                y = y + rows[:, known:known + len(w)]
                at += sum(map(len, readers))
            else:
                y = y + self.product(rows[:, at:at + n], w, first, part)
            at, first = at + n, first + n
        y = torch.from_numpy(y).reshape(*x.shape[:-1], len(w))
        return y if b is None else y + b

    def start(self, enc):
        h, context, readout = super().start(enc)
        return h, nn.functional.pad(context, (0, sum(len(w) for w, _ in self.readers()))), readout
