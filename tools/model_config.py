"""config.json as grus loads it: the keys of each section, those that have no meaning beside others, and the tensors that a configuration
asks for. doc/model-format.md in Python, for the tools that write model directories.
"""
import front_layers
from front_layers import ACTIVATIONS

# Keys of a cell, defaults first. All but the first are a GRU's alone.
CELL = {"cell": ("gru", "lstm"), "reset": ("after", "before"), "gate_activation": ("sigmoid", "hard_sigmoid"),
        "activation": ("tanh", "relu", "none")}
DIRECTIONS = ("forward", "backward", "both")


# The keys of each section of a configuration; a section that stands under a name of its own is "*".
TOKENIZER = ("type", "codes", "model", "lowercase")
KEYS = {
    "": ("model_type", "source", "front", "encoder", "pooling", "heads", "attention", "decoder", "generation", "tensors"),
    "source": ("input", "tokenizer", "embedding_dim", "feature_dim"),
    "source.tokenizer": (*TOKENIZER, "vocab", "bos", "eos"),
    "encoder": ("hidden_size", "num_layers", "bidirectional", "direction", "initial_state", *CELL),
    "pooling": ("type", "score", "size", "temperature", "heads", "context_dim", "query", "normalize"),
    "heads.*": ("on", "labels", "inputs", "hidden", "activation", "threshold", "decode", "blank", "join", "size"),
    "heads.*.hidden": ("size", "activation"),
    "attention": ("score", "size", "temperature", "heads", "context_dim"),
    "decoder": ("vocab", "tokenizer", "bos", "eos", "embedding_dim", "hidden_size", "num_layers", *CELL, "bridge", "attention",
                "input", "readout", "tied", "conditional"),
    "decoder.tokenizer": TOKENIZER,
    "decoder.attention": ("query",),
    "decoder.readout": ("inputs", "size", "activation"),
    "generation": ("beam_size", "n_best", "length_norm", "length_penalty", "max_length_factor", "max_length", "min_length",
                   "suppress"),
}


class ExportError(Exception):
    pass


def sections(config):
    """(path, path with "*" for names, section) of all that KEYS speaks of."""
    found = [("", "", config)]
    for path in KEYS:
        at, inner = config, path.split(".")
        if "*" in inner or not path:
            continue
        for name in inner:
            at = at.get(name) if isinstance(at, dict) else None
        if at is not None:
            found.append((path, path, at))
    heads = config.get("heads") if isinstance(config.get("heads"), dict) else {}
    for name, head in heads.items():
        found.append((f"heads.{name}", "heads.*", head))
        found += [(f"heads.{name}.hidden[{i}]", "heads.*.hidden", h) for i, h in enumerate(listed(head, "hidden"))]
    return found


def listed(section, key):
    """A list of layers; what stands there instead is one faulty layer."""
    found = section.get(key, []) if isinstance(section, dict) else []
    return found if isinstance(found, list) else [found]


def meaningless(config):
    """(section, keys, why) of the keys that the loader refuses beside what the configuration says."""
    source, pooling = config.get("source", {}), config.get("pooling") or {}
    encoder = config.get("model_type") == "encoder"
    yield "", ("attention", "decoder", "generation") if encoder else ("pooling", "heads"), \
        f"the model_type is {config.get('model_type')!r}"
    features = source.get("input", "tokens") == "features"
    yield "source", ("tokenizer", "embedding_dim") if features else ("feature_dim",), \
        f"the input is {'features' if features else 'tokens'!r}"
    if "direction" in config.get("encoder", {}):
        yield "encoder", ("bidirectional",), "'direction' says what it would"
    if pooling.get("type") != "attention":
        yield "pooling", ("score", "size", "temperature", "heads", "context_dim", "query"), "only the type 'attention' has it"
    for path, section in (("pooling", pooling), ("attention", config.get("attention") or {})):
        if section.get("score") != "additive" and "heads" not in section:
            yield path, ("size",), "only the score 'additive' and attention with 'heads' have a size"
        if section.get("score") != "scaled_dot":
            yield path, ("heads",), "only the score 'scaled_dot' has heads"
        if "heads" not in section:
            yield path, ("context_dim",), "only attention with 'heads' has it"
    for name, head in (config.get("heads") or {}).items():
        yield from meaningless_of_head(f"heads.{name}", head)
    for path, section in (("source.tokenizer", source), ("decoder.tokenizer", config.get("decoder") or {})):
        kind = (section.get("tokenizer") or {}).get("type")
        none = [k for k, of in (("codes", "bpe"), ("model", "sentencepiece")) if kind != of]
        yield path, none, f"a tokenizer of type {kind!r} uses none"


def meaningless_of_head(path, head):
    """The same of a head. What only some heads have may have its default in others."""
    activation, decode = head.get("activation", "softmax"), head.get("decode", "argmax")
    if head.get("on") == "sequence":
        yield path, ("inputs",), "a sequence head reads the pooled vector"
    if activation != "none":
        yield path, ("size",), "only a head with the activation 'none' has it"
    if activation != "sigmoid" and head.get("threshold", 0.5) != 0.5:
        yield path, ("threshold",), "only a head with the activation 'sigmoid' has it"
    if decode != "argmax" and (head.get("on") != "token" or activation != "softmax"):
        yield path, ("decode",), "only a head on tokens with the activation 'softmax' has it"
    if decode != "ctc":
        yield path, [k for k, default in (("blank", 0), ("join", "")) if head.get(k, default) != default], "only a head with the decode 'ctc' has it"


def check_keys(config):
    """Raises ExportError for every key that grus refuses to load."""
    faults, by_path = [], {}
    for path, kind, section in sections(config):
        place = f"{path}: " if path else ""
        if not isinstance(section, dict):
            faults.append(f"config: {place}expected an object, found {section!r}")
            continue
        by_path[path] = section
        faults += [f"config: {place}unknown key {k!r}; known here are {', '.join(KEYS[kind])}" for k in section if k not in KEYS[kind]]
    if not faults:
        for path, keys, why in meaningless(config):
            faults += [f"config: {path + '.' if path else ''}{k}: has no meaning here: {why}" for k in keys
                       if k in by_path.get(path, {})]
    if faults:
        raise ExportError("\n".join(faults))


def directions_of(encoder):
    """The direction of each layer."""
    layers, both = encoder.get("num_layers", 1), encoder.get("bidirectional", False)
    found = encoder.get("direction", "both" if both else "forward")
    each = found if isinstance(found, list) else [found] * layers
    if len(each) != layers:
        raise ExportError(f"config: encoder.direction: expected a list of {layers}, found one of {len(each)}")
    for direction in each:
        if direction not in DIRECTIONS:
            raise ExportError(f"config: encoder.direction: expected one of {', '.join(DIRECTIONS)}, found {direction!r}")
    return each


def activation(place, layer):
    if layer.get("activation", "none") not in ACTIVATIONS:
        raise ExportError(f"config: {place}.activation: expected one of {', '.join(ACTIVATIONS)}, found {layer['activation']!r}")


class Wanted:
    """name -> (shape, required) of the tensors that a configuration asks for. None in a shape: any size."""

    def __init__(self, sizes, front=()):
        self.sizes, self.front_layers, self.tensors = sizes, front, {}
        self.biases = []    # for each stack of cells the names of its biases, of which it has all or none

    def need(self, name, *shape):
        self.tensors[name] = (shape, True)

    def may(self, name, *shape):
        self.tensors[name] = (shape, False)

    def stack(self, part, spec, width, directions, name="rnn"):
        """part: "encoder" or "decoder", spec: its keys; all its cells have the tensors of nn.GRU or nn.LSTM. -> the size of
        its outputs"""
        hidden = spec["hidden_size"]
        for key, values in CELL.items():
            if spec.get(key, values[0]) not in values:
                raise ExportError(f"config: {part}.{key}: expected {' or '.join(map(repr, values))}, found {spec[key]!r}")
            if spec.get("cell") == "lstm" and key != "cell" and spec.get(key, values[0]) != values[0]:
                raise ExportError(f"config: {part}.{key}: is not of an 'lstm': expected {values[0]!r} or no such key, "
                                  f"found {spec[key]!r}")
        rows = (4 if spec.get("cell") == "lstm" else 3) * hidden
        prefix, biases = f"{part}.{name}", []
        self.biases.append(biases)
        for k, direction in enumerate(directions):
            suffixes = ("", "_reverse") if direction == "both" else ("",)
            for suffix in suffixes:
                self.need(f"{prefix}.weight_ih_l{k}{suffix}", rows, width)
                self.need(f"{prefix}.weight_hh_l{k}{suffix}", rows, hidden)
                for which in ("ih", "hh"):
                    self.may(f"{prefix}.bias_{which}_l{k}{suffix}", rows)
                    biases.append(f"{prefix}.bias_{which}_l{k}{suffix}")
            width = hidden * len(suffixes)
        return width

    def attention(self, a, Dk, Dq, learned=False):
        """-> the size of a context"""
        kind, A = a.get("score"), a.get("size")
        if "heads" in a:
            return self.multihead(a, Dk, Dq)
        if kind == "additive":
            if not A:
                raise ExportError("config: attention score additive needs a size")
            self.need("attention.key.weight", A, Dk)
            self.may("attention.key.bias", A)
            self.need("attention.energy.weight", 1, A)
            if not learned:
                self.need("attention.query.weight", A, Dq)
                self.may("attention.query.bias", A)
                self.may("attention.energy.bias", 1)
        elif kind == "general":
            self.need("attention.general.weight", Dk, Dq)
        elif kind not in ("dot", "scaled_dot", "cosine", "euclidean"):
            raise ExportError(f"config: unknown attention score {kind!r}")
        elif Dk != Dq:
            raise ExportError(f"config: attention score {kind} needs query and key of one size, has {Dq} and {Dk}")
        return Dk

    def multihead(self, a, Dk, Dq):
        heads, A = a["heads"], a.get("size")
        if not A or heads < 1 or A % heads:
            raise ExportError(f"config: attention of {heads} heads needs a size that is a multiple of that, has {A}")
        C = a.get("context_dim", A)
        for part, shape in (("query", (A, Dq)), ("key", (A, Dk)), ("value", (A, Dk)), ("output", (C, A))):
            self.need(f"attention.{part}.weight", *shape)
            self.may(f"attention.{part}.bias", shape[0])
        return C

    def encoder(self, source, e):
        """-> the size of its outputs"""
        if source.get("input", "tokens") == "features":
            width = source["feature_dim"]
        else:
            width = source["embedding_dim"]
            self.need("encoder.embedding.weight", self.sizes.get(source["tokenizer"].get("vocab")), width)
        width = self.front(self.front_layers, width)
        directions = directions_of(e)
        self.widths = {"source": width, **{f"layer{k}": e["hidden_size"] * (2 if d == "both" else 1) for k, d in enumerate(directions)}}
        states = e.get("initial_state", "zeros")
        if states not in ("zeros", "learned"):
            raise ExportError(f"config: encoder.initial_state: expected 'zeros' or 'learned', found {states!r}")
        if states == "learned":
            cells = len(directions) + directions.count("both")
            for name in ("initial_state", "initial_cell")[:1 + (e.get("cell") == "lstm")]:
                self.need(f"encoder.{name}", cells, e["hidden_size"])
        return self.stack("encoder", e, width, directions)

    def pooling_and_heads(self, pooling, heads, D):
        pooled = D
        if pooling.get("type") == "attention":
            learned = pooling.get("query") == "learned"
            pooled = self.attention(pooling, D, D, learned)
            if learned and pooling["score"] != "additive":
                self.need("attention.context", D)
        for name, head in heads.items():
            self.head(name, head, D, pooled)

    def front(self, layers, width):
        """-> the size of what enters the encoder"""
        width, wrong = front_layers.need(layers, width, self)
        if wrong:
            raise ExportError(f"config: {wrong}")
        return width

    def head(self, name, head, D, pooled):
        widths = {**self.widths, "state": D, "pooled": pooled}
        width = sum(widths[i] for i in head.get("inputs", ["state"])) if head["on"] == "token" else pooled
        for i, layer in enumerate(head.get("hidden", [])):
            activation(f"heads.{name}.hidden[{i}]", layer)
            self.need(f"heads.{name}.hidden.{i}.weight", layer["size"], width)
            self.may(f"heads.{name}.hidden.{i}.bias", layer["size"])
            width = layer["size"]
        for key, values in (("activation", ("softmax", "sigmoid", "none")), ("decode", ("argmax", "crf", "ctc"))):
            if head.get(key, values[0]) not in values:
                raise ExportError(f"config: heads.{name}.{key}: expected one of {', '.join(values)}, found {head[key]!r}")
        numbers = head.get("activation") == "none"
        C = head["size"] if numbers and "labels" not in head else self.sizes.get(head["labels"])
        if numbers and C is not None and head.get("size", C) != C:
            raise ExportError(f"config: heads.{name}.size: expected the {C} of the labels, found {head['size']}")
        self.need(f"heads.{name}.weight", C, width)
        self.may(f"heads.{name}.bias", C)
        if head.get("decode") == "crf":
            self.need(f"heads.{name}.transitions", C, C)
            self.may(f"heads.{name}.start", C)
            self.may(f"heads.{name}.end", C)

    @staticmethod
    def conditional(d, attention):
        if not attention:
            raise ExportError("config: attention is missing; a conditional decoder needs it")
        for key, found, expected in (("num_layers", d.get("num_layers", 1), 1), ("cell", d.get("cell", "gru"), "gru"),
                                     ("attention.query", d.get("attention", {"query": "state"})["query"], "state")):
            if found != expected:
                raise ExportError(f"config: decoder.{key}: of a conditional decoder: expected {expected!r}, found {found!r}")
        if "context" in d["input"]:
            raise ExportError("config: decoder.input: of a conditional decoder has no context")

    def decoder(self, d, attention, D, encoder):
        V, E, H, layers = self.sizes.get(d.get("vocab")), d["embedding_dim"], d["hidden_size"], d.get("num_layers", 1)
        r = d["readout"]
        widths = {"state": H, "context": D, "embedding": E}
        conditional = d.get("conditional", False)
        if conditional:
            self.conditional(d, attention)
        elif bool(attention) != ("attention" in d):
            raise ExportError("config: attention stands at the top level and in decoder, or in neither")
        if attention:
            widths["context"] = self.attention(attention, D, E if not conditional and d["attention"]["query"] == "embedding" else H)
        elif "context" in r["inputs"] + d["input"]:
            raise ExportError("config: a model without attention has no context")
        R = sum(widths[i] for i in r["inputs"])
        self.need("decoder.embedding.weight", V, E)
        if r.get("size"):
            self.need("decoder.readout.weight", r["size"], R)
            self.may("decoder.readout.bias", r["size"])
            R = r["size"]
        widths["readout"] = R
        self.stack("decoder", d, sum(widths[i] for i in d["input"]), ["forward"] * layers)
        if conditional:
            self.stack("decoder", d, widths["context"], ["forward"], "rnn2")
        if d["bridge"] in ("linear_tanh", "mean_tanh"):
            self.need("bridge.weight", layers * H, D)
            self.may("bridge.bias", layers * H)
        elif d["bridge"] == "last" and (H != D or layers > len(encoder)):
            raise ExportError(f"config: bridge last needs decoder.hidden_size {D} and at most {len(encoder)} layers")
        elif d["bridge"] == "last" and len({direction == "both" for direction in encoder[-layers:]}) > 1:
            raise ExportError(f"config: bridge last needs encoder layers of one width, found {', '.join(encoder[-layers:])}")
        if not d.get("tied", False):
            self.need("decoder.output.weight", V, R)
        elif R != E:
            raise ExportError(f"config: tied needs a readout of embedding_dim {E}, has {R}")
        self.may("decoder.output.bias", V)


def expected_tensors(config, sizes):
    """What is Wanted. sizes: lines of each named file."""
    wanted = Wanted(sizes, config.get("front", []))
    try:
        e = config["encoder"]
        D = wanted.encoder(config["source"], e)
        if config["model_type"] == "encoder":
            wanted.pooling_and_heads(config.get("pooling", {}), config.get("heads", {}), D)
        else:
            wanted.decoder(config["decoder"], config.get("attention"), D, directions_of(e))
    except KeyError as k:
        raise ExportError(f"config: key or value {k} is missing or unknown") from None
    return wanted
