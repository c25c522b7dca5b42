#!/usr/bin/python3
"""Trains an English-German translation model (GRU encoder, attention decoder) on Multi30k with PyTorch, on one CPU core.

Text is prepared the Moses way (moses_text.py) and cut by joint byte-pair codes (bpe.py), which are learnt first. Batches hold
sources of one length, so the encoder sees no padding. The learning rate warms up and falls as a half cosine over the epochs; an
exponential average of the weights is what is evaluated and kept. Writes to OUT: last.pt (raw and averaged weights, the
optimizer's moments, history), best.pt (averaged weights of the best greedy dev BLEU), config.json, the codes and the two vocabularies.

    train_multi30k.py --data DIR --out RUN            (with --bf16 on a CPU that has AVX512-BF16: 1.5 times as fast)
    export_torch.py RUN/best.pt RUN/config.json models/multi30k-en-de --dtype f16 --rename output_bias=decoder.output.bias
"""
import argparse
import collections
import gzip
import json
import os
import random
import time

import blas_env

blas_env.choose()

import torch
import torch.nn.functional as F

import bpe
from moses_text import prepare
from score_bleu import bleu
from training import Optimizer, flatten, save, target_tensors
from translation_model import Translator, greedy
from vocabulary import Vocab


def read(folder, part, lang):
    with gzip.open(os.path.join(folder, f"{part}.{lang}.gz"), "rt", encoding="utf-8", newline="\n") as f:
        return [prepare(line, lang) for line in f]


def make_config(a):
    kind = {"conditional": True, "input": ["embedding"]} if a.conditional else {
        "attention": {"query": "previous_state"}, "input": ["embedding", "context"]}
    return {
        "model_type": "seq2seq",
        "source": {"tokenizer": {"type": "bpe", "codes": "bpe.codes", "vocab": "source.vocab", "lowercase": True, "eos": "</s>"},
                   "embedding_dim": a.embedding},
        "encoder": {"hidden_size": a.encoder, "num_layers": 2, "bidirectional": True},
        "attention": {"score": "general", "temperature": a.temperature},
        "decoder": {"vocab": "target.vocab", "tokenizer": {"type": "bpe", "codes": "bpe.codes", "lowercase": True},
                    "bos": "<s>", "eos": "</s>", "embedding_dim": a.output, "hidden_size": a.decoder,
                    "bridge": "linear_tanh", **kind,
                    "readout": {"inputs": ["state", "context", "embedding"], "size": a.output, "activation": "tanh"},
                    "tied": True},
        "generation": {"beam_size": 5, "length_norm": "avg", "length_penalty": 1, "max_length_factor": 2},
    }


def vocabulary(cutter, lines, dropout, rng):
    """The pieces of the lines, the most frequent first, and those that several random cuts of them make."""
    pieces = collections.Counter(t for line in lines for t in cutter.pieces(line))
    other = collections.Counter(t for line in lines for t in cutter.pieces(line, dropout, rng)) if dropout else {}
    pieces.update({t: n for t, n in other.items() if t in pieces or n > 2})
    return sorted(pieces, key=lambda t: (-pieces[t], t))


class Data:
    """The pairs as text and as ids, the codes and the vocabularies; writes what a model directory needs of them to a.out."""

    def __init__(self, a):
        self.train, self.dev = ([read(a.data, part, lang) for lang in ("en", "de")] for part in ("train", "val"))
        rng, self.rng = random.Random(1), random.Random(a.seed)      # one vocabulary for all seeds, so that models go together
        words = collections.Counter(w for side in self.train for line in side for w in line.split())
        path = os.path.join(a.out, "bpe.codes")
        bpe.write_codes(path, bpe.learn(words, a.merges))
        self.cutter = bpe.Cutter.read(path)
        seen = [vocabulary(self.cutter, side, a.bpe_dropout, rng) for side in self.train]
        self.source, self.target = Vocab(["<unk>", "</s>"] + seen[0]), Vocab(["<unk>", "<s>", "</s>"] + seen[1])
        self.source.write(os.path.join(a.out, "source.vocab"))
        self.target.write(os.path.join(a.out, "target.vocab"))
        self.bos, self.eos = self.target.ids["<s>"], self.target.ids["</s>"]
        self.target_length = sum(len(t) + 1 for _, t in self.cut(self.train)) / len(self.train[0])

    def ids(self, vocab, line, dropout):
        """A random cut is taken only where the vocabulary has all of it."""
        out = []
        for word in line.split():
            pieces = self.cutter.sample(word, dropout, self.rng) if dropout else self.cutter.word(word)
            found = [vocab.ids.get(t) for t in pieces]
            out += [vocab.ids.get(t, 0) for t in self.cutter.word(word)] if None in found else found
        return out

    def cut(self, side, dropout=(0.0, 0.0)):
        """[(source ids, target ids)] of the training or development set; dropout of source and target."""
        end = [self.source.ids["</s>"]]
        return [(self.ids(self.source, s, dropout[0]) + end, self.ids(self.target, t, dropout[1])) for s, t in zip(*side)]


def batches(pairs, size, rng):
    """One epoch: lists of (source ids, target ids), each of one source length, in random order."""
    by_length = collections.defaultdict(list)
    for pair in pairs:
        by_length[len(pair[0])].append(pair)
    out = []
    for items in by_length.values():
        rng.shuffle(items)
        items.sort(key=lambda p: len(p[1]) + 4 * rng.random())       # targets of about one length together
        out += [items[k:k + size] for k in range(0, len(items), size)]
    rng.shuffle(out)
    return out


def tensors(batch, bos, eos):
    return torch.tensor([s for s, _ in batch]), *target_tensors([t for _, t in batch], bos, eos)


def loss_of(logits, wanted, smoothing):
    """Sum over the tokens."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[2]), wanted.reshape(-1), ignore_index=-100, label_smoothing=smoothing,
                           reduction="sum")


@torch.no_grad()
def evaluate(model, data):
    """On the development set: loss a token without smoothing, and greedy BLEU."""
    pairs = data.cut(data.dev)
    by_length = collections.defaultdict(list)
    for i, (s, _) in enumerate(pairs):
        by_length[len(s)].append(i)
    total, n, found = 0.0, 0, [None] * len(pairs)
    for rows in by_length.values():
        x, given, wanted = tensors([pairs[i] for i in rows], data.bos, data.eos)
        total += float(loss_of(model(x, given), wanted, 0.0))
        n += int((wanted != -100).sum())
        for i, row in zip(rows, greedy(model, x, data.bos, data.eos)):
            found[i] = bpe.join([data.target.tokens[k] for k in row]).split()
    return total / n, bleu(found, [t.split() for t in data.dev[1]])[0]


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with train.en.gz, train.de.gz, val.en.gz, val.de.gz")
    p.add_argument("--out", required=True, help="directory for checkpoints, config, codes and vocabularies")
    p.add_argument("--epochs", type=int, default=44)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--merges", type=int, default=4500)
    p.add_argument("--bpe-dropout", type=float, default=0.1, help="chance of a merge to be left out, in training")
    p.add_argument("--target-dropout-epochs", type=int, default=14,
                   help="after these the target is cut in one way alone, or the model spreads its probability over many")
    p.add_argument("--batch", type=int, default=64, help="pairs a step")
    p.add_argument("--lr", type=float, default=1.5e-3)
    p.add_argument("--lr-end", type=float, default=1e-5)
    p.add_argument("--warmup", type=int, default=500, help="steps")
    p.add_argument("--dropout", type=float, nargs=3, default=(0.3, 0.4, 0.4), metavar=("EMBEDDING", "STATES", "READOUT"))
    p.add_argument("--smoothing", type=float, default=0.1)
    p.add_argument("--sequence-dropout", action="store_true", help="embeddings and states lose the same units all along a sequence")
    p.add_argument("--decay", type=float, default=0.01, help="decoupled weight decay")
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--ema", type=float, default=0.999)
    p.add_argument("--p-unk", type=float, default=0.001, help="chance of a source token to be unknown")
    p.add_argument("--embedding", type=int, default=128)
    p.add_argument("--encoder", type=int, default=256)
    p.add_argument("--decoder", type=int, default=256)
    p.add_argument("--output", type=int, default=160, help="size of target embedding and readout")
    p.add_argument("--conditional", action="store_true", help="the conditional GRU as decoder, in place of Bahdanau's")
    p.add_argument("--temperature", type=float, default=16, help="divides the attention scores, as in g2p-en")
    p.add_argument("--dev-every", type=int, default=1, metavar="EPOCHS", help="how often the development set is translated")
    p.add_argument("--resume", metavar="LAST.PT", help="go on from there")
    p.add_argument("--bf16", action="store_true", help="products with bfloat16 operands (faster with AVX512-BF16)")
    return p.parse_args()


def one_epoch(a, epoch, model, grad, optimizer, data):
    """Returns the loss a token, with smoothing."""
    dropout = a.bpe_dropout, a.bpe_dropout if epoch <= a.target_dropout_epochs else 0.0
    todo, total, tokens, since = batches(data.cut(data.train, dropout), a.batch, data.rng), 0.0, 0, time.time()
    for k, batch in enumerate(todo):
        x, given, wanted = tensors(batch, data.bos, data.eos)
        x.masked_fill_(torch.rand(x.shape) < a.p_unk, 0)
        grad.zero_()
        loss = loss_of(model(x, given, a.dropout, a.bf16, a.sequence_dropout), wanted, a.smoothing)
        (loss / (a.batch * data.target_length)).backward()              # so a token weighs the same in small batches
        optimizer.step(grad, (epoch - 1 + k / len(todo)) / a.epochs)
        total, tokens = total + float(loss.detach()), tokens + int((wanted != -100).sum())
        if optimizer.steps % 100 == 0:
            print(f"  step {optimizer.steps} of {len(todo) * a.epochs} loss {total / tokens:.4f} "
                  f"{tokens / (time.time() - since):.0f} tokens/s", flush=True)
    return total / tokens


def train(a, config, data):
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    model, shadow = (Translator(config, len(data.source), len(data.target)) for _ in range(2))
    flat = torch.cat([q.data.view(-1) for q in model.parameters()])
    average, grad = flat.clone(), torch.zeros_like(flat)
    flatten(model, flat, grad)
    flatten(shadow, average)
    history = []
    if a.resume:
        saved = torch.load(a.resume)
        model.load_state_dict(saved["raw"])
        shadow.load_state_dict(saved["average"])
        history = saved["history"]
        data.rng.seed(a.seed * 1000 + len(history))
    optimizer = Optimizer(a, flat, average, steps=history[-1]["steps"] if history else 0)
    if a.resume and "optimizer" in saved:
        optimizer.restore(saved["optimizer"])
    print(f"{len(data.train[0])} pairs, {len(data.source)} + {len(data.target)} tokens, {flat.numel()} parameters; {vars(a)}", flush=True)
    begun = time.time()
    for epoch in range(len(history) + 1, a.epochs + 1):
        now = {"epoch": epoch, "loss": one_epoch(a, epoch, model, grad, optimizer, data), "steps": optimizer.steps}
        tried = epoch % a.dev_every == 0 or epoch == a.epochs
        if tried:
            now["dev_loss"], now["dev_bleu"] = evaluate(shadow, data)
        now["minutes"] = (time.time() - begun) / 60
        best = tried and all(now["dev_bleu"] >= h.get("dev_bleu", 0) for h in history)
        history.append(now)
        dev = f"dev loss {now['dev_loss']:.4f} greedy dev BLEU {now['dev_bleu']:.2f} " if tried else ""
        print(f"epoch {epoch} steps {now['steps']} loss {now['loss']:.4f} {dev}{now['minutes']:.1f} min", flush=True)
        state = {k: v.clone() for k, v in shadow.state_dict().items()}
        save({"raw": {k: v.clone() for k, v in model.state_dict().items()}, "average": state, "history": history,
              "optimizer": optimizer.state()}, os.path.join(a.out, "last.pt"))
        if best:
            save(state, os.path.join(a.out, "best.pt"))


def main():
    a = options()
    os.makedirs(a.out, exist_ok=True)
    config = make_config(a)
    with open(os.path.join(a.out, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    train(a, config, Data(a))


if __name__ == "__main__":
    main()
