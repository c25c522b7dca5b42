"""The layers between embeddings, or features, and the encoder: nn.Conv1d, nn.Linear and nn.MaxPool1d over the positions of one
sequence at a time, so that there is no padding but their own."""
import torch
from torch import nn

TYPES = ["conv1d", "linear", "max_pool"]
ACTIVATIONS = {"none": lambda x: x, "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "silu": nn.functional.silu}


def window(spec):
    """kernel, stride, padding, dilation of a layer of config.json"""
    if spec["type"] == "linear":
        return 1, 1, 0, 1
    kernel = spec["kernel" if spec["type"] == "conv1d" else "size"]
    return kernel, spec.get("stride", 1 if spec["type"] == "conv1d" else kernel), spec.get("padding", 0), spec.get("dilation", 1)


def length(spec, n):
    """Positions behind it"""
    kernel, stride, padding, dilation = window(spec)
    return max(0, (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1) if n else 0


def is_bounded(specs, i):
    """Whether what enters layer i, or the encoder behind the last, lies in [-1, 1] by construction"""
    while i > 0 and specs[i - 1]["type"] == "max_pool":
        i -= 1
    return i > 0 and specs[i - 1].get("activation") in ("tanh", "sigmoid")


class Front:
    """Tensors are asked of the model; with `products` windows are put together and multiplied by model.linear, which knows the input
    of layer i as "front.<i>", of the first as "source"."""

    def __init__(self, model, specs, size, products):
        self.specs, self.model, self.products, self.layers = specs, model, products, []
        for i, spec in enumerate(specs):
            name, weight, bias = f"front.{i}", None, None
            if spec["type"] != "max_pool":
                out = spec["channels" if spec["type"] == "conv1d" else "size"]
                weight = model.tensor(name + ".weight", (out, size, spec["kernel"]) if spec["type"] == "conv1d" else (out, size))
                bias = model.tensor(name + ".bias", (out,), optional=True)
                size = out
            self.layers.append((spec, weight, bias))
        self.size = size

    def module(self, x, spec, weight, bias):
        """x (T, in) -> (T', out), by PyTorch's own"""
        kernel, stride, padding, dilation = window(spec)
        if spec["type"] == "linear":
            return nn.functional.linear(x, weight, bias)
        if spec["type"] == "max_pool":
            return nn.MaxPool1d(kernel, stride, padding)(x.T[None])[0].T
        conv = nn.Conv1d(x.shape[1], len(weight), kernel, stride, padding, dilation, bias=bias is not None).to(x.dtype)
        conv.weight.copy_(weight)
        if bias is not None:
            conv.bias.copy_(bias)
        return conv(x.T[None])[0].T

    def windows(self, x, spec, weight, bias, part):
        kernel, stride, padding, dilation = window(spec)
        x = nn.functional.pad(x, (0, 0, padding, padding))
        rows = [x[at:at + dilation * (kernel - 1) + 1:dilation].reshape(-1)
                for at in range(0, len(x) - dilation * (kernel - 1), stride)]
        return self.model.linear(torch.stack(rows), self.model.sorted_taps(weight), bias, [part])

    def __call__(self, x):
        """(T, E) -> (T', size)"""
        for i, (spec, weight, bias) in enumerate(self.layers):
            if length(spec, len(x)) == 0:
                return x.new_zeros(0, self.size)
            if self.products and weight is not None:
                x = self.windows(x, spec, weight, bias, f"front.{i}" if i else "source")
            else:
                x = self.module(x, spec, weight, bias)
            x = ACTIVATIONS[spec.get("activation", "none")](x)
        return x
