#!/usr/bin/python3
"""Turns a model that Paddle saved for inference into a grus model directory: config.json, model.safetensors, labels.

    tools/import_paddle.py FOLDER -o models/mine                           __model__ and a file for each tensor, or __params__
    tools/import_paddle.py mine.pdmodel mine.pdiparams -o models/mine
    tools/import_paddle.py model_baseline -o models/lac --cell dynamic_gru         tensors alone, without a program

The program tells the network: embedding, fully connected layers, dynamic_gru (whose reset comes before the product, and whose update
gate stands the other way round unless origin_mode is set), dynamic_lstm without peepholes, nn.GRU and nn.LSTM of version 2, softmax,
a CRF. A folder of tensors alone does not tell its cell, which --cell says then; directions and layers are inferred from names and
shapes, and printed. What grus has no key for is refused by the operator's name.
"""
import re
import sys

import numpy as np

from chain import Cells, Embedding, Linear, Network, Refused, Source, States, beside, head_name
from importing import Model, command_line, main, pair
from paddle_file import look
from paddle_tensor import Damaged
from paddle_walk import Walk, crf_path, gru_cell, lstm_cell
from protobuf import WRONG

CELLS = {"dynamic_gru": 3, "dynamic_gru_origin": 3, "dynamic_lstm": 4}


def from_program(program, parameters, arguments):
    """(name, layer) of each output."""
    walk = Walk(program, parameters)
    names, found = dict(pair(text, "--head") for text in arguments.head), []
    for name in walk.outputs:
        value = walk.values.get(name)
        if isinstance(value, Refused):
            raise Refused.of_file(f"output {name!r}", value)
        if value is None or isinstance(value, np.ndarray):
            raise Refused(f"output {name!r}", "a tensor that depends on the input", "none")
        # The names of the last operators say nothing ("save_infer_model/scale_0.tmp_0").
        default = "tag" if "scale_" in name or ".tmp_" in name else name
        found.append((names.pop(name, None) or head_name(default if len(walk.outputs) == 1 else name), value))
    if names:
        raise Refused("--head", f"an output, {', '.join(walk.outputs)}", ", ".join(names))
    return found


class Tensors:
    """A folder of tensors without a program: fc_K.w_0 makes the input of gru_N.w_0 or lstm_N.w_0, in the order of the numbers."""

    def __init__(self, parameters, arguments):
        self.all, self.kind = parameters, arguments.cell
        self.recurrent, self.linear = (self.numbered(r"(gru|lstm)_(\d+)\.w_\d+"), self.numbered(r"(fc|linear)_(\d+)\.w_\d+"))
        if not self.recurrent:
            raise Refused("the folder", "a program (__model__, .pdmodel), or tensors gru_N.w_0 or lstm_N.w_0", ", ".join(parameters) or "nothing")
        if self.kind is None:
            raise Refused("the folder", "a program (__model__, .pdmodel), or --cell, for tensors do not tell how a cell computes: one of "
                          + ", ".join(CELLS), f"{', '.join(self.recurrent[:3])} …")
        if ("lstm" in self.recurrent[0]) != (self.kind == "dynamic_lstm"):
            raise Refused(f"--cell {self.kind}", "the kind that the names tell", self.recurrent[0])
        gates = CELLS[self.kind]
        inputs = [n for n in self.linear if any(self.all[n].shape[1] == gates * self.all[r].shape[0] for r in self.recurrent)]
        self.inputs = inputs[:len(self.recurrent)]
        if len(self.inputs) < len(self.recurrent):
            raise Refused("the folder", f"a linear layer of {gates} gates before each of {', '.join(self.recurrent)}", ", ".join(inputs))
        self.heads = [n for n in self.linear if n not in self.inputs]
        matrices = [n for n, t in self.all.items() if t.ndim == 2 and n not in self.linear + self.recurrent and "emb" in n]
        if len(matrices) > 1:
            raise Refused("the folder", "one embedding", ", ".join(matrices))
        self.embedding = matrices[0] if matrices else None
        self.crf = next((n for n in self.all if re.match(r"crf", n)), None)

    def numbered(self, pattern):
        return sorted((n for n in self.all if re.fullmatch(pattern, n)), key=lambda n: int(re.search(r"_(\d+)", n).group(1)))

    def bias(self, name):
        found = self.all.get(re.sub(r"\.w_", ".b_", name))
        return None if found is None else np.reshape(found, -1).astype(np.float64)

    def groups(self):
        """How many cells each layer has: the only way, of one or two a layer, in which all widths fit."""
        widths = [self.all[n].shape[0] for n in self.inputs]
        sizes = [self.all[n].shape[0] for n in self.recurrent]
        end = self.all[self.heads[0]].shape[0] if self.heads else None

        def ways(at, width):
            if at == len(widths):
                return [[]] if width == end or end is None else []
            found = []
            for n in (1, 2):
                if at + n <= len(widths) and all(w == width for w in widths[at:at + n]):
                    found += [[n] + rest for rest in ways(at + n, sum(sizes[at:at + n]))]
            return found
        found = ways(0, widths[0])
        if len(found) != 1:
            raise Refused("the folder", "widths that fit one arrangement of layers", f"{len(found)}: inputs {widths}, units {sizes}")
        return found[0]

    def layers(self, directions):
        """The top layer's states. directions: for each layer, or None to infer them."""
        layer = Source("the input", name="input")
        if self.embedding:
            layer = Embedding(self.embedding, of=layer, table=self.all[self.embedding].astype(np.float64))
        at, groups = 0, self.groups()
        if directions and len(directions) != len(groups):
            raise Refused("--directions", f"{len(groups)}, one for each layer", len(directions))
        if not directions and 1 in groups:
            raise Refused("the folder", "--directions, for tensors do not tell how a layer of one direction reads", f"{groups.count(1)} of them")
        for k, n in enumerate(groups):
            way = directions[k] if directions else "both"
            if (way == "both") != (n == 2):
                raise Refused("--directions", f"{'both' if n == 2 else 'forward or backward'} for layer {k}", way)
            made = []
            for i in range(at, at + n):
                made.append(self.cell(self.inputs[i], self.recurrent[i], layer, ("forward", "backward")[i - at] if n == 2 else way))
            layer, at = beside(made, made[0].place), at + n
        return layer

    def cell(self, fc, name, of, direction):
        x, w = self.all[fc].astype(np.float64), self.all[name].astype(np.float64)
        place = f"{fc} and {name}"
        if self.kind == "dynamic_lstm":
            cell, keys = lstm_cell(x.T, self.bias(fc), w, self.bias(name), place), {"cell": "lstm"}
        else:
            cell = gru_cell(x.T, self.bias(fc), w, self.bias(name), self.kind.endswith("origin"), place)
            keys = {"reset": "before"}
        made = Cells(place, of=of, cells=[cell], keys=keys, direction=direction)
        return States(place, of=made, parts=((made, 0),), final=False)

    def outputs(self, directions):
        layer = self.layers(directions)
        for name in self.heads:
            layer = Linear(name, of=layer, weight=self.all[name].T.astype(np.float64), bias=self.bias(name))
        if len(self.heads) > 1:
            raise Refused("the folder", "one linear layer behind the cells, for tensors do not tell activations", ", ".join(self.heads))
        if self.crf:
            layer = crf_path(layer, self.all[self.crf], self.crf)
        known = {*self.linear, *self.recurrent, self.embedding, self.crf}
        known |= {re.sub(r"\.w_", ".b_", n) for n in self.linear + self.recurrent}
        left = [n for n in self.all if n not in known]
        if left:
            raise Refused("the folder", "tensors fc_N, gru_N, lstm_N, one embedding and crfw", f"{', '.join(left)} too")
        return [("tag", layer)]


def convert(arguments):
    try:
        program, parameters = look(arguments.inputs)
        if program:
            if arguments.cell or arguments.directions:
                raise Refused("--cell and --directions", "a folder of tensors alone", "a program, which tells them")
            outputs = from_program(program, parameters, arguments)
        else:
            directions = arguments.directions.split(",") if arguments.directions else None
            outputs = Tensors(parameters, arguments).outputs(directions)
        model = Model(arguments)
        Network(outputs).fill(model)
    except (Refused, Damaged) as error:
        raise Refused.of_file(arguments.inputs[0], error) from None
    except WRONG as error:
        raise Refused(arguments.inputs[0], "a network as its exporter writes it", f"a damaged one: {type(error).__name__}: {error}") from None
    if not program and not arguments.directions:
        model.warn("of two cells on one input the first is taken for the forward direction, as the names alone would have it")
    return model


def parser():
    p = command_line(__doc__, "a folder, or a program (__model__, .pdmodel) and a file of parameters")
    p.add_argument("--cell", choices=sorted(CELLS), help="of a folder of tensors alone: how its recurrent layers compute; _origin: with origin_mode")
    p.add_argument("--directions", metavar="LIST", help="of a folder of tensors alone: forward, backward or both for each layer, with commas")
    p.add_argument("--head", metavar="OUTPUT=NAME", action="append", default=[], help="name of the head of an output [the output's, or tag]")
    return p


if __name__ == "__main__":
    sys.exit(main("import_paddle", parser(), convert))
