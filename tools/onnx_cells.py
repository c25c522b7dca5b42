"""GRU and LSTM nodes of ONNX as cells with PyTorch's gates; what grus has no key for is refused by name."""
import numpy as np

from chain import Cells, Refused
from importing import Cell, reorder

# Gate order of the rows; functions that a node may name, as the configuration calls them.
GATES = {"GRU": "zrn", "LSTM": "iofg"}
DEFAULTS = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
DIRECTIONS = {"forward": ("forward",), "reverse": ("backward",), "bidirectional": ("forward", "backward")}
FUNCTIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu"}


def functions(node, count, place):
    """The configuration's keys of the activations; all directions have the same."""
    names = node.attributes.get("activations") or DEFAULTS[node.operator] * count
    alphas = list(node.attributes.get("activation_alpha", []))
    betas = list(node.attributes.get("activation_beta", []))
    found = []
    for name in names:
        # The parameters stand in one list for all functions that have any.
        name = name.lower()
        takes = name in ("hardsigmoid", "affine")
        alpha = alphas.pop(0) if takes and alphas else 0.2 if name == "hardsigmoid" else None
        beta = betas.pop(0) if takes and betas else 0.5 if name == "hardsigmoid" else None
        if name == "hardsigmoid" and abs(alpha - 0.2) < 1e-6 and abs(beta - 0.5) < 1e-6:
            found.append("hard_sigmoid")
        elif name == "affine" and (alpha, beta) == (1.0, 0.0):
            found.append("none")
        else:
            found.append(FUNCTIONS.get(name) or (f"{name} with alpha {alpha} and beta {beta}" if takes else name))
    size = len(DEFAULTS[node.operator])
    if found != found[:size] * count:
        raise Refused(place, "the same activations in both directions", ", ".join(found))
    gate, candidate = found[0], found[1]
    if node.operator == "LSTM":
        if found[:3] != ["sigmoid", "tanh", "tanh"]:
            raise Refused(place, "an LSTM with activations sigmoid, tanh, tanh", ", ".join(found[:3]))
        return {"cell": "lstm"}
    if gate not in ("sigmoid", "hard_sigmoid") or candidate not in ("tanh", "relu", "none"):
        raise Refused(place, "activations sigmoid or hard_sigmoid, and tanh, relu or none", f"{gate}, {candidate}")
    return {k: v for k, v, default in (("gate_activation", gate, "sigmoid"), ("activation", candidate, "tanh")) if v != default}


def check_attributes(node, place):
    if node.attributes.get("clip"):
        raise Refused(place, "no clip", f"clip {node.attributes['clip']:g}")
    if node.attributes.get("layout"):
        raise Refused(place, "layout 0", f"layout {node.attributes['layout']}")
    if node.attributes.get("input_forget"):
        raise Refused(place, "a forget gate of its own", "input_forget 1, which couples it to the input gate")


def arrays(node, constant, place):
    """W, R, B of a node; constant(i, what): its input i as an array, or None."""
    peepholes = constant(7, "P") if node.operator == "LSTM" else None
    if peepholes is not None and np.any(peepholes):
        raise Refused(place, "an LSTM without peepholes", "weights P")
    w, r, b = constant(1, "W"), constant(2, "R"), constant(3, "B")
    if w is None or r is None:
        raise Refused(place, "weights W and R", "none")
    rows = w.shape[1]
    gates = len(GATES[node.operator])
    hidden = r.shape[2]
    if node.attributes.get("hidden_size", hidden) != hidden or rows != gates * hidden:
        raise Refused(place, f"W of {gates} gates of {node.attributes.get('hidden_size', hidden)} units", f"W {list(w.shape)}, R {list(r.shape)}")
    return w, r, b


def cells(node, of, constant, state, backwards, place):
    """-> Cells. state(i, what): the first states [directions, H] of input i, or None for zeros; backwards: the positions run so."""
    check_attributes(node, place)
    w, r, b = arrays(node, constant, place)
    directions = list(DIRECTIONS.get(node.attributes.get("direction", "forward"), ()))
    if len(directions) != len(w):
        raise Refused(place, f"weights of {len(directions)} directions", len(w))
    keys = functions(node, len(directions), place)
    if node.operator == "GRU" and not node.attributes.get("linear_before_reset", 0):
        keys["reset"] = "before"
    first = state(5, "initial_h")
    second = state(6, "initial_c") if node.operator == "LSTM" else None
    kind, made = keys.get("cell", "gru"), []
    for d in range(len(directions)):
        bias = (None, None) if b is None or not np.any(b) else np.split(b[d], 2)
        bias = [v if v is None else reorder(v, GATES[node.operator], kind) for v in bias]
        cell = Cell(reorder(w[d], GATES[node.operator], kind), reorder(r[d], GATES[node.operator], kind), *bias)
        cell.initial_state, cell.initial_cell = (s if s is None else s[d] for s in (first, second))
        made.append(cell)
    if backwards:
        directions = ["forward" if d == "backward" else "backward" for d in directions]
        if len(made) == 2:
            made.reverse()
    return Cells(place, of=of, cells=made, keys=keys, direction="both" if len(made) == 2 else directions[0])
