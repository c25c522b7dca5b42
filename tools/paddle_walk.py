"""Walks a program of Paddle and finds the layers in it (chain.py). Its sequences have no padding (LoD), or the layers of version 2
take batches whose axes transpose2 changes. An operator has a method here, or what needs it is refused by name."""
import numpy as np

from chain import Activation, Affine, Cells, Embedding, Linear, Path, Pooled, Refused, Source, States, beside, ended, linear, scaled
from importing import Cell, reorder

# Gates of the columns: of dynamic_gru u, r, c, of dynamic_lstm c, i, f, o; version 2 has PyTorch's.
ACTIVATIONS = {"tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid", "swish": "silu", "silu": "silu"}
SAME = ("assign", "cast", "feed", "fetch", "lod_reset", "squeeze2", "unsqueeze2", "transpose2", "squeeze", "unsqueeze", "transpose", "shape",
        "identity")


class Zeros:
    """First states that are zeros."""


def gru_cell(weight_x, bias_x, weight, bias, origin, place):
    """dynamic_gru: columns u, r, c; h' = (1 - u) h + u c, or, with origin_mode, u h + (1 - u) c."""
    hidden = weight.shape[0]
    if weight.shape != (hidden, 3 * hidden) or weight_x.shape[0] != 3 * hidden:
        raise Refused(place, f"weights of three gates of {hidden} units", f"{list(weight_x.T.shape)} and {list(weight.shape)}")
    flat = weight.reshape(-1)
    early, late = flat[:2 * hidden * hidden].reshape(hidden, 2 * hidden), flat[2 * hidden * hidden:].reshape(hidden, hidden)
    order = "zrn" if origin else "-zrn"
    rows = np.concatenate([early.T, late.T])
    return Cell(reorder(weight_x, order, "gru"), reorder(rows, order, "gru"),
                *(None if b is None else reorder(np.reshape(b, -1), order, "gru") for b in (bias_x, bias)))


def lstm_cell(weight_x, bias_x, weight, bias, place):
    """dynamic_lstm: columns c, i, f, o; behind the bias the peepholes."""
    hidden = weight.shape[0]
    if weight.shape != (hidden, 4 * hidden) or weight_x.shape[0] != 4 * hidden:
        raise Refused(place, f"weights of four gates of {hidden} units", f"{list(weight_x.T.shape)} and {list(weight.shape)}")
    if bias is not None and np.any(np.reshape(bias, -1)[4 * hidden:]):
        raise Refused(place, "an LSTM without peepholes (use_peepholes=False)", f"a bias of {bias.size} values, 7 times {hidden}")
    return Cell(reorder(weight_x, "gifo", "lstm"), reorder(weight.T, "gifo", "lstm"), None if bias_x is None else
                reorder(bias_x, "gifo", "lstm"), None if bias is None else reorder(np.reshape(bias, -1)[:4 * hidden], "gifo", "lstm"))


def crf_path(scores, weight, place):
    """Paddle's linear_chain_crf: the start's row, the end's row, then from x to."""
    if weight.ndim != 2 or weight.shape[0] != weight.shape[1] + 2:
        raise Refused(place, "weights [tags + 2, tags]", list(weight.shape))
    return Path(place, of=scores, start=weight[0], end=weight[1], transitions=weight[2:])


class Walk:
    """values: variable -> Layer, array of a parameter, Zeros, or the Refused that it needs; outputs: names that are fetched."""

    def __init__(self, program, parameters):
        self.values, self.outputs, self.notes = dict(parameters), [], []
        for operator in program.operators:
            self.step(operator)

    def step(self, operator):
        place, method = operator.place(), getattr(self, "op_" + operator.kind, None)
        names = [n for group in operator.outputs.values() for n in group]
        try:
            if method is None and operator.kind in SAME:
                method = self.same
            if method is None:
                raise Refused(place, "an operator that has a counterpart in grus", operator.kind)
            made = method(operator, place)
        except Refused as error:
            made = error
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            made = Refused(place, "an operator as Paddle writes it", f"{type(error).__name__}: {error}")
        made = made if isinstance(made, dict) else {n: made for n in names}
        self.values.update(made)

    # ---- inputs of an operator

    def value(self, operator, *parameters):
        """The variable of the first of these parameters that is given, or None."""
        for parameter in parameters:
            for name in operator.inputs.get(parameter, []):
                found = self.values.get(name)
                if isinstance(found, Refused):
                    raise found
                return found
        return None

    def layer(self, operator, *parameters):
        found = self.value(operator, *parameters)
        if found is None or isinstance(found, (np.ndarray, Zeros)):
            raise Refused(operator.place(), f"a tensor that depends on the input as {parameters[0]}", "none")
        return found

    def array(self, operator, *parameters):
        found = self.value(operator, *parameters)
        if found is not None and not isinstance(found, np.ndarray):
            raise Refused(operator.place(), f"a parameter as {parameters[0]}", "a tensor that is computed")
        return None if found is None else np.asarray(found, np.float64)

    # ---- operators

    def op_feed(self, operator, place):
        return {n: Source(f"input {n!r}", name=n) for n in operator.outputs["Out"]}

    def op_fetch(self, operator, place):
        self.outputs += operator.inputs["X"]
        return {}

    def same(self, operator, place):
        return self.value(operator, "X", "Input")

    def op_fill_constant(self, operator, place):
        value = operator.attributes.get("str_value") or operator.attributes.get("value", 0)
        if float(value):
            raise Refused(place, "zeros", value)
        return Zeros()

    op_fill_constant_batch_size_like = op_fill_zeros_like = op_fill_constant

    def op_lookup_table(self, operator, place):
        table, ids = self.array(operator, "W"), self.layer(operator, "Ids")
        if not isinstance(ids, Source):
            raise Refused(place, "ids from an input", "computed ones")
        padding = operator.attributes.get("padding_idx", -1)
        if padding >= 0:
            table = table.copy()
            table[padding] = 0
        return Embedding(place, of=ids, table=table)

    op_lookup_table_v2 = op_lookup_table

    def op_mul(self, operator, place):
        a = operator.attributes
        weight = self.array(operator, "Y")
        if a.get("trans_x") or a.get("transpose_X") or weight is None or weight.ndim != 2:
            raise Refused(place, "a matrix behind the tensor", "another product")
        transposed = a.get("trans_y") or a.get("transpose_Y")
        return linear(self.layer(operator, "X"), (weight if transposed else weight.T) * a.get("alpha", 1.0), None, place)

    op_matmul = op_matmul_v2 = op_mul

    def op_fc(self, operator, place):
        made = linear(self.layer(operator, "Input"), self.array(operator, "W").T, self.array(operator, "Bias"), place)
        made.bias = made.bias if made.bias is None else np.reshape(made.bias, -1)
        kind = operator.attributes.get("activation_type", "")
        return Activation(place, of=made, name=ACTIVATIONS[kind]) if kind else made

    def op_elementwise_add(self, operator, place):
        x, y = self.layer(operator, "X"), self.value(operator, "Y")
        if not isinstance(y, np.ndarray):
            raise Refused(place, "a layer behind a layer", "two layers that are added")
        return scaled(x, 1, np.asarray(y, np.float64).reshape(-1), place)

    def op_scale(self, operator, place):
        x, a = self.layer(operator, "X"), operator.attributes
        scale, shift = a.get("scale", 1.0), a.get("bias", 0.0)
        if (scale, shift) == (1.0, 0.0):
            return x
        return scaled(x, scale, shift if a.get("bias_after_scale", True) else shift * scale, place)

    def op_dropout(self, operator, place):
        if operator.attributes.get("dropout_implementation", "downgrade_in_infer") == "upscale_in_train":
            return self.layer(operator, "X")
        return scaled(self.layer(operator, "X"), 1 - operator.attributes.get("dropout_prob", 0.5), 0, place)

    def activation(self, operator, place):
        if operator.attributes.get("beta", 1.0) != 1.0:
            raise Refused(place, "swish with beta 1", operator.attributes["beta"])
        return Activation(place, of=self.layer(operator, "X"), name=ACTIVATIONS[operator.kind])

    op_tanh = op_relu = op_sigmoid = op_swish = op_silu = activation

    def op_softmax(self, operator, place):
        return Activation(place, of=self.layer(operator, "X"), name="softmax")

    op_log_softmax = op_softmax

    def op_arg_max(self, operator, place):
        return Activation(place, of=self.layer(operator, "X"), name="argmax")

    def op_concat(self, operator, place):
        layers = []
        for name in operator.inputs["X"]:
            if isinstance(self.values.get(name), Refused):
                raise self.values[name]
            layers.append(self.values[name])
        return beside(layers, place)

    def op_crf_decoding(self, operator, place):
        if operator.inputs.get("Label"):
            raise Refused(place, "a path alone", "a Label")
        return crf_path(self.layer(operator, "Emission"), self.array(operator, "Transition"), place)

    def op_sequence_pool(self, operator, place):
        kind, of = operator.attributes.get("pooltype", "AVERAGE").upper(), self.layer(operator, "X")
        if kind in ("LAST", "FIRST") and isinstance(of, States) and not of.final:
            return {operator.outputs["Out"][0]: ended(of.changed(place=place, final=True, at=kind.lower()))}
        if kind not in ("AVERAGE", "MAX"):
            raise Refused(place, "pooltype LAST, FIRST, AVERAGE or MAX of a recurrent layer", kind)
        return {operator.outputs["Out"][0]: Pooled(place, of=of, kind={"AVERAGE": "mean", "MAX": "max"}[kind])}

    def op_gru(self, operator, place):
        x = self.layer(operator, "Input")
        if not isinstance(x, Linear):
            raise Refused(place, "a linear layer (fc) that makes its Input", "another")
        return self.recurrent(operator, place, x.of, x.weight, x.bias, self.array(operator, "Weight"), self.array(operator, "Bias"))

    op_lstm = op_gru

    def op_fusion_gru(self, operator, place):
        return self.recurrent(operator, place, self.layer(operator, "X"), self.array(operator, "WeightX").T, None,
                              self.array(operator, "WeightH"), self.array(operator, "Bias"))

    def recurrent(self, operator, place, of, weight_x, bias_x, weight, bias):
        a = operator.attributes
        for parameter in ("H0", "C0"):
            if not isinstance(self.value(operator, parameter), (Zeros, type(None))):
                raise Refused(place, f"{parameter} of zeros", "other first states")
        if operator.kind == "lstm":
            functions = [a.get(k, d) for k, d in (("gate_activation", "sigmoid"), ("candidate_activation", "tanh"),
                                                  ("cell_activation", "tanh"))]
            if functions != ["sigmoid", "tanh", "tanh"]:
                raise Refused(place, "an LSTM with activations sigmoid, tanh, tanh", ", ".join(functions))
            cell, keys = lstm_cell(weight_x, bias_x, weight, bias, place), {"cell": "lstm"}
        else:
            keys = self.gru_keys(a.get("gate_activation", "sigmoid"), a.get("activation", "tanh"), place)
            cell = gru_cell(weight_x, bias_x, weight, bias, a.get("origin_mode", False), place)
        made = Cells(place, of=of, cells=[cell], keys=keys, direction="backward" if a.get("is_reverse") else "forward")
        states = States(place, of=made, parts=((made, 0),), final=False)
        wrong = Refused(place, "its Hidden", "another output")
        return {n: states if parameter == "Hidden" else wrong for parameter, names in operator.outputs.items() for n in names}

    @staticmethod
    def gru_keys(gate, candidate, place):
        candidate = "none" if candidate in ("identity", "") else candidate
        if gate != "sigmoid" or candidate not in ("tanh", "relu", "none"):
            raise Refused(place, "activations sigmoid, and tanh, relu or identity", f"{gate}, {candidate}")
        return {"reset": "before", **({"activation": candidate} if candidate != "tanh" else {})}

    def op_rnn(self, operator, place):
        """nn.GRU and nn.LSTM of version 2: PyTorch's gates and shapes; all weights first, then all biases."""
        a = operator.attributes
        mode, layers, both = a.get("mode", "LSTM"), a.get("num_layers", 1), a.get("is_bidirec", False)
        if mode not in ("GRU", "LSTM"):
            raise Refused(place, "mode GRU or LSTM", mode)
        for name in operator.inputs.get("PreState", []):
            if not isinstance(self.values.get(name), Zeros):
                raise Refused(place, "first states of zeros", f"others, {name!r}")
        weights = [self.values[n] for n in operator.inputs["WeightList"]]
        cells = layers * (1 + both)
        if len(weights) != 4 * cells:
            raise Refused(place, f"{4 * cells} weights and biases", len(weights))
        of = self.layer(operator, "Input")
        for k in range(layers):
            found = []
            for i in range(k * (1 + both), (k + 1) * (1 + both)):
                found.append(Cell(weights[2 * i], weights[2 * i + 1], weights[2 * cells + 2 * i], weights[2 * cells + 2 * i + 1]))
            made = Cells(f"{place}, layer {k}", of=of, cells=found, keys={"cell": "lstm"} if mode == "LSTM" else {},
                         direction="both" if both else "forward")
            of = States(place, of=made, parts=tuple((made, d) for d in range(1 + both)), final=False)
        wrong = Refused(place, "its Out", "another output")
        return {n: of if parameter == "Out" else wrong for parameter, names in operator.outputs.items() for n in names}
