"""Random members of an ensemble: models that read and say what a random model does, and are others in all else."""
import numpy as np

from random_models import Draw, draw


class Member(Draw):
    """`case` is the first model; `want` as of Draw."""

    def __init__(self, seed, case, want=None):
        self.case, rs = case, np.random.RandomState([seed, 10])
        fixed = {"kind": "seq2seq", "target_type": case.target_kind, "target_unk": "<unk>" in case.target_specials,
                 "no_bos": case.config["decoder"]["bos"] is None, "front": front(case.config.get("front", []), rs)}
        super().__init__(seed, {**fixed, **(want or {})})

    def source(self):
        case, source = self.case, self.case.config["source"]
        self.files.update(case.files)
        self.source_tokens, self.source_size = case.source_tokens, case.source_size
        if case.source_tokens is None:
            return source
        self.lowercase, self.source_kind, self.source_specials = case.lowercase, case.source_kind, case.source_specials
        self.source_size = self.pick("source_embedding", [1, 3, 4, 8, 13, 16, 32])
        self.normal("encoder.embedding.weight", len(self.source_tokens), self.source_size, scale=1.0)
        return {**source, "embedding_dim": self.source_size}

    def vocabulary(self, name, kind, size, specials):
        return self.case.target_tokens


def front(layers, rs):
    """Other layers with the same windows; where there are none, now and then some that keep the positions."""
    if not layers and rs.rand() < 0.3:
        return [{"type": "conv1d", "channels": 5, "kernel": 3, "padding": 1, "activation": "tanh"}]
    made = []
    for spec in layers:
        if rs.rand() < 0.3:
            made.append({"type": "linear", "size": 6, "activation": "tanh"})
        if spec["type"] == "linear" and rs.rand() < 0.5:
            continue
        made.append({**spec, **{key: int(rs.choice([3, 8, 17])) for key in ("channels",) if key in spec}})
    return made


def draw_members(case, rs):
    """One to three."""
    wants = [{} if rs.rand() < 0.3 else {"decoder_attention": True} for _ in range(rs.choice([1, 1, 2, 3]))]
    return [draw(case.seed + (1 + k) * 10000019, want, lambda seed, want: Member(seed, case, want)) for k, want in enumerate(wants)]
