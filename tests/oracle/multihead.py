"""Attention of several heads: torch.nn.MultiheadAttention itself on the tensors of a model, or, where its products are to go
through Model.linear (quantised.py), its definition."""
import math

import torch
from torch import nn

PARTS = ("query", "key", "value", "output")


class Multihead:
    """As model.Attention; weights are (S, B, T), the mean over the heads, or with model.by_head (S, B, heads, T)."""

    plain = False               # whether the module of PyTorch is not used

    def __init__(self, model, spec, query_size, key_size, query, learned=False):
        if spec["score"] != "scaled_dot":
            raise ValueError(f"heads: score {spec['score']}")
        self.model, self.query_part, self.learned = model, query, learned
        self.heads, self.size = spec["heads"], spec["size"]
        self.context_size = spec.get("context_dim", self.size)
        self.temperature = spec.get("temperature", 1)
        shapes = ((self.size, query_size), (self.size, key_size), (self.size, key_size), (self.context_size, self.size))
        self.weight = {part: model.tensor(f"attention.{part}.weight", shape) for part, shape in zip(PARTS, shapes)}
        self.bias = {part: model.tensor(f"attention.{part}.bias", shape[:1], optional=True) for part, shape in zip(PARTS, shapes)}
        self.context = model.tensor("attention.context", (key_size,)) if learned else None
        self.module = None if self.plain else self.made(query_size, key_size)

    def made(self, query_size, key_size):
        """The module. It wants queries and contexts of its own size: others go through their projections beside it."""
        self.zeros = 1 + (self.size == key_size + 1)            # behind each key, so that it never has the module's size: one way in PyTorch
        wide = key_size + self.zeros
        module = nn.MultiheadAttention(self.size, self.heads, kdim=wide, vdim=wide, batch_first=True).to(self.model.dtype).eval()
        zeros = {part: torch.zeros(len(self.weight[part]), dtype=self.model.dtype) for part in PARTS}
        bias = {part: zeros[part] if b is None else b for part, b in self.bias.items()}
        self.query_inside, self.output_inside = query_size == self.size, self.context_size == self.size
        one = torch.eye(self.size, dtype=self.model.dtype)
        module.q_proj_weight.copy_((self.weight["query"] if self.query_inside else one) / self.temperature)
        for part, parameter in (("key", module.k_proj_weight), ("value", module.v_proj_weight)):
            parameter.copy_(torch.cat([self.weight[part], torch.zeros(self.size, self.zeros, dtype=self.model.dtype)], dim=1))
        inside = bias["query"] / self.temperature if self.query_inside else zeros["query"]
        module.in_proj_bias.copy_(torch.cat([inside, bias["key"], bias["value"]]))
        module.out_proj.weight.copy_(self.weight["output"] if self.output_inside else one)
        module.out_proj.bias.copy_(bias["output"] if self.output_inside else zeros["query"])
        return module

    def query(self, enc):
        return self.context.expand(len(enc.lengths), 1, -1)

    def __call__(self, q, enc):
        """q (S, B, Dq) -> context (S, B, C), weights; zeros of sequences of length 0"""
        if enc.outputs.shape[1] == 0:
            context, weights = torch.zeros(*q.shape[:2], self.context_size, dtype=q.dtype), torch.zeros(*q.shape[:2], self.heads, 0, dtype=q.dtype)
        else:
            context, weights = (self.defined if self.plain else self.by_module)(q, enc)
        some = (enc.lengths > 0)[:, None, None]
        context, weights = torch.where(some, context, torch.zeros_like(context)), torch.where(some[..., None], weights, torch.zeros_like(weights))
        return context, weights if self.model.by_head else weights.mean(2)

    def by_module(self, q, enc):
        if not self.query_inside:
            q = nn.functional.linear(q, self.weight["query"], self.bias["query"])
        memory = nn.functional.pad(enc.outputs, (0, self.zeros))
        context, weights = self.module(q, memory, memory, key_padding_mask=~enc.mask, average_attn_weights=False)
        if not self.output_inside:
            context = nn.functional.linear(context, self.weight["output"], self.bias["output"])
        return context, weights.transpose(1, 2)                     # (S, B, heads, T)

    def defined(self, q, enc):
        """"Attention Is All You Need", § 3.2.2"""
        linear = lambda x, part, of: self.model.linear(x, self.weight[part], self.bias[part], [of])
        split = lambda x: x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)          # (S, heads, ., A / heads)
        if enc.keys is None:
            enc.keys = torch.cat([linear(enc.outputs, part, "outputs") for part in ("key", "value")], dim=2)
        keys, values = (split(x) for x in enc.keys.split(self.size, dim=2))
        scores = split(linear(q, "query", self.query_part)) @ keys.transpose(2, 3)
        scores = scores / math.sqrt(self.size // self.heads) / self.temperature
        weights = torch.softmax(scores.masked_fill(~enc.mask[:, None, None, :], -math.inf), dim=3)
        sums = (weights @ values).transpose(1, 2).reshape(*q.shape[:2], self.size)
        return linear(sums, "output", "sums"), weights.transpose(1, 2)


class Plain(Multihead):
    plain = True
