"""Distillation of grapheme-to-phoneme models: what an ensemble gives to each phoneme of the training pairs, computed once.

Token-level ensemble distillation (Sun et al., "Token-Level Ensemble Distillation for Grapheme-to-Phoneme Conversion", 2019): a
student learns the mean of its teachers' probabilities beside the right phonemes, on words without a known pronunciation too.
"""
import collections

import torch
import torch.nn.functional as F

import g2p_model
from training import target_tensors

ROWS = 512      # pairs that teachers read together


class Teacher:
    """The probabilities of all phonemes at each phoneme of the pairs, in float16."""

    def __init__(self, folders, pairs, source, target, half):
        """pairs: (word, ids of its phonemes)"""
        self.starts, size = [], 0
        for _, phonemes in pairs:
            self.starts.append(size)
            size += len(phonemes) + 1
        self.probabilities = torch.zeros(size, len(target))
        by_length = collections.defaultdict(list)
        for number, (word, _) in enumerate(pairs):
            by_length[len(word)].append(number)
        for folder in folders:
            model, letters, phonemes = g2p_model.load(folder)
            if (letters.tokens, phonemes.tokens) != (source.tokens, target.tokens):
                raise ValueError(f"{folder}: other vocabularies")
            for rows in by_length.values():
                rows.sort(key=lambda number: len(pairs[number][1]))
                for at in range(0, len(rows), ROWS):
                    self.add(model, pairs, rows[at:at + ROWS], source, target, half)
        self.probabilities = (self.probabilities / len(folders)).half()

    @torch.no_grad()
    def add(self, model, pairs, rows, source, target, half):
        """rows: the numbers of pairs whose words have one length."""
        x = torch.tensor([g2p_model.source_ids(pairs[number][0], source, model.config) for number in rows])
        given, _ = target_tensors([pairs[number][1] for number in rows], target.ids["<s>"], target.ids["</s>"])
        for number, p in zip(rows, F.softmax(model(x, given, 0.0, half), 2)):
            size = len(pairs[number][1]) + 1
            self.probabilities[self.starts[number]:self.starts[number] + size] += p[:size]

    def loss(self, numbers, sizes, logits):
        """The mean cross-entropy of these pairs, of so many phonemes and an end each; logits [B, T, V]."""
        wanted = torch.zeros_like(logits)
        for row, (number, size) in enumerate(zip(numbers, sizes)):
            start = self.starts[number]
            wanted[row, :size + 1] = self.probabilities[start:start + size + 1].float()
        return -(wanted * F.log_softmax(logits, 2)).sum() / (sum(sizes) + len(sizes))
