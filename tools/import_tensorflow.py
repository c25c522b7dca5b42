#!/usr/bin/python3
"""Turns a TensorFlow model with GRUCell or LSTM cells into a grus model directory.

    tools/import_tensorflow.py model.ckpt -o DIR --forget-bias 1 --pooling last --head 'kind=sequence,dense:relu,dense_1:softmax'
    tools/import_tensorflow.py frozen.pb -o DIR --embedding embedding --head 'tag=token,softmax_w+softmax_b:softmax'

INPUT is a checkpoint (its prefix, or a folder with one), with its graph where PREFIX.meta lies beside it or is named too, or a frozen
graph (.pb). The cells are found by the names that TensorFlow's own classes give their variables: GRUCell (reset "before"), LSTMCell,
BasicLSTMCell, the LSTMBlock cells, those compatible with cuDNN; in bidirectional_dynamic_rnn, stacks of these, MultiRNNCell. Cells under
other names go by --cell. A checkpoint tells neither an LSTM's forget_bias nor what stands before and behind the cells: these are
options, and what is missing is asked for. Everything that was taken, and every variable that was left, is printed.

A layer is SCOPE:ACTIVATION, where SCOPE/kernel and SCOPE/bias (or weights, biases) are its variables, or WEIGHT+BIAS:ACTIVATION or
WEIGHT:ACTIVATION by their full names. Activations: none, tanh, relu, sigmoid, silu, and softmax at the end of a head.
"""
import sys

import numpy as np

import tensorflow_cells
import tensorflow_file
from importing import Cell, Layer, Model, Refused, Stack, command_line, main, pair
from tensorflow_cells import Readers, linear, variables_of

ACTIVATIONS = ("none", "tanh", "relu", "sigmoid", "silu", "softmax")
OF_GRAPH = {"Tanh": "tanh", "Relu": "relu", "no activation": "none"}


def listing(variables):
    return "\n".join(f"    {n} {list(a.shape)}" for n, a in sorted(variables.items()))


class Importer:
    def __init__(self, saved, arguments):
        self.variables, self.readers, self.arguments = variables_of(saved), Readers(saved.graph), arguments
        self.graph, self.model, self.used, self.taken = saved.graph, Model(arguments), set(), 0

    def variable(self, name):
        self.used.add(name)
        return self.variables[name]

    def layer(self, text, option):
        """A Layer of SCOPE:ACTIVATION."""
        names, colon, activation = text.rpartition(":")
        if not colon or activation not in ACTIVATIONS:
            raise Refused(f"{option}: expected SCOPE:ACTIVATION with one of {', '.join(ACTIVATIONS)}, found {text!r}")
        both = linear(self.variables, names)
        if not both:
            weight, plus, bias = names.partition("+")
            both = weight, bias if plus else None
        for name in filter(None, both):
            if name not in self.variables:
                raise Refused(f"{option}: no variable {name}, and none of a layer {names}; there are\n{listing(self.variables)}")
        weight = self.variable(both[0])
        if weight.ndim != 2:
            raise Refused(f"{option}: {both[0]} has the shape {list(weight.shape)}, and a linear layer's has two sizes")
        return Layer(np.asarray(weight, np.float64).T, None if both[1] is None else self.variable(both[1]).reshape(-1), activation)

    # ---------------------------------------- cells

    def cells(self):
        wanted = None
        if self.arguments.cell:
            kind, scopes = pair(self.arguments.cell, "--cell")
            if kind not in ("gru", "lstm"):
                raise Refused(f"--cell: expected gru=SCOPE,… or lstm=SCOPE,…, found {self.arguments.cell!r}")
            wanted = kind, scopes.split(",")
        found = tensorflow_cells.find(self.variables, wanted)
        if not found:
            keras = [n for n in self.variables if n.endswith("recurrent_kernel") or n.startswith("layer_with_weights")]
            raise Refused(f"no cells under the names of TensorFlow's classes{': ' + keras[0] + ' is one of Keras: save the model as .h5 or .keras for tools/import_keras.py' if keras else ''}; "
                          f"--cell gru=SCOPE,… or lstm=SCOPE,… names them. There are\n{listing(self.variables)}")
        kinds = {c.kind for c in found}
        if len(kinds) > 1:
            raise Refused("cells of two kinds, and an encoder has one: " + ", ".join(map(str, found)) + "; --cell names those to take")
        return found

    def keys(self, found):
        """Of config.json: the cell, as its class and the graph have it."""
        kind, compatible = found[0].kind, {c.compatible for c in found}
        if len(compatible) > 1:
            raise Refused("cells compatible with cuDNN and others: " + ", ".join(map(str, found)))
        told = {self.readers.only(c, "activation", [a] if (a := tensorflow_cells.activation(c, self.readers)) else []) for c in found} - {None}
        if len(told) > 1 or any(t not in OF_GRAPH for t in told) or kind == "lstm" and told - {"Tanh"}:
            raise Refused(f"{found[0]}: the graph's activation is {', '.join(told)}: an LSTM has tanh, a GRU tanh, relu or none, here")
        activation = OF_GRAPH[min(told)] if told else self.arguments.activation or "tanh"
        if kind == "lstm" and activation != "tanh":
            raise Refused(f"--activation {activation}: an LSTM has tanh, here")
        keys = {"cell": "lstm"} if kind == "lstm" else {} if compatible.pop() else {"reset": "before"}
        default = "" if told or self.arguments.activation or keys == {"cell": "lstm"} else ", which the file does not tell (--activation)"
        self.model.took(f"cells: {len(found)} {kind.upper()}", ", ".join([f"{k} {v}" for k, v in keys.items()] + [f"activation {activation}"]) + default)
        return keys if activation == "tanh" else {**keys, "activation": activation}

    def forget(self, cell):
        told = tensorflow_cells.forget_bias(cell, self.readers)
        given = self.arguments.forget_bias
        if told is None and given is None:
            raise Refused(f"{cell}: the file does not tell its forget_bias (TensorFlow's default is 1.0, and 0 of cells compatible with cuDNN): "
                          "--forget-bias NUMBER, or the graph beside the checkpoint (.meta)")
        if told is not None and given is not None and np.float32(told) != np.float32(given):
            raise Refused(f"{cell}: --forget-bias {given:g}, and the graph adds {told:g}")
        bias = told if told is not None else given
        self.model.took(f"{cell}: forget_bias {bias:g}" + (", as the graph has it" if told is not None and not cell.compatible else ""), "a part of the bias")
        return bias

    def weights(self, cell):
        for name in filter(None, cell.parts.values()):
            self.used.add(name)
        if cell.kind == "lstm":
            return tensorflow_cells.lstm(cell, self.variables, self.forget(cell))
        return tensorflow_cells.gru(cell, self.variables)

    def layers(self, found):
        """[[cell of a layer, or its two directions]], lowest first."""
        families = {}
        for cell in found:
            families.setdefault(cell.family if cell.paired else cell.scope, []).append(cell)
        out = [sorted(cells, key=lambda c: c.side != "forward") for cells in families.values()]
        for cells in out:
            if len(cells) > 2 or len(cells) == 2 and cells[0].side == cells[1].side:
                raise Refused("one layer of several cells: " + ", ".join(map(str, cells)) + "; --cell names those to take")
        return out

    def stack(self):
        found = self.cells()
        stack, previous = Stack(self.keys(found)), None
        for k, cells in enumerate(self.layers(found)):
            read = [self.weights(c) for c in cells]
            direction = "both" if len(cells) == 2 else cells[0].side
            name = ", ".join(c.scope for c in cells)
            widths = [c.weight_ih.shape[1] for c in read]
            if k and len(cells) == 2 == len(previous) and widths == [p.hidden for p in previous] and widths[0] != stack.width(k - 1):
                self.separate(read, previous, name)
            elif k and set(widths) != {stack.width(k - 1)} or len(set(widths)) > 1:
                raise Refused(f"{name}: reads {widths[0]} values, and the layer before it, {stack.names[-1] if k else 'none'}, gives "
                              f"{stack.width(k - 1) if k else 'none'}; --cell gru|lstm=SCOPE,… gives the layers in their order")
            stack.add(direction, read, name)
            previous = read
            self.model.took(f"{name}: {sum(c.hidden for c in read)} outputs", f"layer {k} of the encoder, {direction}")
        return stack

    def separate(self, cells, before, name):
        """A layer of bidirectional_dynamic_rnn over two MultiRNNCells: each direction reads its own outputs alone."""
        for i, cell in enumerate(cells):
            wide = np.zeros((len(cell.weight_ih), sum(c.hidden for c in before)))
            at = sum(c.hidden for c in before[:i])
            wide[:, at:at + before[i].hidden] = cell.weight_ih
            cells[i] = Cell(wide, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        self.model.took(f"{name}: directions that are stacked apart", "one layer, 0 where it would read the other direction")

    # ---------------------------------------- before and behind them

    def source(self, width):
        """width: of what the lowest cells read, or the first layer of the front."""
        name = self.arguments.embedding
        if not name:
            fits = [n for n, a in self.variables.items() if n not in self.used and "embed" in n.lower() and a.ndim == 2 and a.shape[1] == width]
            if len(fits) == 1:
                name = fits[0]
            elif fits:
                raise Refused(f"several embeddings of {width} values: {', '.join(fits)}; --embedding names one, or none for features")
        if name and name != "none":
            if name not in self.variables or self.variables[name].ndim != 2 or self.variables[name].shape[1] != width:
                raise Refused(f"--embedding {name}: expected a variable [tokens, {width}]; there are\n{listing(self.variables)}")
            table = self.variable(name)
            self.model.source_tokens(table)
            self.model.took(name, f"embeddings of {table.shape[0]} tokens, size {table.shape[1]}" + ("" if self.arguments.embedding else " (--embedding)"))
        else:
            self.model.source_features(width)
            self.model.took("the input", f"features of {width} values a position" + ("" if name else " (--embedding NAME makes it tokens)"))

    def head(self, text):
        name, rest = pair(text, "--head")
        on, *layers = rest.split(",")
        if on not in ("token", "sequence") or not layers:
            raise Refused(f"--head: expected NAME=token|sequence,LAYER,…, found {text!r}")
        if on == "sequence" and not self.arguments.pooling:
            raise Refused("--head of a sequence: the file does not tell what of the outputs it reads: --pooling last|mean|max")
        if on == "sequence":
            self.model.pooling(self.arguments.pooling)
        chain = [self.layer(layer, "--head") for layer in layers]
        width = self.model.stack.width(len(self.model.stack.layers) - 1)
        for layer, below in zip(chain, [width] + [len(c.weight) for c in chain]):
            if layer.weight.shape[1] != below:
                raise Refused(f"--head {name}: a layer reads {layer.weight.shape[1]} values, and what is before it has {below}")
        if any(layer.activation == "softmax" for layer in chain[:-1]):
            raise Refused(f"--head {name}: a softmax that is not at its end")
        self.model.head(name, on, chain, ", ".join(layers))

    def convert(self):
        stack = self.stack()
        front = [self.layer(text, "--front") for text in self.arguments.front]
        reads = stack.layers[0][1][0].weight_ih.shape[1]
        for layer, above in zip(front, [f.weight.shape[1] for f in front[1:]] + [reads]):
            if len(layer.weight) != above or layer.activation == "softmax":
                raise Refused(f"--front: a layer has {len(layer.weight)} outputs and {layer.activation}, and what follows reads {above} values")
        self.source(front[0].weight.shape[1] if front else reads)
        for text, layer in zip(self.arguments.front, front):
            self.model.front("linear", {} if layer.activation == "none" else {"activation": layer.activation}, layer.weight, layer.bias)
            self.model.took(text, f"front: linear, {len(layer.weight)}")
        self.model.encoder(stack)
        for text in self.arguments.head:
            self.head(text)
        if self.arguments.pooling and "pooling" not in self.model.config:
            self.model.pooling(self.arguments.pooling)
        left = {n: a for n, a in self.variables.items() if n not in self.used}
        if left:
            print(f"left out (--head, --front, --embedding take them):\n{listing(left)}")
        return self.model


def convert(arguments):
    saved = tensorflow_file.read(arguments.inputs)
    try:
        return Importer(saved, arguments).convert()
    except (ValueError, IndexError, KeyError, TypeError) as e:      # variables of other shapes than their names say
        raise Refused(f"{arguments.inputs[0]}: its variables are not as TensorFlow writes them: {type(e).__name__}: {e}") from None


def parser():
    p = command_line(__doc__, "a checkpoint, a folder with one, a frozen graph (.pb), the graph of a checkpoint (.meta)")
    p.add_argument("--cell", metavar="gru|lstm=SCOPE,…", help="the kind and the scopes of the cells, the lowest first; two directions one after the other, "
                   "told by fw and bw in their scopes")
    p.add_argument("--forget-bias", type=float, metavar="X", help="that an LSTM adds, where no graph tells it")
    p.add_argument("--activation", choices=("tanh", "relu", "none"), help="of the candidate, where no graph tells it [tanh]")
    p.add_argument("--embedding", metavar="NAME", help="the variable of the embeddings, or none for features")
    p.add_argument("--front", metavar="LAYER", action="append", default=[], help="a linear layer in front of the cells; the first first")
    p.add_argument("--head", metavar="NAME=token|sequence,LAYER,…", action="append", default=[], help="a head of linear layers, the last one last")
    p.add_argument("--pooling", choices=("last", "mean", "max"), help="what a head of a sequence reads")
    return p


if __name__ == "__main__":
    sys.exit(main("import_tensorflow", parser(), convert))
