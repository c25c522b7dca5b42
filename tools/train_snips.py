#!/usr/bin/python3
"""Trains a model of intents and slots (GRU encoder, attention pooling, two heads) on Snips with PyTorch, on one CPU core.

Batches hold sentences of one length, so there is no padding. Rare words become unknown now and then, slots get other values
of the same kind, and word vectors share character n-grams (word_vectors.py), which are summed into one embedding for
export. The learning rate warms up and falls as a half cosine over the epochs; an exponential average of the weights
is what is evaluated and kept. Writes to OUT: last.pt and best.pt (the epoch with the best dev sum of slot F1 and intent
accuracy), config.json, the vocabulary and the labels. The test set is not read.

    train_snips.py --data DIR --out RUN
    export_torch.py RUN/best.pt RUN/config.json models/snips-en --dtype f16 --key average
"""
import argparse
import collections
import os
import random
import time

import blas_env

blas_env.choose()

import torch
import torch.nn.functional as F
from torch import nn

import snips
from encoder_model import Encoder
from score_labels import score
from training import add_options, learning_rate, optimize, save, write_config
from vocabulary import Vocab
from word_vectors import WordVectors

POSITIONS = 9       # the mean length of a sentence: the slots' loss of a sentence is the sum over its words divided by this


def make_config(a):
    return {
        "model_type": "encoder",
        "source": {"tokenizer": {"type": "whitespace", "vocab": "source.vocab", "lowercase": True},
                   "embedding_dim": a.embedding},
        "encoder": {"hidden_size": a.hidden, "num_layers": a.layers, "bidirectional": True},
        "pooling": {"type": "attention", "score": "additive", "size": a.attention, "query": "learned"},
        "heads": {"intent": {"on": "sequence", "labels": "intent.labels"},
                  "slots": {"on": "token", "labels": "slots.labels", "inputs": ["state", "pooled"]}},
    }


class Tagger(nn.Module):
    def __init__(self, config, words, counts):
        super().__init__()
        self.words = WordVectors(words, config["source"]["embedding_dim"])
        self.model = Encoder(config, config["source"]["embedding_dim"], counts)

    def forward(self, x, drop=0.0, drop_own=0.0):
        return self.model(F.dropout(self.words(x, drop_own), drop, drop > 0), drop)

    def state(self):
        """Tensors as grus reads them."""
        return {"encoder.embedding.weight": self.words.table(), **{k: v.clone() for k, v in self.model.state_dict().items()}}


class TableOptimizer:
    """Adam on the rows that a batch uses (those of rare words get few steps, hence a rate of their own), and their average."""

    EVERY = 16      # steps from one update of the average to the next: it touches all rows

    def __init__(self, a, tables, averages):
        self.a, self.tables, self.averages, self.steps = a, tables, averages, 0
        self.adam = torch.optim.SparseAdam([t.weight for t in tables], lr=a.lr, betas=(0.9, 0.98))

    def step(self, progress):
        lr = self.a.table_lr * learning_rate(progress, self.steps, self.a.lr, self.a.lr_end, self.a.warmup)
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.adam.step()
        self.adam.zero_grad()
        self.steps += 1
        if self.steps % self.EVERY == 0:
            keep = min(self.a.ema, (1 + self.steps) / (10 + self.steps)) ** self.EVERY
            for table, average in zip(self.tables, self.averages):
                average.weight.data.lerp_(table.weight.data, 1 - keep)


def by_length(items, length):
    out = collections.defaultdict(list)
    for item in items:
        out[length(item)].append(item)
    return out.values()


def batches(data, words, counts, slots, intents, exchange, rng, a):
    """One epoch: lists of (word ids, slot ids, intent id), each of one length, in random order."""
    items = []
    for text, tags, intent in data:
        text, tags = exchange(text, tags, rng)
        ids = [0 if rng.random() < a.p_unk / (a.p_unk + counts[w]) else words.ids[w] for w in text]
        items.append((ids, [slots.ids[t] for t in tags], intents.ids[intent]))
    out = []
    for group in by_length(items, lambda i: len(i[0])):
        rng.shuffle(group)
        out += [group[k:k + a.batch] for k in range(0, len(group), a.batch)]
    rng.shuffle(out)
    return out


@torch.no_grad()
def evaluate(model, data, words, slots, intents):
    """Slot F1 and intent accuracy in per cent."""
    found, right = [None] * len(data), 0
    for rows in by_length(range(len(data)), lambda i: len(data[i][0])):
        logits = model(torch.tensor([[words.ids.get(w, 0) for w in data[i][0]] for i in rows]))
        for i, tags, intent in zip(rows, logits["slots"].argmax(2).tolist(), logits["intent"].argmax(1).tolist()):
            found[i] = [slots.tokens[t] for t in tags]
            right += intents.tokens[intent] == data[i][2]
    return score(found, [tags for _, tags, _ in data])[2], 100 * right / len(data)


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with train and valid")
    p.add_argument("--out", required=True, help="directory for checkpoints, config, vocabulary and labels")
    p.add_argument("--epochs", type=int, default=24)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--table-lr", type=float, default=3.0, help="factor of the learning rate for word and n-gram vectors")
    p.add_argument("--dropout", type=float, default=0.4)
    p.add_argument("--embedding", type=int, default=128)
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--attention", type=int, default=64, help="size of the additive attention")
    p.add_argument("--p-unk", type=float, default=0.3, help="a word seen n times is unknown with chance p / (p + n)")
    p.add_argument("--p-own", type=float, default=0.3, help="chance of a word to be made of its n-grams alone")
    p.add_argument("--p-exchange", type=float, default=0.3, help="chance of a slot to get another value")
    p.add_argument("--slot-weight", type=float, default=2.0, help="of the slots' loss; that of the intent has 1")
    add_options(p, lr=3e-3, lr_end=1e-5, warmup=200, smoothing=0.1, decay=0.0, clip=2.0, ema=0.998)
    return p.parse_args()


def main():
    a = parse()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    train, dev = (snips.read(os.path.join(a.data, part)) for part in ("train", "valid"))
    counts = collections.Counter(w for text, _, _ in train for w in text)
    words = Vocab(["<unk>"] + sorted(counts, key=lambda w: (-counts[w], w)))
    slots = Vocab(["O"] + sorted({t for _, tags, _ in train for t in tags} - {"O"}))
    intents = Vocab(sorted({i for _, _, i in train}))
    config = make_config(a)
    write_config(config, a.out)
    for vocab, name in ((words, "source.vocab"), (slots, "slots.labels"), (intents, "intent.labels")):
        vocab.write(os.path.join(a.out, name))

    model, shadow = (Tagger(config, words.tokens, {"slots": len(slots), "intent": len(intents)}) for _ in range(2))
    shadow.load_state_dict(model.state_dict())
    gradient, optimizer = optimize(a, model.model, shadow.model)
    tables = TableOptimizer(a, [model.words.own, model.words.ngrams], [shadow.words.own, shadow.words.ngrams])
    exchange = snips.Exchange(train, a.p_exchange)
    print(f"{len(train)} sentences, {len(dev)} for development, {len(words)} words, "
          f"{sum(q.numel() for q in model.parameters())} parameters; {vars(a)}", flush=True)
    best, history = None, []
    for epoch in range(1, a.epochs + 1):
        total, begun = 0.0, (time.time(), time.process_time())
        todo = batches(train, words, counts, slots, intents, exchange, rng, a)
        for k, batch in enumerate(todo):
            x, tags, intent = (torch.tensor(column) for column in zip(*batch))
            gradient.zero_()
            logits = model(x, a.dropout, a.p_own)
            slot_loss = F.cross_entropy(logits["slots"].flatten(0, 1), tags.flatten(), label_smoothing=a.smoothing, reduction="sum")
            loss = F.cross_entropy(logits["intent"], intent, label_smoothing=a.smoothing)
            loss = loss + a.slot_weight * slot_loss / (POSITIONS * len(x))
            loss.backward()
            progress = (epoch - 1 + k / len(todo)) / a.epochs
            optimizer.step(gradient, progress)
            tables.step(progress)
            total += float(loss.detach())
        f1, accuracy = evaluate(shadow, dev, words, slots, intents)
        history.append({"epoch": epoch, "loss": total / len(todo), "dev_slot_f1": f1, "dev_intent": accuracy,
                        "seconds": time.time() - begun[0], "cpu_seconds": time.process_time() - begun[1]})
        print("  ".join(f"{k} {v:.6g}" for k, v in history[-1].items()), flush=True)
        saved = {"average": shadow.state(), "history": history}
        save(saved, os.path.join(a.out, "last.pt"))
        if best is None or f1 + accuracy >= best:
            best = f1 + accuracy
            save(saved, os.path.join(a.out, "best.pt"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
