"""The front of a random model: its layers and tensors. A part of random_models.Draw, whose choices it makes by random numbers of its
own (front_rs), so that a seed's other choices stay."""
import math

import fronts


class Fronts:
    def fronted(self):
        """Draws the list "front", most often none; sets self.entering, the values of a position that enter the encoder."""
        rs, self.entering = self.front_rs, self.source_size
        drawn = [self.front_layer() for _ in range(1 + rs.randint(3))] if rs.rand() < 0.35 else []
        layers = self.want.get("front", drawn)
        for i, spec in enumerate(layers):
            if spec["type"] == "max_pool":
                continue
            shape = (spec["channels"], self.entering, spec["kernel"]) if spec["type"] == "conv1d" else (spec["size"], self.entering)
            self.front_tensor(f"front.{i}.weight", *shape, scale=1.4 / math.sqrt(math.prod(shape[1:])))
            if rs.rand() < 0.7:
                self.front_tensor(f"front.{i}.bias", shape[0], scale=0.3)
            self.entering = shape[0]
        if layers or "front" not in self.want and rs.rand() < 0.05:
            self.config["front"] = layers

    def front_tensor(self, name, *shape, scale):
        self.tensors[name] = (self.front_rs.randn(*shape) * scale).astype("float32")

    def front_layer(self):
        """Short windows: there are to be positions left of short sequences, most often."""
        rs = self.front_rs
        pick = lambda values: values[rs.randint(len(values))]
        spec = {"type": pick(fronts.TYPES + ["conv1d"])}
        if spec["type"] == "max_pool":
            spec["size"] = pick([1, 2, 3, 5])
            drawn = {"stride": pick([1, 1, 2, 3]), "padding": rs.randint(spec["size"] // 2 + 1)}
        elif spec["type"] == "linear":
            spec["size"], drawn = pick([1, 3, 8, 17, 32]), {}
        else:
            spec.update(channels=pick([1, 4, 8, 17, 32]), kernel=pick([1, 2, 3, 3, 5, 7]))
            drawn = {"stride": pick([1, 1, 1, 2, 3]), "dilation": pick([1, 1, 1, 2, 3])}
            most = drawn["dilation"] * (spec["kernel"] - 1)
            drawn["padding"] = pick([most // 2, most // 2, most, 0, rs.randint(most + 1)])
        spec.update({key: int(value) for key, value in drawn.items() if rs.rand() < 0.75})
        if "padding" in spec and spec["type"] == "conv1d":
            spec["padding"] = min(spec["padding"], spec.get("dilation", 1) * (spec["kernel"] - 1))
        if spec["type"] != "max_pool" and rs.rand() < 0.8:
            spec["activation"] = pick(list(fronts.ACTIVATIONS))
        return spec
