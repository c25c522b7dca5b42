"""What the training scripts have in common: options, flat parameters, target tensors, the optimizer's step, checkpoints."""
import json
import math
import os

import torch


def flatten(model, flat, grad=None):
    """Makes every parameter (and its gradient) a view of the flat buffers."""
    at = 0
    for p in model.parameters():
        n = p.numel()
        p.data = flat[at:at + n].view_as(p)
        if grad is not None:
            p.grad = grad[at:at + n].view_as(p)
        at += n


def target_tensors(targets, bos, eos):
    """Lists of ids -> what the decoder is given and what it has to say, [B, T]; -100 (no target) behind the end token."""
    width = max(map(len, targets)) + 1
    given = torch.tensor([[bos] + t + [eos] * (width - 1 - len(t)) for t in targets])
    return given, torch.tensor([t + [eos] + [-100] * (width - 1 - len(t)) for t in targets])


def learning_rate(progress, step, peak, end, warmup):
    """Linear warm-up by steps, half a cosine from peak to end by progress, 0 to 1."""
    return min(1.0, (step + 1) / warmup) * (end + (peak - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def add_options(parser, **defaults):
    """The options that Optimizer reads, and the smoothing of labels."""
    what = {"warmup": "steps", "decay": "decoupled weight decay"}
    for name in ("lr", "lr_end", "warmup", "smoothing", "decay", "clip", "ema"):
        value = defaults[name]
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value, help=what.get(name))


CHUNK = 1 << 16      # parameters that are stepped together: what belongs to them stays in a core's cache


class Chunk:
    """Some parameters of the flat buffers, `mine` of all of them, and Adam for them."""

    def __init__(self, a, flat, average, mine):
        self.a, self.mine, self.flat, self.average = a, mine, flat[mine], average[mine]
        self.part = torch.nn.Parameter(self.flat)
        self.adam = torch.optim.Adam([self.part], lr=a.lr, betas=(0.9, 0.98), eps=1e-9)

    def step(self, gradient, scale, lr, weight):
        """gradient: of all parameters, times scale; weight: what the average takes of the new ones."""
        self.part.grad = gradient[self.mine] * scale
        self.adam.param_groups[0]["lr"] = lr
        self.adam.step()
        if self.a.decay:
            self.part.data.mul_(1 - self.a.decay * lr)
        self.average.lerp_(self.flat, weight)


class Optimizer:
    """Adam with clipping, decoupled weight decay and an exponential average of the weights, for one slice of the flat buffers.

    a: the options lr, lr_end, warmup, decay, clip, ema. steps: taken before, by an earlier run.
    """

    def __init__(self, a, flat, average, mine=slice(None), steps=0):
        self.a, self.steps, self.fresh = a, steps, 0
        first, last, _ = mine.indices(len(flat))
        self.chunks = [Chunk(a, flat, average, slice(k, min(k + CHUNK, last))) for k in range(first, last, CHUNK)]

    def state(self):
        """What restore takes, so that a run goes on as if it had not ended."""
        return {"adam": [c.adam.state_dict() for c in self.chunks], "fresh": self.fresh}

    def restore(self, state):
        for chunk, saved in zip(self.chunks, state["adam"], strict=True):
            chunk.adam.load_state_dict(saved)
        self.fresh = state["fresh"]

    def step(self, gradient, progress):
        """gradient: of all parameters."""
        a = self.a
        scale = min(1.0, a.clip / (float(gradient.norm()) + 1e-6))
        lr = learning_rate(progress, self.fresh, a.lr, a.lr_end, a.warmup)
        self.steps, self.fresh = self.steps + 1, self.fresh + 1
        weight = 1 - min(a.ema, (1 + self.steps) / (10 + self.steps))
        for chunk in self.chunks:
            chunk.step(gradient, scale, lr, weight)


def optimize(a, model, shadow):
    """Makes shadow the average of model's weights from now on -> (the gradient that backward adds to, the optimizer)."""
    flat = torch.cat([q.data.view(-1) for q in model.parameters()])
    gradient, average = torch.zeros_like(flat), flat.clone()
    flatten(model, flat, gradient)
    flatten(shadow, average)
    return gradient, Optimizer(a, flat, average)


def write_config(config, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=2)
        f.write("\n")


def save(value, path):
    """torch.save, so that path is never half written."""
    torch.save(value, path + ".tmp")
    os.replace(path + ".tmp", path)
