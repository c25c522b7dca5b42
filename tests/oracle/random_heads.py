"""Keys of a random model's heads: activations, hidden layers, inputs from anywhere in the encoder. A part of random_models.Draw, by
random numbers of their own (head_rs), so that a seed's other choices stay."""
import math

import numpy as np

import cells
from heads import ACTIVATIONS

KINDS = ["softmax", "sigmoid", "none"]


class Heads:
    def head_keys(self, name, spec):
        """Adds to a head, most often, and draws its tensors anew; of want["head_keys"] those of its `on`."""
        rs = self.head_rs
        if "head_keys" in self.want:
            keys = self.want["head_keys"].get(spec["on"])
        else:
            keys = self.drawn_keys(spec) if rs.rand() < 0.85 else None
        if keys is None:
            return
        spec.update(keys)
        if spec.get("activation") == "none" and "labels" in spec and rs.rand() < 0.7:
            size = len(self.files[spec["labels"]].split("\n")) - 1
            if rs.rand() < 0.6:
                del self.files[spec.pop("labels")]
            spec["size"] = size
        self.head_tensors(name, spec)
        self.decode_keys(name, spec)

    def decode_keys(self, name, spec):
        """Those of labels that positions decide together; by random numbers of their own again."""
        rs = np.random.RandomState([self.seed, 5, len(self.config.get("heads", {}))])
        if "head_keys" not in self.want and spec["on"] == "token" and spec.get("activation", "softmax") == "softmax" and rs.rand() < 0.7:
            spec["decode"] = ["argmax", "crf", "ctc"][rs.randint(3)]
        size = len(self.tensors[f"heads.{name}.weight"])
        if spec.get("decode") == "crf":
            self.tensors[f"heads.{name}.transitions"] = (rs.randn(size, size) * 2).astype(np.float32)
            for part in ("start", "end"):
                if self.want.get("crf_ends", rs.rand() < 0.5):
                    self.tensors[f"heads.{name}.{part}"] = (rs.randn(size) * 2).astype(np.float32)
        if spec.get("decode") == "ctc" and "head_keys" not in self.want:
            spec["blank"] = int(rs.randint(size))
            spec["join"] = ["", " ", ' "\\ü '][rs.randint(3)]

    def drawn_keys(self, spec):
        rs, keys = self.head_rs, {}
        kind = KINDS[rs.randint(3)]
        if kind != "softmax" or rs.rand() < 0.5:
            keys["activation"] = kind
        if kind == "sigmoid" and rs.rand() < 0.5:
            keys["threshold"] = float(np.round(rs.rand(), 2))
        depth = rs.randint(4)
        if depth:
            names = [None, *ACTIVATIONS]
            keys["hidden"] = [{"size": int(rs.choice([1, 3, 8, 20, 65])), "activation": names[rs.randint(len(names))]} for _ in range(depth)]
            keys["hidden"] = [{k: v for k, v in layer.items() if v is not None} for layer in keys["hidden"]]
        if spec["on"] == "token" and rs.rand() < 0.7:
            options = ["state", "source"] + [f"layer{k}" for k in range(self.layers)] + ["pooled"] * ("pooling" in self.config)
            keys["inputs"] = [str(p) for p in rs.permutation(options)[:1 + rs.randint(min(len(options), 6))]]
        return keys

    def width(self, part):
        """Of a word of `inputs`."""
        if part == "source":
            return getattr(self, "entering", self.source_size)
        if part == "pooled":
            return self.context
        layer = int(part[len("layer"):]) if part.startswith("layer") else -1
        return self.h * cells.count(self.each[layer])

    def head_tensors(self, name, spec):
        width = sum(map(self.width, spec.get("inputs", ["state"] if spec["on"] == "token" else ["pooled"])))
        size, prefix = len(self.tensors[f"heads.{name}.weight"]), f"heads.{name}"
        for i, layer in enumerate(spec.get("hidden", [])):
            self.head_layer(f"{prefix}.hidden.{i}", layer["size"], width, 1.5)
            width = layer["size"]
        self.head_layer(prefix, size, width, 4.0)

    def head_layer(self, prefix, size, width, scale):
        rs = self.head_rs
        self.tensors[prefix + ".weight"] = (rs.randn(size, width) * scale / math.sqrt(width)).astype(np.float32)
        if prefix + ".bias" in self.tensors or ".hidden." in prefix and rs.rand() < 0.7:
            self.tensors[prefix + ".bias"] = (rs.randn(size) * 0.5).astype(np.float32)
