"""Encoder models in PyTorch, for training: GRU stack, attention pooling with a learned query, sequence and token heads.

Tensor names and mathematics are those of a grus model directory (`model_type` `encoder`, pooling `attention` with score
`additive` and query `learned`). A batch holds sequences of one length, so there is no padding and no mask.
"""
import torch
import torch.nn.functional as F
from torch import nn

from gru_layers import gru


class Encoder(nn.Module):
    """Reads vectors: features, or the embeddings of tokens, which are a module of their own."""

    def __init__(self, config, width, label_counts):
        """width: of an input vector; label_counts: head -> number of its labels."""
        super().__init__()
        e, pooling, self.inputs = config["encoder"], config["pooling"], {}
        D = 2 * e["hidden_size"]
        self.encoder = nn.ModuleDict({"rnn": nn.GRU(width, e["hidden_size"], e["num_layers"], bidirectional=True)})
        self.attention = nn.ModuleDict({"key": nn.Linear(D, pooling["size"]),
                                        "energy": nn.Linear(pooling["size"], 1, bias=False)})
        self.heads = nn.ModuleDict()
        for name, head in config["heads"].items():
            self.inputs[name] = head.get("inputs", ["state"]) if head["on"] == "token" else None
            self.heads[name] = nn.Linear(D * len(self.inputs[name] or ["pooled"]), label_counts[name])

    def forward(self, x, drop=0.0, half=False):
        """x [B, T, width] -> logits of each head, [B, C] or on tokens [B, T, C]. drop: the rate of dropout between the layers
        and on the states that attention and heads read; half: products with bfloat16 operands."""
        states, _ = gru(self.encoder["rnn"], x.transpose(0, 1), dropout=drop, half=half)
        states = F.dropout(states.transpose(0, 1), drop, drop > 0)                        # [B, T, D]
        energy = self.attention["energy"](torch.tanh(self.attention["key"](states)))      # [B, T, 1]
        pooled = torch.bmm(F.softmax(energy, 1).transpose(1, 2), states)                  # [B, 1, D]
        parts, out = {"state": states, "pooled": pooled.expand_as(states)}, {}
        for name, inputs in self.inputs.items():
            out[name] = self.heads[name](torch.cat([parts[i] for i in inputs], 2) if inputs else pooled.squeeze(1))
        return out
