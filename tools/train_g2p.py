#!/usr/bin/python3
"""Trains a grapheme-to-phoneme model (GRU encoder, attention decoder) on CMUdict with PyTorch, on CPUs.

Data-parallel: every worker process computes the gradient of its own batch on one thread; parameters and gradients lie
in shared memory. Batches hold words of one length, so the encoder sees no padding. The learning rate warms up and
falls as a half cosine over the epochs (or over a wall-clock budget); an exponential average of the weights is what
is evaluated and kept. Writes to OUT: last.pt (raw and averaged weights, history), average.pt (the averaged ones alone), best.pt
(those of the best dev WER), config.json and the two vocabularies.

With --teacher it learns from other models too, also on words without a known pronunciation (--more; g2p_teacher.py).

    train_g2p.py --data DIR --out RUN            (with --bf16 on a CPU that has AVX512-BF16: 1.5 times as fast)
    export_torch.py RUN/best.pt RUN/config.json models/g2p-en --dtype f16
"""
import argparse
import json
import os
import random
import time

import blas_env

blas_env.choose()

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

from g2p_model import G2P, load, pronounce
from g2p_teacher import Teacher
from score_g2p import lines, score
from training import Optimizer, flatten, save, target_tensors
from vocabulary import Vocab


def read_pairs(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t")[:2] for line in f if "\t" in line]


def split_words(pairs, dev_words, seed):
    """Carves the development set out by word: all pronunciations of a word go to the same side."""
    words = sorted({w for w, _ in pairs})
    dev = set(random.Random(seed).sample(words, dev_words))
    alternatives = {}
    for w, p in pairs:
        if w in dev:
            alternatives.setdefault(w, []).append(p)
    return [(w, p) for w, p in pairs if w not in dev], sorted(alternatives.items())


def make_config(a):
    return {
        "model_type": "seq2seq",
        "source": {"tokenizer": {"type": "char", "vocab": "source.vocab", "lowercase": True, "bos": None, "eos": "</s>"},
                   "embedding_dim": a.embedding},
        "encoder": {"hidden_size": a.encoder, "num_layers": a.encoder_layers, "bidirectional": True},
        "attention": {"score": "general", "temperature": a.temperature},
        "decoder": {"vocab": "target.vocab", "tokenizer": {"type": "whitespace"}, "bos": "<s>", "eos": "</s>",
                    "embedding_dim": a.embedding, "hidden_size": a.decoder, "num_layers": a.decoder_layers,
                    "bridge": "linear_tanh", "attention": {"query": "state"}, "input": ["embedding"],
                    "readout": {"inputs": ["state", "context", "embedding"], "size": a.readout, "activation": "tanh"}},
        "generation": {"beam_size": 1, "max_length_factor": 2},
    }


def spoil(word, rng, p_unk, p_mark):
    """Now and then a letter becomes unknown, and a hyphen or full stop (which CMUdict's split lacks) is put in."""
    chars = [None if rng.random() < p_unk else c for c in word.lower()]
    if len(chars) > 2 and rng.random() < p_mark:
        chars.insert(rng.randrange(1, len(chars) + 1), rng.choice("-."))
    return chars


def batches(pairs, source, target, config, size, rng, a):
    """One epoch: lists of (source ids, target ids, number of the pair), each of one source length, in random order."""
    unk, eos = source.ids["<unk>"], source.ids[config["source"]["tokenizer"]["eos"]]
    by_length = {}
    for number, (w, p) in enumerate(pairs):
        s = [source.ids.get(c, unk) for c in spoil(w, rng, a.p_unk, a.p_mark)] + [eos]
        by_length.setdefault(len(s), []).append((s, p, number))
    out = []
    for items in by_length.values():
        rng.shuffle(items)
        out += [items[k:k + size] for k in range(0, len(items), size)]
    rng.shuffle(out)
    return out


class Shared:
    """What the worker processes share: parameters, each one's gradients, averaged parameters; `begun`: when, and the progress."""

    def __init__(self, a, flat, average):
        self.flat, self.average = flat.share_memory_(), average.share_memory_()
        self.grads = torch.zeros(a.workers, flat.numel()).share_memory_()
        self.begun = torch.tensor([time.time(), 0], dtype=torch.float64).share_memory_()
        self.context = mp.get_context("fork")
        self.barrier = self.context.Barrier(a.workers)


class Worker:
    """One process: the gradient of its own batch at every step, a share of the parameters to step."""

    def __init__(self, rank, a, config, source, target, shared, teacher):
        torch.set_num_threads(1)
        torch.manual_seed(a.seed * 1000 + rank)
        self.rank, self.a, self.config, self.source, self.target, self.shared = rank, a, config, source, target, shared
        self.teacher = teacher
        self.model, self.shadow = (G2P(config, len(source), len(target)) for _ in range(2))
        flatten(self.model, shared.flat, shared.grads[rank])
        flatten(self.shadow, shared.average)
        share = (shared.flat.numel() + a.workers - 1) // a.workers
        self.mine = slice(rank * share, min(shared.flat.numel(), (rank + 1) * share))
        self.rng = random.Random(a.seed)
        self.best, self.history = None, []
        self.epoch, self.steps, self.progress = 0, 0, 0.0
        if a.resume:
            self.history = torch.load(a.resume)["history"]
            self.epoch, self.steps = self.history[-1]["epoch"], self.history[-1]["steps"]
            self.progress = a.resume_at if a.budget_minutes else self.epoch / a.epochs
            self.rng.seed(a.seed * 1000 + self.epoch)
        self.optimizer = Optimizer(a, shared.flat, shared.average, self.mine, self.steps)

    def run(self, pairs, dev):
        while self.progress < 1:
            self.epoch += 1
            first, since = self.optimizer.steps, time.time()
            seen, total = self.run_epoch(pairs, first, since)
            if not self.a.budget_minutes:
                self.progress = self.epoch / self.a.epochs
            if self.rank == 0:
                self.report(dev, total / max(1, self.steps - first), seen / (time.time() - since))
            self.shared.barrier.wait()

    def run_epoch(self, pairs, first, since):
        """-> pairs seen by all, sum of the losses"""
        a, seen, total = self.a, 0, 0.0
        todo = batches(pairs, self.source, self.target, self.config, a.batch, self.rng, a)
        todo = todo[:len(todo) // a.workers * a.workers]
        for k in range(0, len(todo), a.workers):
            self.look_at_the_clock(k, len(todo))
            if self.progress >= 1:
                break
            total += self.step(todo[k + self.rank])
            seen += len(todo[k + self.rank]) * a.workers
            if self.rank == 0 and self.steps % 200 == 0:
                print(f"  step {self.steps} loss {total / (self.steps - first):.4f} {seen / (time.time() - since):.0f} pairs/s",
                      flush=True)
        return seen, total

    def look_at_the_clock(self, k, of):
        a, begun = self.a, self.shared.begun
        if not a.budget_minutes:
            self.progress = (self.epoch - 1 + k / of) / a.epochs
        elif k % (a.workers * 16) == 0:
            if self.rank == 0:
                begun[1] = a.resume_at + (1 - a.resume_at) * (time.time() - begun[0]) / 60 / a.budget_minutes
            self.shared.barrier.wait()
            self.progress = float(begun[1])

    def step(self, batch):
        a, shared = self.a, self.shared
        words, phonemes, numbers = zip(*batch)
        x = torch.tensor(words)
        given, wanted = target_tensors(phonemes, self.target.ids["<s>"], self.target.ids["</s>"])
        shared.grads[self.rank].zero_()
        logits = self.model(x, given, a.dropout, a.bf16, a.sequence_dropout)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[2]), wanted.view(-1), ignore_index=-100, label_smoothing=a.smoothing)
        if self.teacher:
            loss = (1 - a.taught) * loss + a.taught * self.teacher.loss(numbers, [len(p) for p in phonemes], logits)
        loss.backward()
        shared.barrier.wait()
        self.optimizer.step(shared.grads.mean(0), self.progress)
        shared.barrier.wait()
        self.steps = self.optimizer.steps
        return float(loss.detach())

    def report(self, dev, loss, rate):
        """Evaluates what the average has become, and saves it."""
        wer, per = score(pronounce(self.shadow, self.source, self.target, [w for w, _ in dev]), [alt for _, alt in dev])
        minutes = (time.time() - self.shared.begun[0].item()) / 60
        self.history.append({"epoch": self.epoch, "steps": self.steps, "loss": loss, "dev_wer": wer, "dev_per": per, "minutes": minutes})
        print(f"epoch {self.epoch} steps {self.steps} progress {self.progress:.3f} loss {loss:.4f} greedy dev WER {wer:.2f} "
              f"PER {per:.2f} {rate:.0f} pairs/s {minutes:.1f} min", flush=True)
        state = {k: v.clone() for k, v in self.shadow.state_dict().items()}
        save({"raw": {k: v.clone() for k, v in self.model.state_dict().items()}, "average": state, "history": self.history},
             os.path.join(self.a.out, "last.pt"))
        save(state, os.path.join(self.a.out, "average.pt"))
        if self.best is None or wer <= self.best:
            self.best = wer
            save(state, os.path.join(self.a.out, "best.pt"))


def work(rank, a, config, source, target, shared, teacher, pairs, dev):
    Worker(rank, a, config, source, target, shared, teacher).run(pairs, dev)


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with g014b2b.train")
    p.add_argument("--out", required=True, help="directory for checkpoints, config and vocabularies")
    p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--budget-minutes", type=float, help="end after this time instead of after --epochs")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--batch", type=int, default=64, help="pairs a worker and step")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--lr-end", type=float, default=1e-5)
    p.add_argument("--warmup", type=int, default=400, help="steps")
    p.add_argument("--dropout", type=float, default=0.25)
    p.add_argument("--sequence-dropout", action="store_true",
                   help="embeddings, states and encoder outputs lose the same units all along a word")
    p.add_argument("--smoothing", type=float, default=0.1)
    p.add_argument("--decay", type=float, default=0.01, help="decoupled weight decay")
    p.add_argument("--clip", type=float, default=2.0)
    p.add_argument("--ema", type=float, default=0.9997)
    p.add_argument("--embedding", type=int, default=128)
    p.add_argument("--encoder", type=int, default=256)
    p.add_argument("--encoder-layers", type=int, default=2)
    p.add_argument("--decoder", type=int, default=512)
    p.add_argument("--decoder-layers", type=int, default=1)
    p.add_argument("--readout", type=int, default=256)
    p.add_argument("--temperature", type=float, default=20,
                   help="divides the attention scores, which would grow until the softmax is saturated")
    p.add_argument("--dev-words", type=int, default=2000)
    p.add_argument("--p-unk", type=float, default=0.002, help="chance of a letter to be unknown")
    p.add_argument("--p-mark", type=float, default=0.01, help="chance of a word to get a hyphen or full stop")
    p.add_argument("--bf16", action="store_true", help="products with bfloat16 operands (faster with AVX512-BF16)")
    p.add_argument("--teacher", metavar="MODEL", action="append", default=[], help="learn its probabilities too; may be repeated")
    p.add_argument("--taught", type=float, default=0.8, help="the weight of that")
    p.add_argument("--more", metavar="OUTPUT", help="words and what the teachers answer: an output shard of grus run")
    p.add_argument("--start", metavar="MODEL", help="begin with its weights")
    p.add_argument("--resume", metavar="LAST.PT", help="go on from there (the optimizer's moments start anew)")
    p.add_argument("--resume-at", type=float, default=0, help="with --budget-minutes: the part of the schedule already done")
    return p.parse_args()


def prepare(a):
    """-> training pairs, development words, configuration, both vocabularies; the last three are written."""
    pairs = read_pairs(os.path.join(a.data, "g014b2b.train"))
    train, dev = split_words(pairs, a.dev_words, 1)                  # one split for all seeds, so that models go together
    letters = sorted({c for w, _ in pairs for c in w.lower()} | set("-."))
    phonemes = sorted({t for _, q in pairs for t in q.split()})
    source, target = Vocab(["<unk>", "</s>"] + letters), Vocab(["<s>", "</s>"] + phonemes)
    config = make_config(a)
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    source.write(os.path.join(a.out, "source.vocab"))
    target.write(os.path.join(a.out, "target.vocab"))
    return train, dev, config, source, target


def flat_parameters(model):
    return torch.cat([q.data.view(-1) for q in model.parameters()])


def make_model(a, config, source, target):
    """-> its parameters, and their average, which is where they are but when a run goes on"""
    model = G2P(config, len(source), len(target))
    if a.start:
        model.load_state_dict(load(a.start)[0].state_dict())
    if not a.resume:
        return flat_parameters(model), flat_parameters(model)
    saved, flat = torch.load(a.resume), []
    for name in ("raw", "average"):
        model.load_state_dict(saved[name])
        flat.append(flat_parameters(model))
    return flat


def main():
    a = parse()
    train, dev, config, source, target = prepare(a)
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    shared = Shared(a, *make_model(a, config, source, target))
    if a.more:
        train += [(r["text"], r["output"]) for r in map(json.loads, lines(a.more)) if r.get("output")]
    pairs = [(w, [target.ids[t] for t in p.split()]) for w, p in train]
    print(f"{len(pairs)} pairs, {len(dev)} dev words, {shared.flat.numel()} parameters; {vars(a)}", flush=True)
    teacher = Teacher(a.teacher, pairs, source, target, a.bf16) if a.teacher else None
    team = [shared.context.Process(target=work, args=(r, a, config, source, target, shared, teacher, pairs, dev)) for r in range(a.workers)]
    for t in team:
        t.start()
    for t in team:
        t.join()
    return max(abs(t.exitcode) for t in team)


if __name__ == "__main__":
    raise SystemExit(main())
