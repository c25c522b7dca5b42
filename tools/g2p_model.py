"""The G2P model family in PyTorch: character encoder, attention decoder, batched greedy and beam search.

Tensor names and mathematics are those of a grus model directory (source `char` with an end token, bidirectional GRU
encoder, bridge `linear_tanh`, attention `general` with query `state`, decoder input `embedding`).
"""
import json
import os

import torch
import torch.nn.functional as F
from torch import nn

from export_torch import read_safetensors, rename
from gru_layers import gru, linear, parameters, sequence_dropout
from vocabulary import Vocab


class G2P(nn.Module):
    def __init__(self, config, n_source, n_target):
        super().__init__()
        s, e, d = config["source"], config["encoder"], config["decoder"]
        self.config = config
        self.layers, self.hidden = d.get("num_layers", 1), d["hidden_size"]
        D, H, E, R = 2 * e["hidden_size"], self.hidden, d["embedding_dim"], d["readout"]["size"]
        self.encoder = nn.ModuleDict({
            "embedding": nn.Embedding(n_source, s["embedding_dim"]),
            "rnn": nn.GRU(s["embedding_dim"], e["hidden_size"], e.get("num_layers", 1), bidirectional=True)})
        self.bridge = nn.Linear(D, self.layers * H)
        self.temperature = config["attention"].get("temperature", 1)
        self.attention = nn.ModuleDict({"general": nn.Linear(H, D, bias=False)})
        self.readout_inputs = d["readout"]["inputs"]
        width = sum({"state": H, "context": D, "embedding": E}[i] for i in self.readout_inputs)
        self.decoder = nn.ModuleDict({
            "embedding": nn.Embedding(n_target, E), "rnn": nn.GRU(E, H, self.layers),
            "readout": nn.Linear(width, R), "output": nn.Linear(R, n_target)})

    def encode(self, source, drop=0.0, half=False, dropout=F.dropout):
        """source [B, S], all of one length -> encoder outputs [B, S, D] and decoder start states [layers, B, H]. dropout: what drops."""
        x = dropout(self.encoder["embedding"](source.t()), drop / 2)
        out, last = gru(self.encoder["rnn"], x, dropout=drop, half=half, drop=dropout)
        start = torch.tanh(self.bridge(last)).view(-1, self.layers, self.hidden).transpose(0, 1)
        return out.transpose(0, 1), start

    def output(self, state, emb, values, drop=0.0, half=False):
        """state [B, T, H], emb [B, T, E], values [B, S, D] -> logits [B, T, V]."""
        score = torch.bmm(linear(self.attention["general"], state, half) / self.temperature, values.transpose(1, 2))
        parts = {"state": state, "context": torch.bmm(F.softmax(score, 2), values), "embedding": emb}
        r = torch.tanh(linear(self.decoder["readout"], torch.cat([parts[i] for i in self.readout_inputs], 2), half))
        return self.decoder["output"](F.dropout(r, drop, drop > 0))

    def forward(self, source, target_in, drop=0.0, half=False, by_sequence=False):
        """Training: logits under the given targets; half: products with bfloat16 operands; by_sequence: one mask a sequence."""
        dropout = sequence_dropout if by_sequence else F.dropout
        values, start = self.encode(source, drop, half, dropout)
        if by_sequence:
            values = dropout(values.transpose(0, 1), drop).transpose(0, 1)
        emb = dropout(self.decoder["embedding"](target_in.t()), drop / 2)
        state, _ = gru(self.decoder["rnn"], emb, start, drop, half, dropout)
        return self.output(state.transpose(0, 1), emb.transpose(0, 1), values, drop, half)


def load(folder):
    """Model (float32), source and target vocabularies of a model directory."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    s, d = config["source"], config["decoder"]
    family = {"model_type": config["model_type"] == "seq2seq", "source.tokenizer": s["tokenizer"]["type"] in ("char", "whitespace"),
              "encoder.bidirectional": config["encoder"].get("bidirectional", False),
              "attention": config["attention"]["score"] == "general",
              "decoder.attention": d["attention"]["query"] == "state", "decoder.input": d["input"] == ["embedding"],
              "decoder.bridge": d["bridge"] == "linear_tanh", "decoder.tied": not d.get("tied", False),
              "decoder.readout": d["readout"].get("size") and d["readout"].get("activation", "none") == "tanh"}
    for key, fits in family.items():
        if not fits:
            raise ValueError(f"{folder}: not of the G2P family: {key}")
    source = Vocab.read(os.path.join(folder, s["tokenizer"]["vocab"]))
    target = Vocab.read(os.path.join(folder, d["vocab"]))
    names = config.pop("tensors", {})
    model = G2P(config, len(source), len(target))
    tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
    model.load_state_dict({n: tensors[rename(n, names)].float() for n in model.state_dict()})
    return model.eval(), source, target


def source_ids(word, vocab, config):
    """Of a word its characters, or of a sentence its words."""
    t = config["source"]["tokenizer"]
    unk = vocab.ids["<unk>"]
    text = word.lower() if t.get("lowercase") else word
    ids = [vocab.ids.get(c, unk) for c in (text if t["type"] == "char" else text.split())]
    head = [vocab.ids[t["bos"]]] if t.get("bos") else []
    return head + ids + ([vocab.ids[t["eos"]]] if t.get("eos") else [])


def step_limit(length, config):
    g = config.get("generation", {})
    return min(g.get("max_length", 200), int(-(-g.get("max_length_factor", 2) * length // 1)) + 10)


def step(model, tokens, state, values):
    """One decoder step: tokens [B], state [layers, B, H], values [B, S, D] -> log-probabilities [B, V], new state."""
    emb = model.decoder["embedding"](tokens)
    x, new = emb, []
    rnn = model.decoder["rnn"]
    for k in range(model.layers):
        x = torch.gru_cell(x, state[k], *parameters(rnn, k))
        new.append(x)
    logits = model.output(x.unsqueeze(1), emb.unsqueeze(1), values)[:, 0]
    return F.log_softmax(logits, 1), torch.stack(new)


@torch.no_grad()
def beam_search(model, source, bos, eos, beam=5):
    """source [B, S] of one length -> for each row the best token list by log-probability (length_norm none)."""
    B, S = source.shape
    limit = step_limit(S, model.config)
    values, start = model.encode(source)
    values = values.repeat_interleave(beam, 0)
    state = start.repeat_interleave(beam, 1)
    logp = torch.full((B, beam), float("-inf"))
    logp[:, 0] = 0
    tokens = torch.full((B * beam,), bos)
    history = torch.zeros(B, beam, 0, dtype=torch.long)
    best_score = torch.full((B,), float("-inf"))
    best = [[] for _ in range(B)]
    row = torch.arange(B).unsqueeze(1)
    for t in range(limit):
        lp, state = step(model, tokens, state, values)
        V = lp.shape[1]
        total = (logp.unsqueeze(2) + lp.view(B, beam, V)).view(B, -1)
        logp, pick = total.topk(beam, 1)
        parent, token = pick // V, pick % V
        history = torch.cat([history[row, parent], token.unsqueeze(2)], 2)
        state = state[:, (row * beam + parent).view(-1)]
        done = (token == eos) if t + 1 < limit else torch.ones_like(token, dtype=torch.bool)
        score = logp.masked_fill(~done, float("-inf"))
        top, where = score.max(1)
        for b in torch.nonzero(top > best_score).view(-1).tolist():
            best_score[b] = top[b]
            best[b] = [k for k in history[b, where[b]].tolist() if k != eos]
        logp = logp.masked_fill(done, float("-inf"))
        if not (logp.max(1).values > best_score).any():
            break
        tokens = token.view(-1)
    return best


@torch.no_grad()
def pronounce(model, source_vocab, target_vocab, words, beam=1, batch=256):
    """Pronunciations of the words, in order; batches of one source length."""
    bos, eos = target_vocab.ids[model.config["decoder"]["bos"]], target_vocab.ids[model.config["decoder"]["eos"]]
    by_length = {}
    for i, w in enumerate(words):
        ids = source_ids(w, source_vocab, model.config)
        by_length.setdefault(len(ids), []).append((i, ids))
    out = [None] * len(words)
    for items in by_length.values():
        for k in range(0, len(items), batch):
            part = items[k:k + batch]
            found = beam_search(model, torch.tensor([ids for _, ids in part]), bos, eos, beam)
            for (i, _), tokens in zip(part, found):
                out[i] = " ".join(target_vocab.tokens[t] for t in tokens)
    return out
