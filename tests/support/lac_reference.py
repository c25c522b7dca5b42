#!/usr/bin/env python3
"""Tags of LAC, from Paddle's own files in float64, held against what grus wrote.

    lac_reference.py LAC_SMALL PATHS.jsonl PROBS.jsonl

PATHS: the tags of the best path of its CRF; PROBS: the softmax of each character's scores (--head-output probs), whose
greatest is the tag without the CRF. Shares nothing with tools/import_lac.py: tensors stay as Paddle has them, columns u, r, c,
h' = (1 - u) h + u c, crfw [59, 57] with the start's row, the end's, then from x to. A path may differ only where its score is nearer than
1e-4 to the best one's, a tag only where the two best scores are; such places are counted. Needs NumPy.
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
        self.crf = tensor(model, "crfw", len(self.tags) + 2, len(self.tags))
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


    def path_score(self, scores, path):
        start, end, step = self.crf[0], self.crf[1], self.crf[2:]
        return start[path[0]] + end[path[-1]] + sum(row[y] for row, y in zip(scores, path)) + sum(step[a, b] for a, b in zip(path, path[1:]))

    def best_path(self, scores):
        """Viterbi."""
        best, back = self.crf[0] + scores[0], []
        for row in scores[1:]:
            ways = best[:, None] + self.crf[2:]
            back.append(ways.argmax(0))
            best = ways.max(0) + row
        path = [int((best + self.crf[1]).argmax())]
        for row in reversed(back):
            path.append(int(row[path[-1]]))
        return path[::-1]


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def main():
    lac, positions, close, wrong = Lac(sys.argv[1]), 0, 0, 0
    ids = {tag: i for i, tag in lac.tags.items()}
    paths, probs = read(sys.argv[2]), read(sys.argv[3])
    if len(paths) != len(probs):
        sys.exit(f"{len(paths)} records with paths, {len(probs)} with numbers")
    for record, numbers in zip(paths, probs):
        text, found = record["text"], [ids[tag] for tag in record["tag"]]
        scores = lac.scores(text) if text else []
        if not len(found) == len(scores) == len(numbers["tag"]):
            sys.exit(f"{text}: {len(found)} tags and {len(numbers['tag'])} rows of {len(scores)} characters")
        if not text:
            continue
        best = lac.best_path(scores)
        behind = lac.path_score(scores, best) - lac.path_score(scores, found)
        close += found != best
        if behind >= CLOSE:
            print(f"{text}: expected {[lac.tags[y] for y in best]}, found {record['tag']}, whose score is {behind} less")
            wrong += 1
        for character, row, given in zip(text, scores, numbers["tag"]):
            second, first = np.argsort(row)[-2:]
            positions += 1
            close += row[first] - row[second] < CLOSE
            if int(np.argmax(given)) != first and row[first] - row[second] >= CLOSE:
                print(f"{text}: {character}: without the CRF expected {lac.tags[first]}, found {lac.tags[int(np.argmax(given))]}")
                wrong += 1
    print(f"{positions} characters, {wrong} wrong, {close} decided by less than {CLOSE}")
    return 1 if wrong or not positions else 0


if __name__ == "__main__":
    sys.exit(main())
