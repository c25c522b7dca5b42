#!/usr/bin/env python3
"""Tags of LAC without its CRF, from Paddle's own files in float64, held against what grus wrote.

    lac_reference.py LAC_SMALL RESULTS.jsonl

Shares nothing with tools/import_lac.py: tensors stay as Paddle has them, columns u, r, c, h' = (1 - u) h + u c. A tag may
differ only where the two best scores are nearer than 1e-4; such places are counted. Needs NumPy.
"""
import json
import os
import sys

import numpy as np

CLOSE = 1e-4


def tensor(folder, name, *shape):
    """The numbers are the last of the file, whatever stands before them."""
    count = int(np.prod(shape))
    with open(os.path.join(folder, name), "rb") as f:
        return np.frombuffer(f.read()[-4 * count:], "<f4").reshape(shape).astype(np.float64)


def dictionary(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [line.rstrip("\n").split("\t", 1) for line in f]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Lac:
    def __init__(self, folder):
        model = os.path.join(folder, "model_baseline")
        self.ids = {text: int(number) for number, text in dictionary(os.path.join(folder, "word.dic"))}
        self.tags = {int(number): text for number, text in dictionary(os.path.join(folder, "tag.dic"))}
        h = self.hidden = 128
        self.embedding = tensor(model, "word_emb", 20941, h)
        self.cells = []
        for k in range(4):
            size, recurrent = h if k < 2 else 2 * h, tensor(model, f"gru_{k}.w_0", 3 * h * h)
            self.cells.append((tensor(model, f"fc_{k}.w_0", size, 3 * h),
                               tensor(model, f"fc_{k}.b_0", 3 * h) + tensor(model, f"gru_{k}.b_0", 3 * h),
                               recurrent[:2 * h * h].reshape(h, 2 * h), recurrent[2 * h * h:].reshape(h, h)))
        self.out = tensor(model, "fc_4.w_0", 2 * h, len(self.tags)), tensor(model, "fc_4.b_0", len(self.tags))

    def direction(self, k, xs):
        w, bias, gates, candidate = self.cells[k]
        n, h, out = self.hidden, np.zeros(self.hidden), []
        for x in xs @ w + bias:
            u, r = np.split(sigmoid(x[:2 * n] + h @ gates), 2)
            c = np.tanh(x[2 * n:] + (r * h) @ candidate)
            h = (1 - u) * h + u * c
            out.append(h)
        return np.array(out)

    def scores(self, text):
        unknown = self.ids["OOV"]
        xs = self.embedding[[self.ids.get(c, unknown) for c in text]]
        for k in (0, 2):
            xs = np.concatenate([self.direction(k, xs), self.direction(k + 1, xs[::-1])[::-1]], axis=1)
        return xs @ self.out[0] + self.out[1]


def main():
    lac, positions, close, wrong = Lac(sys.argv[1]), 0, 0, 0
    for line in open(sys.argv[2], encoding="utf-8"):
        record = json.loads(line)
        text, found = record["text"], record["tag"]
        scores = lac.scores(text) if text else []
        if len(found) != len(scores):
            sys.exit(f"{text}: {len(found)} tags of {len(scores)} characters")
        for character, row, tag in zip(text, scores, found):
            second, best = np.argsort(row)[-2:]
            positions += 1
            close += row[best] - row[second] < CLOSE
            if lac.tags[best] != tag and row[best] - row[second] >= CLOSE:
                print(f"{text}: {character}: expected {lac.tags[best]}, found {tag}")
                wrong += 1
    print(f"{positions} characters, {wrong} wrong, {close} decided by less than {CLOSE}")
    return 1 if wrong or not positions else 0


if __name__ == "__main__":
    sys.exit(main())
