"""The cells of a random model: their kinds, directions, initial states and tensors. A part of random_models.Draw, whose choices it
makes by random numbers of their own (cell_rs, late_rs), so that a seed's other choices stay."""
import math

import numpy as np

import cells


class Cells:
    def cell(self, name):
        """Keys of a cell, half the time none."""
        drawn, pick = {}, lambda values: values[self.cell_rs.randint(len(values))]
        if self.cell_rs.rand() < 0.5:
            drawn = {"reset": pick(cells.RESETS), "gate_activation": pick(list(cells.GATES)), "activation": pick(list(cells.ACTIVATIONS))}
            drawn = {key: value for key, value in drawn.items() if value != cells.DEFAULTS[key] or self.cell_rs.rand() < 0.5}
            if self.cell_rs.rand() < 0.5:
                drawn["cell"] = "gru"
        if self.late_rs.rand() < 0.3:
            drawn = {"cell": "lstm"}
        return self.want.get(name, drawn)

    def directions(self):
        """Keys of the encoder for the directions of its layers, most often `bidirectional` alone. Sets self.each."""
        rs, layers, keys = self.late_rs, self.layers, {}
        kind = cells.DIRECTIONS[rs.randint(3)]
        drawn = {0: [cells.DIRECTIONS[rs.randint(3)] for _ in range(layers)], 1: kind, 2: kind}.get(rs.randint(5))
        drawn = self.want.get("direction", drawn)
        if drawn:
            keys["direction"] = drawn
        elif self.bi or self.rs.rand() < 0.5:
            keys["bidirectional"] = self.bi
        self.each = cells.directions({"num_layers": layers, **keys})
        return keys

    def initial_states(self):
        """Keys and tensors of the states before a sequence."""
        drawn = self.want.get("initial_state", [None, None, "zeros", "learned"][self.late_rs.randint(4)])
        if drawn == "learned":
            for name in ["initial_state", "initial_cell"][:1 + cells.is_lstm(self.config["encoder"])]:
                self.normal(f"encoder.{name}", sum(map(cells.count, self.each)), self.h, scale=0.7)
        return {"initial_state": drawn} if drawn else {}

    def stack(self, prefix, spec, size, each, bias, gain=1.0):
        hidden, rows = spec["hidden_size"], (4 if cells.is_lstm(spec) else 3) * spec["hidden_size"]
        for layer, direction in enumerate(each):
            for suffix in ["", "_reverse"][:cells.count(direction)]:
                tail = f"_l{layer}{suffix}"
                self.normal(f"{prefix}.weight_ih{tail}", rows, size, scale=1.3 / math.sqrt(size))
                self.normal(f"{prefix}.weight_hh{tail}", rows, hidden, scale=gain / math.sqrt(hidden))
                for which in ("ih", "hh"):
                    if bias == "both" or bias == which:
                        self.normal(f"{prefix}.bias_{which}{tail}", rows, scale=0.3)
                    elif bias != "none":
                        self.tensors[f"{prefix}.bias_{which}{tail}"] = np.zeros(rows, np.float32)
            size = hidden * cells.count(direction)

    @staticmethod
    def gain(cell, gain=1.0):
        """What is not bounded must not grow either."""
        return gain if cell.get("activation", "tanh") == "tanh" else 0.5 * gain

    def alike(self):
        """Layers of the encoder, from the top, that are as wide as it is."""
        wide = [cells.count(direction) == cells.count(self.each[-1]) for direction in self.each]
        return (wide[::-1] + [False]).index(False)
