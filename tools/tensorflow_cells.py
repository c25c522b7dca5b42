"""Finds the recurrent cells among TensorFlow's variables, by their names, and reads in the graph, where there is one, what the names do
not tell: the forget bias that an LSTM adds, the activations, and that a GRU's reset comes where GRUCell has it.

    r, u = sigmoid([x, h] W + b)    c = tanh([x, r h] V + d)          h' = u h + (1 - u) c      GRUCell, GRUBlockCell
    i, j, f, o = [x, h] W + b       c' = sigmoid(f + forget_bias) c + sigmoid(i) tanh(j)        BasicLSTMCell, LSTMCell, LSTMBlock…
"""
import re

import numpy as np

from importing import Cell, Refused, reorder
from tensorflow_file import constant

SLOTS = re.compile(r"/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|Adadelta|Ftrl|Ftrl_1|ExponentialMovingAverage)$|^(beta\d_power|global_step)")
PAIRS = (("kernel", "bias"), ("weights", "biases"), ("Linear/Matrix", "Linear/Bias"), ("Matrix", "Bias"))
PASSING = ("Identity", "Enter", "ReadVariableOp", "Switch", "RefSwitch", "Cast", "NextIteration", "Merge", "RefEnter")
SIDES = re.compile(r"(?<![a-z])(fw|bw|forward|backward)(?![a-z])")


class Found:
    """A cell in the file. kind: gru or lstm; scope: of its variables; parts: role -> name of the variable."""

    def __init__(self, kind, scope, parts, compatible=False):
        self.kind, self.scope, self.parts, self.compatible = kind, scope, parts, compatible
        side = SIDES.findall(scope)
        self.side = {"fw": "forward", "bw": "backward"}.get(side[-1], side[-1]) if side else "forward"
        self.paired = bool(side)
        self.family = SIDES.sub("*", scope)

    def __str__(self):
        return f"{self.scope} ({self.kind.upper()})"


def variables_of(saved):
    """Without what optimizers keep."""
    return {n: a for n, a in saved.variables.items() if not SLOTS.search(n)}


def linear(names, scope):
    """(weight, bias or None) of a linear layer in a scope, by the names that versions of TensorFlow gave them."""
    for weight, bias in PAIRS:
        if f"{scope}/{weight}" in names:
            return f"{scope}/{weight}", f"{scope}/{bias}" if f"{scope}/{bias}" in names else None
    return None


def find(variables, wanted):
    """The cells, in natural order. wanted: None, or (kind, [scopes]) of --cell."""
    if wanted:
        return [named(variables, wanted[0], scope) for scope in wanted[1]]
    found, scopes = [], {}
    for name in variables:
        for i, letter in enumerate(name):
            if letter == "/":
                scopes.setdefault(name[:i], None)
    for scope in scopes:
        last = scope.rsplit("/", 1)[-1].lower()
        if linear(variables, scope + "/gates") or linear(variables, scope + "/Gates"):
            found.append(named(variables, "gru", scope))
        elif "lstm" in last and linear(variables, scope) and not any(s.startswith(scope + "/") and "lstm" in s[len(scope):].lower() for s in scopes):
            found.append(named(variables, "lstm", scope))
    return sorted(found, key=lambda c: natural(c.scope))


def natural(text):
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", text)]


def named(variables, kind, scope):
    parts = {}
    if kind == "lstm":
        for peephole in ("w_f_diag", "w_i_diag", "w_o_diag"):
            if f"{scope}/{peephole}" in variables:
                raise Refused(f"{scope}: has peepholes ({peephole}), which an LSTM here has not")
        if linear(variables, scope + "/projection"):
            raise Refused(f"{scope}: has a projection of its outputs, which an LSTM here has not")
        if any(n.startswith(scope + "/") and n.rsplit("/", 1)[-1] in ("gamma", "beta") for n in variables):
            raise Refused(f"{scope}: normalises its gates, which an LSTM here does not")
        both = linear(variables, scope)
        parts = {} if not both else {"kernel": both[0], "bias": both[1]}
    else:
        for role, group in (("gates", "gates"), ("candidate", "candidate")):
            both = linear(variables, f"{scope}/{group}") or linear(variables, f"{scope}/{group.capitalize()}")
            if both:
                parts.update({role: both[0], role + " bias": both[1]})
        for role, group in (("input", "input_projection"), ("hidden", "hidden_projection")):
            both = linear(variables, f"{scope}/candidate/{group}")
            if both:
                parts.update({role: both[0], role + " bias": both[1]})
    compatible = "cudnn_compatible" in scope
    if {"lstm": {"kernel"}, "gru": {"gates", "input", "hidden"} if compatible else {"gates", "candidate"}}[kind] - set(parts):
        raise Refused(f"{scope}: has not the variables of an {kind}; those in it: "
                      + (", ".join(f"{n} {list(a.shape)}" for n, a in variables.items() if n.startswith(scope + "/")) or "none"))
    return Found(kind, scope, parts, compatible)


# ------------------------------------------------------------ the graph

class Readers:
    """Who reads each output of a graph's nodes."""

    def __init__(self, graph):
        self.graph, self.by = graph, {}
        for node in (graph or {}).values():
            for source, which in node.inputs:
                self.by.setdefault((source, which), []).append(node)

    def of(self, name, which=0):
        """Through what passes a tensor on as it is."""
        out, seen, todo = [], set(), [(name, which)]
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            for node in self.by.get(at, []):
                if node.op in PASSING:
                    todo += [(node.name, k) for k in range(2)]
                else:
                    out.append(node)
        return out

    def value(self, name):
        """Of a constant, through what passes it on."""
        node = self.graph.get(name)
        while node is not None and node.op in PASSING and node.inputs:
            node = self.graph.get(node.inputs[0][0])
        array = constant(node) if node is not None else None
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def products(self, weight):
        """What reads the products with a weight, with its bias where there is one: the nodes whose outputs those sums are."""
        out = []
        for product in self.of(weight):
            if product.op == "MatMul":
                sums = [n for n in self.of(product.name) if n.op in ("BiasAdd", "Add", "AddV2")]
                out += sums or [product]
        return out

    def only(self, cell, what, values):
        """The one value that all steps agree on, None where none was found."""
        found = set(values)
        if len(found) > 1:
            raise Refused(f"{cell}: the graph has several kinds of {what}: {', '.join(map(str, sorted(found, key=str)))}")
        return found.pop() if found else None


def forget_bias(cell, readers):
    """What the graph adds to the gate f, None where it has no such node."""
    if cell.compatible:
        return 0.0
    values = []
    for total in readers.products(cell.parts["kernel"]):
        for split in readers.of(total.name):
            if split.op != "Split":
                continue
            for node in readers.of(split.name, 2):
                if node.op in ("Add", "AddV2"):
                    values += [v for v in (readers.value(n) for n, _ in node.inputs if n != split.name) if v is not None]
                elif node.op == "Sigmoid":
                    values.append(0.0)
    for block in (n for n in (readers.graph or {}).values() if n.op in ("LSTMBlockCell", "BlockLSTM")):
        if any(reads(readers, name, cell.parts["kernel"]) for name, _ in block.inputs):
            values.append(block_bias(cell, block))
    return readers.only(cell, "forget bias", values)


def reads(readers, name, variable):
    node = readers.graph.get(name)
    while node is not None and node.op in PASSING and node.inputs:
        node = readers.graph.get(node.inputs[0][0])
    return node is not None and node.name == variable


def block_bias(cell, block):
    """forget_bias of a fused cell's node, 1 where it is not written."""
    import struct
    import protobuf
    fields = {k: protobuf.message(v) for k, v in block.attributes.items()}
    if fields.get("use_peephole", {}).get(5, [0])[-1]:
        raise Refused(f"{cell}: {block.op} with peepholes, which an LSTM here has not")
    clip = fields.get("cell_clip", {}).get(4)
    if clip and struct.unpack("<f", clip[-1])[0] > 0:
        raise Refused(f"{cell}: {block.op} clips its cells, which an LSTM here does not")
    told = fields.get("forget_bias", {}).get(4)
    return struct.unpack("<f", told[-1])[0] if told else 1.0


def activation(cell, readers):
    """Of the candidate, as the graph has it; None where it tells nothing."""
    found = []
    if cell.kind == "lstm":
        for total in readers.products(cell.parts["kernel"]):
            found += [n.op for s in readers.of(total.name) if s.op == "Split" for n in readers.of(s.name, 1)]
    elif not cell.compatible:
        for total in readers.products(cell.parts["candidate"]):
            found += [n.op for n in readers.of(total.name)] or ["no activation"]
        for product in readers.of(cell.parts["candidate"]):
            joined = readers.graph.get(product.inputs[0][0]) if product.op == "MatMul" else None
            if joined is not None and not (joined.op.startswith("Concat") and any(
                    readers.graph[n].op == "Mul" for n, _ in joined.inputs if n in readers.graph)):
                raise Refused(f"{cell}: its candidate reads no [x, r h] in the graph: it is no GRUCell")
    return readers.only(cell, "activation", [f for f in found if f in ("Tanh", "Relu", "Sigmoid", "Elu", "Selu", "Softplus", "no activation")])


# ------------------------------------------------------------ weights

def lstm(cell, variables, bias_of_forget):
    kernel = variables[cell.parts["kernel"]]
    units = kernel.shape[1] // 4
    if kernel.ndim != 2 or kernel.shape[1] != 4 * units or kernel.shape[0] <= units:
        raise Refused(f"{cell}: expected a kernel [inputs + units, 4 units], found {list(kernel.shape)}")
    bias = np.zeros(4 * units) if cell.parts["bias"] is None else np.array(variables[cell.parts["bias"]], np.float64)
    bias[2 * units:3 * units] += bias_of_forget
    rows, order = kernel.T, "igfo"
    return Cell(reorder(rows[:, :-units], order, "lstm"), reorder(rows[:, -units:], order, "lstm"), reorder(bias, order, "lstm"))


def value(variables, name, size):
    return np.zeros(size) if name is None else np.asarray(variables[name], np.float64)


def gru(cell, variables):
    gates = np.asarray(variables[cell.parts["gates"]], np.float64)
    units = gates.shape[1] // 2
    gate_bias = value(variables, cell.parts["gates bias"], 2 * units)
    if cell.compatible:     # of cuDNN: n = tanh(W x + b + r (R h + d))
        own, recurrent = (np.asarray(variables[cell.parts[p]], np.float64) for p in ("input", "hidden"))
        biases = [value(variables, cell.parts[p + " bias"], units) for p in ("input", "hidden")]
        return Cell(np.concatenate([gates[:-units].T, own.T]), np.concatenate([gates[-units:].T, recurrent.T]),
                    np.concatenate([gate_bias, biases[0]]), np.concatenate([np.zeros(2 * units), biases[1]]))
    candidate = np.asarray(variables[cell.parts["candidate"]], np.float64)
    if candidate.shape != (len(gates), units) or len(gates) <= units:
        raise Refused(f"{cell}: expected a candidate's kernel [{len(gates)}, {units}] beside gates {list(gates.shape)}, found {list(candidate.shape)}")
    rows = np.concatenate([gates, candidate], axis=1).T
    bias = np.concatenate([gate_bias, value(variables, cell.parts["candidate bias"], units)])
    return Cell(rows[:, :-units], rows[:, -units:], bias)
