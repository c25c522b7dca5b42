"""Heads of a random model's attention. A part of random_models.Draw, by random numbers of their own (multihead_rs), so that a
seed's other choices stay."""
import math

import numpy as np


class Multiheads:
    def heads_wanted(self, score):
        """-> the keys of an attention with heads, or None: size, heads and context_dim. Sets self.context."""
        rs = self.multihead_rs
        heads, own, given = int(rs.choice([1, 2, 3, 4, 8])), int(rs.choice([1, 2, 3, 5, 8, 16])), rs.rand()
        spec = {"heads": heads, "size": heads * own}
        if rs.rand() < 0.5:
            spec["context_dim"] = int(rs.choice([1, 4, 7, 16, 33]))
        wanted = self.want.get("attention_heads", given < 0.6 and score == "scaled_dot")
        spec = dict(wanted) if isinstance(wanted, dict) else spec if wanted else None
        self.context = spec.get("context_dim", spec["size"]) if spec else self.d
        return spec

    def heads_spec(self, spec, query_size):
        """An attention object, with its tensors."""
        size = spec["size"]
        shapes = {"query": (size, query_size), "key": (size, self.d), "value": (size, self.d), "output": (self.context, size)}
        for part, (rows, columns) in shapes.items():
            self.tensors[f"attention.{part}.weight"] = (self.multihead_rs.randn(rows, columns) * 1.5 / math.sqrt(columns)).astype(np.float32)
            if self.want.get(f"bias_{part}", self.multihead_rs.rand() < 0.5):
                self.tensors[f"attention.{part}.bias"] = (self.multihead_rs.randn(rows) * 0.4).astype(np.float32)
        self.temperature = bool(self.want.get("temperature", self.multihead_rs.rand() < 0.5))
        return {"score": "scaled_dot", **spec, **({"temperature": 1.0} if self.temperature else {})}
