"""PyTorch's side of bench/peers/run on whole tasks: greedy or beam search with a model of tools/g2p_model.py's family.

usage: peer_seq2seq.py MODEL SHARD KIND BEAM THREADS; commands as in exchange.py, `write` makes JSON: the outputs by record.
KIND is the loop that runs:

    loop    as a competent user writes it: sorted batches, nn.GRU on packed sequences, a decoder step of nn modules for the
            whole batch until all of it has ended, back pointers followed once at the end
    expert  tools/bench_torch_g2p.py: gates by hand, input gates tabled, keys projected once, ended words dropped; batches of
            one length only

What is counted is from token numbers to output strings, without reading, tokenizing and writing.
"""
import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))

import blas_env

THREADS = int(sys.argv[5])
blas_env.choose(THREADS)

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import exchange
from bench_torch_g2p import Runner, read_words
from g2p_model import load, source_ids, step_limit

NEVER = float("-inf")


class Loop:
    def __init__(self, model, target):
        d, g = model.config["decoder"], model.config.get("generation", {})
        self.model, self.names = model, target.tokens
        self.bos, self.eos = target.ids[d["bos"]], target.ids[d["eos"]]
        self.min_length = g.get("min_length", 0)

    def encode(self, source, length):
        """source [S, B] sorted by length, the longest first."""
        model = self.model
        out, last = model.encoder["rnn"](pack_padded_sequence(model.encoder["embedding"](source), length))
        values, _ = pad_packed_sequence(out, batch_first=True)
        state = torch.tanh(model.bridge(torch.cat([last[-2], last[-1]], 1))).view(len(length), model.layers, -1)
        padding = torch.arange(values.shape[1]).unsqueeze(0) >= length.unsqueeze(1)
        return values, padding, state.transpose(0, 1).contiguous()

    def step(self, tokens, state, values, padding):
        decoder = self.model.decoder
        emb = decoder["embedding"](tokens)
        out, state = decoder["rnn"](emb.unsqueeze(0), state)
        query = self.model.attention["general"](out[0]) / self.model.temperature
        score = torch.bmm(values, query.unsqueeze(2)).squeeze(2).masked_fill(padding, NEVER)
        context = torch.bmm(F.softmax(score, 1).unsqueeze(1), values).squeeze(1)
        parts = {"state": out[0], "context": context, "embedding": emb}
        readout = torch.tanh(decoder["readout"](torch.cat([parts[i] for i in self.model.readout_inputs], 1)))
        return decoder["output"](readout), state

    def text(self, tokens):
        return " ".join(self.names[t] for t in (tokens[:tokens.index(self.eos)] if self.eos in tokens else tokens))

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
            score, rank = logp.masked_fill(~done, NEVER).max(1)
            better = score > best
            best, best_step, best_rank = torch.where(better, score, best), best_step.masked_fill(better, t), torch.where(better, rank, best_rank)
            logp = logp.masked_fill(done, NEVER)
            if not bool((logp.max(1).values > best).any()):
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


class Peer:
    def __init__(self, folder, shard, kind, beam):
        model, source, target = load(folder)
        self.ids = [source_ids(w, source, model.config) for w in read_words(shard)]
        self.limit = [step_limit(len(x), model.config) for x in self.ids]
        self.beam, self.expert = beam, kind == "expert"
        self.engine = Runner(model, source, target) if self.expert else Loop(model, target)

    def load(self, path):
        self.batches = []
        for longest, records in exchange.read_batches(path):
            ids = [self.ids[r] for r in records]
            x = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
            if self.expert:
                self.batches.append((records, (x,)))
            else:
                self.batches.append((records, (x.t().contiguous(), torch.tensor([len(row) for row in ids]),
                                               torch.tensor([self.limit[r] for r in records]))))

    def run(self):
        out = {}
        for records, arguments in self.batches:
            found = self.engine.greedy(*arguments) if self.beam == 1 else self.engine.beam(*arguments, self.beam)
            out.update(zip(records, found))
        return out

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.run(), f)


def main():
    torch.set_num_threads(THREADS)
    peer = Peer(*sys.argv[1:4], int(sys.argv[4]))
    with torch.inference_mode():
        exchange.serve(peer, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
