#!/usr/bin/python3
"""The rival: a tuned PyTorch inference loop over a shard of words, to hold `grus run` against.

float32, on a model directory of the G2P family (g2p_model.py), any sizes. What is tuned: the BLAS kernel; batches of one
length, so nothing is padded; the input gates of the decoder looked up instead of multiplied; in-place gate arithmetic with
one product a step; the attention keys projected once; finished words dropped from the batch; greedy takes the arg-max of
the logits, no softmax; the work is spread over processes, or threads in a process (--jobs PROCESSESxTHREADS). --sweep tries
batch sizes and jobs and takes the best. A faster BLAS can be given by LD_LIBRARY_PATH. The time counted is from tokenized
input to output strings: no reading, no JSON, no writing, no start-up.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import blas_env

blas_env.choose()

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

from g2p_model import load, parameters, source_ids, step_limit


def read_words(path, key="text"):
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    else:
        with open(path, encoding="utf-8", newline="\n") as f:
            data = f.read()
    lines = data.rstrip("\n").split("\n")
    return [json.loads(line)[key] for line in lines] if path.removesuffix(".zst").endswith(".jsonl") else lines


def make_batches(ids, size):
    """Indices of the words by length, the dearest batches first."""
    by_length = {}
    for i, x in enumerate(ids):
        by_length.setdefault(len(x), []).append(i)
    out = [v[k:k + size] for v in by_length.values() for k in range(0, len(v), size)]
    return sorted(out, key=lambda b: -len(b) * len(ids[b[0]]))


class Runner:
    def __init__(self, model, source, target):
        self.model, self.target = model, target
        d = model.config["decoder"]
        self.bos, self.eos = target.ids[d["bos"]], target.ids[d["eos"]]
        self.min_length = model.config.get("generation", {}).get("min_length", 0)
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

    def text(self, tokens):
        """Up to the end token."""
        return self.join([self.target.tokens[k] for k in (tokens[:tokens.index(self.eos)] if self.eos in tokens else tokens)])

    @staticmethod
    def join(names):
        return " ".join(names)

    def score(self, logp, steps):
        """What hypotheses of so many steps are compared by."""
        return logp

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
                logits[:, self.eos] = float("-inf")
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
        logp = torch.full((B, beam), float("-inf"))
        logp[:, 0] = 0
        tokens = torch.full((B * beam,), self.bos)
        history = torch.zeros(B, beam, 0, dtype=torch.long)
        live, best, best_score = list(range(B)), [[] for _ in range(B)], torch.full((B,), float("-inf"))
        for t in range(limit):
            logits, state = self.step(tokens, state, keys, values)
            V, b = logits.shape[1], len(live)
            lp = F.log_softmax(logits, 1)
            if t < self.min_length:
                lp[:, self.eos] = float("-inf")
            total = (logp.unsqueeze(2) + lp.view(b, beam, V)).view(b, -1)
            logp, pick = total.topk(beam, 1)
            parent, token = torch.div(pick, V, rounding_mode="floor"), pick % V
            history = torch.cat([history.gather(1, parent.unsqueeze(2).expand(-1, -1, t)), token.unsqueeze(2)], 2)
            done = token == self.eos if t + 1 < limit else torch.ones_like(token, dtype=torch.bool)
            top, where = self.score(logp, t + 1).masked_fill(~done, float("-inf")).max(1)
            for i in torch.nonzero(top > best_score).view(-1).tolist():
                best[live[i]] = history[i, where[i]].tolist()
            best_score = torch.maximum(best_score, top)
            logp = logp.masked_fill(done, float("-inf"))
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


def work(rank, threads, folder, ids, batches, beam, turn, barrier, results):
    torch.set_num_threads(threads)
    runner = Runner(*load(folder))
    out = {}
    with torch.inference_mode():
        def run(b):
            x = torch.tensor([ids[i] for i in b])
            return runner.greedy(x) if beam == 1 else runner.beam(x, beam)
        run(batches[0][:8])
        barrier.wait()
        begin = time.perf_counter()
        while True:
            with turn.get_lock():
                k = turn.value
                turn.value += 1
            if k >= len(batches):
                break
            out.update(zip(batches[k], run(batches[k])))
        barrier.wait()
        seconds = time.perf_counter() - begin
    results.put((seconds, out, blas_env.in_use()))


def measure(folder, ids, size, jobs, beam):
    """Seconds, output lines and the BLAS in use."""
    processes, threads = jobs
    blas_env.choose(threads)
    context = mp.get_context("spawn")
    barrier, turn, results = context.Barrier(processes), context.Value("l", 0), context.SimpleQueue()
    batches = make_batches(ids, size)
    team = [context.Process(target=work, args=(r, threads, folder, ids, batches, beam, turn, barrier, results))
            for r in range(processes)]
    for p in team:
        p.start()
    seconds, lines, blas = 0.0, {}, ""
    for _ in team:
        s, out, blas = results.get()
        seconds = max(seconds, s)
        lines.update(out)
    for p in team:
        p.join()
    return seconds, [lines[i] for i in range(len(ids))], blas


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="model directory")
    p.add_argument("shard", help=".jsonl or .txt, plain or .zst")
    p.add_argument("--text-key", default="text")
    p.add_argument("--beam", type=int, default=1)
    p.add_argument("--batch", type=int, default=512)
    p.add_argument("--jobs", default="2x1", help="processes x threads each [2x1]")
    p.add_argument("--sweep", action="store_true", help="try batch sizes and jobs on part of the shard, run the best on all of it")
    p.add_argument("--repeat", type=int, default=1, help="measure so often; the best counts")
    p.add_argument("--limit", type=int, help="only the first so many records")
    p.add_argument("--output", help="write the outputs, one line a record")
    p.add_argument("--json", help="write the figures")
    a = p.parse_args()
    model, source, _ = load(a.model)
    ids = [source_ids(w, source, model.config) for w in read_words(a.shard, a.text_key)[:a.limit]]
    size, jobs = a.batch, tuple(int(n) for n in a.jobs.split("x"))
    if a.sweep:
        total = jobs[0] * jobs[1]
        part = ids[:max(6000, len(ids) // 6)]
        best = None
        for j in dict.fromkeys([(total, 1), (1, total)]):
            for n in (64, 128, 256, 512, 1024):
                n = n if a.beam == 1 else max(8, n // a.beam)
                seconds = min(measure(a.model, part, n, j, a.beam)[0] for _ in range(2))
                print(f"jobs {j[0]}x{j[1]} batch {n}: {len(part) / seconds:.0f} words/s", flush=True)
                if best is None or seconds < best[0]:
                    best = seconds, n, j
        _, size, jobs = best
    runs = [measure(a.model, ids, size, jobs, a.beam) for _ in range(a.repeat)]
    seconds, lines, blas = min(runs)
    print(f"PyTorch {torch.__version__} ({blas}), beam {a.beam}, batch {size}, jobs {jobs[0]}x{jobs[1]}: "
          f"{len(ids)} words in {seconds:.2f} s, {len(ids) / seconds:.0f} words/s")
    if a.output:
        with open(a.output, "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump({"engine": f"PyTorch {torch.__version__}", "blas": blas, "beam": a.beam, "batch": size, "processes": jobs[0],
                       "threads": jobs[1], "words": len(ids), "seconds": seconds, "words_per_second": len(ids) / seconds}, f)
            f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
