"""Stacks of recurrent cells: nn.GRU and nn.LSTM, layers of them whose directions no module has, and as a loop the GRUs that
PyTorch has not: whose reset gate comes before the recurrent product, or with other activations. All are called in one way.

A GRU: r, z = gate(W_i x + b_i + W_h h + b_h) of their rows; n = act(W_in x + b_in + u), where u is W_hn (r * h) + b_hn with
the reset before, and r * (W_hn h + b_hn) with it after; h' = (1 - z) n + z h.
"""
import torch
from torch import nn

KINDS = {"gru": nn.GRU, "lstm": nn.LSTM}
DIRECTIONS = ["forward", "backward", "both"]
RESETS = ["after", "before"]
GATES = {"sigmoid": torch.sigmoid, "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1)}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "none": lambda x: x}
DEFAULTS = {"cell": "gru", "reset": "after", "gate_activation": "sigmoid", "activation": "tanh"}


def settings(spec):
    """Of an encoder or a decoder of config.json."""
    return {key: spec.get(key, default) for key, default in DEFAULTS.items()}


def unlike(spec):
    """What of it is no default, in words."""
    words = [f"reset-{value}" if key == "reset" else value for key, value in settings(spec).items() if value != DEFAULTS[key]]
    direction = spec.get("direction")
    words += ["+".join(direction) if isinstance(direction, list) else direction] if direction else []
    return words + (["learned-states"] if spec.get("initial_state") == "learned" else [])


def is_lstm(spec):
    return spec.get("cell") == "lstm"


def directions(spec):
    """Of each layer of an encoder."""
    layers = spec.get("num_layers", 1)
    found = spec.get("direction", "both" if spec.get("bidirectional") else "forward")
    return found if isinstance(found, list) else [found] * layers


def count(direction):
    """Cells of a layer."""
    return 2 if direction == "both" else 1


def is_plain(spec):
    """Whether nn.GRU or nn.LSTM computes it."""
    return is_lstm(spec) or settings(spec) == DEFAULTS


class Module:
    """nn.GRU or nn.LSTM."""

    def __init__(self, rnn):
        self.rnn = rnn

    def __call__(self, x, h, c):
        """x: packed, or (B, T, input); h, c (cells, B, H) -> outputs likewise, h and c behind them; c None for a GRU"""
        if isinstance(self.rnn, nn.LSTM):
            out, (h, c) = self.rnn(x, (h, c))
            return out, h, c
        out, h = self.rnn(x, h)
        return out, h, None


def flipped(packed):
    """Each sequence from its end."""
    rows, lengths = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    return nn.utils.rnn.pack_sequence([row[:n].flip(0) for row, n in zip(rows, lengths)], enforce_sorted=False)


class Stack:
    """Layers of one or two directions each: a backward one is the forward one on flipped sequences. `outputs` has those of each
    layer in the last call."""

    def __init__(self, layers, each):
        self.layers, self.each = layers, each

    def __call__(self, x, h, c):
        finals, at, self.outputs = [], 0, []
        for layer, direction in zip(self.layers, self.each):
            end, backward = at + count(direction), direction == "backward"
            x, *final = layer(flipped(x) if backward else x, h[at:end], None if c is None else c[at:end])
            x = flipped(x) if backward else x
            finals.append(final)
            self.outputs.append(x)
            at = end
        h, c = zip(*finals)
        return x, torch.cat(h), None if c[0] is None else torch.cat(c)


class Loop:
    """Also of what PyTorch has. weights: name, as nn.GRU has it -> tensor, None for zeros. Products are linear's; what enters the first layer, and what
    states are, is said as Model.linear has it."""

    def __init__(self, spec, weights, hidden, layers, both, linear, inputs, state):
        chosen = settings(spec)
        self.before = chosen["reset"] == "before"
        self.gate, self.activation = GATES[chosen["gate_activation"]], ACTIVATIONS[chosen["activation"]]
        self.hidden, self.layers, self.suffixes = hidden, layers, ["", "_reverse"][:1 + both]
        self.lstm = is_lstm(spec)
        self.weights, self.linear, self.inputs, self.state = weights, linear, inputs, [state]

    def step(self, tail, x, h, c):
        """x (B, input), h (B, H), and c of an LSTM -> h and c behind it"""
        w_ih, w_hh, b_ih, b_hh = (self.weights[kind + tail] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        inputs = self.inputs if tail.startswith("_l0") else self.state
        product, recurrent = self.linear(x, w_ih, b_ih, inputs), self.linear(h, w_hh, b_hh, self.state)
        if self.lstm:
            i, f, g, o = (product + recurrent).split(self.hidden, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c
        i_r, i_z, i_n = product.split(self.hidden, dim=1)
        h_r, h_z, h_n = recurrent.split(self.hidden, dim=1)
        r, z = self.gate(i_r + h_r), self.gate(i_z + h_z)
        recurrent = self.linear(r * h, w_hh, b_hh, self.state)[:, 2 * self.hidden:] if self.before else r * h_n
        return (1 - z) * self.activation(i_n + recurrent) + z * h, c

    def sequence(self, xs, first, first_c):
        """xs (B, T, input), first (cells, B, H), and of an LSTM first_c -> outputs (B, T, D), final states as the first"""
        finals, finals_c = [], []
        for layer in range(self.layers):
            outputs = []
            for suffix in self.suffixes:
                h, c, out = first[len(finals)], first_c[len(finals)] if self.lstm else None, []
                for t in range(xs.shape[1]):
                    h, c = self.step(f"_l{layer}{suffix}", xs[:, -1 - t if suffix else t], h, c)
                    out.append(h)
                outputs.append(torch.stack(out[::-1] if suffix else out, dim=1))
                finals.append(h)
                finals_c.append(c)
            xs = torch.cat(outputs, dim=2)
        return xs, torch.stack(finals), torch.stack(finals_c) if self.lstm else None

    def __call__(self, x, h, c):
        if not isinstance(x, nn.utils.rnn.PackedSequence):
            return self.sequence(x, h, c)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(x, batch_first=True)
        found = [self.sequence(row[None, :n], h[:, i:i + 1], c[:, i:i + 1] if self.lstm else None)
                 for i, (row, n) in enumerate(zip(padded, lengths))]
        outputs, finals, finals_c = zip(*found)
        packed = nn.utils.rnn.pack_sequence([out[0] for out in outputs], enforce_sorted=False)
        return packed, torch.cat(finals, dim=1), torch.cat(finals_c, dim=1) if self.lstm else None
