#!/usr/bin/python3
"""Trains a summariser (GRU encoder, attention decoder) on descriptions of Debian's packages with PyTorch, on one CPU core.

Data are those of debian_descriptions.py. Texts are cut by joint byte-pair codes (bpe.py), which are learnt first; of a source the
first --longest pieces are read in training. Batches hold sources of one length, so the encoder sees no padding. The learning rate
warms up and falls as a half cosine over the epochs; an exponential average of the weights is what is evaluated and kept. Writes to
OUT: last.pt (raw and averaged weights, history), best.pt (averaged weights of the best greedy dev ROUGE-L), config.json, the codes
and the vocabulary.

    debian_descriptions.py fetch DATA --state LISTS
    train_summaries.py --data DATA --out RUN
    export_torch.py RUN/best.pt RUN/config.json models/debian-summaries --dtype int8 --rename output_bias=decoder.output.bias
"""
import argparse
import collections
import json
import os
import random
import time

import blas_env

blas_env.choose()

import torch
import torch.nn.functional as F

import bpe
from score_rouge import rouge
from seq2seq_model import Seq2seq, greedy
from training import add_options, optimize, save, target_tensors, write_config
from vocabulary import Vocab


def make_config(a):
    return {
        "model_type": "seq2seq",
        "source": {"tokenizer": {"type": "bpe", "codes": "bpe.codes", "vocab": "pieces.vocab", "lowercase": True, "eos": "</s>"},
                   "embedding_dim": a.embedding},
        "encoder": {"hidden_size": a.encoder, "num_layers": a.layers, "bidirectional": True},
        "attention": {"score": "general", "temperature": a.temperature},
        "decoder": {"vocab": "pieces.vocab", "tokenizer": {"type": "bpe", "codes": "bpe.codes", "lowercase": True},
                    "bos": "<s>", "eos": "</s>", "embedding_dim": a.embedding, "hidden_size": a.decoder,
                    "bridge": "linear_tanh", "attention": {"query": "state"}, "input": ["embedding"],
                    "readout": {"inputs": ["state", "context", "embedding"], "size": a.embedding, "activation": "tanh"},
                    "tied": True},
        "generation": {"beam_size": 4, "length_norm": "avg", "length_penalty": 1, "max_length_factor": 1, "max_length": 40},
        "tensors": {"encoder.embedding": "decoder.embedding"},
    }


class Data:
    """Pairs as ids, codes and vocabularies; writes what a model directory needs of them to a.out."""

    def __init__(self, a):
        parts = {name: self.read(os.path.join(a.data, f"{name}.jsonl")) for name in ("train", "dev")}
        words = collections.Counter(w for pair in parts["train"] for text in pair for w in text.split())
        path = os.path.join(a.out, "bpe.codes")
        if not os.path.exists(path):
            bpe.write_codes(path, bpe.learn(words, a.merges))
        self.cutter = bpe.Cutter.read(path)
        pieces = [[self.cutter.pieces(text) for text in side] for side in zip(*parts["train"])]
        self.vocab = Vocab(["<unk>", "<s>", "</s>"] + self.frequent(pieces[0] + pieces[1], a.least))
        self.vocab.write(os.path.join(a.out, "pieces.vocab"))
        self.bos, self.eos = self.vocab.ids["<s>"], self.vocab.ids["</s>"]
        self.train = [self.ids(s, t, a.longest) for s, t in zip(*pieces)]
        self.dev = [self.ids(self.cutter.pieces(s), self.cutter.pieces(t), a.longest) for s, t in parts["dev"]]
        self.summaries = [t for _, t in parts["dev"]]
        self.target_length = sum(len(t) + 1 for _, t in self.train) / len(self.train)

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as f:
            records = [json.loads(line) for line in f]
        return [(r["text"], r["expected"]["output"]) for r in records]

    @staticmethod
    def frequent(texts, least):
        found = collections.Counter(t for text in texts for t in text)
        return sorted((t for t in found if found[t] >= least), key=lambda t: (-found[t], t))

    def ids(self, source, target, longest):
        return [self.vocab.ids.get(t, 0) for t in source][:longest] + [self.eos], [self.vocab.ids.get(t, 0) for t in target]


def batches(pairs, tokens, rng):
    """One epoch: lists of pairs of one source length, in random order, of about as many source tokens each."""
    by_length = collections.defaultdict(list)
    for pair in pairs:
        by_length[len(pair[0])].append(pair)
    out = []
    for length, items in by_length.items():
        rng.shuffle(items)
        items.sort(key=lambda p: len(p[1]) + 3 * rng.random())       # targets of about one length together
        size = max(16, min(128, tokens // length))
        out += [items[k:k + size] for k in range(0, len(items), size)]
    rng.shuffle(out)
    return out


def tensors(batch, data):
    return torch.tensor([s for s, _ in batch]), *target_tensors([t for _, t in batch], data.bos, data.eos)


def loss_of(logits, wanted, smoothing):
    """Sum over the tokens; the padding is left out before the softmax."""
    rows = wanted.reshape(-1) != -100
    return F.cross_entropy(logits.reshape(-1, logits.shape[2])[rows], wanted.reshape(-1)[rows], label_smoothing=smoothing, reduction="sum")


def guide_loss(weights, source, wanted):
    """Guided attention: sum over the target pieces that the source has of -log of the weight of the places where it has them."""
    same = wanted.unsqueeze(2) == source.unsqueeze(1)
    rows = same.any(2)
    return -((weights * same).sum(2)[rows] + 1e-6).log().sum()


@torch.no_grad()
def evaluate(model, data):
    """On the development set: loss a token without smoothing, and greedy ROUGE-L."""
    by_length = collections.defaultdict(list)
    for i, (s, _) in enumerate(data.dev):
        by_length[len(s)].append(i)
    total, n, found = 0.0, 0, [None] * len(data.dev)
    for rows in by_length.values():
        x, given, wanted = tensors([data.dev[i] for i in rows], data)
        total += float(loss_of(model(x, given)[0], wanted, 0.0))
        n += int((wanted != -100).sum())
        for i, row in zip(rows, greedy(model, x, data.bos, data.eos, 40)[0]):
            found[i] = bpe.join([data.vocab.tokens[k] for k in row])
    return total / n, rouge(found, data.summaries)[2]


def state(model):
    """Tensors by the names that the exporter looks for; the source's table is the target's."""
    out = {k: v.clone() for k, v in model.state_dict().items()}
    return dict(out, **{"encoder.embedding.weight": out["decoder.embedding.weight"]})


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with train.jsonl and dev.jsonl")
    p.add_argument("--out", required=True, help="directory for checkpoints, config, codes and vocabularies")
    p.add_argument("--epochs", type=int, default=7)
    p.add_argument("--minutes", type=float, help="go by the clock instead: the learning rate is at its end after so many")
    p.add_argument("--resume", metavar="LAST.PT", help="go on from there (the optimizer's moments start anew)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--merges", type=int, default=8000)
    p.add_argument("--least", type=int, default=3, help="pieces less frequent are unknown")
    p.add_argument("--longest", type=int, default=80, help="pieces of a source")
    p.add_argument("--batch", type=int, default=3072, help="source pieces a step, about")
    p.add_argument("--dropout", type=float, default=0.2)
    p.add_argument("--p-unk", type=float, default=0.002, help="chance of a source token to be unknown")
    p.add_argument("--embedding", type=int, default=192, help="size of embeddings and readout")
    p.add_argument("--encoder", type=int, default=256)
    p.add_argument("--layers", type=int, default=1)
    p.add_argument("--decoder", type=int, default=384)
    p.add_argument("--guide", type=float, default=0.5, help="weight of the attention's loss at the start; it falls to nought by half time")
    p.add_argument("--temperature", type=float, default=4, help="divides the attention scores")
    add_options(p, lr=2e-3, lr_end=2e-5, warmup=300, smoothing=0.1, decay=0.01, clip=1.0, ema=0.998)
    return p.parse_args()


class Clock:
    """How much of the training is done, 0 to 1: by epochs, or, behind a resumed part, by the minutes that are left."""

    def __init__(self, a, done):
        self.a, self.done, self.begun, self.now = a, done / a.epochs, time.time(), done / a.epochs

    def look(self, epochs):
        left = self.a.minutes and (time.time() - self.begun) / 60 / self.a.minutes
        self.now = self.done + (1 - self.done) * min(1.0, left) if self.a.minutes else epochs / self.a.epochs
        return self.now

    def minutes(self):
        return (time.time() - self.begun) / 60


def one_epoch(a, epoch, model, gradient, optimizer, data, rng, clock):
    """Returns the loss a token, with smoothing."""
    todo, total, tokens, seen, since = batches(data.train, a.batch, rng), 0.0, 0, 0, time.time()
    for k, batch in enumerate(todo):
        progress = clock.look(epoch - 1 + k / len(todo))
        if progress >= 1:
            break
        x, given, wanted = tensors(batch, data)
        x.masked_fill_(torch.rand(x.shape) < a.p_unk, 0)
        gradient.zero_()
        logits, weights = model(x, given, a.dropout)
        loss = loss_of(logits, wanted, a.smoothing)
        guide = a.guide * max(0.0, 1 - 2 * progress)
        whole = loss + guide * guide_loss(weights, x, wanted) if guide else loss
        (whole / (a.batch / 40 * data.target_length)).backward()        # so a token weighs the same in small batches
        optimizer.step(gradient, progress)
        total, tokens, seen = total + float(loss.detach()), tokens + int((wanted != -100).sum()), seen + len(batch)
        if optimizer.steps % 50 == 0:
            print(f"  step {optimizer.steps} of {len(todo) * a.epochs} loss {total / tokens:.4f} "
                  f"{seen / (time.time() - since):.0f} pairs/s", flush=True)
    clock.look(epoch)
    return total / max(1, tokens)


def main():
    a = options()
    os.makedirs(a.out, exist_ok=True)
    config = make_config(a)
    write_config(config, a.out)
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    data, rng, history = Data(a), random.Random(a.seed), []
    model, shadow = (Seq2seq(config, len(data.vocab), len(data.vocab)) for _ in range(2))
    gradient, optimizer = optimize(a, model, shadow)
    pieces = sum(len(s) for s, _ in data.train)
    print(f"{len(data.train)} pairs, {pieces} pieces, targets of {data.target_length:.1f}; {len(data.vocab)} tokens, "
          f"{len(gradient)} parameters; {vars(a)}", flush=True)
    if a.resume:
        saved = torch.load(a.resume)
        for net, part in ((model, "raw"), (shadow, "average")):
            net.load_state_dict({k: v for k, v in saved[part].items() if k in net.state_dict()})
        history = saved["history"]
        optimizer.steps = history[-1]["steps"]
        rng.seed(a.seed * 1000 + len(history))
    clock = Clock(a, len(history))
    while clock.now < 1:
        epoch = len(history) + 1
        now = {"epoch": epoch, "loss": one_epoch(a, epoch, model, gradient, optimizer, data, rng, clock), "steps": optimizer.steps}
        now["dev_loss"], now["dev_rouge_l"] = evaluate(shadow, data)
        now["minutes"] = clock.minutes()
        best = all(now["dev_rouge_l"] >= h["dev_rouge_l"] for h in history)
        history.append(now)
        print("  ".join(f"{k} {v:.6g}" for k, v in now.items()), flush=True)
        average = state(shadow)
        save({"raw": state(model), "average": average, "history": history}, os.path.join(a.out, "last.pt"))
        if best:
            save(average, os.path.join(a.out, "best.pt"))


if __name__ == "__main__":
    main()
