"""The loop of peer_seq2seq.py that a competent user writes, and what the expert's (torch_expert.py) shares with it.

Sorted batches, nn.GRU on packed sequences, a decoder step of nn modules for the whole batch until all of it has ended, back
pointers followed once at the end. A search stops when no live hypothesis can win, which is at its best when it is longest.
"""
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import bpe

NEVER = float("-inf")


class Search:
    """What every loop needs of the model and its target vocabulary."""

    def __init__(self, model, target):
        d, g = model.config["decoder"], model.config.get("generation", {})
        self.model, self.names = model, target.tokens
        self.bos, self.eos = target.ids[d["bos"]], target.ids[d["eos"]]
        self.min_length = g.get("min_length", 0)

    def text(self, tokens):
        """Up to the end token."""
        return self.join([self.names[t] for t in (tokens[:tokens.index(self.eos)] if self.eos in tokens else tokens)])

    @staticmethod
    def join(names):
        return " ".join(names)

    def score(self, logp, steps):
        """What hypotheses of so many steps are compared by."""
        return logp


class Loop(Search):
    def encode(self, source, length):
        """source [S, B] sorted by length, the longest first."""
        model = self.model
        out, last = model.encoder["rnn"](pack_padded_sequence(model.encoder["embedding"](source), length))
        values, _ = pad_packed_sequence(out, batch_first=True)
        state = torch.tanh(model.bridge(torch.cat([last[-2], last[-1]], 1))).view(len(length), model.layers, -1)
        padding = torch.arange(values.shape[1]).unsqueeze(0) >= length.unsqueeze(1)
        return values, padding, state.transpose(0, 1).contiguous()

    def attend(self, query, values, padding):
        query = self.model.attention["general"](query) / self.model.temperature
        score = torch.bmm(values, query.unsqueeze(2)).squeeze(2).masked_fill(padding, NEVER)
        return torch.bmm(F.softmax(score, 1).unsqueeze(1), values).squeeze(1)

    def step(self, tokens, state, values, padding):
        decoder = self.model.decoder
        emb = decoder["embedding"](tokens)
        out, state = decoder["rnn"](emb.unsqueeze(0), state)
        parts = {"state": out[0], "context": self.attend(out[0], values, padding), "embedding": emb}
        readout = torch.tanh(decoder["readout"](torch.cat([parts[i] for i in self.model.readout_inputs], 1)))
        return decoder["output"](readout), state

    def greedy(self, source, length, limit):
        values, padding, state = self.encode(source, length)
        tokens = torch.full((len(length),), self.bos)
        ended, taken = torch.zeros(len(length), dtype=torch.bool), []
        for t in range(int(limit.max())):
            logits, state = self.step(tokens, state, values, padding)
            if t < self.min_length:
                logits[:, self.eos] = NEVER
            tokens = logits.argmax(1).masked_fill(ended | (t >= limit), self.eos)
            taken.append(tokens)
            ended |= tokens == self.eos
            if bool(ended.all()):
                break
        return [self.text(row) for row in torch.stack(taken, 1).tolist()]

    def beam(self, source, length, limit, beam):
        values, padding, state = self.encode(source, length)
        n = len(length)
        values, padding = values.repeat_interleave(beam, 0), padding.repeat_interleave(beam, 0)
        state = state.repeat_interleave(beam, 1)
        logp = torch.full((n, beam), NEVER)
        logp[:, 0] = 0
        tokens, first = torch.full((n * beam,), self.bos), (torch.arange(n) * beam).unsqueeze(1)
        parents, taken = [], []
        best, best_step, best_rank = torch.full((n,), NEVER), torch.zeros(n, dtype=torch.long), torch.zeros(n, dtype=torch.long)
        for t in range(int(limit.max())):
            logits, state = self.step(tokens, state, values, padding)
            lp = F.log_softmax(logits, 1)
            if t < self.min_length:
                lp[:, self.eos] = NEVER
            total = (logp.view(-1, 1) + lp).view(n, -1)
            logp, pick = total.topk(beam, 1)
            parent, token = torch.div(pick, lp.shape[1], rounding_mode="floor"), pick % lp.shape[1]
            parents.append(parent)
            taken.append(token)
            done = (token == self.eos) | (t + 1 >= limit).unsqueeze(1)
            score, rank = self.score(logp, t + 1).masked_fill(~done, NEVER).max(1)
            better = score > best
            best, best_step, best_rank = torch.where(better, score, best), best_step.masked_fill(better, t), torch.where(better, rank, best_rank)
            logp = logp.masked_fill(done, NEVER)
            if not bool((self.score(logp, limit.unsqueeze(1)).max(1).values > best).any()):
                break
            state = state.index_select(1, (first + parent).view(-1))
            tokens = token.view(-1)
        parents, taken = [p.tolist() for p in parents], [t.tolist() for t in taken]
        return [self.trace(parents, taken, i, s, r) for i, (s, r) in enumerate(zip(best_step.tolist(), best_rank.tolist()))]

    def trace(self, parents, taken, sentence, step, rank):
        tokens = []
        for t in range(step, -1, -1):
            tokens.append(taken[t][sentence][rank])
            rank = parents[t][sentence][rank]
        return self.text(tokens[::-1])


class Translation:
    """Scores are means over the steps, pieces are joined."""
    join = staticmethod(bpe.join)

    def score(self, logp, steps):
        return logp / steps


class TranslationLoop(Translation, Loop):
    def step(self, tokens, state, values, padding):
        """Attention by the state before the step, which reads what comes of it."""
        emb = self.model.decoder["embedding"](tokens)
        context = self.attend(state[-1], values, padding)
        out, state = self.model.decoder["rnn"](torch.cat([emb, context], 1).unsqueeze(0), state)
        return self.model.output(out[0], context, emb), state
