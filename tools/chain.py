"""What the importers of graphs (import_onnx.py, import_paddle.py) share: a network as nested layers, and the model of importing.py
that it becomes. A network that the configuration cannot express is refused, never approximated.

Weights are NumPy arrays in PyTorch's layout and gate order; an importer transposes and reorders before it makes a layer.
"""

import numpy as np

import importing
from importing import Stack, head_name

ACTIVATIONS = ("tanh", "relu", "sigmoid", "silu")
POOLINGS = ("mean", "max")


class Refused(importing.Refused):
    """place: what in the file; expected, found: as every message of a refusal has them."""

    def __init__(self, place, expected, found):
        super().__init__(f"{place}: expected {expected}, found {found}")

    @classmethod
    def of_file(cls, path, error):
        """The same of a file."""
        made = cls.__new__(cls)
        importing.Refused.__init__(made, f"{path}: {error}")
        return made


class Layer:
    """of: what it reads (None at the source); place: how an error names it."""
    of, place = None, "the graph"

    def __init__(self, place=None, **fields):
        self.place = place or self.place
        self.__dict__.update(fields)

    def changed(self, **fields):
        """The same layer with other values of some fields."""
        return type(self)(**{**vars(self), **fields})


class Source(Layer):
    """The input, `name`; width: values of a position, None while nothing has told it."""
    width = None


class Embedding(Layer):
    """table [V, E] of the source's ids."""


class Conv(Layer):
    """weight [channels, in, kernel], bias or None, stride, dilation, before and after: positions of zeros at the ends."""


class Padded(Layer):
    """before and after: positions of zeros, which the next Conv takes up."""


class Pool(Layer):
    """size, stride, padding: a maximum over positions."""


class Linear(Layer):
    """weight [size, in], bias or None."""


class Affine(Layer):
    """x * scale + shift, each one number or one for each feature: what is left of a batch norm."""


class Activation(Layer):
    """name: one of ACTIVATIONS, "softmax" or "argmax"."""


class Cells(Layer):
    """A recurrent layer. direction: "forward", "backward" or "both"; cells: for each direction a Cell of importing.py; keys: those of
    the configuration's cell that are no defaults."""


class States(Layer):
    """parts: (Cells, direction) whose h stand side by side; final: the state at the end, else that of each position; at: of a final
    one that was taken from a position, whether that is the last or the first, which must be where each part ends (ended())."""
    at = None


def ended(layer):
    """The layer, if each part that it takes from one position ends there."""
    if isinstance(layer, States) and layer.at is not None:
        for cells, d in layer.parts:
            forward = cells.direction == "forward" or cells.direction == "both" and d == 0
            if forward != (layer.at == "last"):
                raise Refused(layer.place, f"the position where {cells.place} ends, in each direction its own",
                              f"the {layer.at} position of its {'forward' if forward else 'backward'} direction, "
                              "which has read one position alone")
    return layer


class Joined(Layer):
    """parts: layers whose features stand side by side."""


PAIRS = {}      # (forward, backward) cells that were made one layer


def paired(layers):
    """States of two cells on one input, one forward and one backward, as those of one layer with both directions; or None."""
    if len(layers) != 2 or not all(isinstance(x, States) and len(x.parts) == 1 for x in layers):
        return None
    (one, _), (other, _) = (x.parts[0] for x in layers)
    if one.of is not other.of or {one.direction, other.direction} != {"forward", "backward"} or one.keys != other.keys:
        return None
    forward, backward = (one, other) if one.direction == "forward" else (other, one)
    made = PAIRS.setdefault((forward, backward), Cells(f"{forward.place} and {backward.place}", of=one.of, keys=one.keys, direction="both",
                                                       cells=[*forward.cells, *backward.cells]))
    return tuple((made, 0 if cells is forward else 1) for cells in (one, other))


def beside(layers, place):
    """Layers whose features stand side by side."""
    layers = [ended(x) for x in layers]
    if all(isinstance(x, States) for x in layers) and len({x.final for x in layers}) == 1:
        parts = paired(layers) or tuple(p for x in layers for p in x.parts)
        return States(place, of=parts[-1][0], parts=parts, final=layers[0].final)
    return Joined(place, parts=[p for x in layers for p in (x.parts if isinstance(x, Joined) else [x])])


class Pooled(Layer):
    """kind, one of POOLINGS, over the positions."""


class Path(Layer):
    """A CRF's best path over the scores that it reads. transitions [C, C] (from, to), start [C], end [C]."""


def width(layer):
    """Values of a position, or None if the graph does not tell."""
    if isinstance(layer, States):
        return sum(cells.cells[d].hidden for cells, d in layer.parts)
    if isinstance(layer, Joined):
        return sum(map(width, layer.parts))
    if isinstance(layer, (Linear, Conv)):
        return layer.weight.shape[0]
    if isinstance(layer, Embedding):
        return layer.table.shape[1]
    return layer.width if isinstance(layer, Source) else width(layer.of)


def affine(layer, size):
    """(scale, shift) of an Affine as vectors, in float64."""
    return (np.broadcast_to(np.asarray(v, np.float64).reshape(-1), size) for v in (layer.scale, layer.shift))


def scaled(of, scale, shift, place):
    """x * scale + shift behind `of`, folded into its weights where it has any."""
    if isinstance(of, Affine):
        return scaled(of.of, np.asarray(of.scale, np.float64) * scale, np.asarray(of.shift, np.float64) * scale + shift, place)
    made = Affine(place, of=of, scale=np.asarray(scale, np.float64), shift=np.asarray(shift, np.float64))
    if not isinstance(of, (Linear, Conv)):
        return made
    scale, shift = affine(made, of.weight.shape[0])
    bias = shift if of.bias is None else of.bias * scale + shift
    weight = of.weight * scale.reshape((-1,) + (1,) * (of.weight.ndim - 1))
    return of.changed(weight=weight, bias=bias if bias.any() or of.bias is not None else None)


def linear(of, weight, bias, place):
    """A linear layer; an Affine that it reads is folded into it."""
    if isinstance(of, Affine):
        scale, shift = affine(of, weight.shape[1])
        bias = (0 if bias is None else bias) + weight @ shift
        return Linear(place, of=of.of, weight=weight * scale, bias=bias)
    return Linear(place, of=of, weight=weight, bias=bias)


def columns(weight, parts, whole, place):
    """A weight that reads `parts`, as one that reads `whole`: columns in its order, zeros for what the weight does not read."""
    if any(part not in whole for part in parts) or len(set(parts)) < len(parts):
        raise Refused(place, f"to read {described(whole)}", described(parts))
    if list(parts) == list(whole):
        return weight
    cut = np.cumsum([cells.cells[d].hidden for cells, d in parts])[:-1]
    by_part = dict(zip(parts, np.split(weight, cut, axis=1)))
    return np.concatenate([by_part.get(part, np.zeros((len(weight), part[0].cells[part[1]].hidden))) for part in whole], axis=1)


def described(parts):
    return " and ".join(f"the {('forward', 'backward')[d] if cells.direction == 'both' else 'only'} direction of {cells.place}"
                        for cells, d in parts)


def whole(cells):
    """The parts that are a layer's outputs, in order."""
    return tuple((cells, d) for d in range(len(cells.cells)))


class Network:
    """What stands behind the outputs of a graph, and how it becomes a Model of importing.py."""

    def __init__(self, outputs):
        """outputs: (name, Layer) of each output; names as the configuration's heads shall have them."""
        self.outputs = outputs
        self.tops = [self.base(layer) for _, layer in outputs]
        self.layers = self.stack_of(self.tops)
        self.front_end = self.layers[0].of
        # A scale before the first layer goes into its weights, unless a head reads what is scaled.
        if isinstance(self.front_end, Affine) and self.front_end not in [part for top in self.tops for part in top]:
            self.front_end = self.front_end.of

    def fill(self, model):
        size = self.front(model)
        self.encoder(model, size)
        for name, layer in self.outputs:
            self.head(model, name, layer)

    def sources(self):
        """The Source of each chain that is taken over."""
        for layer in [self.front_end]:
            while layer.of is not None:
                layer = layer.of
            yield layer

    def base(self, layer):
        """What the layers of a head read, as a list."""
        while isinstance(layer, (Linear, Activation, Affine, Path, Pooled)):
            layer = layer.of
        return layer.parts if isinstance(layer, Joined) else [layer]

    def stack_of(self, tops):
        """The recurrent layers, lowest first: one chain, of which everything reads some."""
        found = []
        for layer in (layer for top in tops for layer in top):
            chain = self.below(layer)
            longer, shorter = (chain, found) if len(chain) >= len(found) else (found, chain)
            if longer[:len(shorter)] != shorter:
                raise Refused(layer.place, "one stack of recurrent layers, which everything reads", "a second one")
            found = longer
        if not found:
            raise Refused("the graph", "a GRU or LSTM layer", "none before its outputs")
        return found

    def below(self, layer):
        """Recurrent layers under a layer, lowest first."""
        chain = []
        while layer is not None:
            if isinstance(layer, States):
                of = list(dict.fromkeys(cells for cells, _ in layer.parts))
                # Of several, the top one's chain; a head that needs all is refused where its columns are.
                of.sort(key=lambda cells: len(self.below(cells)))
                layer = of[-1]
            if isinstance(layer, Cells):
                chain.append(layer)
            layer = layer.of if not isinstance(layer, Joined) else None
        return chain[::-1]

    def encoder(self, model, size):
        """size: of what the front gives."""
        first = self.layers[0].keys
        for cells in self.layers:
            if cells.keys != first:
                raise Refused(cells.place, f"the cell of the layers below, {cell_name(first)}", cell_name(cells.keys))
        stack = Stack(first)
        for k, layer in enumerate(self.layers):
            for cell in layer.cells:
                cell.weight_ih, shift = self.reads(cell.weight_ih, layer.of, self.layers[k - 1] if k else self.front_end, layer.place)
                if shift.any():
                    cell.bias_ih = shift if cell.bias_ih is None else cell.bias_ih + shift
                    cell.bias_hh = np.zeros(len(shift)) if cell.bias_hh is None else cell.bias_hh
                if k == 0 and cell.weight_ih.shape[1] != size:
                    raise Refused(layer.place, f"weights of {size} inputs", cell.weight_ih.shape[1])
            stack.add(layer.direction, layer.cells, layer.place)
            model.took(layer.place, f"encoder layer {k}, {layer.direction}, {cell_name(first)}, {layer.cells[0].hidden} units")
        model.encoder(stack)

    def reads(self, weight, of, lower, place):
        """A cell's input weight that reads `of`, as one that reads `lower`, and what to add to its bias: linear layers without
        activation between the two are multiplied into it."""
        shift = np.zeros(len(weight))
        while of is not lower:
            if isinstance(of, Affine):
                scale, more = affine(of, weight.shape[1])
                weight, shift = weight * scale, shift + weight @ more
            elif isinstance(of, Linear) and not isinstance(of.of, (Source, Embedding)):
                weight, shift = weight @ of.weight, shift + (0 if of.bias is None else weight @ of.bias)
            elif isinstance(of, States) and not of.final and isinstance(lower, Cells):
                return columns(weight, of.parts, whole(lower), place), shift
            else:
                raise Refused(of.place, f"nothing but linear layers without activation between {place} and the layer below", kind(of))
            of = of.of
        return weight, shift

    def front(self, model):
        """-> the size of its positions."""
        steps, layer = [], self.front_end
        while not isinstance(layer, (Source, Embedding)):
            activation = "none"
            if isinstance(layer, Activation) and layer.name in ACTIVATIONS and isinstance(layer.of, (Linear, Conv)):
                activation, layer = layer.name, layer.of
            if not isinstance(layer, (Linear, Conv, Pool, Affine)):
                raise Refused(layer.place, "before the first recurrent layer convolutions, linear layers with or without activation, "
                                           "maxima over positions, and an embedding", kind(layer))
            steps.append((layer, activation))
            layer = layer.of
        steps.reverse()
        if isinstance(layer, Embedding):
            model.source_tokens(layer.table)
            size = layer.table.shape[1]
            model.took(layer.place, f"embedding of {len(layer.table)} tokens, {size} values each")
        else:
            size = layer.width or next((step.weight.shape[1] for step, _ in steps if isinstance(step, (Linear, Conv))),
                                       self.layers[0].cells[0].weight_ih.shape[1])
            model.source_features(size)
            model.took(f"input {layer.name!r}", f"features, {size} a position")
        for i, (step, activation) in enumerate(steps):
            size = self.front_step(model, step, activation, size)
            model.took(step.place, f"front {i}, {model.config['front'][i]['type']}" + (f", {activation}" if activation != "none" else ""))
        return size

    def front_step(self, model, step, activation, size):
        if isinstance(step, Pool):
            keys = (("size", step.size, None), ("stride", step.stride, step.size), ("padding", step.padding, 0))
            model.front("max_pool", {k: v for k, v, default in keys if v != default})
            return size
        if isinstance(step, Affine):
            scale, shift = affine(step, size)
            step = Linear(step.place, weight=np.diag(scale), bias=shift)
        keys = (("activation", activation, "none"),)
        if isinstance(step, Conv):
            step = even_padding(step)
            keys += (("kernel", step.weight.shape[2], None), ("stride", step.stride, 1), ("padding", step.before, 0),
                     ("dilation", step.dilation, 1))
        if step.weight.shape[1] != size:
            raise Refused(step.place, f"weights of {size} inputs", step.weight.shape[1])
        model.front("conv1d" if isinstance(step, Conv) else "linear", {k: v for k, v, default in keys if v != default},
                    step.weight, step.bias)
        return len(step.weight)

    # ---- heads

    def head(self, model, name, layer):
        path, activation = None, "none"
        if isinstance(layer, Path):
            path, layer, activation = layer, layer.of, "softmax"
        while isinstance(layer, Activation) and layer.name in ("softmax", "sigmoid", "argmax"):
            activation = "softmax" if layer.name == "argmax" else layer.name
            layer = layer.of
        place, layers = layer.place, []
        while isinstance(layer, (Linear, Activation, Affine)):
            made, layer = self.head_layer(layer, activation if not layers else "none")
            layers.append(made)
        if not layers:
            if activation != "none" or not isinstance(layer, (States, Pooled)):
                raise Refused(place, "a linear layer, or one with softmax or sigmoid behind it, at the end", kind(layer))
            self.inputs(model, layer, place)
            model.took(place, f"output {name!r}, no head")
            return
        inputs, reads = self.inputs(model, layer, place)
        layers.reverse()
        layers[0].weight = reads(layers[0].weight)
        on = "sequence" if inputs == ["pooled"] else "token"
        model.head(name, on, layers, place, ["state"] if on == "sequence" else inputs)
        if path:
            model.config["heads"][name]["decode"] = "crf"
            model.tensors.update({f"heads.{name}.{key}": getattr(path, key) for key in ("transitions", "start", "end")})
            model.took(path.place, f"the best path of head {name}")

    def head_layer(self, layer, activation):
        """(layer of importing.py, what it reads); activation: what stands behind it, of the last one."""
        if isinstance(layer, Activation):
            if layer.name not in ACTIVATIONS or activation != "none":
                raise Refused(layer.place, f"one of {', '.join(ACTIVATIONS)} behind a hidden layer", layer.name)
            activation, layer = layer.name, layer.of
        if isinstance(layer, Affine):       # behind an activation
            scale, shift = affine(layer, width(layer.of))
            return importing.Layer(np.diag(scale), shift, activation), layer.of
        if not isinstance(layer, Linear):
            raise Refused(layer.place, "a linear layer before the activation", kind(layer))
        return importing.Layer(layer.weight, layer.bias, activation), layer.of

    def inputs(self, model, layer, place):
        """(names of a head's inputs, function that puts its weight's columns into their order)."""
        ended(layer)
        top = self.layers[-1]
        if isinstance(layer, Pooled) or isinstance(layer, States) and layer.final:
            pooling = layer.kind if isinstance(layer, Pooled) else "last"
            of = layer.of if isinstance(layer, Pooled) else layer
            if not isinstance(of, States) or isinstance(layer, Pooled) and of.final:
                raise Refused(layer.place, "the outputs of the top recurrent layer to be pooled", kind(of))
            model.pooling(pooling)
            return ["pooled"], lambda w: columns(w, of.parts, whole(top), place)
        names, places, widths = [], [], []
        for part in layer.parts if isinstance(layer, Joined) else [layer]:
            if part is self.front_end:
                names.append("source")
                places.append(None)
                widths.append(width(part))
                continue
            if not isinstance(part, States) or part.final:
                raise Refused(part.place, "outputs of recurrent layers, or what enters the lowest, before a head", kind(part))
            by_layer = {}
            for cells, d in part.parts:
                by_layer.setdefault(cells, []).append((cells, d))
            for cells, parts in by_layer.items():
                if cells not in self.layers:
                    raise Refused(place, "layers of one stack", cells.place)
                k = self.layers.index(cells)
                names.append("state" if cells is top else f"layer{k}")
                places.append((cells, tuple(parts)))
                widths.append(sum(c.cells[d].hidden for c, d in parts))

        def ordered(w):
            cut = np.split(w, np.cumsum(widths)[:-1], axis=1)
            return np.concatenate([c if p is None else columns(c, p[1], whole(p[0]), place) for c, p in zip(cut, places)], axis=1)
        return names, ordered


def cell_name(keys):
    """The kind of a cell, for reports and errors."""
    if keys.get("cell") == "lstm":
        return "LSTM"
    more = [f"{key.replace('_', ' ')} {keys[key]}" for key in ("gate_activation", "activation") if key in keys]
    return ", ".join([f"GRU with reset {keys.get('reset', 'after')} the product", *more])


def kind(layer):
    if isinstance(layer, Activation):
        return layer.name
    if isinstance(layer, States):
        return "final states" if layer.final else "the outputs of a recurrent layer"
    return {Source: "the input itself", Embedding: "an embedding", Conv: "a convolution", Padded: "padding", Pool: "a maximum",
            Linear: "a linear layer", Affine: "a scale and shift", Joined: "a concatenation", Pooled: "a pooled vector",
            Path: "a CRF's path", Cells: "a recurrent layer"}.get(type(layer), "nothing that is known")


def even_padding(conv):
    """The convolution with as many zeros before as after, which is what grus has: the kernel gets taps of zero on the side that lacks
    them."""
    before, after = conv.before, conv.after
    weight, more = conv.weight, abs(before - after)
    if more:
        if more % conv.dilation:
            raise Refused(conv.place, "as many positions of padding before as behind, or a multiple of the dilation more",
                          f"{before} and {after} with dilation {conv.dilation}")
        zeros = np.zeros(weight.shape[:2] + (more // conv.dilation,), weight.dtype)
        weight = np.concatenate((zeros, weight) if before < after else (weight, zeros), axis=2)
    padding = max(before, after)
    if padding > conv.dilation * (weight.shape[2] - 1):
        raise Refused(conv.place, f"at most {conv.dilation * (weight.shape[2] - 1)} positions of padding", padding)
    return conv.changed(weight=weight, before=padding, after=padding)
