"""The mathematics of a model directory in PyTorch: the reference that grus is held against.

Encoder (cells.py, on packed sequences), attention, pooling, heads, and one step of the decoder. Plain code: nothing is
fused and nothing is shared with grus. Search (greedy, beam, forced) is in search.py.

Shapes: S sequences, T source positions, D encoder output, B hypotheses of a sequence, V target tokens.
"""
import json
import math
import os

# OpenBLAS takes many virtual machines for a very old CPU; tell it what this one can do before torch loads it.
try:
    with open("/proc/cpuinfo") as cpuinfo:
        _flags = next((line.split() for line in cpuinfo if line.startswith("flags")), [])
    if "avx512dq" in _flags and "avx512vl" in _flags:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    elif "avx2" in _flags and "fma" in _flags:
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
except OSError:
    pass
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
from torch import nn

import cells
import formats
import heads
import multihead
from fronts import Front

torch.set_grad_enabled(False)


class Encoded:
    """S encoded sequences: `outputs` (S, T, D), zero behind each `lengths` (S); `finals`, of each layer (S, its width), and
    `cells`, of an lstm the c that go along, else None."""

    def __init__(self, outputs, lengths, finals, cells=None):
        self.outputs, self.lengths, self.finals, self.cells = outputs, lengths, finals, cells
        self.mask = torch.arange(outputs.shape[1])[None, :] < lengths[:, None]      # (S, T)
        self.keys = None                                                           # projected keys, computed once
        self.layers = self.entering = None      # outputs of each layer, where heads read them; what entered, of each sequence

    def select(self, rows):
        part = Encoded(self.outputs[rows], self.lengths[rows], [x[rows] for x in self.finals],
                       self.cells and [x[rows] for x in self.cells])
        part.keys = None if self.keys is None else self.keys[rows]
        return part


class Attention:
    """score(q, k) / temperature, softmax over valid positions, weighted sum of the encoder outputs. `query` says which of
    the vectors of Model.linear queries are."""

    def __init__(self, model, spec, query_size, key_size, query, learned=False):
        self.model, self.query_part, self.score = model, query, spec["score"]
        self.temperature = spec.get("temperature", 1)
        self.learned = learned
        if self.score == "general":
            self.w = model.tensor("attention.general.weight", (key_size, query_size))
        elif self.score == "additive":
            a = spec["size"]
            self.wk = model.tensor("attention.key.weight", (a, key_size))
            self.bk = model.tensor("attention.key.bias", (a,), optional=True)
            self.v = model.tensor("attention.energy.weight", (1, a))
            if not learned:
                self.wq = model.tensor("attention.query.weight", (a, query_size))
                self.bq = model.tensor("attention.query.bias", (a,), optional=True)
                self.bv = model.tensor("attention.energy.bias", (1,), optional=True)
        elif query_size != key_size:
            raise ValueError(f"{self.score}: query has {query_size} values, key {key_size}")
        if learned and self.score != "additive":
            self.context = model.tensor("attention.context", (key_size,))

    def query(self, enc):
        """The learned query, (S, 1, Dq)."""
        return None if self.score == "additive" else self.context.expand(len(enc.lengths), 1, -1)

    def scores(self, q, enc):
        """q (S, B, Dq) -> (S, B, T)"""
        k = enc.outputs
        if self.score == "dot":
            return q @ k.transpose(1, 2)
        if self.score == "scaled_dot":
            return q @ k.transpose(1, 2) / math.sqrt(k.shape[2])
        if self.score == "cosine":
            nq = q.norm(dim=2).clamp(min=1e-8)[:, :, None]
            nk = k.norm(dim=2).clamp(min=1e-8)[:, None, :]
            return q @ k.transpose(1, 2) / (nq * nk)
        if self.score == "euclidean":
            return -(q[:, :, None, :] - k[:, None, :, :]).norm(dim=3)
        if self.score == "general":
            return self.model.linear(q, self.w, None, [self.query_part]) @ k.transpose(1, 2)
        if enc.keys is None:
            enc.keys = self.model.linear(k, self.wk, self.bk, ["outputs"])         # (S, T, A)
        if self.learned:
            return (torch.tanh(enc.keys) @ self.v[0])[:, None, :]
        query = self.model.linear(q, self.wq, self.bq, [self.query_part])          # (S, B, A)
        energy = torch.tanh(query[:, :, None, :] + enc.keys[:, None, :, :]) @ self.v[0]
        return energy if self.bv is None else energy + self.bv

    def __call__(self, q, enc):
        """-> context (S, B, D), weights (S, B, T)"""
        scores = self.scores(q, enc) / self.temperature
        scores = scores.masked_fill(~enc.mask[:, None, :], -math.inf)
        weights = torch.softmax(scores, dim=2)
        weights = torch.where((enc.lengths > 0)[:, None, None], weights, torch.zeros_like(weights))
        return weights @ enc.outputs, weights


class Model:
    """A configuration and its tensors (names as in the file, {name: array})."""

    loops, attention_type = False, Attention            # whether cells are loops, those of nn.GRU too
    multihead_type = multihead.Multihead
    by_head = False                                     # weights are those of each head
    folds = False                                       # quantised.py

    def __init__(self, config, tensors, directory=None, dtype=torch.float32):
        self.config, self.dtype, self.directory = config, dtype, directory
        self.file_tensors, self.used = tensors, set()
        encoder = config["encoder"]
        source = config["source"]
        self.layers = encoder.get("num_layers", 1)
        self.directions = cells.directions(encoder)
        self.hidden = encoder["hidden_size"]
        self.d = self.hidden * cells.count(self.directions[-1])
        self.features = source.get("input", "tokens") == "features"
        if self.features:
            size = source["feature_dim"]
        else:
            size = source["embedding_dim"]
            self.embedding = self.tensor("encoder.embedding.weight", (None, size))
        self.layers_before = Front(self, config.get("front", []), size, self.loops)
        self.entering = f"front.{len(self.layers_before.layers)}" if self.layers_before.layers else "source"
        self.rnn = self.stack(encoder, "encoder.rnn", self.layers_before.size, self.directions, [self.entering], "outputs")
        n = sum(map(cells.count, self.directions))
        learned, self.has_c = encoder.get("initial_state") == "learned", cells.is_lstm(encoder)
        self.initial = self.tensor("encoder.initial_state", (n, self.hidden)) if learned else torch.zeros(n, self.hidden, dtype=dtype)
        self.initial_cell = self.tensor("encoder.initial_cell", (n, self.hidden)) if learned and self.has_c else torch.zeros_like(self.initial)
        if config["model_type"] == "encoder":
            self._init_encoder_model()
        else:
            self._init_decoder()
        if directory:
            self._init_text()

    # ------------------------------------------------------------------------------------------ loading

    @classmethod
    def load(cls, directory, dtype=torch.float32):
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        return cls(config, formats.read_safetensors(os.path.join(directory, "model.safetensors")), directory, dtype)

    def file_name(self, name):
        """The longest key of `tensors` that ends at a dot of the name, or is all of it, is replaced once."""
        table = self.config.get("tensors", {})
        fitting = [key for key in table if name == key or name.startswith(key + ".")]
        if not fitting:
            return name
        key = max(fitting, key=len)
        return table[key] + name[len(key):]

    def tensor(self, name, shape, optional=False):
        stored = self.file_name(name)
        if stored not in self.file_tensors:
            if optional:
                return None
            raise KeyError(f"missing tensor {stored} ({name})")
        self.used.add(stored)
        x = torch.tensor(self.file_tensors[stored], dtype=self.dtype)
        if len(x.shape) != len(shape) or any(want not in (None, have) for want, have in zip(shape, x.shape)):
            raise ValueError(f"{stored}: shape {tuple(x.shape)}, expected {shape}")
        return x

    def linear(self, x, w, b, parts):
        """W x + b. What x is, or lies side by side in it: "source" (embeddings, features), "front.1", "front.2", … (what
        enters that layer of the front, or the encoder behind all), "outputs" (of the encoder: states,
        final ones, means), "pooled", "learned" (a query); of the decoder "embedding", "context", "state", "readout"."""
        return nn.functional.linear(x, w, b)

    def sorted_taps(self, w):
        """[channels, in, kernel] -> [channels, kernel · in], as windows lie in a row; a matrix as it is"""
        return w.transpose(1, 2).reshape(len(w), -1) if w.dim() == 3 else w

    def stack(self, spec, prefix, size, directions, inputs, state):
        """One module where PyTorch has it, else one for each layer. What enters it and what states are, as linear has it."""
        if len(set(directions)) == 1 and directions[0] != "backward" and not heads.reads_layers(self.config):
            return self.recurrent(spec, prefix, size, 0, len(directions), directions[0] == "both", inputs, state)
        layers = []
        for k, direction in enumerate(directions):
            layers.append(self.recurrent(spec, prefix, size, k, 1, direction == "both", [state] if k else inputs, state))
            size = spec["hidden_size"] * cells.count(direction)
        return cells.Stack(layers, directions)

    def recurrent(self, spec, prefix, size, first, layers, both, inputs, state):
        """n layers, the lowest of which is number `first` in the file."""
        hidden = spec["hidden_size"]
        rnn = cells.KINDS[spec.get("cell", "gru")](size, hidden, layers, batch_first=True, bidirectional=both).to(self.dtype).eval()
        stored = lambda name: name.replace("_l0", f"_l{first}") if first else name
        weights = {name: self.tensor(f"{prefix}.{stored(name)}", tuple(parameter.shape), optional=name.startswith("bias"))
                   for name, parameter in rnn.named_parameters()}
        if self.loops or not cells.is_plain(spec):
            return cells.Loop(spec, weights, hidden, layers, both, self.linear, inputs, state)
        for name, parameter in rnn.named_parameters():
            parameter.copy_(torch.zeros_like(parameter) if weights[name] is None else weights[name])
        return cells.Module(rnn)

    def attend(self, spec, *sizes):
        return (self.multihead_type if "heads" in spec else self.attention_type)(self, spec, *sizes)

    def _init_text(self):
        """Tokenizers and label files."""
        join, source = os.path.join, self.config["source"]
        if not self.features:
            spec = source["tokenizer"]
            self.tokenizer = formats.Tokenizer(spec, self.directory, spec.get("vocab"))
            self.front = [self.tokenizer.id(spec["bos"])] if spec.get("bos") is not None else []
            self.back = [self.tokenizer.id(spec["eos"])] if spec.get("eos") is not None else []
        for head in getattr(self, "heads", {}).values():
            head["names"] = formats.read_vocab(join(self.directory, head["labels"])) if "labels" in head else None
        if self.config["model_type"] == "seq2seq":
            spec = self.config["decoder"]
            self.target = formats.Tokenizer(spec["tokenizer"], self.directory, spec.get("vocab"))
            self.eos = self.target.id(spec["eos"])
            self.bos = -1 if spec["bos"] is None else self.target.id(spec["bos"])      # -1: an embedding of zeros
            self.unk = self.target.ids.get("<unk>")
            self.suppressed = [self.target.id(t) for t in self.config.get("generation", {}).get("suppress", [])]

    # ------------------------------------------------------------------------------------------ encoder

    def source_ids(self, value):
        return self.front + self.tokenizer.encode(value) + self.back

    def vectors(self, sequence):
        """A list of ids, or of feature vectors -> (T, E)"""
        if self.features:
            return torch.tensor(sequence, dtype=torch.float32).to(self.dtype).reshape(len(sequence), self.config["source"]["feature_dim"])
        ids = torch.tensor(sequence, dtype=torch.long)
        if len(ids) and (ids.min() < 0 or ids.max() >= len(self.embedding)):
            raise ValueError("id out of range")
        return self.embedding[ids]

    def encode(self, sequences):
        """Ids or features of S sequences -> Encoded. Those of length 0 keep zeros."""
        entering = [self.layers_before(self.vectors(s)) for s in sequences]
        lengths = torch.tensor([len(x) for x in entering])
        outputs = torch.zeros(len(sequences), int(lengths.max()), self.d, dtype=self.dtype)
        states = torch.zeros(2, len(self.initial), len(sequences), self.hidden, dtype=self.dtype)     # h and c
        rows = [i for i, x in enumerate(entering) if len(x)]
        if rows:
            packed = nn.utils.rnn.pack_sequence([entering[i] for i in rows], enforce_sorted=False)
            first = [x[:, None].expand(-1, len(rows), -1).contiguous() for x in (self.initial, self.initial_cell)]
            out, h, c = self.rnn(packed, first[0], first[1] if self.has_c else None)
            outputs[rows] = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0]
            states[0][:, rows] = h
            if self.has_c:
                states[1][:, rows] = c
        parts = [[torch.cat(list(x), dim=1) for x in state.split(list(map(cells.count, self.directions)))] for state in states]
        encoded = Encoded(outputs, lengths, parts[0], parts[1] if self.has_c else None)
        encoded.entering = entering
        if heads.reads_layers(self.config):
            encoded.layers = [torch.zeros(*outputs.shape[:2], self.hidden * cells.count(d), dtype=self.dtype) for d in self.directions]
            for to, out in zip(encoded.layers, self.rnn.outputs if rows else []):
                to[rows] = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0]
        return encoded

    # ------------------------------------------------------------------------------------------ pooling and heads

    def _init_encoder_model(self):
        self.pooling = self.config.get("pooling")
        if self.pooling and self.pooling["type"] == "attention":
            learned = self.pooling["query"] == "learned"
            self.attention = self.attend(self.pooling, self.d, self.d, "learned" if learned else "outputs", learned)
        entering = (self.entering, self.layers_before.size)
        self.heads = {name: heads.read(self, name, spec, entering) for name, spec in self.config.get("heads", {}).items()}

    def pool(self, enc):
        """One sequence -> pooled vector (D), attention weights (T) or None"""
        kind, weights = self.pooling["type"], None
        empty = enc.outputs.shape[1] == 0
        if kind == "attention":
            query = self.attention.query(enc) if self.attention.learned else enc.finals[-1][:, None, :]
            context, weights = self.attention(query, enc)
            pooled, weights = context[0, 0], weights[0, 0]
        elif empty:
            pooled = torch.zeros(self.d, dtype=self.dtype)
        else:
            pooled = {"mean": enc.outputs[0].mean(0), "max": enc.outputs[0].max(0)[0], "last": enc.finals[-1][0]}[kind]
        if self.pooling.get("normalize", False):
            pooled = nn.functional.normalize(pooled, dim=0, eps=1e-12)
        return pooled, weights

    def head(self, name, enc, pooled):
        """What the last linear layer gives: (C) of a sequence head, (T, C) of a token head"""
        return heads.logits(self, self.heads[name], enc, pooled)

    # ------------------------------------------------------------------------------------------ decoder

    def _init_decoder(self):
        spec = self.config["decoder"]
        self.dec_layers, self.dec_hidden = spec.get("num_layers", 1), spec["hidden_size"]
        self.dec_embedding = self.tensor("decoder.embedding.weight", (None, spec["embedding_dim"]))
        conditional = spec.get("conditional", False)
        self.query = "state" if conditional else spec["attention"]["query"] if "attention" in spec else None
        query_size = spec["embedding_dim"] if self.query == "embedding" else self.dec_hidden
        if self.query:
            self.attention = self.attend(self.config["attention"], query_size, self.d,
                                         "embedding" if self.query == "embedding" else "state")
        self.context = getattr(getattr(self, "attention", None), "context_size", self.d)
        sizes = {"state": self.dec_hidden, "context": self.context, "embedding": spec["embedding_dim"]}
        readout = spec["readout"]
        self.readout_inputs, concat = readout["inputs"], sum(sizes[part] for part in readout["inputs"])
        self.readout_weight = self.readout_bias = None
        self.readout_tanh = readout.get("activation", "none") == "tanh"
        if readout.get("size") is None:
            self.readout_size, self.readout_tanh = concat, False        # the activation belongs to the layer
        else:
            self.readout_size = readout["size"]
            self.readout_weight = self.tensor("decoder.readout.weight", (self.readout_size, concat))
            self.readout_bias = self.tensor("decoder.readout.bias", (self.readout_size,), optional=True)
        sizes["readout"] = self.readout_size
        self.inputs = spec["input"]
        self.dec_rnn = self.stack(spec, "decoder.rnn", sum(sizes[part] for part in self.inputs), ["forward"] * self.dec_layers,
                                  self.inputs, "state")
        self.second = self.recurrent(spec, "decoder.rnn2", self.context, 0, 1, False, ["context"], "state") if conditional else None
        self.dec_has_c = cells.is_lstm(spec)
        self.bridge = spec["bridge"]
        if self.bridge in ("linear_tanh", "mean_tanh"):
            self.bridge_weight = self.tensor("bridge.weight", (self.dec_layers * self.dec_hidden, self.d))
            self.bridge_bias = self.tensor("bridge.bias", (self.dec_layers * self.dec_hidden,), optional=True)
        elif self.bridge == "last" and (self.dec_layers > self.layers or self.dec_hidden != self.d):
            raise ValueError("bridge last: sizes do not fit")
        vocabulary = len(self.dec_embedding)
        if spec.get("tied", False):
            self.out_weight = self.dec_embedding
        else:
            self.out_weight = self.tensor("decoder.output.weight", (vocabulary, self.readout_size))
        self.out_bias = self.tensor("decoder.output.bias", (vocabulary,), optional=True)

    def start(self, enc):
        """State before the first step, with one hypothesis each: h (layers, S, 1, H), with an lstm (layers, S, 1, 2 H), c behind
        h; context (S, 1, D), readout (S, 1, R)"""
        s, c = len(enc.lengths), None
        if self.bridge == "zeros":
            h = torch.zeros(self.dec_layers, s, self.dec_hidden, dtype=self.dtype)
        elif self.bridge == "last":
            h = torch.stack(enc.finals[self.layers - self.dec_layers:])
            c = torch.stack(enc.cells[self.layers - self.dec_layers:]) if enc.cells else None
        else:
            x = enc.finals[-1]
            if self.bridge == "mean_tanh":
                x = enc.outputs.sum(1) / enc.lengths.clamp(min=1)[:, None]
            h = torch.tanh(self.linear(x, self.bridge_weight, self.bridge_bias, ["outputs"]))
            h = h.view(s, self.dec_layers, self.dec_hidden).transpose(0, 1)
        if self.dec_has_c:
            h = torch.cat([h, torch.zeros_like(h) if c is None else c], dim=2)
        context = torch.zeros(s, 1, self.context, dtype=self.dtype)
        readout = torch.zeros(s, 1, self.readout_size, dtype=self.dtype)
        return h[:, :, None, :], context, readout

    def step(self, enc, previous, state):
        """previous tokens (S, B) -> log-probabilities (S, B, V), attention (S, B, T), next state"""
        h, context, readout = state
        s, b = previous.shape
        embedding = self.dec_embedding[previous] * (previous >= 0)[:, :, None]      # (S, B, E)
        weights = torch.zeros(s, b, 0)
        if self.query in ("previous_state", "embedding"):                                                  # this step's context feeds the cell
            context, weights = self.attention(h[-1][..., :self.dec_hidden] if self.query == "previous_state" else embedding, enc)
        parts = {"embedding": embedding, "context": context, "readout": readout}
        x = torch.cat([parts[part] for part in self.inputs], dim=2)
        h, c = (h[..., :self.dec_hidden], h[..., self.dec_hidden:]) if self.dec_has_c else (h, h)
        rows = [state.reshape(self.dec_layers, s * b, -1).contiguous() for state in (h, c)]
        out, h, c = self.dec_rnn(x.reshape(s * b, 1, -1), rows[0], rows[1])
        h = torch.cat([h, c], dim=2) if self.dec_has_c else h
        h = h.view(self.dec_layers, s, b, -1)
        top = out.view(s, b, self.dec_hidden)
        if self.query == "state":
            context, weights = self.attention(top, enc)
        if self.second:
            out, h, _ = self.second(context.reshape(s * b, 1, -1), h.view(1, s * b, -1), None)
            h, top = h.view(1, s, b, -1), out.view(s, b, self.dec_hidden)
        parts = {"state": top, "context": context, "embedding": embedding}
        readout = torch.cat([parts[part] for part in self.readout_inputs], dim=2)
        if self.readout_weight is not None:
            readout = self.linear(readout, self.readout_weight, self.readout_bias, self.readout_inputs)
        if self.readout_tanh:
            readout = torch.tanh(readout)
        logits = self.linear(readout, self.out_weight, self.out_bias, self.readout_inputs if self.readout_weight is None else ["readout"])
        self.logits = logits                                        # of the last step
        return torch.log_softmax(logits, dim=2), weights, (h, context, readout)

    def reweigh(self, change):
        """Log-probabilities of the last step, had its logits (S, B, V) been changed so."""
        return torch.log_softmax(change(self.logits), dim=2)

    def select(self, state, origin):
        """The state of one sequence whose hypotheses are those of these numbers."""
        return state[0][:, :, origin], state[1][:, origin], state[2][:, origin]
