"""What the importers of other frameworks' models share: gates in PyTorch's order, layers of one size, the model directory, and the
report of what was taken for what. Arrays are NumPy's. Shapes are checked against the configuration, and the files written, by
export_torch.py.

A tool reads its own format, fills a Model, and ends with main():

    model = Model(arguments)
    model.source_tokens(table) or model.source_features(width)
    model.front("conv1d", {"kernel": 3}, weight, bias)
    stack = Stack({"cell": "lstm"}); stack.add("both", [forward, backward], "what it was in the file")
    model.encoder(stack)
    model.head("tag", "token", [Layer(weight, bias, "softmax")], "what it was")
"""
import argparse
import os
import re
import sys
import tempfile

import numpy as np
import torch

from export_torch import DTYPES, ExportError, export

TAKEN = ("id", "text", "output", "score", "logprob", "attention", "embedding", "error", "tokens", "source", "target", "features", "alignment",
         "length", "states", "ids", "prefix", "nbest", "token_logprobs", "truncated")      # fields of records, or that may become such
GATES = {"gru": "rzn", "lstm": "ifgo"}      # PyTorch's order of rows


class Refused(ExportError):
    """What grus cannot compute exactly, or what the file does not tell; the text names it, and the option that helps."""


class Cell:
    """The tensors of one direction of a layer, as PyTorch has them. Biases may be None, both or none; learned first states are
    None where they are zeros."""
    initial_state = initial_cell = None

    def __init__(self, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
        self.weight_ih, self.weight_hh = np.asarray(weight_ih, np.float64), np.asarray(weight_hh, np.float64)
        rows = len(self.weight_ih)
        if bias_ih is None and bias_hh is not None:
            bias_ih = np.zeros(rows)
        if bias_hh is None and bias_ih is not None:
            bias_hh = np.zeros(rows)
        self.bias_ih, self.bias_hh = bias_ih, bias_hh

    @property
    def hidden(self):
        return self.weight_hh.shape[1]


class Layer:
    """A linear layer: weight (outputs, inputs), bias or None, activation."""

    def __init__(self, weight, bias, activation="none"):
        self.weight, self.bias, self.activation = weight, bias, activation


def reorder(rows, order, cell):
    """Rows (or a vector) whose gates stand in the order of the letters of `order`, in PyTorch's order for the cell. A letter with
    a minus before it, "-z", is a gate of the opposite sign: its rows are negated."""
    letters = [x for x in order if x != "-"]
    negated = {order[i + 1] for i, x in enumerate(order) if x == "-"}
    parts = dict(zip(letters, np.split(np.asarray(rows, np.float64), len(letters))))
    return np.concatenate([-parts[g] if g in negated else parts[g] for g in GATES[cell]])


def batch_norm(gamma, beta, mean, variance, epsilon):
    """-> (scale, shift) of y = scale x + shift. gamma and beta may be None."""
    scale = 1 / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -np.asarray(mean, np.float64) * scale
    return scale, shift if beta is None else shift + beta


def fold(weight, bias, scale, shift):
    """W (scale x + shift) + b as another (W, b); columns of weight, which may be a convolution's (outputs, inputs, kernel)."""
    weight = np.asarray(weight, np.float64)
    added = weight.reshape(*weight.shape[:2], -1).sum(2) @ shift
    wide = np.reshape(scale, (1, -1) + (1,) * (weight.ndim - 2))
    return weight * wide, added if bias is None else added + bias


class Stack:
    """The cells of an encoder, layer by layer from the lowest. Layers of fewer units than the widest get units that stay 0: all
    of their weights and biases are 0, and so are the columns that read them."""

    def __init__(self, keys):
        self.keys, self.layers, self.names = keys, [], []

    def add(self, direction, cells, name):
        """direction: forward, backward or both; cells: one Cell for each direction, forward before backward."""
        self.layers.append((direction, cells))
        self.names.append(name)

    @property
    def hidden(self):
        return max(c.hidden for _, cells in self.layers for c in cells)

    def width(self, layer):
        """Of a layer's outputs, as the file has them."""
        return sum(c.hidden for c in self.layers[layer][1])

    def columns(self, layer):
        """Where a layer's own outputs stand among those of the written layer."""
        return np.concatenate([i * self.hidden + np.arange(c.hidden) for i, c in enumerate(self.layers[layer][1])])

    def spread(self, weight, layer):
        """Columns that read a layer, as they read the written one."""
        out = np.zeros((len(weight), self.hidden * len(self.layers[layer][1])))
        out[:, self.columns(layer)] = weight
        return out

    def grow(self, rows, gates, units):
        """Rows of all gates with zeros behind those of each."""
        rows = np.asarray(rows, np.float64).reshape(gates, units, -1)
        out = np.zeros((gates, self.hidden, rows.shape[2]))
        out[:, :units] = rows
        return out.reshape(gates * self.hidden, -1)

    def tensors(self):
        gates = len(GATES[self.keys.get("cell", "gru")])
        biased = any(c.bias_ih is not None for _, cells in self.layers for c in cells)
        for k, (_, cells) in enumerate(self.layers):
            for cell, suffix in zip(cells, ("", "_reverse")):
                width = cell.weight_ih.shape[1]
                if cell.weight_ih.shape[0] != gates * cell.hidden or k and width != self.width(k - 1):
                    raise Refused(f"{self.names[k]}: weights [{cell.weight_ih.shape[0]}, {width}] fit no "
                                  f"{self.keys.get('cell', 'gru')} of {cell.hidden} units on {self.width(k - 1) if k else width} inputs")
                inputs = self.grow(cell.weight_ih, gates, cell.hidden)
                yield f"encoder.rnn.weight_ih_l{k}{suffix}", self.spread(inputs, k - 1) if k else inputs
                recurrent = np.zeros((gates * self.hidden, self.hidden))
                recurrent[:, :cell.hidden] = self.grow(cell.weight_hh, gates, cell.hidden)
                yield f"encoder.rnn.weight_hh_l{k}{suffix}", recurrent
                for which, bias in (("ih", cell.bias_ih), ("hh", cell.bias_hh)):
                    if biased:
                        bias = np.zeros(gates * cell.hidden) if bias is None else bias
                        yield f"encoder.rnn.bias_{which}_l{k}{suffix}", self.grow(bias, gates, cell.hidden)[:, 0]
        if self.learned():
            for name in ("initial_state", "initial_cell")[:1 + (self.keys.get("cell") == "lstm")]:
                yield f"encoder.{name}", np.stack([self.first(c, name) for _, cells in self.layers for c in cells])

    def learned(self):
        """Whether any cell begins with other states than zeros."""
        return any(c.initial_state is not None or c.initial_cell is not None for _, cells in self.layers for c in cells)

    def first(self, cell, name):
        out = np.zeros(self.hidden)
        if getattr(cell, name) is not None:
            out[:cell.hidden] = getattr(cell, name)
        return out

    def config(self):
        directions = [d for d, _ in self.layers]
        out = {"hidden_size": self.hidden, "num_layers": len(directions)}
        if set(directions) == {"both"}:
            out["bidirectional"] = True
        elif set(directions) != {"forward"}:
            out["direction"] = directions[0] if len(set(directions)) == 1 else directions
        if self.learned():
            out["initial_state"] = "learned"
        return {**out, **self.keys}


class Model:
    """A model directory in the making: an encoder with heads. arguments: what command_line() has read."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.config, self.tensors, self.lines, self.stack = {"model_type": "encoder"}, {}, {}, None
        self.labels = dict(pair(text, "--labels") for text in arguments.labels)

    def took(self, theirs, ours):
        print(f"{theirs} -> {ours}")

    def warn(self, text):
        print(f"warning: {text}")

    def source_tokens(self, table):
        """table: the embeddings (tokens, size)."""
        tokenizer, a = {"type": a_tokenizer(self.arguments)}, self.arguments
        if a.vocab:
            with open(a.vocab, encoding="utf-8", newline="\n") as f:
                lines = f.read().split("\n")
            lines = lines[:-1] if lines and not lines[-1] else lines
            if len(lines) > len(table):
                raise Refused(f"{a.vocab}: {len(lines)} lines, and the embeddings have {len(table)} rows")
            if len(lines) < len(table):
                self.warn(f"{a.vocab} has {len(lines)} lines for {len(table)} embeddings: the last ones get names that no token has")
            tokenizer["vocab"] = "source.vocab"
            self.lines["source.vocab"] = lines + [f"<unused {i}>" for i in range(len(lines), len(table))]
        if a.lowercase:
            tokenizer["lowercase"] = True
        if not a.vocab:
            self.took("tokens", "integers, tokenizer \"ids\" (--vocab FILE and --tokenizer give another)")
        self.config["source"] = {"tokenizer": tokenizer, "embedding_dim": int(table.shape[1])}
        self.tensors["encoder.embedding.weight"] = table

    def source_features(self, width):
        if self.arguments.vocab or self.arguments.tokenizer:
            raise Refused(f"--vocab and --tokenizer: the model reads {width} features a position, no tokens")
        self.config["source"] = {"input": "features", "feature_dim": int(width)}

    def front(self, kind, keys, weight=None, bias=None):
        """The next layer of the front; keys as in config.json, channels or size by the weight."""
        front = self.config.setdefault("front", [])
        if weight is not None:
            keys = {"channels" if kind == "conv1d" else "size": len(weight), **keys}
            self.tensors[f"front.{len(front)}.weight"] = weight
        if bias is not None:
            self.tensors[f"front.{len(front)}.bias"] = bias
        front.append({"type": kind, **keys})

    def encoder(self, stack):
        self.stack = stack
        self.config["encoder"] = stack.config()
        self.tensors.update(stack.tensors())
        narrow = [n for n, (_, cells) in zip(stack.names, stack.layers) if any(c.hidden < stack.hidden for c in cells)]
        if narrow:
            self.took(", ".join(narrow), f"layers of {stack.hidden} units as the widest has, the added ones always 0")

    def pooling(self, kind):
        if self.config.setdefault("pooling", {"type": kind})["type"] != kind:
            raise Refused(f"two kinds of pooling, {self.config['pooling']['type']} and {kind}: a model has one")

    def head(self, name, on, layers, theirs, inputs=("state",)):
        """layers: Layer after Layer; the last one's activation is softmax, sigmoid or none. Columns of the first are those of
        the stack as the file has it."""
        last, head = layers[-1], {"on": on}
        if last.activation not in ("softmax", "sigmoid", "none"):       # the last linear layer of a head has no such activation
            size = len(last.weight)
            layers, last = [*layers, Layer(np.eye(size), None)], Layer(np.eye(size), None)
        if tuple(inputs) != ("state",):
            head["inputs"] = list(inputs)
        if len(layers) > 1:
            head["hidden"] = [{"size": len(layer.weight), "activation": layer.activation} for layer in layers[:-1]]
        if last.activation != "softmax":
            head["activation"] = last.activation
        self.config.setdefault("heads", {})[name] = head
        names = [f"heads.{name}.hidden.{i}" for i in range(len(layers) - 1)] + [f"heads.{name}"]
        for at, layer in zip(names, layers):
            self.tensors[at + ".weight"] = layer.weight
            if layer.bias is not None:
                self.tensors[at + ".bias"] = layer.bias
        self.tensors[names[0] + ".weight"] = self.read_inputs(layers[0].weight, inputs)
        self.label(name, head, len(last.weight))
        self.took(theirs, f"head {name}, of each {'position' if on == 'token' else 'sequence'}, {last.activation}" +
                  (f", {len(layers) - 1} hidden" if len(layers) > 1 else "") + f", {head.get('labels', '%d numbers' % len(last.weight))}")

    def read_inputs(self, weight, inputs):
        """Columns of a head's first layer as they read the written layers of the encoder."""
        parts, at = [], 0
        for what in inputs:
            layer = len(self.stack.layers) - 1 if what == "state" else int(what[5:]) if what.startswith("layer") else None
            width = self.stack.width(layer) if layer is not None else np.shape(weight)[1] - at if len(inputs) == 1 else \
                self.stack.layers[0][1][0].weight_ih.shape[1]
            part = np.asarray(weight)[:, at:at + width]
            parts.append(part if layer is None else self.stack.spread(part, layer))
            at += width
        return np.concatenate(parts, axis=1)

    def label(self, name, head, size):
        """The labels of a head: those that are given, else numbers; a head of plain numbers needs none."""
        given = self.labels.pop(name, None)
        if given is None and head.get("activation") == "none":
            head["size"] = size
            return
        head["labels"] = name + ".labels"
        self.lines[head["labels"]] = [str(i) for i in range(size)]
        if given:
            with open(given, encoding="utf-8", newline="\n") as f:
                self.lines[head["labels"]] = f.read().removesuffix("\n").split("\n")
            if len(self.lines[head["labels"]]) != size:
                raise Refused(f"{given}: {len(self.lines[head['labels']])} labels, and head {name} has {size}")
        else:
            self.took(f"labels of {name}", f"0 to {size - 1} (--labels {name}=FILE gives others)")

    def write(self):
        if self.labels:
            raise Refused(f"--labels {next(iter(self.labels))}: no such head; there are {', '.join(self.config.get('heads', {})) or 'none'}")
        if "heads" not in self.config and "pooling" not in self.config:
            self.pooling("last")
            self.took("no head", "pooling: last, for --task embed; --task states gives the outputs of all positions")
        state = {n: torch.from_numpy(np.array(t, np.float32, order="C")) for n, t in self.tensors.items()}
        with tempfile.TemporaryDirectory() as folder:
            files = {name: os.path.join(folder, name) for name in self.lines}
            for name, lines in self.lines.items():
                with open(files[name], "w", encoding="utf-8", newline="\n") as f:
                    f.write("".join(line + "\n" for line in lines))
            left = export(state, self.config, self.arguments.output, files, self.arguments.dtype)
        if left:
            raise AssertionError(f"tensors that nothing uses: {left}")
        size = os.path.getsize(os.path.join(self.arguments.output, "model.safetensors"))
        print(f"{self.arguments.output}: {size} bytes, {self.arguments.dtype}")


def a_tokenizer(arguments):
    return arguments.tokenizer or ("whitespace" if arguments.vocab else "ids")


def head_name(name):
    """A name that a head may have, out of a graph's."""
    made = re.sub(r"\W+", "_", name.split(":")[0].split("/")[-1]).strip("_") or "head"
    return f"head_{made}" if made in TAKEN or re.fullmatch(r"layer\d+", made) else made


def pair(text, option):
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise Refused(f"{option}: expected NAME=VALUE, found {text!r}")
    return name, value


def command_line(doc, inputs):
    """A parser with the options that all importers have. inputs: what the files are."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("inputs", metavar="INPUT", nargs="+", help=inputs)
    p.add_argument("-o", "--output", metavar="DIR", required=True, help="the model directory, made where it is not")
    p.add_argument("--dtype", choices=sorted(DTYPES), default="f32", help="of the weights; int8: matrices in I8 with scales [f32]")
    p.add_argument("--vocab", metavar="FILE", help="one token a line, in the order of the embeddings [tokens are integers]")
    p.add_argument("--tokenizer", choices=("char", "whitespace", "ids"), help="how texts are split [whitespace with --vocab, else ids]")
    p.add_argument("--lowercase", action="store_true", help="lower-case texts before they are split")
    p.add_argument("--labels", metavar="NAME=FILE", action="append", default=[], help="labels of a head, one a line [numbers]")
    return p


def main(tool, parser, convert):
    """convert(arguments) -> Model. The exit code."""
    arguments = parser.parse_args()
    try:
        convert(arguments).write()
    except (ExportError, OSError) as e:
        for line in str(e).split("\n"):
            print(f"{tool}: {line}", file=sys.stderr)
        return 1
    return 0
