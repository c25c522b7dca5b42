"""Which values of the model contract a sweep has drawn: how often each came, and which never did."""
import collections
import itertools

import cells
import fronts
import heads
import random_heads
from random_models import BRIDGES, ORDERED_INPUTS, ORDERED_READOUTS, QUERIES, SCORES

BOOL = [False, True]
POOL_QUERIES = ["last_hidden", "learned"]
CELL = "reset × gate_activation × activation"


def cross(*lists):
    return [" × ".join(map(str, values)) for values in itertools.product(*lists)]


def joined(parts):
    return "+".join(parts)


def cell_table():
    """The part of the encoder, and of all cells."""
    return {
        "encoder.num_layers": [1, 2, 3],
        "encoder.bidirectional": BOOL,
        "encoder.rnn.bias": BOOL,
        "encoder.direction": ["absent", "forward", "backward", "both", "list"],
        "encoder.initial_state × cell": cross(["absent", "zeros", "learned"], ["gru", "lstm"]),
        **{f"{part}.cell": ["absent", "gru", "lstm"] for part in ("encoder", "decoder")},
        "encoder.cell × decoder.cell × bridge": cross(["gru", "lstm"], ["gru", "lstm"], BRIDGES),
        **{f"{part}.{CELL}": cross(cells.RESETS, cells.GATES, cells.ACTIVATIONS) for part in ("encoder", "decoder")},
    }


def head_table():
    return {
        "heads": ["none", "sequence", "token", "sequence+token"],
        "heads.inputs": ["default", "state", "pooled", "state+pooled", "pooled+state"],
        "heads.inputs of": ["state", "pooled", "source", "layer0", "layer1", "layer2"],
        "heads.hidden": [0, 1, 2, 3],
        "heads.hidden.activation": ["absent"] + list(heads.ACTIVATIONS),
        "heads.on × activation × --head-output": cross(["sequence", "token"], random_heads.KINDS, ["labels", "probs", "logits"]),
        "heads.threshold": ["absent", "given"],
        "heads.labels × size of none": ["labels", "size", "labels+size"],
        "heads.bias": BOOL,
    }


def front_table():
    return {
        "front": ["absent", "[]", "1", "2", "3"],
        "front.type": fronts.TYPES,
        "front.type × activation": cross(["conv1d", "linear"], ["absent"] + list(fronts.ACTIVATIONS)),
        "front.type × stride": cross(["conv1d", "max_pool"], ["1", "more", "absent"]),
        "front.type × padding": cross(["conv1d", "max_pool"], ["absent", "0", "more"]),
        "front.dilation": ["1", "more", "absent"],
        "front.bias": BOOL,
    }


def rule_table():
    """The rules on tokens."""
    return {
        "--prefix-key": BOOL,
        "--disable-unk": BOOL,
        "--no-repeat-ngram-size": ["None", "1", "2", "3", "4"],
        "--repetition-penalty": ["None", "0.8", "1.2", "2.0", "10.0"],
    }


def multihead_table():
    return {
        "attention.heads × query": cross(["one", "several"], QUERIES),
        "pooling.heads × query": cross(["one", "several"], POOL_QUERIES)[2:],
        "heads context_dim": cross(["pooling", "attention"], ["absent", "given"]),
        **{f"heads {part}.bias": BOOL for part in ("query", "key", "value", "output")},
        "--attention-heads": ["pooling", "translate", "score"],
    }


def table(sentencepiece):
    """Key -> the values that it can have; optional tensors by whether they are there."""
    tokenizers = ["char", "whitespace", "bpe", "ids"] + ["sentencepiece"] * sentencepiece
    inputs, readouts = [joined(p) for p in ORDERED_INPUTS], [joined(p) for p in ORDERED_READOUTS]
    return {
        "model_type": ["encoder", "seq2seq"],
        "source.input": cross(["encoder", "seq2seq"], ["tokens", "features"]),
        "source.tokenizer.type": tokenizers,
        "source.tokenizer.vocab of ids": BOOL,
        "source.tokenizer.lowercase": BOOL,
        "source.tokenizer.bos": ["absent", "null", "token"],
        "source.tokenizer.eos": ["absent", "null", "token"],
        "bpe codes": ["0.1", "0.2"],
        **front_table(),
        **cell_table(),
        "pooling.type": ["absent", "attention", "mean", "max", "last"],
        "pooling.score × query": cross(SCORES, POOL_QUERIES),
        "pooling.normalize": BOOL,
        "pooling.temperature": BOOL,
        **head_table(),
        "attention.score × bridge × query": cross(SCORES, BRIDGES, QUERIES),
        "attention.temperature": BOOL,
        **multihead_table(),
        "decoder.attention × bridge": cross(BOOL, BRIDGES),
        "decoder.bos": ["token", "null"],
        "generation.suppress": [0, 1, 2],
        **{f"attention.{part}.bias": BOOL for part in ("key", "query", "energy")},
        "decoder.tokenizer.type": tokenizers,
        "decoder.num_layers": [1, 2, 3],
        "decoder.rnn.bias": BOOL,
        "decoder.conditional": ["none", "query absent", "query state"],
        "decoder.rnn2.bias": BOOL,
        "decoder.input × bridge": cross(inputs, BRIDGES),
        "decoder.input × query": cross(inputs, QUERIES),
        "decoder.readout × bridge": cross(readouts, BRIDGES),
        "decoder.readout × query": cross(readouts, QUERIES),
        "decoder.readout.size": ["null", "given"],
        "decoder.readout.activation": ["absent", "none", "tanh"],
        "decoder.readout.bias": BOOL,
        "decoder.tied × output.bias": cross(BOOL, BOOL),
        "bridge.bias": BOOL,
        "generation": BOOL,
        "tensors": ["none", "one prefix", "several"],
        "dtype": ["F32", "F16", "BF16", "I8"],
        "shard": ["jsonl", "jsonl.zst", "txt", "txt.zst", "tsv", "tsv.zst", "safetensors", "safetensors.zst"],
        "features.dtype": ["F32", "F16", "BF16"],
        "--task": ["own", "embed", "classify", "tag", "translate", "score", "states"],
        "--attention": cross(["pooling", "translate", "score"], ["none", "soft", "hard"])[:2] + cross(["translate", "score"], ["none", "soft", "hard"]),
        "--format": cross(["embed", "classify", "tag", "translate", "score"], ["jsonl", "txt"]) + ["embed × npy", "embed × safetensors", "states × jsonl", "states × safetensors"],
        "--token-scores": BOOL,
        "--beam-size": ["1", "2", "3", "5", "8", "12"],
        "--n-best": ["1", "more"],
        "--length-norm": ["none", "avg", "gnmt"],
        "--length-penalty": BOOL,
        "--max-length": BOOL,
        "--max-length-factor": BOOL,
        "--min-length": BOOL,
        "--ensemble": ["0", "1", "2", "3"],
        **rule_table(),
    }


class Coverage:
    """Counts; add() takes a case (random_models.Draw), run() one of its command lines."""

    def __init__(self, sentencepiece):
        self.table, self.counts = table(sentencepiece), collections.defaultdict(collections.Counter)

    def count(self, key, *values):
        value = values[0] if len(values) == 1 else " × ".join(map(str, values))
        self.counts[key][value] += 1

    def add(self, case):
        config, tensors = case.config, case.tensors
        self.count("model_type", case.kind)
        self.add_source(case, config["source"])
        self.add_front(config, tensors)
        self.count("encoder.num_layers", case.layers)
        self.add_directions(config["encoder"])
        self.add_cell("encoder", config["encoder"])
        self.count("encoder.rnn.bias", any(n.startswith("encoder.rnn.bias") for n in tensors))
        self.count("tensors", ["none", "one prefix", "several"][min(2, len(config.get("tensors", {})))])
        self.count("dtype", case.dtype)
        if case.kind == "encoder":
            self.add_encoder(config, tensors)
        else:
            self.add_decoder(config, tensors)

    def add_front(self, config, tensors):
        layers, size = config.get("front"), lambda spec, key: "absent" if key not in spec else "1" if spec[key] == 1 else "more"
        self.count("front", "absent" if layers is None else str(len(layers) or "[]"))
        for i, spec in enumerate(layers or []):
            kind = spec["type"]
            self.count("front.type", kind)
            if kind != "max_pool":
                self.count("front.type × activation", kind, spec.get("activation", "absent"))
                self.count("front.bias", f"front.{i}.bias" in tensors)
            if kind != "linear":
                self.count("front.type × stride", kind, size(spec, "stride"))
                self.count("front.type × padding", kind, "absent" if "padding" not in spec else "more" if spec["padding"] else "0")
            if kind == "conv1d":
                self.count("front.dilation", size(spec, "dilation"))

    def add_cell(self, name, spec):
        chosen = cells.settings(spec)
        self.count(f"{name}.cell", spec.get("cell", "absent"))
        if not cells.is_lstm(spec):
            self.count(f"{name}.{CELL}", chosen["reset"], chosen["gate_activation"], chosen["activation"])

    def add_directions(self, spec):
        direction = spec.get("direction", "absent")
        self.count("encoder.direction", "list" if isinstance(direction, list) else direction)
        if direction == "absent":
            self.count("encoder.bidirectional", spec.get("bidirectional", False))
        self.count("encoder.initial_state × cell", spec.get("initial_state", "absent"), spec.get("cell", "gru"))

    def add_source(self, case, source):
        self.count("source.input", case.kind, source.get("input", "tokens"))
        if "tokenizer" not in source:
            return
        tokenizer = source["tokenizer"]
        self.count("source.tokenizer.type", tokenizer["type"])
        if tokenizer["type"] == "ids":
            self.count("source.tokenizer.vocab of ids", "vocab" in tokenizer)
        self.count("source.tokenizer.lowercase", tokenizer.get("lowercase", False))
        for key in ("bos", "eos"):
            self.count(f"source.tokenizer.{key}", "absent" if key not in tokenizer else "token" if tokenizer[key] else "null")
        if tokenizer["type"] == "bpe":
            self.count("bpe codes", "0.2" if case.files[tokenizer["codes"]].startswith("#version") else "0.1")

    def add_encoder(self, config, tensors):
        pooling, heads = config.get("pooling", {"type": "absent"}), config.get("heads", {})
        self.count("pooling.type", pooling["type"])
        if pooling["type"] == "attention":
            self.count("pooling.score × query", pooling["score"], pooling["query"])
            self.count("pooling.temperature", pooling.get("temperature", 1) != 1)
            self.add_multihead("pooling", pooling, pooling["query"], tensors)
        self.count("pooling.normalize", pooling.get("normalize", False))
        self.count("heads", joined(sorted({h["on"] for h in heads.values()})) or "none")
        for name, head in heads.items():
            self.count("heads.bias", f"heads.{name}.bias" in tensors)
            if head["on"] == "token":
                self.count("heads.inputs", joined(head.get("inputs", ["default"])))
            for part in head.get("inputs", []):
                self.count("heads.inputs of", part)
            self.count("heads.hidden", len(head.get("hidden", [])))
            for layer in head.get("hidden", []):
                self.count("heads.hidden.activation", layer.get("activation", "absent"))
            if head.get("activation") == "sigmoid":
                self.count("heads.threshold", "given" if "threshold" in head else "absent")
            if head.get("activation") == "none":
                self.count("heads.labels × size of none", joined(key for key in ("labels", "size") if key in head))

    def add_multihead(self, key, spec, query, tensors):
        if "heads" not in spec:
            return
        self.count(f"{key}.heads × query", "one" if spec["heads"] == 1 else "several", query)
        self.count("heads context_dim", key, "given" if "context_dim" in spec else "absent")
        for part in ("query", "key", "value", "output"):
            self.count(f"heads {part}.bias", f"attention.{part}.bias" in tensors)

    def add_decoder(self, config, tensors):
        decoder, attention = config["decoder"], config.get("attention")
        readout, query, bridge = decoder["readout"], attention and decoder.get("attention", {"query": "state"})["query"], decoder["bridge"]
        self.count("decoder.attention × bridge", bool(attention), bridge)
        self.count("decoder.bos", "token" if decoder["bos"] else "null")
        self.count("generation.suppress", len(config.get("generation", {}).get("suppress", [])))
        if attention:
            self.count("attention.score × bridge × query", attention["score"], bridge, query)
            self.count("attention.temperature", attention.get("temperature", 1) != 1)
            self.add_multihead("attention", attention, query, tensors)
        if attention and attention["score"] == "additive":
            for part in ("key", "query", "energy"):
                self.count(f"attention.{part}.bias", f"attention.{part}.bias" in tensors)
        self.count("decoder.tokenizer.type", decoder["tokenizer"]["type"])
        self.count("decoder.num_layers", decoder.get("num_layers", 1))
        self.add_cell("decoder", decoder)
        self.count("encoder.cell × decoder.cell × bridge", config["encoder"].get("cell", "gru"), decoder.get("cell", "gru"), bridge)
        self.count("decoder.rnn.bias", any(n.startswith("decoder.rnn.bias") for n in tensors))
        self.count("decoder.conditional", "none" if not decoder.get("conditional") else
                   "query state" if "attention" in decoder else "query absent")
        if decoder.get("conditional"):
            self.count("decoder.rnn2.bias", any(n.startswith("decoder.rnn2.bias") for n in tensors))
        for key, parts in (("input", decoder["input"]), ("readout", readout["inputs"])):
            self.count(f"decoder.{key} × bridge", joined(parts), bridge)
            if query:
                self.count(f"decoder.{key} × query", joined(parts), query)
        self.count("decoder.readout.size", "given" if readout.get("size") else "null")
        self.count("decoder.readout.activation", readout.get("activation", "absent"))
        if readout.get("size"):
            self.count("decoder.readout.bias", "decoder.readout.bias" in tensors)
        self.count("decoder.tied × output.bias", decoder.get("tied", False), "decoder.output.bias" in tensors)
        if "bridge.weight" in tensors:
            self.count("bridge.bias", "bridge.bias" in tensors)
        self.count("generation", "generation" in config)

    def run(self, case, shard, options, form, feature_dtype):
        own = "translate" if case.kind == "seq2seq" else "own"
        task = options.task or own
        self.count("shard", shard)
        if shard.startswith("safetensors"):
            self.count("features.dtype", feature_dtype)
        self.count("--task", options.task or "own")
        if task != "own":
            self.count("--format", task, form)
        pooled = case.config.get("pooling", {}).get("type") == "attention"
        if (pooled or "attention" in case.config) and task != "states":
            self.count("--attention", "pooling" if pooled else task, options.attention)
            if options.attention_heads:
                self.count("--attention-heads", "pooling" if pooled else task)
        for spec in case.config.get("heads", {}).values():
            if task in ("own", {"sequence": "classify", "token": "tag"}[spec["on"]]):
                self.count("heads.on × activation × --head-output", spec["on"], spec.get("activation", "softmax"), options.head_output)
        if case.kind == "encoder" or task == "states":
            return
        self.count("--ensemble", str(len(options.ensemble)))
        self.count("--token-scores", options.token_scores)
        if task == "score":
            return
        self.count("--prefix-key", options.prefix_key is not None)
        for key in ("length_penalty", "max_length", "max_length_factor", "min_length"):
            self.count("--" + key.replace("_", "-"), getattr(options, key) is not None)
        self.count("--disable-unk", bool(options.disable_unk))
        self.count("--no-repeat-ngram-size", str(options.no_repeat_ngram_size))
        self.count("--repetition-penalty", str(options.repetition_penalty))
        if options.length_norm:
            self.count("--length-norm", options.length_norm)
        if options.beam_size:
            self.count("--beam-size", str(options.beam_size))
        if options.n_best:
            self.count("--n-best", "1" if options.n_best == 1 else "more")

    def missing(self):
        return [f"{key}: {value}" for key, values in self.table.items() for value in values if not self.counts[key][value]]

    def print(self):
        """One line a key; of long crosses the number of values that came, and the least count."""
        print("coverage: how often each value of the contract was drawn")
        for key, values in self.table.items():
            counts = [self.counts[key][value] for value in values]
            if len(values) > 12:
                print(f"  {key}: {sum(c > 0 for c in counts)} of {len(values)}, {min(counts)} to {max(counts)} each")
            else:
                print(f"  {key}: " + ", ".join(f"{value} {c}" for value, c in zip(values, counts)))
