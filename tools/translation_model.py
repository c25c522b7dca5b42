"""The translation model family in PyTorch: bidirectional GRU encoder, Bahdanau decoder, batched greedy search.

Tensor names and mathematics are those of a grus model directory (bridge `linear_tanh`, attention `general` with query
`previous_state`, decoder input `embedding`, `context`, readout with tanh, tied output).
"""
import json
import os

import torch
import torch.nn.functional as F
from torch import nn

from bpe import Cutter
from export_torch import read_safetensors
from gru_layers import apply_weight, gru, linear, product
from vocabulary import Vocab


class AttentionGRU(torch.autograd.Function):
    """The decoder's loop: attention by the state before the step, then one GRU step that reads embedding and context.

    The products with the encoder's outputs are made before the loop: keys = values W_general [B, S, H], so that a score is
    key · state, and gates = values W_ic^T [B, S, 3H], whose weighted sum is what the context gives to the gates. The
    gradients of both are made after it, in one product each.
    """

    @staticmethod
    def forward(ctx, x, h0, keys, gates, w_hh, b_hh, half):
        """x [T, B, 3H]: W_ie emb + b_ih. Returns states [T, B, H] and attention weights [T, B, S]."""
        T, B, H = x.shape[0], x.shape[1], h0.shape[1]
        S = keys.shape[1]
        if half:
            w_hh = w_hh.bfloat16()
        out, rz, n, hn = x.new_empty(T + 1, B, H), x.new_empty(T, B, 2 * H), x.new_empty(T, B, H), x.new_empty(T, B, H)
        weights = x.new_empty(T, B, S)
        out[0] = h0
        w_t = w_hh.t()
        for t in range(T):
            torch.softmax(torch.bmm(keys, out[t].unsqueeze(2))[..., 0], 1, out=weights[t])
            gi = torch.bmm(weights[t].unsqueeze(1), gates)[:, 0].add_(x[t])
            gh = product(out[t], w_t, half).add_(b_hh)
            torch.add(gi[:, :2 * H], gh[:, :2 * H], out=rz[t]).sigmoid_()
            hn[t] = gh[:, 2 * H:]
            torch.addcmul(gi[:, 2 * H:], rz[t, :, :H], hn[t], out=n[t]).tanh_()
            torch.lerp(n[t], out[t], rz[t, :, H:], out=out[t + 1])
        ctx.save_for_backward(out, rz, n, hn, weights, keys, gates, w_hh)
        ctx.half = half
        return out[1:], weights

    @staticmethod
    def backward(ctx, d_out, d_weights):
        out, rz, n, hn, weights, keys, gates, w_hh = ctx.saved_tensors
        T, B, H = n.shape
        r, z, prev = rz[..., :H], rz[..., H:], out[:-1]
        keep = 1 - z
        c_n, c_z, c_r = keep * (1 - n * n), (prev - n) * z * keep, hn * r * (1 - r)
        dgi, dgh, d_score = n.new_empty(T, B, 3 * H), n.new_empty(T, B, 3 * H), torch.empty_like(weights)
        dh = torch.zeros_like(n[0])
        for t in range(T - 1, -1, -1):
            dh = dh + d_out[t]
            g = dgh[t]
            dn = dh * c_n[t]
            torch.mul(dn, c_r[t], out=g[:, :H])
            torch.mul(dh, c_z[t], out=g[:, H:2 * H])
            torch.mul(dn, r[t], out=g[:, 2 * H:])
            dgi[t, :, :2 * H] = g[:, :2 * H]
            dgi[t, :, 2 * H:] = dn
            da = torch.bmm(gates, dgi[t].unsqueeze(2))[..., 0].add_(d_weights[t])
            torch.mul(weights[t], da - (weights[t] * da).sum(1, keepdim=True), out=d_score[t])
            dh = torch.addcmul(product(g, w_hh, ctx.half), dh, z[t]).add_(torch.bmm(d_score[t].unsqueeze(1), keys)[:, 0])
        first = lambda m: m.permute(1, 0, 2)                # noqa: E731  [T, B, ·] -> [B, T, ·]
        d_keys = torch.bmm(d_score.permute(1, 2, 0), first(prev))
        d_gates = torch.bmm(weights.permute(1, 2, 0), first(dgi))
        gh = dgh.view(T * B, -1)
        b_hh = gh.sum(0)
        if ctx.half:
            gh = gh.bfloat16()
        d_w = product(gh.t(), prev.reshape(T * B, -1), ctx.half)
        return dgi, dh, d_keys, d_gates, d_w, b_hh, None


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
        self.decoder = nn.ModuleDict({
            "embedding": nn.Embedding(n_target, E), "rnn": nn.GRU(E + D, H), "readout": nn.Linear(H + D + E, E)})
        self.output_bias = nn.Parameter(torch.zeros(n_target))
        for table in (self.encoder["embedding"], self.decoder["embedding"]):
            nn.init.normal_(table.weight, std=table.weight.shape[1] ** -0.5)

    def encode(self, source, drop=(0, 0, 0), half=False):
        """source [B, S], all of one length -> values [B, S, D], first state [B, H]. drop: embeddings, states, readout."""
        x = F.dropout(self.encoder["embedding"](source.t()), drop[0])
        out, last = gru(self.encoder["rnn"], x, dropout=drop[0], half=half)
        out = F.dropout(out, drop[1])
        return out.transpose(0, 1).contiguous(), torch.tanh(self.bridge(F.dropout(last, drop[1])))

    def prepare(self, values, half=False):
        """What the loop takes of the encoder's outputs: keys [B, S, H], gates [B, S, 3H]."""
        w_ic = self.decoder["rnn"].weight_ih_l0[:, self.width:]
        return (apply_weight(self.attention["general"].weight.t() / self.temperature, values, half),
                apply_weight(w_ic, values, half))

    def states(self, emb, start, keys, gates, half=False):
        """emb [T, B, E] -> states [T, B, H], weights [T, B, S]."""
        rnn = self.decoder["rnn"]
        x = apply_weight(rnn.weight_ih_l0[:, :self.width], emb, half) + rnn.bias_ih_l0
        return AttentionGRU.apply(x, start, keys, gates, rnn.weight_hh_l0, rnn.bias_hh_l0, half)

    def output(self, state, context, emb, drop=0.0, half=False):
        """[.., H], [.., D], [.., E] -> logits [.., V]."""
        r = torch.tanh(linear(self.decoder["readout"], torch.cat([state, context, emb], -1), half))
        return apply_weight(self.decoder["embedding"].weight, F.dropout(r, drop), half) + self.output_bias

    def forward(self, source, target_in, drop=(0, 0, 0), half=False):
        """Training: logits [B, T, V] under the given targets."""
        values, start = self.encode(source, drop, half)
        emb = F.dropout(self.decoder["embedding"](target_in.t()), drop[0])
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
