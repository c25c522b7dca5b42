#!/usr/bin/python3
"""Turns a Keras model with recurrent layers into a grus model directory.

    tools/import_keras.py model.h5 -o DIR
    tools/import_keras.py model.keras -o DIR --vocab words.txt --labels dense_1=classes.txt
    tools/import_keras.py weights.h5 model.json -o DIR

Sequential models and functional ones without branches in front of the last recurrent layer: Embedding, Conv1D, MaxPooling1D,
Dense and BatchNormalization; then GRU and LSTM, also Bidirectional and of cuDNN; then stacks of Dense on each position or on
the pooled sequence, one head for each output. What was taken for what is printed. What grus cannot compute exactly is refused by name.

Labels and vocabularies are not in the file: without --labels the labels are numbers, without --vocab tokens are. A Tokenizer of Keras
counts from 1: the first line of its vocabulary is that of the padding.
"""
import sys

import numpy as np

import keras_file
from importing import Layer, Model, Refused, Stack, batch_norm, command_line, head_name, main, pair
from keras_cells import Cells
from keras_flow import Flow, padded

RECURRENT = ("GRU", "LSTM", "CuDNNGRU", "CuDNNLSTM", "Bidirectional", "RNN")
NOTHING = ("Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity")
POOLING = {"GlobalMaxPooling1D": "max", "GlobalAveragePooling1D": "mean", "GlobalMaxPool1D": "max", "GlobalAvgPool1D": "mean"}
ACTIVATIONS = {None: "none", "linear": "none", "tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid", "silu": "silu",
               "swish": "silu", "softmax": "softmax"}


def activation_of(node, config, key="activation"):
    """-> one of grus's names."""
    value = config.get(key)
    if isinstance(value, dict):
        value = value["config"] if isinstance(value.get("config"), str) else value.get("class_name")
    if value not in ACTIVATIONS:
        raise Refused(f"{node}: {key} {value!r}: there are none, tanh, relu, sigmoid, silu, and softmax at the end")
    return ACTIVATIONS[value]


def recurrent(node):
    return node.kind in RECURRENT


# ------------------------------------------------------------ layers

class Importer:
    """Goes through the layers, each behind those that it reads, and fills the model."""

    def __init__(self, graph, arguments):
        self.graph, self.arguments = graph, arguments
        self.model, self.cells = Model(arguments), Cells(graph.version, arguments)
        self.stack, self.flows, self.masked, self.pooled = None, {}, False, []
        self.front = 0      # changes of the front: what was read before the last of them is not what enters the encoder
        self.trunk = graph.before([n.name for n in graph.nodes.values() if recurrent(n)])

    def convert(self):
        nodes = self.graph.nodes
        if not any(recurrent(n) for n in nodes.values()):
            raise Refused("no recurrent layer among " + ", ".join(map(str, nodes.values())))
        for node in nodes.values():
            for read, which in node.reads:
                if which:
                    raise Refused(f"{node}: reads output {which} of {nodes[read]}, a state")
            self.flows[node.name] = self.layer(node, [self.flows[n] for n, _ in node.reads])
        self.finish()
        return self.model

    def layer(self, node, flows):
        if node.kind == "InputLayer":
            return self.input(node)
        if node.kind in ("Concatenate", "Merge"):
            return self.concatenate(node, flows)
        if len(flows) != 1:
            raise Refused(f"{node}: joins {len(flows)} layers; only Concatenate can stand in front of a head")
        flow, kind, config = flows[0], node.kind, node.config
        if kind == "TimeDistributed":
            kind, config = config["layer"]["class_name"], config["layer"]["config"]
            if kind not in ("Dense", "Activation", "BatchNormalization", *NOTHING):
                raise Refused(f"{node}: a {kind} at each position")
        if kind == "Masking":
            self.masked = True
            self.model.took(node, f"nothing: positions of {config.get('mask_value', 0)} alone are to be left out of the records")
            return flow
        if kind in NOTHING:
            return flow
        if recurrent(node):
            return self.recurrent(node, flow)
        if kind in POOLING:
            return self.pool(node, POOLING[kind], flow)
        arrays = {"Embedding": (1,), "Dense": (1, 2), "BatchNormalization": (2, 3, 4), "Conv1D": (1, 2), "Convolution1D": (1, 2)}.get(kind)
        if arrays and len(node.weights) not in arrays:
            raise Refused(f"{node}: expected {' or '.join(map(str, arrays))} arrays of weights, found {len(node.weights)}")
        make = {"Embedding": self.embedding, "Dense": self.dense, "Activation": self.activation, "ReLU": self.activation,
                "Softmax": self.activation, "BatchNormalization": self.normalize, "Normalization": self.standardize, "Conv1D": self.convolve, "Convolution1D": self.convolve,
                "MaxPooling1D": self.max_pool, "MaxPool1D": self.max_pool, "Reshape": self.reshape}.get(kind)
        if not make:
            raise Refused(f"{node}: no such layer here" + (" (a part of the model: --output LAYER, --input LAYER)" if not self.arguments.input else ""))
        return make(node, config, flow)

    def input(self, node):
        if "source" in self.model.config or any(n.kind == "InputLayer" and n is not node for n in self.graph.nodes.values()):
            raise Refused(f"{node}: a second input")
        shape = node.config.get("batch_input_shape") or node.config.get("batch_shape") or [None, None, None]
        if len(shape) == 3 and shape[1]:
            self.model.took(f"{node}: sequences of {shape[1]} positions", "sequences of any length")
        return Flow("tokens" if len(shape) == 2 else "source" if len(shape) == 3 else "array", [("source", shape[-1])])

    def reshape(self, node, config, flow):
        """In front of everything, what makes a sequence of vectors of something else is the caller's matter."""
        shape = config["target_shape"]
        if flow.on not in ("tokens", "array") or len(shape) != 2:
            raise Refused(f"{node}: to {shape}")
        self.model.took(f"{node}: what is in front of it", f"features of {shape[1]} values a position")
        return Flow("source", [("source", shape[1])])

    def embedding(self, node, config, flow):
        if flow.on != "tokens":
            raise Refused(f"{node}: reads no input of tokens")
        table = node.weights[0]
        self.model.source_tokens(table)
        self.model.took(node, f"embeddings of {table.shape[0]} tokens, size {table.shape[1]}")
        if config.get("mask_zero"):
            self.masked = True
            self.model.took(f"{node}: mask_zero", "nothing: token 0 is padding, to be left out of the records")
        return Flow("source", [("source", table.shape[1])])

    def source(self, node, flow, width):
        """Tells the model of its features, whose width the first weights tell."""
        if flow.on in ("tokens", "array") or flow.inputs[0][1] not in (None, width) and not flow.chain and flow.matrix is None:
            raise Refused(f"{node}: expected a sequence of {width} values a position, found "
                          + ("tokens without an Embedding" if flow.on == "tokens" else f"{flow.inputs[0][1]}"))
        if "source" not in self.model.config:
            self.model.source_features(width)
        return flow if flow.inputs[0][1] else flow.but(inputs=[("source", width)])

    # ---------------------------------------- in front of the encoder

    def in_front(self, node, flow):
        if flow.on != "source":
            raise Refused(f"{node}: stands between recurrent layers" if flow.on == "token" else f"{node}: reads no sequence of vectors")
        if flow.depth != self.front:
            raise Refused(f"{node}: two ways lead to the encoder")

    def changed(self, flow):
        self.front += 1
        return flow.but(depth=self.front)

    def extend(self, kind, keys, weight, bias, flow):
        self.model.front(kind, keys, weight, bias)
        return self.changed(Flow("source", [("source", flow.width if weight is None else len(weight))]))

    def place(self):
        return f"front.{len(self.model.config.get('front', []))}"

    def settle(self, flow, activation="none"):
        """An affine layer that nothing behind it can take up, as a layer of its own."""
        if flow.matrix is None and activation == "none":
            return flow
        matrix = np.ones(flow.width) if flow.matrix is None else flow.matrix
        keys = {} if activation == "none" else {"activation": activation}
        self.model.took("what no weights take up", f"{self.place()}: linear {keys or ''}".rstrip())
        return self.extend("linear", keys, np.diag(matrix) if matrix.ndim == 1 else matrix, flow.shift, flow)

    def activate(self, node, flow, activation):
        """In front of the encoder: of the layer before, where it has none and nothing stands between."""
        front = self.model.config.get("front", [])
        if activation == "softmax":
            raise Refused(f"{node}: softmax in front of a recurrent layer")
        if front and flow.matrix is None and front[-1]["type"] != "max_pool" and "activation" not in front[-1]:
            front[-1]["activation"] = activation
            return self.changed(flow)
        return self.settle(flow, activation)

    def convolve(self, node, config, flow):
        weight = np.asarray(node.weights[0], np.float64)
        bias = node.weights[1] if len(node.weights) > 1 else None
        size, stride = config.get("kernel_size"), one(config.get("strides", 1))
        if size is None or config.get("data_format", "channels_last") == "channels_first" or config.get("groups", 1) != 1:
            raise Refused(f"{node}: {'groups' if config.get('groups', 1) != 1 else 'data_format or a file of Keras 1'}")
        activation = activation_of(node, config)
        if node.name not in self.trunk and weight.shape[0] == 1 and stride == 1:      # a dense layer by another name
            return self.perceive(node, weight[0].T, bias, activation, flow)
        flow = self.source(node, flow, weight.shape[1])
        self.in_front(node, flow)
        weight, padding, dilation = padded(node, weight.transpose(2, 1, 0), config.get("padding", "valid"), stride,
                                           one(config.get("dilation_rate", 1)))
        if padding and flow.shift is not None and np.any(flow.shift):
            flow = self.settle(flow)        # the zeros of the padding lie behind the norm
        if flow.matrix is not None and flow.matrix.ndim == 2:
            flow = self.settle(flow)
        weight, bias = flow.into(weight, bias)
        keys = {"kernel": weight.shape[2], "stride": stride, "padding": padding, "dilation": dilation}
        keys = {k: v for k, v in keys.items() if v != {"stride": 1, "padding": 0, "dilation": 1}.get(k)}
        self.model.took(f"{node}: {config.get('padding', 'valid')}", f"{self.place()}: conv1d {keys}")
        out = self.extend("conv1d", keys, weight, bias, flow)
        return out if activation == "none" else self.activate(node, out, activation)

    def max_pool(self, node, config, flow):
        if flow.on == "source" and flow.inputs[0][1]:
            flow = self.source(node, flow, flow.inputs[0][1])
        self.in_front(node, flow)
        size = one(config.get("pool_size", config.get("pool_length", 2)))
        stride = one(config.get("strides") or size)
        keys = {"size": size}
        if stride != size:
            keys["stride"] = stride
        if config.get("padding", config.get("border_mode", "valid")) == "same" and size > 1:
            if stride != 1 or size % 2 == 0:
                raise Refused(f"{node}: padding 'same' with size {size} and stride {stride} pads more behind a sequence than before it")
            keys["padding"] = (size - 1) // 2
        grows = flow.matrix is not None and flow.matrix.ndim == 1 and np.all(flow.matrix >= 0)    # then the greatest stays the greatest
        flow = flow if grows else self.settle(flow)
        self.model.took(node, f"{self.place()}: max_pool {keys}")
        return self.extend("max_pool", keys, None, None, flow).but(matrix=flow.matrix, shift=flow.shift)

    # ---------------------------------------- the encoder

    def halves(self, node):
        """-> (keys, direction as Keras gives it, cells, how outputs are joined) of a recurrent layer."""
        if node.kind != "Bidirectional":
            keys, backwards, cell = self.cells.read(node, node.kind, node.config, node.weights)
            return keys, "backward" if backwards else "forward", [cell], "concat"
        inner = node.config["layer"]
        other = node.config.get("backward_layer") or inner
        half = len(node.weights) // 2
        first = self.cells.read(node, inner["class_name"], inner["config"], node.weights[:half])
        second = self.cells.read(node, other["class_name"], other["config"], node.weights[half:])
        if first[0] != second[0] or first[1] or node.config.get("backward_layer") and not second[1]:
            raise Refused(f"{node}: its two directions are not one forward and one backward layer of the same kind")
        merge = node.config.get("merge_mode")
        if merge not in ("concat", "sum", "ave"):
            raise Refused(f"{node}: merge_mode {merge!r}: there are concat, sum and ave")
        return first[0], "both", [first[2], second[2]], merge

    def recurrent(self, node, flow):
        keys, direction, cells, merge = self.halves(node)
        flow = self.source(node, flow, cells[0].weight_ih.shape[1]) if flow.on == "source" or not self.stack else flow
        layers = len(self.stack.layers) if self.stack else 0
        if flow.chain or flow.on not in ("source", "token") or flow.depth != (layers or self.front) or (flow.on == "token") != bool(layers):
            raise Refused(f"{node}: does not follow the layer before it alone")
        if self.stack and self.stack.keys != keys:
            raise Refused(f"{node}: is {keys or 'a plain GRU'}, and the layers before it are {self.stack.keys or 'plain GRUs'}; an encoder has one cell")
        if direction == "both" and flow.turned:
            raise Refused(f"{node}: reads the outputs of a layer with go_backwards, whose order is reversed")
        for cell in cells:
            cell.weight_ih, cell.bias_ih = flow.into(cell.weight_ih, cell.bias_ih)
            if cell.bias_ih is not None and cell.bias_hh is None:
                cell.bias_hh = np.zeros(len(cell.bias_ih))
        turned = flow.turned != (direction == "backward")
        if direction != "both":
            direction = "backward" if turned else "forward"
        self.stack = self.stack or Stack(keys)
        self.stack.add(direction, cells, str(node))
        named = ", ".join(f"{k} {v}" for k, v in keys.items() if k != "cell")
        self.model.took(f"{node}: {sum(c.hidden for c in cells)} outputs", f"layer {layers} of the encoder, {direction}" + (f", {named}" if named else ""))
        out = Flow("token", [(f"layer{layers}", sum(c.hidden for c in cells))], layers + 1, turned=turned)
        inner = node.config["layer"]["config"] if node.kind == "Bidirectional" else node.config
        out = out if inner.get("return_sequences") else self.pool(node, "last", out)
        if merge != "concat":
            eye = np.eye(cells[0].hidden) * (0.5 if merge == "ave" else 1)
            out = out.then(np.concatenate([eye, eye], axis=1), np.zeros(cells[0].hidden))
        return out

    def pool(self, node, kind, flow):
        if any(layer.activation != "none" for layer in flow.chain) or flow.on != "token" or len(flow.inputs) != 1:
            raise Refused(f"{node}: does not read the outputs of one recurrent layer as they are")
        linear = [(layer.weight, np.zeros(len(layer.weight)) if layer.bias is None else layer.bias) for layer in flow.chain]
        linear += [] if flow.matrix is None else [(flow.matrix, flow.shift)]
        flow = flow.but(chain=[], matrix=None, shift=None)
        for matrix, shift in linear:
            flow = flow.then(matrix, shift)
        if kind == "max" and flow.matrix is not None and (flow.matrix.ndim == 2 or np.any(flow.matrix < 0)):
            raise Refused(f"{node}: the maximum of what a layer with negative weights gives")
        self.pooled.append((flow.inputs[0][0], node))
        self.model.pooling(kind)
        self.model.took(node, f"pooling: {kind}") if kind != "last" else None
        return flow.but(on="sequence", turned=False)

    # ---------------------------------------- heads, and layers that can stand anywhere

    def dense(self, node, config, flow):
        weight, bias = np.asarray(node.weights[0], np.float64).T, node.weights[1] if len(node.weights) > 1 else None
        return self.perceive(node, weight, bias, activation_of(node, config), flow)

    def perceive(self, node, weight, bias, activation, flow):
        """A linear layer: of the front, of a head, or, between recurrent layers, a part of the next one's weights."""
        if flow.on in ("tokens", "source", "array"):
            flow = self.source(node, flow, weight.shape[1])
        if node.name in self.trunk and flow.on == "source":
            self.in_front(node, flow)
            weight, bias = flow.into(weight, bias)
            self.model.took(node, f"{self.place()}: linear, {len(weight)}")
            out = self.extend("linear", {}, weight, bias, flow)
            return out if activation == "none" else self.activate(node, out, activation)
        if node.name in self.trunk and activation == "none":
            self.model.took(node, "a part of the weights of the next layer")
            return flow.then(weight, np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64))
        if node.name in self.trunk:
            raise Refused(f"{node}: a dense layer with an activation between recurrent layers")
        weight, bias = flow.into(weight, bias)
        return flow.but(chain=[*flow.chain, Layer(weight, bias, activation)], matrix=None, shift=None)

    def activation(self, node, config, flow):
        kind = node.kind if node.kind != "TimeDistributed" else node.config["layer"]["class_name"]
        if kind == "ReLU" and (config.get("max_value") is not None or config.get("negative_slope") or config.get("threshold")):
            raise Refused(f"{node}: with a slope, a threshold or a greatest value")
        if kind == "Softmax" and config.get("axis", -1) != -1:
            raise Refused(f"{node}: along another axis than the last")
        activation = {"ReLU": "relu", "Softmax": "softmax"}.get(kind) or activation_of(node, config)
        if activation == "none":
            return flow
        if node.name in self.trunk:
            if flow.on == "source" and flow.inputs[0][1]:
                flow = self.source(node, flow, flow.inputs[0][1])
            self.in_front(node, flow)
            return self.activate(node, flow, activation)
        if flow.chain and flow.matrix is None and flow.chain[-1].activation == "none":
            last = flow.chain[-1]
            return flow.but(chain=[*flow.chain[:-1], Layer(last.weight, last.bias, activation)])
        return self.closed(flow, activation)

    def closed(self, flow, activation="none"):
        """A head whose last layer is what matrix and shift do."""
        matrix = np.ones(flow.width) if flow.matrix is None else flow.matrix
        layer = Layer(np.diag(matrix) if matrix.ndim == 1 else matrix, flow.shift, activation)
        return flow.but(chain=[*flow.chain, layer], matrix=None, shift=None)

    def normalize(self, node, config, flow):
        axis = config.get("axis", -1)
        if (axis[0] if isinstance(axis, list) else axis) not in (-1, 2 if flow.on != "sequence" else 1):
            raise Refused(f"{node}: along axis {axis}")
        values = [np.asarray(w, np.float64) for w in node.weights]
        gamma = values.pop(0) if config.get("scale", True) else None
        beta = values.pop(0) if config.get("center", True) else None
        return self.affine(node, *batch_norm(gamma, beta, *values, config.get("epsilon", 1e-3)), flow)

    def standardize(self, node, config, flow):
        """Keras's Normalization: (x - mean) / the deviation, 1e-7 at least."""
        if config.get("axis", -1) not in (-1, [-1], 2, [2]) or config.get("invert") or len(node.weights) < 2:
            raise Refused(f"{node}: along another axis than the last, inverted, or without its mean and variance")
        mean, variance = (np.asarray(w, np.float64).reshape(-1) for w in node.weights[:2])
        scale = 1 / np.maximum(np.sqrt(variance), 1e-7)
        return self.affine(node, scale, -mean * scale, flow)

    def affine(self, node, scale, shift, flow):
        """scale x + shift: a part of the layer before, where that is linear, or of the next one."""
        if flow.on == "source":
            flow = self.source(node, flow, len(scale))
        front, chain = self.model.config.get("front", []), flow.chain
        at = f"front.{len(front) - 1}"
        if flow.on == "source" and front and flow.depth == self.front and flow.matrix is None and front[-1]["type"] != "max_pool" \
                and "activation" not in front[-1]:
            before = self.model.tensors
            wide = np.reshape(scale, (-1,) + (1,) * (before[at + ".weight"].ndim - 1))
            before[at + ".weight"] = before[at + ".weight"] * wide
            before[at + ".bias"] = before.get(at + ".bias", 0) * scale + shift
            self.model.took(node, f"a part of {at}")
            return self.changed(flow)
        if chain and flow.matrix is None and chain[-1].activation == "none":
            last = chain[-1]
            new = Layer(scale[:, None] * last.weight, shift if last.bias is None else scale * last.bias + shift)
            return flow.but(chain=[*chain[:-1], new])
        self.model.took(node, "a part of the weights of what follows")
        return flow.then(scale, shift)

    def concatenate(self, node, flows):
        if any(f.on not in ("source", "token") or f.chain or f.turned for f in flows) or node.name in self.trunk:
            raise Refused(f"{node}: only what enters the encoder and the outputs of its layers can be joined, in front of a head")
        axis = node.config.get("axis", node.config.get("concat_axis", -1))
        if axis not in (-1, 2):
            raise Refused(f"{node}: along axis {axis}")
        for f in flows:
            if f.on == "source" and f.depth != self.front:
                raise Refused(f"{node}: reads a layer in front of the encoder that is not the last")
        flow = Flow("token", [i for f in flows for i in f.inputs], max(f.depth for f in flows))
        if any(f.matrix is not None for f in flows):
            widths = [sum(w for _, w in f.inputs) for f in flows]
            matrix, row, at = np.zeros((sum(f.width for f in flows), sum(widths))), 0, 0
            for f, w in zip(flows, widths):
                own = np.eye(w) if f.matrix is None else np.diag(f.matrix) if f.matrix.ndim == 1 else f.matrix
                matrix[row:row + len(own), at:at + w] = own
                row, at = row + len(own), at + w
            flow = flow.but(matrix=matrix, shift=np.concatenate([np.zeros(f.width) if f.shift is None else f.shift for f in flows]))
        return flow

    # ---------------------------------------- the end

    def finish(self):
        self.model.encoder(self.stack)
        names = dict(pair(text, "--head-name") for text in self.arguments.head_name)
        top = f"layer{len(self.stack.layers) - 1}"
        for layer, node in self.pooled:
            if layer != top:
                raise Refused(f"{node}: pools a recurrent layer that is not the last")
        for name, which in self.graph.outputs:
            node, flow = self.graph.nodes[name], self.flows[name]
            if which or flow.on not in ("source", "token", "sequence") or flow.on == "source" and flow.depth != self.front:
                raise Refused(f"{node}: this output is a state, or lies in front of the encoder")
            if flow.turned:
                raise Refused(f"{node}: its positions come in reversed order (go_backwards)")
            if flow.matrix is not None:
                flow = self.closed(flow)
            if not flow.chain:
                self.bare(node, flow, top)
                continue
            for layer in flow.chain[:-1]:
                if layer.activation == "softmax":
                    raise Refused(f"{node}: a softmax that is not at its end")
            inputs = ["state"] if flow.on == "sequence" else ["state" if i == top else i for i, _ in flow.inputs]
            head = names.pop(name, head_name(name))
            self.model.head(head, "sequence" if flow.on == "sequence" else "token", flow.chain, str(node), inputs)
        if names:
            raise Refused(f"--head-name {next(iter(names))}: no output of the model; there are {', '.join(n for n, _ in self.graph.outputs)}")
        if not self.masked:
            self.model.warn("no Masking and no mask_zero: a model that was trained on padded sequences has read their padding, and "
                            "gives other results with it; grus computes each sequence without")

    def bare(self, node, flow, top):
        if flow.on == "token" and [i for i, _ in flow.inputs] != [top] or flow.on == "source":
            raise Refused(f"{node}: no layer follows, and it is not the last recurrent one")
        self.model.took(f"{node}: the output", "the pooled vector, --task embed" if flow.on == "sequence" else "the states, --task states")


def one(value):
    """A size that Keras gives as a list of one."""
    return int(value[0] if isinstance(value, (list, tuple)) else value)


def between(graph, arguments):
    """The part of the graph that --input and --output name."""
    for name in [*arguments.output_layer, *filter(None, [arguments.input])]:
        if name not in graph.nodes:
            raise Refused(f"no layer {name}; there are {', '.join(map(str, graph.nodes.values()))}")
    if arguments.input:
        node = graph.nodes[arguments.input]
        graph.nodes[arguments.input] = keras_file.Node(node.name, "InputLayer", {}, [])
    if arguments.output_layer:
        graph.outputs = [(name, 0) for name in arguments.output_layer]
    kept = graph.before([n for n, _ in graph.outputs])
    graph.nodes = {n: node for n, node in graph.nodes.items() if n in kept}
    graph.order = [n for n in graph.order if n in kept]
    return graph


def convert(arguments):
    graph = between(keras_file.read(arguments.inputs), arguments)
    try:
        return Importer(graph, arguments).convert()
    except (KeyError, TypeError, ValueError, IndexError) as e:      # a configuration that says less than Keras's do
        raise Refused(f"{arguments.inputs[0]}: its configuration and its weights are not as Keras writes them: {type(e).__name__}: {e}") from None


def parser():
    p = command_line(__doc__, "a model, .h5 or .keras; or a file of weights and the model's JSON")
    p.add_argument("--head-name", metavar="LAYER=NAME", action="append", default=[], help="the head of the output LAYER is called NAME [LAYER]")
    p.add_argument("--input", metavar="LAYER", help="take the model from behind this layer, whose outputs are the features [its input]")
    p.add_argument("--output-layer", metavar="LAYER", action="append", default=[], help="an output of the model [those of the file]")
    p.add_argument("--reset", choices=("before", "after"), help="of a GRU, where the file does not tell it")
    p.add_argument("--keras-version", type=int, choices=(2, 3), help="where the file does not tell it, and hard_sigmoid asks for it")
    return p


if __name__ == "__main__":
    sys.exit(main("import_keras", parser(), convert))
