"""Attention models whose decoder reads no context: the whole target is one GRU call in training. Tokens or features come in.

Tensor names and mathematics are those of a grus model directory (front of `linear` and `conv1d` layers, bidirectional GRU encoder, bridge
`linear_tanh`, attention `general` with query `state`, decoder input `embedding`, readout with tanh, output tied or not). Where the
configuration's `tensors` has encoder.embedding, source and target share one table.
"""
import torch
import torch.nn.functional as F
from torch import nn

from gru_layers import gru

ACTIVATIONS = {"none": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}


def front_layer(layer, width):
    if layer["type"] == "linear":
        return nn.Linear(width, layer["size"])
    return nn.Conv1d(width, layer["channels"], layer["kernel"], layer.get("stride", 1))


class Seq2seq(nn.Module):
    def __init__(self, config, n_source, n_target):
        """n_source: of the vocabulary, where tokens come in."""
        super().__init__()
        s, e, d = config["source"], config["encoder"], config["decoder"]
        self.config, self.layers, self.hidden = config, d.get("num_layers", 1), d["hidden_size"]
        D, H, E, R = 2 * e["hidden_size"], self.hidden, d["embedding_dim"], d["readout"]["size"]
        self.features = s.get("input", "tokens") == "features"
        width = s["feature_dim"] if self.features else s["embedding_dim"]
        own = not self.features and "encoder.embedding" not in config.get("tensors", {})
        parts = {"embedding": nn.Embedding(n_source, width)} if own else {}
        layers = []
        for layer in config.get("front", []):
            layers.append(front_layer(layer, width))
            width = layer.get("size") or layer["channels"]
        if layers:
            self.front = nn.ModuleList(layers)
        self.activations = [ACTIVATIONS[layer.get("activation", "none")] for layer in config.get("front", [])]
        parts["rnn"] = nn.GRU(width, e["hidden_size"], e.get("num_layers", 1), bidirectional=True)
        self.encoder = nn.ModuleDict(parts)
        self.bridge = nn.Linear(D, self.layers * H)
        self.temperature = config["attention"].get("temperature", 1)
        self.attention = nn.ModuleDict({"general": nn.Linear(H, D, bias=False)})
        decoder = {"embedding": nn.Embedding(n_target, E), "rnn": nn.GRU(E, H, self.layers), "readout": nn.Linear(H + D + E, R)}
        self.output_bias = nn.Parameter(torch.zeros(n_target)) if d.get("tied") else None
        self.shared = "encoder.embedding" in config.get("tensors", {})
        if not d.get("tied"):
            decoder["output"] = nn.Linear(R, n_target)
        self.decoder = nn.ModuleDict(decoder)
        for part in (self.encoder, self.decoder):
            if "embedding" in part:
                nn.init.normal_(part["embedding"].weight, std=part["embedding"].weight.shape[1] ** -0.5)

    def encode(self, source, drop=0.0):
        """source [B, S] of ids or [B, S, F] of features, all of one length -> values [B, S, D], first states [layers, B, H]."""
        x = source.transpose(0, 1)
        if not self.features:
            table = (self.decoder if self.shared else self.encoder)["embedding"]
            x = F.dropout(table(x), drop, drop > 0)
        for layer, activation in zip(getattr(self, "front", ()), self.activations):
            convolve = isinstance(layer, nn.Conv1d)
            x = activation(layer(x.permute(1, 2, 0)).permute(2, 0, 1) if convolve else layer(x))
        return self.encode_front(x, drop)

    def encode_front(self, x, drop=0.0):
        """x [S, B, F], what the front makes -> as encode."""
        out, last = gru(self.encoder["rnn"], x, dropout=drop)
        out = F.dropout(out, drop, drop > 0)
        start = torch.tanh(self.bridge(last)).view(-1, self.layers, self.hidden).transpose(0, 1)
        return out.transpose(0, 1), start

    def weights(self, state, values):
        """state [B, T, H], values [B, S, D] -> attention [B, T, S]."""
        return F.softmax(torch.bmm(self.attention["general"](state) / self.temperature, values.transpose(1, 2)), 2)

    def output(self, state, emb, values, weights, drop=0.0):
        """state [B, T, H], emb [B, T, E], values [B, S, D] and their weights -> logits [B, T, V]."""
        context = torch.bmm(weights, values)
        r = torch.tanh(self.decoder["readout"](torch.cat([state, context, emb], 2)))
        r = F.dropout(r, drop, drop > 0)
        if self.output_bias is None:
            return self.decoder["output"](r)
        return F.linear(r, self.decoder["embedding"].weight, self.output_bias)

    def run_decoder(self, emb, start, drop=0.0):
        """emb [T, B, E], start [layers, B, H] -> the top layer's states [T, B, H], the last of them."""
        return gru(self.decoder["rnn"], emb, start, drop)

    def forward(self, source, target_in, drop=0.0):
        """Training: logits [B, T, V] under the given targets, attention [B, T, S]."""
        values, start = self.encode(source, drop)
        emb = F.dropout(self.decoder["embedding"](target_in.t()), drop, drop > 0)
        state, _ = self.run_decoder(emb, start, drop)
        state = F.dropout(state, drop, drop > 0).transpose(0, 1)
        weights = self.weights(state, values)
        return self.output(state, emb.transpose(0, 1), values, weights, drop), weights


@torch.no_grad()
def greedy(model, source, bos, eos, limit, encode=Seq2seq.encode):
    """source: of one length -> lists of tokens without the end token, and the logarithms of their probabilities."""
    values, state = encode(model, source)
    tokens = torch.full((len(source),), bos)
    out, logs, done = [], [], torch.zeros(len(source), dtype=torch.bool)
    for _ in range(limit):
        emb = model.decoder["embedding"](tokens).unsqueeze(0)
        x, state = gru_step(model, emb, state)
        x, emb = x.transpose(0, 1), emb.transpose(0, 1)
        logp = F.log_softmax(model.output(x, emb, values, model.weights(x, values))[:, 0], 1)
        best, tokens = logp.max(1)
        out.append(tokens)
        logs.append(best)
        done |= tokens == eos
        if done.all():
            break
    rows, logs = torch.stack(out, 1).tolist(), torch.stack(logs, 1).tolist()
    ends = [row.index(eos) if eos in row else len(row) for row in rows]
    return [row[:n] for row, n in zip(rows, ends)], [log[:n] for log, n in zip(logs, ends)]


def gru_step(model, emb, state):
    """One step of the decoder's stack: emb [1, B, E], state [layers, B, H] -> output [1, B, H], states."""
    return model.decoder["rnn"](emb, state.contiguous())
