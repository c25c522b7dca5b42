"""Word vectors that share what words share: the sum of a word's own vector and those of its character n-grams.

Needed in training alone: the model that ships has the sums, one row a word, as its embedding.
"""
import collections
import math

import torch
from torch import nn

SHORTEST, LONGEST = 2, 4


def ngrams(word):
    marked = f"<{word}>"
    return [marked[i:i + n] for n in range(SHORTEST, LONGEST + 1) for i in range(len(marked) - n + 1)]


class WordVectors(nn.Module):
    """words[0] is the unknown word: it has no n-grams. N-grams of one word alone are left out. Gradients are sparse."""

    def __init__(self, words, size):
        super().__init__()
        counts = collections.Counter(g for w in words[1:] for g in set(ngrams(w)))
        ids = {g: i for i, g in enumerate(sorted(g for g, n in counts.items() if n > 1))}
        self.lists = [[]] + [[ids[g] for g in ngrams(w) if g in ids] for w in words[1:]]
        self.own = nn.Embedding(len(words), size, sparse=True)
        self.ngrams = nn.EmbeddingBag(len(ids), size, mode="sum", sparse=True)
        nn.init.normal_(self.own.weight, 0, 0.5)
        nn.init.normal_(self.ngrams.weight, 0, 0.4)
        # A sum of n vectors is divided by √n, so that long words are no louder than short ones.
        self.scale = torch.tensor([1 / math.sqrt(max(1, len(l))) for l in self.lists])

    def rows(self, ids, drop_own=0.0):
        """ids [N] -> [N, size]. drop_own: chance of a word to be made of its n-grams alone."""
        flat, offsets = [], []
        for i in ids.tolist():
            offsets.append(len(flat))
            flat += self.lists[i]
        shared = self.ngrams(torch.tensor(flat, dtype=torch.long), torch.tensor(offsets)) * self.scale[ids].unsqueeze(1)
        keep = (torch.rand(len(ids), 1) >= drop_own).float()
        return shared + self.own(ids) * keep

    def forward(self, x, drop_own=0.0):
        """x of any shape -> [*x, size]; a word that comes twice has one vector."""
        words, where = torch.unique(x, return_inverse=True)
        return nn.functional.embedding(where, self.rows(words, drop_own))

    @torch.no_grad()
    def table(self):
        return self.rows(torch.arange(len(self.lists)))
