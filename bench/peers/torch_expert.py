"""The expert's loop of peer_seq2seq.py and torch_g2p.py, on models of the families of tools/g2p_model.py and translation_model.py.

What is tuned: batches of one length, so nothing is padded; the input gates of the decoder looked up instead of multiplied;
in-place gate arithmetic with one product a step; the attention keys projected once; finished words dropped from the batch;
greedy takes the arg-max of the logits, no softmax.
"""
import torch
import torch.nn.functional as F

from g2p_model import parameters, step_limit
from torch_loops import NEVER, Search, Translation


class Runner(Search):
    def __init__(self, model, target):
        super().__init__(model, target)
        rnn = model.decoder["rnn"]
        self.gates = [[p.detach() for p in parameters(rnn, k)] for k in range(model.layers)]
        w_ih, _, b_ih, _ = self.gates[0]
        embedding = model.decoder["embedding"].weight.detach()
        self.table = torch.addmm(b_ih, embedding, w_ih[:, :embedding.shape[1]].t())
        self.project = model.attention["general"].weight.detach() / model.temperature

    @staticmethod
    def cell(gi, h, w_hh, b_hh):
        """gi [B, 3H] is overwritten."""
        H = h.shape[1]
        gh = torch.addmm(b_hh, h, w_hh.t())
        rz = gi[:, :2 * H].add_(gh[:, :2 * H]).sigmoid_()
        n = gi[:, 2 * H:].addcmul_(rz[:, :H], gh[:, 2 * H:]).tanh_()
        return torch.lerp(n, h, rz[:, H:])

    def encode(self, source):
        x = self.model.encoder["embedding"](source.t())
        rnn = self.model.encoder["rnn"]
        T, B, H = x.shape[0], x.shape[1], rnn.hidden_size
        for k in range(rnn.num_layers):
            out = x.new_empty(T, B, 2 * H)
            last = []
            for d, suffix in enumerate(("", "_reverse")):
                w_ih, w_hh, b_ih, b_hh = parameters(rnn, f"{k}{suffix}")
                gi = torch.addmm(b_ih, x.view(T * B, -1), w_ih.t()).view(T, B, 3 * H)
                h = x.new_zeros(B, H)
                for t in range(T) if d == 0 else range(T - 1, -1, -1):
                    h = self.cell(gi[t], h, w_hh, b_hh)
                    out[t, :, d * H:(d + 1) * H] = h
                last.append(h)
            x = out
        state = torch.tanh(self.model.bridge(torch.cat(last, 1))).view(B, self.model.layers, -1)
        return x.transpose(0, 1).contiguous(), [state[:, k] for k in range(self.model.layers)]

    @staticmethod
    def context(query, keys, values):
        weights = F.softmax(torch.bmm(keys, query.unsqueeze(2)), 1)
        return torch.bmm(weights.transpose(1, 2), values).squeeze(1)

    def step(self, tokens, state, keys, values):
        x, new = None, []
        for k, (w_ih, w_hh, b_ih, b_hh) in enumerate(self.gates):
            gi = self.table[tokens] if k == 0 else torch.addmm(b_ih, x, w_ih.t())
            x = self.cell(gi, state[k], w_hh, b_hh)
            new.append(x)
        emb = self.model.decoder["embedding"](tokens)
        parts = {"state": x, "context": self.context(x, keys, values), "embedding": emb}
        r = torch.tanh(self.model.decoder["readout"](torch.cat([parts[i] for i in self.model.readout_inputs], 1)))
        return self.model.decoder["output"](r), new

    def keys(self, values):
        """(W q)·k = q·(Wᵀ k): the product is made once for each position."""
        return (values.view(-1, values.shape[2]) @ self.project).view(values.shape[0], values.shape[1], -1)

    def greedy(self, source):
        values, state = self.encode(source)
        keys = self.keys(values)
        B, S = source.shape
        limit = step_limit(S, self.model.config)
        out = torch.full((B, limit), self.eos)
        live = torch.arange(B)
        tokens = torch.full((B,), self.bos)
        for t in range(limit):
            logits, state = self.step(tokens, state, keys, values)
            if t < self.min_length:
                logits[:, self.eos] = NEVER
            tokens = logits.argmax(1)
            out[live, t] = tokens
            going = tokens != self.eos
            n = int(going.sum())
            if n == 0:
                break
            if n < 0.8 * len(live):
                pick = torch.nonzero(going).view(-1)
                live, tokens, keys, values = live[pick], tokens[pick], keys[pick], values[pick]
                state = [s[pick] for s in state]
        return [self.text(row) for row in out.tolist()]

    def beam(self, source, beam):
        """The search of a word stops when no live one can win, which is at its best when it is longest."""
        B, S = source.shape
        limit = step_limit(S, self.model.config)
        values, state = self.encode(source)
        keys = self.keys(values)
        values, keys = values.repeat_interleave(beam, 0), keys.repeat_interleave(beam, 0)
        state = [s.repeat_interleave(beam, 0) for s in state]
        logp = torch.full((B, beam), NEVER)
        logp[:, 0] = 0
        tokens = torch.full((B * beam,), self.bos)
        history = torch.zeros(B, beam, 0, dtype=torch.long)
        live, best, best_score = list(range(B)), [[] for _ in range(B)], torch.full((B,), NEVER)
        for t in range(limit):
            logits, state = self.step(tokens, state, keys, values)
            V, b = logits.shape[1], len(live)
            lp = F.log_softmax(logits, 1)
            if t < self.min_length:
                lp[:, self.eos] = NEVER
            total = (logp.unsqueeze(2) + lp.view(b, beam, V)).view(b, -1)
            logp, pick = total.topk(beam, 1)
            parent, token = torch.div(pick, V, rounding_mode="floor"), pick % V
            history = torch.cat([history.gather(1, parent.unsqueeze(2).expand(-1, -1, t)), token.unsqueeze(2)], 2)
            done = token == self.eos if t + 1 < limit else torch.ones_like(token, dtype=torch.bool)
            top, where = self.score(logp, t + 1).masked_fill(~done, NEVER).max(1)
            for i in torch.nonzero(top > best_score).view(-1).tolist():
                best[live[i]] = history[i, where[i]].tolist()
            best_score = torch.maximum(best_score, top)
            logp = logp.masked_fill(done, NEVER)
            rows = torch.nonzero(self.score(logp, limit).max(1).values > best_score).view(-1)
            if len(rows) == 0:
                break
            source_rows = (torch.arange(b).unsqueeze(1) * beam + parent)[rows].view(-1)
            state = [s[source_rows] for s in state]
            if len(rows) < b:
                live = [live[i] for i in rows.tolist()]
                logp, history, token, best_score = logp[rows], history[rows], token[rows], best_score[rows]
                all_rows = (rows.unsqueeze(1) * beam + torch.arange(beam)).view(-1)
                values, keys = values[all_rows], keys[all_rows]
            tokens = token.view(-1)
        return [self.text(row) for row in best]


class TranslationRunner(Translation, Runner):
    def __init__(self, model, target):
        super().__init__(model, target)
        self.of_context = self.gates[0][0][:, model.width:].t().contiguous()

    def step(self, tokens, state, keys, values):
        _, w_hh, _, b_hh = self.gates[0]
        context = self.context(state[0], keys, values)
        x = self.cell(torch.addmm(self.table[tokens], context, self.of_context), state[0], w_hh, b_hh)
        return self.model.output(x, context, self.model.decoder["embedding"](tokens)), [x]
