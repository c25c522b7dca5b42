"""Cells that PyTorch has not: a GRU whose reset gate comes before the recurrent product, or with other activations, as a
loop. It is called as nn.GRU is.

r, z = gate(W_i x + b_i + W_h h + b_h) of their rows; n = act(W_in x + b_in + u), where u is W_hn (r * h) + b_hn with the
reset before, and r * (W_hn h + b_hn) with it after; h' = (1 - z) n + z h.
"""
import torch
from torch import nn

RESETS = ["after", "before"]
GATES = {"sigmoid": torch.sigmoid, "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1)}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "none": lambda x: x}
DEFAULTS = {"cell": "gru", "reset": "after", "gate_activation": "sigmoid", "activation": "tanh"}


def settings(spec):
    """Of an encoder or a decoder of config.json."""
    return {key: spec.get(key, default) for key, default in DEFAULTS.items()}


def unlike(spec):
    """What of it is no default, in words."""
    return [f"reset-{value}" if key == "reset" else value for key, value in settings(spec).items() if value != DEFAULTS[key]]


def is_plain(spec):
    """Whether nn.GRU computes it."""
    return settings(spec) == DEFAULTS


class Loop:
    """weights: name, as nn.GRU has it -> tensor, None for zeros."""

    def __init__(self, spec, weights, hidden, layers, directions):
        chosen = settings(spec)
        self.before = chosen["reset"] == "before"
        self.gate, self.activation = GATES[chosen["gate_activation"]], ACTIVATIONS[chosen["activation"]]
        self.hidden, self.layers, self.directions = hidden, layers, directions
        self.weights = weights

    def step(self, tail, x, h):
        """x (B, input), h (B, H) -> the states behind it"""
        w_ih, w_hh, b_ih, b_hh = (self.weights[kind + tail] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        n = slice(2 * self.hidden, None)
        i_r, i_z, i_n = nn.functional.linear(x, w_ih, b_ih).split(self.hidden, dim=1)
        h_r, h_z, h_n = nn.functional.linear(h, w_hh, b_hh).split(self.hidden, dim=1)
        r, z = self.gate(i_r + h_r), self.gate(i_z + h_z)
        recurrent = nn.functional.linear(r * h, w_hh[n], None if b_hh is None else b_hh[n]) if self.before else r * h_n
        return (1 - z) * self.activation(i_n + recurrent) + z * h

    def sequence(self, xs, first):
        """xs (B, T, input), first (layers * directions, B, H) -> outputs (B, T, D), final states as first"""
        finals = []
        for layer in range(self.layers):
            outputs = []
            for suffix in ["", "_reverse"][:self.directions]:
                h, out = first[len(finals)], []
                for t in range(xs.shape[1]):
                    h = self.step(f"_l{layer}{suffix}", xs[:, -1 - t if suffix else t], h)
                    out.append(h)
                outputs.append(torch.stack(out[::-1] if suffix else out, dim=1))
                finals.append(h)
            xs = torch.cat(outputs, dim=2)
        return xs, torch.stack(finals)

    def __call__(self, x, first=None):
        if not isinstance(x, nn.utils.rnn.PackedSequence):
            return self.sequence(x, first)
        padded, lengths = nn.utils.rnn.pad_packed_sequence(x, batch_first=True)
        zeros = torch.zeros(self.layers * self.directions, 1, self.hidden, dtype=padded.dtype)
        found = [self.sequence(row[None, :n], zeros) for row, n in zip(padded, lengths)]
        packed = nn.utils.rnn.pack_sequence([out[0] for out, _ in found], enforce_sorted=False)
        return packed, torch.cat([finals for _, finals in found], dim=1)
