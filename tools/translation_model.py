"""The translation model family in PyTorch: bidirectional GRU encoder, Bahdanau or conditional decoder, batched greedy search.

Tensor names and mathematics are those of a grus model directory (bridge `linear_tanh`, attention `general` with query
`previous_state`, decoder input `embedding`, `context`, or a decoder that is `conditional`; readout with tanh, tied output).
"""
import json
import os

import torch
import torch.nn.functional as F
from torch import nn

from attention_gru import AttentionGRU, ConditionalGRU
from bpe import Cutter
from export_torch import read_safetensors
from gru_layers import apply_weight, gru, linear, sequence_dropout
from vocabulary import Vocab


class Translator(nn.Module):
    def __init__(self, config, n_source, n_target):
        super().__init__()
        s, e, d = config["source"], config["encoder"], config["decoder"]
        self.config, self.layers, self.hidden = config, 1, d["hidden_size"]
        D, H, E = 2 * e["hidden_size"], self.hidden, d["embedding_dim"]
        self.width = E
        self.encoder = nn.ModuleDict({
            "embedding": nn.Embedding(n_source, s["embedding_dim"]),
            "rnn": nn.GRU(s["embedding_dim"], e["hidden_size"], e.get("num_layers", 1), bidirectional=True)})
        self.bridge = nn.Linear(D, H)
        self.temperature = config["attention"].get("temperature", 1)
        self.attention = nn.ModuleDict({"general": nn.Linear(H, D, bias=False)})
        self.conditional = d.get("conditional", False)
        self.decoder = nn.ModuleDict({
            "embedding": nn.Embedding(n_target, E), "rnn": nn.GRU(E if self.conditional else E + D, H),
            "readout": nn.Linear(H + D + E, E)})
        if self.conditional:
            self.decoder["rnn2"] = nn.GRU(D, H)
        self.output_bias = nn.Parameter(torch.zeros(n_target))
        for table in (self.encoder["embedding"], self.decoder["embedding"]):
            nn.init.normal_(table.weight, std=table.weight.shape[1] ** -0.5)

    def encode(self, source, drop=(0, 0, 0), half=False, dropout=F.dropout):
        """source [B, S], all of one length -> values [B, S, D], first state [B, H]. drop: embeddings, states, readout; dropout: what
        drops of the first two."""
        x = dropout(self.encoder["embedding"](source.t()), drop[0])
        out, last = gru(self.encoder["rnn"], x, dropout=drop[0], half=half, drop=dropout)
        out = dropout(out, drop[1])
        return out.transpose(0, 1).contiguous(), torch.tanh(self.bridge(F.dropout(last, drop[1])))

    def prepare(self, values, half=False):
        """What the loop takes of the encoder's outputs: keys [B, S, H], gates [B, S, 3H]."""
        keys = apply_weight(self.attention["general"].weight.t() / self.temperature, values, half)
        if self.conditional:
            second = self.decoder["rnn2"]
            return keys, apply_weight(second.weight_ih_l0, values, half) + second.bias_ih_l0
        return keys, apply_weight(self.decoder["rnn"].weight_ih_l0[:, self.width:], values, half)

    def states(self, emb, start, keys, gates, half=False):
        """emb [T, B, E] -> states [T, B, H], weights [T, B, S]."""
        rnn = self.decoder["rnn"]
        x = apply_weight(rnn.weight_ih_l0[:, :self.width], emb, half) + rnn.bias_ih_l0
        if not self.conditional:
            return AttentionGRU.apply(x, start, keys, gates, rnn.weight_hh_l0, rnn.bias_hh_l0, half)
        second = self.decoder["rnn2"]
        return ConditionalGRU.apply(x, start, keys, gates, rnn.weight_hh_l0, rnn.bias_hh_l0, second.weight_hh_l0, second.bias_hh_l0,
                                    half)

    def output(self, state, context, emb, drop=0.0, half=False):
        """[.., H], [.., D], [.., E] -> logits [.., V]."""
        r = torch.tanh(linear(self.decoder["readout"], torch.cat([state, context, emb], -1), half))
        return apply_weight(self.decoder["embedding"].weight, F.dropout(r, drop), half) + self.output_bias

    def forward(self, source, target_in, drop=(0, 0, 0), half=False, by_sequence=False):
        """Training: logits [B, T, V] under the given targets. by_sequence: one mask a sequence for embeddings and states."""
        dropout = sequence_dropout if by_sequence else F.dropout
        values, start = self.encode(source, drop, half, dropout)
        emb = dropout(self.decoder["embedding"](target_in.t()), drop[0])
        state, weights = self.states(emb, start, *self.prepare(values, half), half)
        context = torch.bmm(weights.transpose(0, 1), values)
        return self.output(state.transpose(0, 1), context, emb.transpose(0, 1), drop[2], half)


@torch.no_grad()
def greedy(model, source, bos, eos):
    """source [B, S] of one length -> lists of tokens without the end token."""
    values, state = model.encode(source)
    keys, gates = model.prepare(values)
    tokens = torch.full((len(source),), bos)
    out, done = [], torch.zeros(len(source), dtype=torch.bool)
    for _ in range(min(200, 2 * source.shape[1] + 10)):
        emb = model.decoder["embedding"](tokens)
        state, weights = (x[0] for x in model.states(emb.unsqueeze(0), state, keys, gates))
        context = torch.bmm(weights.unsqueeze(1), values)[:, 0]
        tokens = model.output(state, context, emb).argmax(1)
        out.append(tokens)
        done |= tokens == eos
        if done.all():
            break
    rows = torch.stack(out, 1).tolist()
    return [row[:row.index(eos)] if eos in row else row for row in rows]


def load(folder):
    """Model (float32), source and target vocabularies and the cutter of the source of a model directory."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    source = Vocab.read(os.path.join(folder, config["source"]["tokenizer"]["vocab"]))
    target = Vocab.read(os.path.join(folder, config["decoder"]["vocab"]))
    model = Translator(config, len(source), len(target))
    tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
    tensors["output_bias"] = tensors.pop("decoder.output.bias")
    model.load_state_dict({name: t.float() for name, t in tensors.items()})
    return model.eval(), source, target, Cutter.read(os.path.join(folder, config["source"]["tokenizer"]["codes"]))


def source_ids(text, vocab, cutter):
    """Of a prepared sentence in lower case."""
    return [vocab.ids.get(piece, vocab.ids["<unk>"]) for piece in cutter.pieces(text)] + [vocab.ids["</s>"]]
