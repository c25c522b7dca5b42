"""Labels that the positions of a record decide together: Viterbi in float64, and CTC greedily or by prefix beams, whose masses are
fractions, so that equal ones are equal. Plainly from the contract; a part of heads.told."""
import math
from fractions import Fraction

import numpy as np

NAMES = ["transitions", "start", "end"]


def read(model, name, labels):
    """transitions (C, C) from, to; start and end (C) of a crf"""
    shapes = [(labels, labels), (labels,), (labels,)]
    found = [model.tensor(f"heads.{name}.{one}", shape, optional=one != "transitions") for one, shape in zip(NAMES, shapes)]
    return [np.zeros(shape) if x is None else x.double().numpy() for x, shape in zip(found, shapes)]


def viterbi(logits, transitions, start, end):
    """-> labels of the best path, and by how much it beats the next one. Of each label: the two best scores of paths that come to
    it, and where the better came from."""
    if not len(logits):
        return [], math.inf
    best, second, before = start + logits[0], np.full(len(start), -math.inf), []
    for row in logits[1:]:
        through = best[:, None] + transitions
        all_ways = np.sort(np.concatenate([through, second[:, None] + transitions]), axis=0)
        before.append(through.argmax(axis=0))
        best, second = all_ways[-1] + row, all_ways[-2] + row
    best, second = best + end, second + end
    path = [int(best.argmax())]
    for row in reversed(before):
        path.append(int(row[path[-1]]))
    ends = np.sort(np.concatenate([best, second]))
    return path[::-1], float(ends[-1] - ends[-2]) if len(ends) > 1 else math.inf


def logarithm(x):
    return math.log(x.numerator) - math.log(x.denominator) if x else -math.inf


def greedy(probs, blank):
    """-> labels, score, gap"""
    labels, score, gap, last = [], 0.0, math.inf, blank
    for row in probs:
        best, top = int(row.argmax()), np.sort(row)[::-1]
        score += math.log(row[best])
        gap = min(gap, float(top[0] - top[1])) if len(top) > 1 else gap
        if best not in (last, blank):
            labels.append(best)
        last = best
    return labels, score, gap


def prefix_beam(probs, blank, beam_size):
    """-> labels, score, gap. Prefixes with the mass that ends in a blank, and in a label."""
    live, gap = {(): (Fraction(1), Fraction(0))}, math.inf
    for row in probs:
        found = {}

        def add(prefix, in_blank, in_label):
            a, b = found.get(prefix, (0, 0))
            found[prefix] = (a + in_blank, b + in_label)
        for prefix, (in_blank, in_label) in live.items():
            for label, p in enumerate(map(Fraction, row.tolist())):
                if label == blank:
                    add(prefix, (in_blank + in_label) * p, 0)
                elif prefix and label == prefix[-1]:
                    add(prefix, 0, in_label * p)
                    add(prefix + (label,), 0, in_blank * p)
                else:
                    add(prefix + (label,), 0, (in_blank + in_label) * p)
        order = sorted(found, key=lambda prefix: (-sum(found[prefix]), prefix))
        live = {prefix: found[prefix] for prefix in order[:beam_size]}
        if len(order) > beam_size and sum(found[order[beam_size]]):
            gap = min(gap, logarithm(sum(found[order[beam_size - 1]])) - logarithm(sum(found[order[beam_size]])))
    masses = [logarithm(sum(mass)) for mass in live.values()]
    if len(masses) > 1:
        gap = min(gap, masses[0] - masses[1])
    return list(next(iter(live))), masses[0], gap


def told(head, x, beam_size):
    """-> what a record gets of logits x, and the gaps of what was decided, [(gap, place)]"""
    names, logits = head["names"], x.double().numpy()
    if head["decode"] == "crf":
        path, gap = viterbi(logits, *head["crf"])
        return [names[label] for label in path], [(gap, "path")]
    probs = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    probs = probs / probs.sum(axis=1, keepdims=True) if len(logits) else probs
    blank = head.get("blank", 0)
    labels, score, gap = greedy(probs, blank) if beam_size == 1 else prefix_beam(probs, blank, beam_size)
    return {"output": head.get("join", "").join(names[label] for label in labels), "score": score}, [(gap, "labels")]
