#!/usr/bin/env python3
"""The recipes of doc/import.md as tests.

    recipes.py [--grus PATH] [--only NAME] [--seed S] [--keep DIR] [-v]

Each model is built anew from its published definition and filled with random weights; the blocks of its section of
doc/import.md are run as they stand there, and `grus run` is held against the model's own decoding, field by field: text,
log-probability, score, attention, the log-probability of each token of a forced target. Numbers pass within
2e-5 + 1e-4 |x|; a text may differ only where the model itself decided by less than 1e-5. The exit code is 1 when
something failed.
"""
import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

import torch
from torch import nn

import formats
import published
import task

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WORDS = [a + b for a in ("ba", "ke", "ли", "mö", "so", "tü") for b in ("", "n", "s", "ta", "ви")]
torch.set_grad_enabled(False)
torch.set_num_threads(1)


# ------------------------------------------------------------ the page

def blocks(section):
    """The fenced blocks of a section of doc/import.md: {file name: text of JSON}, [texts of Python]."""
    with open(os.path.join(TOP, "doc", "import.md"), encoding="utf-8") as f:
        parts = re.split(r"^## (.*)\n", f.read(), flags=re.M)
    text = parts[0] if section is None else parts[parts.index(section) + 1]
    found = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", text, flags=re.M | re.S)
    python = [body for kind, _, body in found if kind == "python"]
    return {name: body for kind, name, body in found if kind == "json"}, python


def patch(config, changes):
    """Changes of a configuration, {"decoder.bridge": "zeros"}; None takes a key away."""
    for path, value in changes.items():
        *inner, last = path.split(".")
        place = config
        for key in inner:
            place = place[int(key) if isinstance(place, list) else key]
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    return config


# ------------------------------------------------------------ what recipes share

class Step:
    """A step of a decoder: log-probabilities (V), attention weights (T), the state behind it."""

    def __init__(self, logits, weights, state):
        self.logp, self.weights, self.state = torch.log_softmax(logits, -1).view(-1), weights.reshape(-1), state


def follow(start, step, bos, eos, top, forced=None):
    """Greedy decoding, or along forced tokens and the end token: ids, their log-probabilities, rows, the least gap."""
    state, previous, ids, logps, rows, gap = start, bos, [], [], [], math.inf
    for t in range(top if forced is None else len(forced) + 1):
        now = step(previous, state)
        two = now.logp.topk(2)
        if forced is None:
            previous, gap = int(two.indices[0]), min(gap, float(two.values[0] - two.values[1]))
        else:
            previous = (list(forced) + [eos])[t]
        logps.append(float(now.logp[previous]))
        rows.append(now.weights.tolist())
        state = now.state
        if forced is None and previous == eos:
            break
        ids.append(previous)
    return (ids if forced is None else list(forced)), logps, rows, gap


def scatter(module, seed):
    """Random weights that make decided models: sharp attention, outputs that end and do not repeat themselves."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in module.named_parameters():
        if "embed" in name or "lut" in name:
            p.copy_(torch.randn(p.shape, generator=generator))
        elif p.dim() > 1:
            p.copy_(torch.randn(p.shape, generator=generator) * 1.4 / math.sqrt(p.shape[-1]))
        else:
            p.copy_(torch.rand(p.shape, generator=generator) * 0.6 - 0.3)
    return module.eval()


def sentences(seed, least=0, unknown=True):
    rs = torch.Generator().manual_seed(seed + 1)
    pick = lambda n: int(torch.randint(n, (1,), generator=rs))
    out = [[WORDS[pick(len(WORDS))] for _ in range(n)] for n in (0, 1, 2, 3, 5, 8, 13) if n >= least]
    if unknown:
        out += [["nowhere", WORDS[0], "else"]]
    return out


class Recipe:
    """section: of doc/import.md; model: the directory that it writes; changes: of the configuration, for a variant."""
    beam = None

    def __init__(self, name, seed, changes=None, **options):
        self.name, self.seed, self.changes, self.options = name, seed, changes or {}, options

    def sources(self):
        return sentences(self.seed)

    def export(self, where):
        """Runs the page's blocks in the folder `where`."""
        configs, python = blocks(self.section)
        for file, text in configs.items():
            with open(file, "w", encoding="utf-8") as f:
                json.dump(patch(json.loads(text), self.changes), f)
        self.build(json.load(open(self.model + ".json", encoding="utf-8")))
        scope = self.scope()
        for body in blocks(None)[1] + python:
            exec(body, scope)
        tied = ["decoder.output.weight"] if self.changes.get("decoder.tied") else []
        if scope.get("left", []) != tied:
            raise RuntimeError(f"tensors left out: {scope['left']}")

    def cases(self):
        """[(options of grus run, records, expected fields, gaps)]"""
        sources = self.sources()
        records = [{"id": i, "text": " ".join(words)} for i, words in enumerate(sources)]
        starts = [self.start(words) for words in sources]
        greedy, gaps, forced, targets = [], [], [], []
        for i, start in enumerate(starts):
            ids, logps, rows, gap = follow(start, self.step, self.bos, self.eos, self.top)
            total = math.fsum(logps)
            greedy.append({"output": self.text(ids), "score": total, "logprob": total, "attention": rows})
            gaps.append(gap)
            target = [self.first + (7 * i + 3 * k) % len(WORDS) for k in range(i)]
            ids, logps, rows, _ = follow(start, self.step, self.bos, self.eos, None, target)
            total = math.fsum(logps)
            forced.append({"logprob": total, "score": total / ((5 + len(logps)) / 6) ** 0.7, "token_logprobs": logps,
                           "attention": rows})
            targets.append(dict(records[i], target=self.text(target)))
        out = [(["-b", "1", "--n-best", "1", "--attention", "soft"], records, greedy, gaps),
               (["--task", "score", "--token-scores", "--length-norm", "gnmt", "--length-penalty", "0.7",
                 "--attention", "soft"], targets, forced, [math.inf] * len(records))]
        if self.beam:
            found = [self.beam(start, 5) for start in starts]
            best = [{"output": self.text(ids), "score": logp, "logprob": logp} for ids, logp, _ in found]
            out.append((["-b", "5"], records, best, [gap for _, _, gap in found]))
        return out

    def text(self, ids):
        return " ".join(self.target[i] for i in ids)


# ------------------------------------------------------------ PyTorch's tutorial

class Language:
    def __init__(self):
        self.index2word = dict(enumerate(["SOS", "EOS"] + WORDS))
        self.n_words = len(self.index2word)


class Tutorial(Recipe):
    section, model, bos, eos, first, top = "PyTorch's seq2seq tutorial", "tutorial", 0, 1, 2, 10

    def sources(self):
        return sentences(self.seed, unknown=False)

    def build(self, config):
        self.language = Language()
        self.target = self.language.index2word
        hidden = config["encoder"]["hidden_size"]
        self.encoder = scatter(published.TutorialEncoder(self.language.n_words, hidden), self.seed)
        self.decoder = scatter(published.TutorialDecoder(hidden, self.language.n_words), self.seed + 1)

    def scope(self):
        return {"encoder": self.encoder, "decoder": self.decoder, "input_lang": self.language, "output_lang": self.language}

    def start(self, words):
        ids = [2 + WORDS.index(w) for w in words] + [1]
        return self.encoder(torch.tensor([ids]))

    def step(self, previous, state):
        keys, hidden = state
        logits, hidden, weights = self.decoder(torch.tensor([[previous]]), hidden, keys)
        return Step(logits, weights, (keys, hidden))


# ------------------------------------------------------------ pytorch-seq2seq

class Field:
    """Of torchtext: `vocab.itos`."""

    def __init__(self, words):
        self.itos = ["<unk>", "<pad>", "<sos>", "<eos>"] + words
        self.vocab = self


class Packed(Recipe):
    section, model, bos, eos, first, top = "pytorch-seq2seq, packed and padded", "packed", 2, 3, 4, 50

    def sources(self):
        return sentences(self.seed) + [[WORDS[3].upper(), WORDS[4].capitalize()]]

    def build(self, config):
        self.source = Field(WORDS)
        self.target = Field(WORDS[::-1]).itos
        d = config["decoder"]
        sizes = d["embedding_dim"], config["encoder"]["hidden_size"], d["hidden_size"]
        encoder = published.PackedEncoder(len(self.source.itos), *sizes)
        self.net = scatter(published.PackedModel(encoder, published.PackedDecoder(len(self.target), *sizes)), self.seed)

    def scope(self):
        return {"model": self.net, "SRC": self.source, "TRG": Field(WORDS[::-1])}

    def start(self, words):
        """In a batch with a longer sentence, so that there is padding to be masked."""
        ids = [2] + [self.source.itos.index(w.lower()) if w.lower() in WORDS else 0 for w in words] + [3]
        other = [2] + [4 + i % len(WORDS) for i in range(len(ids) + 3)] + [3]
        source = torch.tensor([ids + [1] * (len(other) - len(ids)), other]).t()
        outputs, hidden = self.net.encoder(source, torch.tensor([len(ids), len(other)]))
        return outputs, hidden, (source != 1).t(), len(ids)

    def step(self, previous, state):
        outputs, hidden, mask, length = state
        logits, hidden, weights = self.net.decoder(torch.tensor([previous, 4]), hidden, outputs, mask)
        return Step(logits[0], weights[0, :length], (outputs, hidden, mask, length))


# ------------------------------------------------------------ JoeyNMT


class Joey(Recipe):
    section, model, bos, eos, first, top = "JoeyNMT, recurrent", "joey", 2, 3, 4, 100

    def build(self, config):
        d, e = config["decoder"], config["encoder"]
        self.tokens = self.target = ["<unk>", "<pad>", "<s>", "</s>"] + WORDS
        bridge = self.options.get("bridge", "bridge")
        hidden = d["hidden_size"] // (2 if bridge == "last" else 1)
        sizes = d["embedding_dim"], 2 * e["hidden_size"], hidden, d["num_layers"]
        self.net = nn.ModuleDict({
            "src_embed": published.Table(len(self.tokens), config["source"]["embedding_dim"]),
            "trg_embed": published.Table(len(self.tokens), d["embedding_dim"]),
            "encoder": published.JoeyEncoder(config["source"]["embedding_dim"], e["hidden_size"], e["num_layers"]),
            "decoder": published.JoeyDecoder(len(self.tokens), *sizes, self.options["attention"],
                                             self.options.get("feeding", True), bridge)})
        scatter(self.net, self.seed)
        self.net["decoder"].output_layer.weight[self.eos] *= 1.6                # or hardly any output would end
        if d.get("tied"):
            self.net["decoder"].output_layer.weight = self.net["trg_embed"].lut.weight
        torch.save({"model_state": self.net.state_dict(), "steps": 1}, "best.ckpt")
        for name in ("src_vocab.txt", "trg_vocab.txt"):
            with open(name, "w", encoding="utf-8") as f:
                f.write("\n".join(self.tokens) + "\n")

    def scope(self):
        return {}

    def start(self, words):
        ids = [self.tokens.index(w) if w in WORDS else 0 for w in words] + [3]
        values, final = self.net["encoder"](self.net["src_embed"].lut(torch.tensor([ids])))
        return values, torch.zeros(1, 1, self.net["decoder"].hidden), self.net["decoder"].first(final)

    def step(self, previous, state):
        values, vector, hidden = state
        embedded = self.net["trg_embed"].lut(torch.tensor([[previous]]))
        logits, vector, hidden, weights = self.net["decoder"](embedded, vector, values, hidden)
        return Step(logits, weights, (values, vector, hidden))


# ------------------------------------------------------------ OpenNMT-py

class Open(Recipe):
    section, model, bos, eos, first, top = "OpenNMT-py, GRU", "onmt", 2, 3, 4, 100

    def sources(self):
        return sentences(self.seed, least=1)

    def build(self, config):
        d, e = config["decoder"], config["encoder"]
        self.tokens = self.target = ["<unk>", "<blank>", "<s>", "</s>"] + WORDS
        n, kind, feeding = len(self.tokens), self.options.get("attention", "general"), self.options.get("feeding", True)
        self.encoder = published.OpenEncoder(n, config["source"]["embedding_dim"], e["hidden_size"], e["num_layers"],
                                             e["bidirectional"])
        self.decoder = published.OpenDecoder(n, d["embedding_dim"], d["hidden_size"], d["num_layers"], kind, feeding)
        self.generator = scatter(nn.Linear(d["hidden_size"], n), self.seed + 2)
        self.generator.bias[self.eos] += 0.8                                      # or hardly any output would end
        net = scatter(nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder}), self.seed)
        self.hidden = d["hidden_size"]
        torch.save({"model": net.state_dict(), "generator": self.generator.state_dict(),
                    "vocab": {"src": self.tokens, "tgt": self.tokens}}, "model.pt")

    def scope(self):
        return {}

    def start(self, words):
        bank, final = self.encoder(torch.tensor([[self.tokens.index(w) if w in WORDS else 0 for w in words]]))
        return bank, final, torch.zeros(1, self.hidden)

    def step(self, previous, state):
        bank, states, feed = state
        feed, states, weights = self.decoder(torch.tensor([previous]), feed, states, bank)
        return Step(self.generator(feed), weights, (bank, states, feed))

    def beam(self, start, size):
        """Its beam search without length penalty: -> ids, log-probability, least gap. It ends when the best place of the
        beam has ended; an ended one leaves the beam, which is then filled from the others."""
        alive, ended, gap = [((), 0.0, start)], [], math.inf
        for t in range(1, self.top + 1):
            steps = [self.step(ids[-1] if ids else self.bos, state) for ids, _, state in alive]
            scores = torch.cat([now.logp + total for now, (_, total, _) in zip(steps, alive)])
            best = scores.topk(size + 1)
            gap = min(gap, float(best.values[size - 1] - best.values[size]))
            places = [(alive[int(i) // len(self.tokens)][0] + (int(i) % len(self.tokens),), float(v),
                       steps[int(i) // len(self.tokens)].state) for v, i in zip(best.values[:size], best.indices)]
            done = [ids[-1] == self.eos or t == self.top for ids, _, _ in places]
            ended += [(ids, total) for (ids, total, _), end in zip(places, done) if end]
            if done[0] or all(done):
                break
            alive = [place for place, end in zip(places, done) if not end]
        ended.sort(key=lambda h: -h[1])
        if len(ended) > 1:
            gap = min(gap, ended[0][1] - ended[1][1])
        ids, total = ended[0]
        return [i for i in ids if i != self.eos], total, gap


# ------------------------------------------------------------ hierarchical attention

class Hierarchical(Recipe):
    section, model = "Hierarchical attention", "words"

    def build(self, config):
        self.word_map = {"<pad>": 0, "<unk>": len(WORDS) + 1, **{w: i + 1 for i, w in enumerate(WORDS)}}
        self.labels = ["Business", "Science", "Sports", "World"]
        self.net = scatter(published.HierarchicalAttention(
            len(self.labels), len(self.word_map), config["source"]["embedding_dim"], config["encoder"]["hidden_size"],
            config["pooling"]["size"]), self.seed)

    def scope(self):
        return {"model": self.net, "word_map": self.word_map, "label_map": self.labels}

    def cases(self):
        words = [s for k in range(4) for s in sentences(self.seed + k, least=1)]
        documents = [words[i * (i + 1) // 2:(i + 1) * (i + 2) // 2] for i in range(6)]
        records, expected, classes, rows, gaps = [], [], [], [], []
        for number, document in enumerate(documents):
            ids = [[self.word_map.get(w, self.word_map["<unk>"]) for w in s] for s in document]
            scores, weights, row, vectors = self.net(ids)
            two = scores.softmax(0).topk(2)
            for s, vector, w in zip(document, vectors, weights):
                records.append({"document": number, "text": " ".join(s)})
                expected.append({"embedding": vector.tolist(), "attention": [w[:len(s)].tolist()]})
            classes.append({"class": {"label": self.labels[int(two.indices[0])], "prob": float(two.values[0])}})
            rows.append({"attention": [row.tolist()]})
            gaps.append(float(two.values[0] - two.values[1]))

        def gather(lines):
            """Records of documents from those of sentences."""
            vectors = {}
            for line in lines:
                record = json.loads(line)
                vectors.setdefault(record["document"], []).append(record["embedding"])
            return [{"document": d, "features": v} for d, v in vectors.items()]

        return [(["--attention", "soft"], records, expected, [math.inf] * len(records)),
                (["--attention", "soft"], gather, [dict(c, **r) for c, r in zip(classes, rows)], gaps, "sentences")]


# ------------------------------------------------------------ sessions, events, forecasts

def values(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Sessions(Recipe):
    """layers, embedding, constrained: of the trained model."""
    section, model = "GRU4Rec", "session"

    def build(self, config):
        self.items = [f"item{i}" for i in range(30)]
        self.net = scatter(published.SessionModel(len(self.items), **self.options), self.seed)

    def scope(self):
        return {"model": self.net, "itemids": self.items}

    def cases(self):
        sessions = [[(7 * i * k + 3 * k + i) % len(self.items) for k in range(n)] for i, n in enumerate((1, 2, 3, 5, 9, 20))]
        records = [{"id": i, "text": " ".join(self.items[k] for k in s)} for i, s in enumerate(sessions)]
        scores = [self.net(s) for s in sessions]
        best = [s.softmax(0).topk(2) for s in scores]
        return [(["--task", "classify", "--head-output", "logits"], records, [{"next": s.tolist()} for s in scores], [math.inf] * len(records)),
                (["--task", "classify"], records, [{"next": {"label": self.items[int(b.indices[0])], "prob": float(b.values[0])}} for b in best],
                 [float(b.values[0] - b.values[1]) for b in best])]


class Events(Recipe):
    section, model = "A sound event detector", "events"

    def build(self, config):
        self.classes = ["Alarm", "Blender", "Cat", "Dishes", "Dog", "Speech"]
        hidden = config["encoder"]["hidden_size"]
        self.net = scatter(published.EventDetector(config["source"]["feature_dim"], hidden, len(self.classes)), self.seed)
        for m in self.net.cnn:
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.copy_(values(self.seed + 1, m.num_features) * 0.3)
                m.running_var.copy_(values(self.seed + 2, m.num_features).abs() + 0.5)

    def scope(self):
        self.page = {"model": self.net, "classes": self.classes}
        return self.page

    def cases(self):
        spectrograms = [values(self.seed + i, 4 * n, 16) * 2 for i, n in enumerate((1, 2, 5, 12, 40))]
        records = [{"id": i, "features": self.page["features_of"](s).tolist()} for i, s in enumerate(spectrograms)]
        probs = [self.net(s) for s in spectrograms]
        found = [{"event": [[c for c, p in zip(self.classes, frame) if p >= 0.5] for frame in clip]} for clip in probs]
        return [(["--task", "tag", "--head-output", "probs"], records, [{"event": p.tolist()} for p in probs], [math.inf] * len(records)),
                (["--task", "tag"], records, found, [float((p - 0.5).abs().min()) for p in probs])]


class Forecasts(Recipe):
    section, model = "A forecaster", "forecaster"

    def build(self, config):
        width, e = config["source"]["feature_dim"], config["encoder"]
        self.net = scatter(published.Forecaster(width, e["hidden_size"], e["num_layers"], config["heads"]["forecast"]["size"]), self.seed)
        self.mean, self.deviation = values(self.seed + 1, width) * 10, values(self.seed + 2, width).abs() * 5 + 1

    def scope(self):
        return {"model": self.net, "mean": self.mean, "deviation": self.deviation}

    def cases(self):
        windows = [values(self.seed + i, n, len(self.mean)) * self.deviation + self.mean for i, n in enumerate((1, 2, 7, 24, 96))]
        records = [{"id": i, "features": w.tolist()} for i, w in enumerate(windows)]
        expected = [{"forecast": (self.net((w - self.mean) / self.deviation) * self.deviation[0] + self.mean[0]).tolist()} for w in windows]
        return [(["--task", "classify"], records, expected, [math.inf] * len(records))]


# ------------------------------------------------------------ paths, labellings, convolutions

def unsettle(net, seed):
    """Statistics that make batch norms do something."""
    for i, m in enumerate(net.modules()):
        if isinstance(m, nn.BatchNorm1d):
            m.running_mean.copy_(values(seed + i, m.num_features) * 0.3)
            m.running_var.copy_(values(seed + i + 1, m.num_features).abs() + 0.5)
    return net


class Tags(Recipe):
    """Labels of words."""

    def words_of(self, record):
        return torch.tensor([self.vocabulary.index(w) if w in self.vocabulary else 1 for w in record["text"].split()])

    def records(self):
        return [{"id": i, "text": " ".join(words)} for i, words in enumerate(sentences(self.seed, least=1) + sentences(self.seed + 5, least=3))]

    def build(self, config):
        self.vocabulary, self.tags = ["<pad>", "<unk>"] + WORDS, ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
        self.net = self.network(config).eval()

    def scope(self):
        return {"model": self.net, "vocabulary": self.vocabulary, "tags": self.tags}


class Convolved(Tags):
    section, model = "A CRNN tagger", "crnn"

    def network(self, config):
        net = published.ConvolvedTagger(len(self.vocabulary), config["source"]["embedding_dim"], config["front"][0]["channels"],
                                        config["encoder"]["hidden_size"], len(self.tags))
        return unsettle(scatter(net, self.seed), self.seed)

    def cases(self):
        records = self.records()
        probs = [self.net(self.words_of(r)).softmax(-1) for r in records]
        two = [p.topk(2).values for p in probs]
        return [(["--task", "tag", "--head-output", "probs"], records, [{"tag": p.tolist()} for p in probs], [math.inf] * len(records)),
                (["--task", "tag"], records, [{"tag": [self.tags[i] for i in p.argmax(-1).tolist()]} for p in probs],
                 [float((t[:, 0] - t[:, 1]).min()) for t in two])]


class Paths(Tags):
    section, model = "A CRF tagger", "path"

    def network(self, config):
        net = scatter(published.PathTagger(len(self.vocabulary), config["source"]["embedding_dim"], 2 * config["encoder"]["hidden_size"],
                                           len(self.tags), self.options["tutorial"]), self.seed)
        return net

    def best_two(self, scores, parts):
        """The two best paths and their scores, in float64: for each label the two best ways to it."""
        start, transitions, end = (p.double() for p in parts)
        ways = [[(float(start[y] + scores[0, y]), (y,))] for y in range(len(end))]
        for row in scores[1:].double():
            ways = [sorted(((score + float(transitions[way[-1], y] + row[y]), way + (y,)) for held in ways for score, way in held),
                           reverse=True)[:2] for y in range(len(end))]
        return sorted(((score + float(end[way[-1]]), way) for held in ways for score, way in held), reverse=True)[:2]

    def cases(self):
        records = self.records()
        found = [self.best_two(*self.net(self.words_of(r))) for r in records]
        labels = [{"tag": [self.tags[y] for y in two[0][1]]} for two in found]
        probs = [{"tag": self.net(self.words_of(r))[0].softmax(-1).tolist()} for r in records]
        return [(["--task", "tag"], records, labels, [two[0][0] - two[1][0] for two in found]),
                (["--task", "tag", "--head-output", "probs"], records, probs, [math.inf] * len(records))]


class Recognised(Recipe):
    section, model = "A CTC recogniser", "speech"

    def build(self, config):
        self.characters = ["_"] + [chr(i) for i in range(ord("a"), ord("z") + 1)] + [" ", "'"]
        e = config["encoder"]
        net = published.Recogniser(config["source"]["feature_dim"], config["front"][0]["channels"], e["hidden_size"], len(self.characters))
        self.net = unsettle(scatter(net, self.seed), self.seed).eval()

    def scope(self):
        return {"model": self.net, "characters": self.characters}

    def greedy(self, logp):
        best = logp.topk(2)
        path = best.indices[:, 0].tolist()
        kept = [i for t, i in enumerate(path) if i and (t == 0 or path[t - 1] != i)]
        return kept, float(best.values[:, 0].double().sum()), float((best.values[:, 0] - best.values[:, 1]).min())

    def beam(self, logp, size):
        """Prefix beam search: prefix -> (mass that ends in a blank, mass that ends in its last label); and the least gap."""
        held, gap = {(): (1.0, 0.0)}, math.inf
        for row in logp.double().exp().tolist():
            grown = {}
            def add(prefix, blank, label):
                b, l = grown.get(prefix, (0.0, 0.0))
                grown[prefix] = (b + blank, l + label)
            for prefix, (blank, label) in held.items():
                add(prefix, (blank + label) * row[0], label * row[prefix[-1]] if prefix else 0.0)
                for c in range(1, len(row)):
                    add(prefix + (c,), 0.0, (blank if prefix and c == prefix[-1] else blank + label) * row[c])
            ranked = sorted(grown.items(), key=lambda item: (-sum(item[1]), item[0]))
            if len(ranked) > size:
                gap = min(gap, math.log(sum(ranked[size - 1][1]) / sum(ranked[size][1])))
            held = dict(ranked[:size])
        best = [math.log(sum(masses)) for masses in held.values()]
        return list(held)[0], best[0], min([gap] + [best[0] - b for b in best[1:2]])

    def cases(self):
        frames = [values(self.seed + i, n, self.net.conv[0].in_channels) * 2 for i, n in enumerate((1, 2, 4, 9, 30, 77))]
        records = [{"id": i, "features": f.tolist()} for i, f in enumerate(frames)]
        logps = [self.net(f) for f in frames]
        out = [(["--task", "tag", "--head-output", "probs"], records, [{"transcript": p.exp().tolist()} for p in logps], [math.inf] * len(records))]
        for options, found in ((["--task", "tag"], [self.greedy(p) for p in logps]),
                               (["--task", "tag", "--beam-size", "6"], [self.beam(p, 6) for p in logps])):
            fields = [{"transcript": {"output": "".join(self.characters[i] for i in ids), "score": score}} for ids, score, _ in found]
            out.append((options, records, fields, [gap for _, _, gap in found]))
        return out


class Called(Recipe):
    section, model = "An alternating base caller", "caller"

    def build(self, config):
        self.net = scatter(published.BaseCaller(config["encoder"]["hidden_size"], config["heads"]["scores"]["size"]), self.seed)

    def scope(self):
        return {"state": self.net.state_dict(), "scale": self.net.encoder["9"].scale}

    def cases(self):
        currents = [values(self.seed + i, n) for i, n in enumerate((1, 4, 5, 37, 200))]
        records = [{"id": i, "features": c[:, None].tolist()} for i, c in enumerate(currents)]
        return [(["--task", "tag"], records, [{"scores": self.net(c).tolist()} for c in currents], [math.inf] * len(records))]


# ------------------------------------------------------------ running

SMALL = {"encoder.hidden_size": 24, "source.embedding_dim": 20, "decoder.embedding_dim": 20, "decoder.hidden_size": 24}


def recipes(seed):
    joey = dict(SMALL, **{"decoder.readout.size": 24})
    additive = {"attention": {"score": "additive", "size": 24}}
    last = {"decoder.bridge": "last", "decoder.hidden_size": 48}
    onmt = dict(joey, **{"encoder.hidden_size": 12})
    mlp = dict(additive, **{"decoder.readout.activation": "none"})
    return [
        Tutorial("tutorial", seed),
        Tutorial("tutorial-32", seed, {**dict.fromkeys(SMALL, 32), "attention.size": 32}),
        Packed("packed", seed),
        Packed("packed-small", seed, dict(SMALL, **{"decoder.hidden_size": 30, "attention.size": 30})),
        Joey("joey-luong", seed, attention=published.JoeyLuong),
        Joey("joey-bahdanau", seed, {"attention": {"score": "additive", "size": 256}}, attention=published.JoeyBahdanau),
        Joey("joey-two-layers", seed, dict(joey, **{"encoder.num_layers": 2, "decoder.num_layers": 2}),
             attention=published.JoeyLuong),
        Joey("joey-no-feeding", seed, dict(joey, **additive, **{"decoder.input": ["embedding"]}), feeding=False,
             attention=published.JoeyBahdanau),
        Joey("joey-zero", seed, dict(joey, **{"decoder.bridge": "zeros"}), bridge="zero", attention=published.JoeyLuong),
        Joey("joey-last", seed, dict(joey, **last), bridge="last", attention=published.JoeyLuong),
        Joey("joey-last-bahdanau", seed, dict(joey, **last, **additive), bridge="last", attention=published.JoeyBahdanau),
        Joey("joey-tied", seed, dict(joey, **{"decoder.embedding_dim": 24, "decoder.tied": True}),
             attention=published.JoeyLuong),
        Open("onmt", seed),
        Open("onmt-dot", seed, dict(onmt, **{"attention.score": "dot"}), attention="dot"),
        Open("onmt-mlp", seed, dict(onmt, **mlp), attention="mlp"),
        Open("onmt-no-feeding", seed, dict(onmt, **{"decoder.input": ["embedding"]}), feeding=False),
        Open("onmt-one-direction", seed, dict(joey, **{"encoder.bidirectional": False, "encoder.num_layers": 1,
                                                "decoder.num_layers": 1})),
        Hierarchical("hierarchical", seed),
        Sessions("session", seed, layers=[100], embedding=0, constrained=True),
        Sessions("session-embedding", seed, {"source.embedding_dim": 20, "encoder.hidden_size": 24, "encoder.num_layers": 2},
                 layers=[24, 24], embedding=20, constrained=False),
        Sessions("session-one-hot", seed, {"source.embedding_dim": 72, "encoder.hidden_size": 24, "encoder.reset": "before"},
                 layers=[24], embedding=0, constrained=False),
        Events("events", seed),
        Forecasts("forecaster", seed),
        Convolved("crnn", seed),
        Recognised("speech", seed, {"encoder.hidden_size": 40}),
        Paths("path", seed, tutorial=False),
        Paths("path-tutorial", seed, tutorial=True),
        Called("caller", seed, {"encoder.hidden_size": 48, "front.2.channels": 48}),
    ]


def run(grus, model, records, options, where):
    """-> output lines of grus run."""
    source, out = os.path.join(where, "records.jsonl"), os.path.join(where, "out")
    with open(source, "w", encoding="utf-8") as f:
        f.write("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([grus, "run", model, source, "-o", out, "--quiet", "--strict", "-t", "1", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode:
        raise RuntimeError(f"grus run: exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return formats.read_lines(os.path.join(out, "records.jsonl.zst"))


def check(recipe, grus, where):
    """-> failures, ties, records compared, largest difference in tolerances"""
    failures, ties, n, worst, lines = [], [], 0, 0.0, []
    for options, records, expected, gaps, *model in recipe.cases():
        if callable(records):
            records = records(lines)
        lines = run(grus, os.path.join(where, *(model or [recipe.model])), records, options, where)
        if len(lines) != len(records):
            failures.append(f"{len(lines)} records, expected {len(records)}")
        for line, record, fields, gap in zip(lines, records, expected, gaps):
            got, n = json.loads(line), n + 1
            wanted = {k: v for k, v in got.items() if k not in record and k not in fields} if options[0] == "-b" else {}
            differences = task.compare({**record, **wanted, **fields}, got, task.sweep_tolerance)
            if not differences:
                worst = max([worst] + [d / task.sweep_tolerance(f, b) for f, d, b in task.numbers(fields, got)])
            if differences and gap < task.TIE:
                ties.append(f"{' '.join(options)}: {record['text']!r}: decided by {gap:.2g}")
            elif differences:
                path, a, b = differences[0]
                failures.append(f"{' '.join(options)}: {str(record)[:80]}{path}: model {str(a)[:90]}, grus {str(b)[:90]}")
    return failures, ties, n, worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--grus", default=os.environ.get("GRUS", "./grus"))
    p.add_argument("--only", metavar="NAME", help="recipes whose name begins so")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keep", metavar="DIR", help="keep the models there")
    p.add_argument("-v", "--verbose", action="store_true")
    a = p.parse_args()
    grus, passed, failed = os.path.abspath(a.grus), 0, 0
    sys.path.insert(0, os.path.join(TOP, "tools"))
    for recipe in recipes(a.seed):
        if a.only and not recipe.name.startswith(a.only):
            continue
        where = os.path.join(os.path.abspath(a.keep), recipe.name) if a.keep else tempfile.mkdtemp(prefix="recipe-")
        os.makedirs(where, exist_ok=True)
        home = os.getcwd()
        try:
            os.chdir(where)
            recipe.export(where)
            failures, ties, n, worst = check(recipe, grus, where)
        except Exception as error:                              # whatever a block of the page raises
            failures, ties, n, worst = [f"{type(error).__name__}: {error}"], [], 0, 0
        finally:
            os.chdir(home)
            if not a.keep:
                shutil.rmtree(where, ignore_errors=True)
        passed, failed = passed + (not failures), failed + bool(failures)
        if failures or ties or a.verbose:
            print(f"{'FAILED' if failures else 'passed'}: {recipe.name}: {n} records, {worst:.1%} of the tolerance")
            print("".join(f"    {text}\n" for text in failures[:5] + [f"true tie: {t}" for t in ties]), end="")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
