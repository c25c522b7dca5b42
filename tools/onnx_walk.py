"""Walks an ONNX graph and finds the layers in it (chain.py). Each operator has a method; a tensor is a Flow, a Sizes, a constant, or
what kept it from being understood, which matters only if an output needs it."""
import numpy as np

import onnx_cells
from chain import Activation, Conv, Embedding, Padded, Pool, Pooled, Refused, Source, States, beside, linear, scaled
from onnx_axes import Atom, Flow, Size, Sizes, as_role, merged, reshape

FURTHEST = 1 << 31      # ends of a Slice from here on mean the axis's end
ACTIVATIONS = {"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid"}
NUMPY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Sqrt": np.sqrt, "Neg": np.negative}
QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "MatMulInteger", "ConvInteger",
             "QLinearMatMul", "QLinearConv")


class Fill:
    """A constant, or one value, spread to a shape that only a run would tell. array: as it was before."""

    def __init__(self, array):
        self.array = np.asarray(array)


class Walk:
    """values: name -> what is known of a tensor. stateless: first states that are inputs of the graph are zeros; notes: what a user
    has to know, a line each."""

    def __init__(self, graph, stateless=False):
        self.graph, self.stateless, self.notes = graph, stateless, []
        self.values = {"": None, **graph.constants}
        self.inputs = {name: {name} for name in graph.inputs}       # of the graph, on which a tensor depends
        for name, sizes in graph.inputs.items():
            atoms = [Atom(n if isinstance(n, int) else None) for n in sizes or []]
            self.values[name] = Flow(Source(f"input {name!r}", name=name), [(a,) for a in atoms])
        for node in graph.nodes:
            self.step(node)

    def step(self, node):
        depends = set().union(*(self.inputs.get(i, set()) for i in node.inputs))
        self.inputs.update({o: depends for o in node.outputs})
        try:
            out = self.read(node)
        except Refused as error:
            out = error
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            out = Refused(node.place(), "an operator as exporters write it", f"{type(error).__name__}: {error}")
        made = out if isinstance(out, list) else [out] * len(node.outputs)
        self.values.update(zip(node.outputs, made))

    def read(self, node):
        place = node.place()
        if node.operator in QUANTISED or node.domain not in ("", "ai.onnx") and "Quant" in node.operator:
            raise Refused(place, "a graph of float32", "a quantised one")
        method = getattr(self, "op_" + node.operator, None)
        if method is None or node.domain not in ("", "ai.onnx"):
            raise Refused(place, "an operator that has a counterpart in grus", f"{node.domain + '.' if node.domain else ''}{node.operator}")
        return method(node, place)

    # ---- inputs of a node

    def value(self, node, i):
        """Input i, None if it is left out; raises what kept it from being understood."""
        found = self.values.get(node.inputs[i]) if i < len(node.inputs) else None
        if isinstance(found, Refused):
            raise found
        return found

    def flow(self, node, i=0):
        found = self.value(node, i)
        if not isinstance(found, Flow):
            raise Refused(node.place(), f"a tensor that depends on the graph's input as input {i}", "a constant or a size")
        return found

    def constant(self, node, i, what):
        """Input i as an array, None if it is left out."""
        found = self.value(node, i)
        if isinstance(found, Sizes):
            numbers = found.constant()
            found = None if numbers is None else np.array(numbers[0] if found.scalar else numbers, np.int64)
            if numbers is None:
                raise Refused(node.place(), f"a constant {what}", "one that is computed")
        if found is not None and not isinstance(found, np.ndarray):
            raise Refused(node.place(), f"a constant {what}", "one that depends on the graph's input")
        return found

    def numbers(self, node, i, attribute):
        """Integers that are an attribute in old operator sets and input i in new ones, or None."""
        if attribute in node.attributes:
            return list(node.attributes[attribute])
        found = self.constant(node, i, attribute)
        return None if found is None else [int(x) for x in np.atleast_1d(found)]

    def folded(self, node):
        """The inputs as arrays, if all are constants; else None."""
        found = [self.value(node, i) for i in range(len(node.inputs))]
        found = [np.array(v.constant()[0] if v.scalar else v.constant()) if isinstance(v, Sizes) and v.constant() is not None else v
                 for v in found]
        return found if all(v is None or isinstance(v, np.ndarray) for v in found) else None

    # ---- recurrent layers

    def op_GRU(self, node, place):
        flow = self.flow(node)
        if len(flow.axes) != 3:
            raise Refused(place, "an input of positions, batch and features", f"{len(flow.axes)} axes")
        time, batch = as_role(flow, 0, "time", place), as_role(flow, 1, "batch", place)
        feature = as_role(flow, 2, "feature", place)
        self.check_lengths(node, time, place)
        made = onnx_cells.cells(node, flow.layer, lambda i, what: self.constant(node, i, what),
                                lambda i, what: self.first_states(node, i, what), flow.backwards, place)
        size = made.cells[0].weight_ih.shape[1]
        if feature.size not in (None, size):
            raise Refused(place, f"{feature.size} features in W", size)
        feature.size = size
        parts = tuple((made, d) for d in range(len(made.cells)))
        if flow.backwards:
            parts = parts[::-1]
        units = Atom(made.cells[0].hidden, "feature")
        direction = Atom(len(parts), "direction" if len(parts) > 1 else None)
        each = Flow(States(place, of=made, parts=parts, final=False), [(time,), (direction,), (batch,), (units,)], flow.backwards)
        final = Flow(States(place, of=made, parts=parts, final=True), [(direction,), (batch,), (units,)])
        return [each, final, Refused(place, "outputs that come of h", "the last c")][:len(node.outputs)]

    op_LSTM = op_GRU

    def check_lengths(self, node, time, place):
        lengths = self.values.get(node.inputs[4]) if len(node.inputs) > 4 else None
        if isinstance(lengths, Flow) and isinstance(lengths.layer, Source):
            self.notes.append(f"input {lengths.layer.name!r}: lengths, which grus knows by itself")
        elif isinstance(lengths, np.ndarray) and (time.size is None or np.any(lengths != time.size)):
            raise Refused(place, "sequence_lens of whole sequences, or from an input", f"a constant {lengths.tolist()}")
        elif isinstance(lengths, Refused) or isinstance(lengths, Flow):
            raise Refused(place, "sequence_lens of whole sequences, or from an input", "computed ones")

    def first_states(self, node, i, what):
        """[directions, H] of first states, None for zeros."""
        name = node.inputs[i] if i < len(node.inputs) else ""
        found = self.values.get(name)
        if self.inputs.get(name) and not isinstance(found, (np.ndarray, Fill)):
            inputs = " and ".join(map(repr, sorted(self.inputs[name])))
            if not self.stateless:
                raise Refused(node.place(), f"{what} of constants, each sequence for itself",
                              f"states from input {inputs}, carried from call to call: with --stateless each sequence begins with zeros")
            self.notes.append(f"{node.place()}: {what} is zeros at the beginning of each sequence, and not read from input {inputs}")
            return None
        found = self.value(node, i)
        array = found.array if isinstance(found, Fill) else found
        if array is None or not np.any(array):
            return None
        hidden = self.values[node.inputs[2]].shape[2]
        if array.ndim != 3:
            array = np.broadcast_to(array, (1, 1, hidden)) if array.size in (1, hidden) and isinstance(found, Fill) else array
        if array.ndim != 3 or np.any(array != array[:, :1]):
            raise Refused(node.place(), f"the same {what} for each sequence of a batch", f"an array {list(array.shape)} that differs")
        return np.broadcast_to(array[:, 0], (len(self.values[node.inputs[2]]), hidden))

    # ---- layers

    def op_Gather(self, node, place):
        axis = node.attributes.get("axis", 0)
        data, index = self.value(node, 0), self.value(node, 1)
        if isinstance(data, Sizes):
            chosen = self.constant(node, 1, "index")
            if chosen.ndim == 0:
                return Sizes([data.values[int(chosen)]], True)
            return Sizes([data.values[int(i)] for i in chosen])
        if isinstance(data, Flow):
            return self.chosen(data, data.axis(axis), self.constant(node, 1, "index"), place)
        if isinstance(index, Flow):
            if data.ndim != 2 or axis or not isinstance(index.layer, Source):
                raise Refused(place, "an embedding: a matrix, and ids from an input", f"an array {list(data.shape)} on axis {axis}")
            return Flow(Embedding(place, of=index.layer, table=data), index.axes + [(Atom(data.shape[1], "feature"),)])
        return np.take(data, index, axis)

    def op_Conv(self, node, place):
        flow, weight, bias = self.flow(node), self.constant(node, 1, "kernel"), self.constant(node, 2, "bias")
        spatial = self.spatial(flow, place)
        n = weight.ndim - 2
        get = lambda name, default: list(node.attributes.get(name, default))
        strides, dilations, pads = get("strides", [1] * n), get("dilations", [1] * n), get("pads", [0] * 2 * n)
        others = [i for i in range(n) if i != spatial]
        if any(weight.shape[2 + i] != 1 or pads[i] or pads[i + n] for i in others):
            raise Refused(place, "a kernel over positions alone", f"one of {list(weight.shape[2:])}")
        kernel, dilation, stride = weight.shape[2 + spatial], dilations[spatial], strides[spatial]
        weight = np.asarray(weight.reshape(weight.shape[:2] + (kernel,)), np.float64)
        weight = ungrouped(weight, node.attributes.get("group", 1))
        before, after = self.padding(node, pads[spatial], pads[spatial + n], dilation * (kernel - 1), stride, place)
        layer = flow.layer
        if isinstance(layer, Padded):
            layer, before, after = layer.of, before + layer.before, after + layer.after
        feature = as_role(flow, 1, "feature", place)
        feature.size = weight.shape[1]
        if flow.backwards:
            raise Refused(place, "positions in their own order", "positions backwards")
        out = Flow(Conv(place, of=layer, weight=weight, bias=bias, stride=stride, dilation=dilation, before=before, after=after),
                   flow.axes)
        out.axes[1] = (Atom(weight.shape[0], "feature"),)
        out.axes[2 + spatial] = (self.fewer(flow.axes[2 + spatial], before + after - dilation * (kernel - 1) - 1, stride),)
        return out

    def spatial(self, flow, place):
        """Which axis behind batch and features holds the positions; the others have one."""
        as_role(flow, 0, "batch", place)
        wide = [i for i in range(2, len(flow.axes)) if any(a.size != 1 or a.role == "time" for a in flow.axes[i])]
        if len(flow.axes) < 3 or len(wide) > 1:
            raise Refused(place, "an input of batch, features and positions", f"{len(wide)} axes of positions" if wide else
                          f"{len(flow.axes)} axes")
        axis = wide[0] if wide else 2
        as_role(flow, axis, "time", place)
        return axis - 2

    @staticmethod
    def padding(node, before, after, reach, stride, place):
        how = node.attributes.get("auto_pad", "NOTSET")
        if how in ("NOTSET", "VALID", ""):
            return (before, after) if how != "VALID" else (0, 0)
        if stride != 1:
            raise Refused(place, "a padding that is the same for every length", f"{how} with stride {stride}")
        return (reach // 2, reach - reach // 2) if how == "SAME_UPPER" else (reach - reach // 2, reach // 2)

    @staticmethod
    def fewer(axis, more, stride):
        """The positions behind a kernel."""
        size = next((a.size for a in axis if a.role == "time"), None)
        return Atom(None if size is None else (size + more) // stride + 1, "time")

    def op_MaxPool(self, node, place):
        flow, n = self.flow(node), len(node.attributes["kernel_shape"])
        spatial = self.spatial(flow, place)
        get = lambda name, default: list(node.attributes.get(name, default))
        sizes, strides, pads = node.attributes["kernel_shape"], get("strides", [1] * n), get("pads", [0] * 2 * n)
        size, stride = sizes[spatial], strides[spatial]
        if any(s != 1 for i, s in enumerate(sizes) if i != spatial) or any(d != 1 for d in get("dilations", [1] * n)) or \
                node.attributes.get("ceil_mode", 0) or len(node.outputs) > 1 or flow.backwards:
            raise Refused(place, "a maximum over positions, without dilation and ceil_mode", "another")
        before, after = self.padding(node, pads[spatial], pads[spatial + n], size - 1, stride, place)
        if before != after or before > size // 2:
            raise Refused(place, "as much padding before as behind, at most half the size", f"{before} and {after}")
        out = flow.on(Pool(place, of=flow.layer, size=size, stride=stride, padding=before), list(flow.axes))
        out.axes[2 + spatial] = (self.fewer(flow.axes[2 + spatial], before + after - size, stride),)
        return out

    def op_Pad(self, node, place):
        flow, pads = self.flow(node), self.numbers(node, 1, "pads")
        value = node.attributes.get("value", 0) if len(node.inputs) < 3 else self.constant(node, 2, "value")
        axes = self.numbers(node, 3, "axes") or list(range(len(flow.axes)))
        if not any(pads):
            return flow
        padded = [(flow.axis(a), pads[i], pads[i + len(axes)]) for i, a in enumerate(axes) if pads[i] or pads[i + len(axes)]]
        if node.attributes.get("mode", "constant") != "constant" or value is not None and np.any(value) or len(padded) > 1 or \
                min(pads) < 0 or flow.backwards:
            raise Refused(place, "zeros before and behind the positions", f"mode {node.attributes.get('mode', 'constant')}, {pads}")
        axis, before, after = padded[0]
        as_role(flow, axis, "time", place)
        out = flow.on(Padded(place, of=flow.layer, before=before, after=after), list(flow.axes))
        out.axes[axis] = (self.fewer(flow.axes[axis], before + after - 1, 1),)
        return out

    def op_BatchNormalization(self, node, place):
        flow = self.flow(node)
        scale, bias, mean, variance = (np.asarray(self.constant(node, i, "statistics"), np.float64) for i in range(1, 5))
        as_role(flow, 1, "feature", place).size = len(scale)
        scale = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        return flow.on(scaled(flow.layer, scale, bias - mean * scale, place))

    def op_MatMul(self, node, place):
        constants = self.folded(node)
        if constants:
            return np.matmul(*constants)
        flow, weight = self.flow(node), self.constant(node, 1, "matrix")
        if weight.ndim != 2:
            raise Refused(place, "a matrix", f"an array {list(weight.shape)}")
        return self.multiplied(flow, weight.T, None, place)

    def multiplied(self, flow, weight, bias, place):
        last = len(flow.axes) - 1
        as_role(flow, last, "feature", place).size = weight.shape[1]
        if isinstance(flow.layer, Padded):
            raise Refused(place, "a convolution behind padding", "a matrix product")
        return flow.on(linear(flow.layer, np.asarray(weight, np.float64), bias, place),
                       flow.axes[:-1] + [(Atom(weight.shape[0], "feature"),)])

    def op_Gemm(self, node, place):
        flow, weight, bias = self.flow(node), self.constant(node, 1, "matrix"), self.constant(node, 2, "bias")
        if node.attributes.get("transA", 0):
            raise Refused(place, "transA 0", 1)
        weight = (weight if node.attributes.get("transB", 0) else weight.T) * float(node.attributes.get("alpha", 1.0))
        if bias is not None:
            bias = np.broadcast_to(bias * float(node.attributes.get("beta", 1.0)), (1, len(weight)))[0]
        return self.multiplied(flow, weight, bias, place)

    # ---- element by element

    def arithmetic(self, node, place):
        constants = self.folded(node)
        if constants:
            return NUMPY[node.operator](*constants)
        a, b = self.value(node, 0), self.value(node, 1)
        if isinstance(a, Sizes) or isinstance(b, Sizes):
            return self.sizes_arithmetic(node, a, b, place)
        if isinstance(a, Flow) and isinstance(b, Flow):
            for one, other in ((a, b), (b, a)):
                gate = other.layer
                if node.operator == "Mul" and isinstance(gate, Activation) and gate.name == "sigmoid" and gate.of is one.layer:
                    return one.on(Activation(place, of=one.layer, name="silu"))
            raise Refused(place, "a layer behind a layer", "two layers that are joined by arithmetic")
        flow, array = (a, b) if isinstance(a, Flow) else (b, a)
        if not isinstance(array, np.ndarray):
            raise Refused(place, "a constant beside the tensor", "a size that is computed")
        array = self.by_feature(flow, np.asarray(array, np.float64), place)
        if node.operator == "Div":
            if flow is not a:
                raise Refused(place, "a division by a constant", "a constant divided by a tensor")
            array = 1 / array
        scale = {"Add": 1, "Sub": 1 if flow is a else -1}.get(node.operator, array)
        shift = {"Add": array, "Sub": -array if flow is a else array}.get(node.operator, 0)
        return flow.on(scaled(flow.layer, scale, shift, place))

    op_Add = op_Sub = op_Mul = op_Div = arithmetic

    def by_feature(self, flow, array, place):
        """A constant beside a tensor: one number, or one for each feature."""
        if array.size == 1:
            return array.reshape(())
        wide = [i - array.ndim for i, n in enumerate(array.shape) if n != 1]
        if len(wide) > 1 or array.ndim > len(flow.axes):
            raise Refused(place, "a number for each feature", f"an array {list(array.shape)}")
        atom = as_role(flow, len(flow.axes) + wide[0], "feature", place)
        if atom.size not in (None, array.size):
            raise Refused(place, f"a number for each of {atom.size} features", f"an array {list(array.shape)}")
        atom.size = array.size
        return array.reshape(-1)

    def sizes_arithmetic(self, node, a, b, place):
        pair = []
        for v in (a, b):
            if isinstance(v, np.ndarray):
                v = Sizes([Size(int(x)) for x in v.reshape(-1)], v.ndim == 0)
            pair.append(v)
        x, y = pair
        if node.operator == "Mul" and (x.scalar or y.scalar or len(x.values) == len(y.values)):
            n = max(len(x.values), len(y.values))
            widen = lambda v: v.values * n if len(v.values) == 1 else v.values
            return Sizes([i.times(j) for i, j in zip(widen(x), widen(y))], x.scalar and y.scalar)
        raise Refused(place, "sizes that are copied or multiplied", f"{node.operator} on them")

    def activation(self, node, place):
        constants = self.folded(node)
        if constants:
            raise Refused(place, "a tensor that depends on the graph's input", "a constant")
        flow = self.flow(node)
        return flow.on(Activation(place, of=flow.layer, name=ACTIVATIONS[node.operator]))

    op_Tanh = op_Relu = op_Sigmoid = activation

    def one_array(self, node, place):
        constants = self.folded(node)
        if not constants:
            raise Refused(place, "a layer that grus has", node.operator)
        return NUMPY[node.operator](*constants)

    op_Sqrt = op_Neg = one_array

    def op_Softmax(self, node, place):
        flow = self.flow(node)
        axis = flow.axis(node.attributes.get("axis", -1 if self.graph.opset >= 13 else 1))
        behind = flow.axes[axis:] if self.graph.opset < 13 else [flow.axes[axis]]
        wide = [a for x in behind for a in x if a.size != 1]
        if any(a.role not in (None, "feature") for a in wide) or len(wide) > 1:
            raise Refused(place, "a softmax over features", f"one over axis {axis}")
        if node.operator == "LogSoftmax":
            self.notes.append(f"{place}: grus gives probabilities, not their logarithms")
        return flow.on(Activation(place, of=flow.layer, name="softmax"))

    op_LogSoftmax = op_Softmax

    def op_ArgMax(self, node, place):
        flow = self.flow(node)
        axis = flow.axis(node.attributes.get("axis", 0))
        as_role(flow, axis, "feature", place)
        axes = list(flow.axes)
        if node.attributes.get("keepdims", 1):
            axes[axis] = (Atom(1),)
        else:
            del axes[axis]
        layer = flow.layer
        return flow.on(layer if isinstance(layer, Activation) and layer.name == "softmax" else
                       Activation(place, of=layer, name="argmax"), axes)

    # ---- over positions

    def pooled(self, node, place, kind):
        flow = self.flow(node)
        axes = self.numbers(node, 1, "axes")
        if axes is None or len(axes) != 1:
            raise Refused(place, "one axis, that of positions", axes)
        axis = flow.axis(axes[0])
        as_role(flow, axis, "time", place)
        kept = list(flow.axes)
        if node.attributes.get("keepdims", 1):
            kept[axis] = (Atom(1),)
        else:
            del kept[axis]
        return Flow(Pooled(place, of=flow.layer, kind=kind), kept)

    def op_ReduceMean(self, node, place):
        return self.pooled(node, place, "mean")

    def op_ReduceMax(self, node, place):
        return self.pooled(node, place, "max")

    def over_all(self, node, place):
        flow = self.flow(node)
        axis = self.spatial(flow, place) + 2
        axes = [x if i != axis else (Atom(1),) for i, x in enumerate(flow.axes)]
        return Flow(Pooled(place, of=flow.layer, kind="max" if "Max" in node.operator else "mean"), axes)

    op_GlobalMaxPool = op_GlobalAveragePool = over_all

    def chosen(self, flow, axis, index, place):
        """A Gather with constants from a tensor that depends on the input."""
        if index.ndim > 1:
            raise Refused(place, "one index or a list", f"an array {list(index.shape)}")
        numbers, drop = [int(i) for i in index.reshape(-1)], index.ndim == 0
        roles = {a.role for a in flow.axes[axis] if a.size != 1 or a.role == "direction"}
        if roles <= {"direction"} and isinstance(flow.layer, States) and (roles or len(flow.layer.parts) == 1):
            out = self.some_parts(flow, axis, [numbers[i] for i in range(len(numbers))], place)
        elif len(numbers) == 1:
            out = self.one_position(flow, axis, numbers[0], place)
        else:
            raise Refused(place, "one direction or position", f"{len(numbers)} of an axis")
        if drop:
            out.axes.pop(axis)
        return out

    @staticmethod
    def some_parts(flow, axis, numbers, place):
        """Some directions of states, by their places on the axis."""
        parts = tuple(flow.layer.parts[i] for i in numbers)
        layer = flow.layer.changed(parts=parts)
        out = flow.on(layer, list(flow.axes))
        out.axes[axis] = (Atom(len(parts), "direction" if len(parts) > 1 else None),)
        return out

    def one_position(self, flow, axis, index, place):
        """The first or the last position of states that end there."""
        sizes = [a.size for a in flow.axes[axis]]
        layer = flow.layer
        if sizes == [1]:
            return flow.on(None, list(flow.axes))
        atom = as_role(flow, axis, "time", place)
        last = index == -1 or atom.size is not None and index == atom.size - 1
        if not isinstance(layer, States) or layer.final or not last and index:
            raise Refused(place, "the last position of a recurrent layer's outputs", f"position {index} of something else"
                          if not isinstance(layer, States) else f"position {index}")
        at = "last" if last != flow.backwards else "first"
        out = Flow(States(place, of=layer.of, parts=layer.parts, final=True, at=at), list(flow.axes))
        out.axes[axis] = (Atom(1),)
        return out

    # ---- shapes

    def op_Identity(self, node, place):
        return self.value(node, 0)

    def op_Dropout(self, node, place):
        return [self.value(node, 0)] + [Refused(place, "no mask", "one")] * (len(node.outputs) - 1)

    def op_Cast(self, node, place):
        found = self.value(node, 0)
        if isinstance(found, np.ndarray):
            kinds = {1: np.float32, 6: np.int32, 7: np.int64, 9: bool, 11: np.float64}
            return found.astype(kinds.get(node.attributes["to"], found.dtype))
        return found

    def op_Constant(self, node, place):
        a = node.attributes
        for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
            if name in a:
                return np.asarray(a[name], np.float32 if "float" in name else np.int64 if "int" in name else None)
        raise Refused(place, "a constant of numbers", "another")

    def op_Shape(self, node, place):
        found = self.value(node, 0)
        if isinstance(found, np.ndarray):
            return np.array(found.shape, np.int64)
        if not isinstance(found, Flow):
            raise Refused(place, "the shape of a tensor", "another")
        begin, end = node.attributes.get("start", 0), node.attributes.get("end", len(found.axes))
        return Sizes([Size(1, x) for x in found.axes][begin:end])

    def op_ConstantOfShape(self, node, place):
        value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32))).reshape(-1)[0]
        shape = self.value(node, 0)
        if isinstance(shape, Sizes) and shape.constant() is not None:
            shape = np.array(shape.constant())
        return np.full(shape.astype(int), value) if isinstance(shape, np.ndarray) and shape.size < 9 and \
            np.prod(shape.astype(float)) < 1e8 else Fill(value)

    def op_Expand(self, node, place):
        found = self.value(node, 0)
        if isinstance(found, Flow):
            raise Refused(place, "a constant to be spread", "a tensor that depends on the graph's input")
        return found if isinstance(found, Fill) else Fill(found)

    op_Tile = op_Expand

    def op_Concat(self, node, place):
        found = [self.value(node, i) for i in range(len(node.inputs))]
        axis = node.attributes.get("axis", 0)
        if any(isinstance(v, Sizes) for v in found):
            values = []
            for v in found:
                values += v.values if isinstance(v, Sizes) else [Size(int(x)) for x in np.asarray(v).reshape(-1)]
            return Sizes(values)
        if all(isinstance(v, np.ndarray) for v in found):
            return np.concatenate(found, axis)
        if all(isinstance(v, (Fill, np.ndarray)) for v in found) and not any(np.any(v.array if isinstance(v, Fill) else v) for v in found):
            return Fill(np.float32(0))
        if not all(isinstance(v, Flow) for v in found):
            raise Refused(place, "layers beside layers", "a constant beside one")
        if len(found) == 1:
            return found[0]
        return self.joined(found, found[0].axis(axis), place)

    def joined(self, flows, axis, place):
        first, layers = flows[0], [f.layer for f in flows]
        if len({f.backwards for f in flows}) > 1:
            raise Refused(place, "positions in one order", "some backwards")
        roles = {a.role for f in flows for a in f.axes[axis] if a.size != 1 or a.role}
        made, axes = beside(layers, place), list(first.axes)
        if isinstance(made, States) and roles <= {"direction"}:
            axes[axis] = (Atom(len(made.parts), "direction"),)
        else:
            widths = [as_role(f, axis, "feature", place).size for f in flows]
            axes[axis] = (Atom(None if None in widths else sum(widths), "feature"),)
        return first.on(made, axes)

    def op_Transpose(self, node, place):
        found = self.value(node, 0)
        if isinstance(found, Fill):
            return Fill(found.array.transpose(node.attributes.get("perm"))) if found.array.ndim > 1 else found
        if isinstance(found, np.ndarray):
            return found.transpose(node.attributes.get("perm"))
        order = node.attributes.get("perm") or list(range(len(found.axes)))[::-1]
        return found.on(None, [found.axes[i] for i in order])

    def op_Unsqueeze(self, node, place):
        found, axes = self.value(node, 0), self.numbers(node, 1, "axes")
        if isinstance(found, Sizes):
            return Sizes(found.values)
        if isinstance(found, (np.ndarray, Fill)):
            array = found.array if isinstance(found, Fill) else found
            for a in sorted(a + array.ndim + len(axes) if a < 0 else a for a in axes):
                array = np.expand_dims(array, a)
            return Fill(array) if isinstance(found, Fill) else array
        out = list(found.axes)
        for a in sorted(a + len(found.axes) + len(axes) if a < 0 else a for a in axes):
            out.insert(a, (Atom(1),))
        return found.on(None, out)

    def op_Squeeze(self, node, place):
        found, axes = self.value(node, 0), self.numbers(node, 1, "axes")
        if isinstance(found, Sizes):
            return Sizes(found.values, True)
        if isinstance(found, (np.ndarray, Fill)):
            array = found.array if isinstance(found, Fill) else found
            array = np.squeeze(array, None if axes is None else tuple(axes))
            return Fill(array) if isinstance(found, Fill) else array
        axes = [found.axis(a) for a in axes] if axes is not None else [i for i, x in enumerate(found.axes) if all(a.size == 1 for a in x)]
        for i in axes:
            if any(a.size not in (1, None) or a.size is None and a.role != "batch" for a in found.axes[i]):
                raise Refused(place, "axes of size 1 to be taken away", f"axis {i}")
        return found.on(None, [x for i, x in enumerate(found.axes) if i not in axes])

    def op_Reshape(self, node, place):
        found, shape = self.value(node, 0), self.value(node, 1)
        if isinstance(shape, np.ndarray):
            shape = Sizes([Size(int(n)) for n in shape.reshape(-1)])
        if isinstance(found, Sizes):
            return Sizes(found.values, not shape.values)
        if isinstance(found, (np.ndarray, Fill)):
            numbers = shape.constant()
            if isinstance(found, Fill) or numbers is None:
                return found if isinstance(found, Fill) else Fill(found)
            return found.reshape([found.shape[i] if n == 0 and not node.attributes.get("allowzero") else n for i, n in enumerate(numbers)])
        target = [v.number if not v.atoms and v.number in (0, -1) else v for v in shape.values]
        return found.on(None, reshape(found, target, place))

    def op_Flatten(self, node, place):
        flow = self.flow(node)
        axis = flow.axis(node.attributes.get("axis", 1))
        join = lambda axes: merged([a for x in axes for a in x], place) or (Atom(1),)
        return flow.on(None, [join(flow.axes[:axis]) if axis else (Atom(1),), join(flow.axes[axis:])])

    def op_Slice(self, node, place):
        if "starts" in node.attributes:
            starts, ends, axes, steps = node.attributes["starts"], node.attributes["ends"], node.attributes.get("axes"), None
        else:
            starts, ends, axes, steps = (self.numbers(node, i, what) for i, what in
                                         ((1, "starts"), (2, "ends"), (3, "axes"), (4, "steps")))
        found = self.value(node, 0)
        axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
        if isinstance(found, np.ndarray):
            cut = [slice(None)] * found.ndim
            for a, s, e, t in zip(axes, starts, ends, steps):
                cut[a] = slice(s, None if t < 0 and e <= -FURTHEST else e, t)
            return found[tuple(cut)]
        if isinstance(found, Sizes):
            return Sizes(found.values[starts[0]:ends[0]:steps[0]])
        if isinstance(found, Fill):
            return found
        for a, s, e, t in zip(axes, starts, ends, steps):
            found = self.cut(found, found.axis(a), s, e, t, place)
        return found

    def cut(self, flow, axis, start, end, step, place):
        atoms = [a for a in flow.axes[axis] if a.size != 1]
        size = 1
        for a in atoms:
            size = None if size is None or a.size is None else size * a.size
        role = atoms[0].role if len(atoms) == 1 else None
        if step == -1 and start in (-1, size and size - 1) and (end <= -FURTHEST or size and end == -size - 1):
            as_role(flow, axis, "time", place)
            return Flow(flow.layer, flow.axes, not flow.backwards)
        if step == 1 and start == 0 and (end >= FURTHEST or size is not None and end >= size):
            return flow
        if step == 1 and role == "feature" and isinstance(flow.layer, States) or role == "direction":
            return self.cut_parts(flow, axis, role, *slice(start, end).indices(size)[:2], place)
        if step == 1 and start == -1 and end >= FURTHEST or step == 1 and (start, end) == (0, 1):
            return self.one_position(flow, axis, start, place)
        raise Refused(place, "a whole axis, one backwards, or one end of it", f"a slice from {start} to {end} by {step} of axis {axis}")

    def cut_parts(self, flow, axis, role, start, end, place):
        """Some directions of states, as a piece of the axis that holds them."""
        at, numbers = 0, []
        for i, (cells, d) in enumerate(flow.layer.parts):
            n = cells.cells[d].hidden if role == "feature" else 1
            if start <= at and at + n <= end:
                numbers.append(i)
            elif at < end and at + n > start:
                raise Refused(place, "whole directions of a layer", f"features {start} to {end}")
            at += n
        out = self.some_parts(flow, axis, numbers, place)
        if role == "feature":
            out.axes[axis] = (Atom(end - start, "feature"),)
        return out

    def op_Split(self, node, place):
        flow = self.flow(node)
        axis = flow.axis(node.attributes.get("axis", 0))
        sizes = self.numbers(node, 1, "split")
        atoms = [a for a in flow.axes[axis] if a.size != 1]
        if len(atoms) != 1 or atoms[0].role not in ("direction", "feature") or not isinstance(flow.layer, States):
            raise Refused(place, "a split of a layer's directions", "another")
        sizes = sizes or [atoms[0].size // len(node.outputs)] * len(node.outputs)
        ends = np.cumsum(sizes)
        return [self.cut_parts(flow, axis, atoms[0].role, int(e - s), int(e), place) for s, e in zip(sizes, ends)]

    def op_ReverseSequence(self, node, place):
        flow = self.flow(node)
        lengths = self.values.get(node.inputs[1])
        if isinstance(lengths, Refused) or isinstance(lengths, Flow) and not isinstance(lengths.layer, Source):
            raise Refused(place, "lengths of whole sequences, or from an input", "computed ones")
        as_role(flow, flow.axis(node.attributes.get("time_axis", 0)), "time", place)
        return Flow(flow.layer, flow.axes, not flow.backwards)


def ungrouped(weight, group):
    """The kernel of a grouped convolution as one of all channels, with zeros where a group does not read."""
    if group == 1:
        return weight
    out = np.zeros((weight.shape[0], weight.shape[1] * group, weight.shape[2]))
    rows = weight.shape[0] // group
    for g in range(group):
        out[g * rows:(g + 1) * rows, g * weight.shape[1]:(g + 1) * weight.shape[1]] = weight[g * rows:(g + 1) * rows]
    return out
