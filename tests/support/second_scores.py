#!/usr/bin/env python3
"""tools/score_rouge.py and tools/score_detection.py against a second way of computing on random cases, and the descriptions'
preparation on cases by hand. Prints what differs; the exit code is 1 then.

The longest common subsequence comes from all subsequences of the shorter text, n-grams are crossed off lists one by one. Average
precision comes from its integral: of each recall on COCO's grid the greatest precision of any cut of the ranked list that
reaches it, where every cut is matched anew from nothing.
"""
import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

import debian_descriptions
import score_detection
import score_rouge

failures = 0


def near(what, found, wanted):
    global failures
    if abs(found - wanted) > 1e-9:
        print(f"{what}: {found}, expected {wanted}")
        failures += 1


def is_subsequence(part, whole):
    rest = iter(whole)
    return all(x in rest for x in part)


def longest(a, b):
    a, b = sorted((a, b), key=len)
    return max(n for n in range(len(a) + 1) for part in itertools.combinations(a, n) if is_subsequence(part, b))


def crossed_off(a, b, n):
    left, right = [a[i:i + n] for i in range(len(a) - n + 1)], [b[i:i + n] for i in range(len(b) - n + 1)]
    sizes, common = (len(left), len(right)), 0
    for gram in left:
        if gram in right:
            right.remove(gram)
            common += 1
    return common, *sizes


def harmonic(common, found, wanted):
    return 0.0 if common == 0 else 200 / (found / common + wanted / common)


def rouge_cases(draw):
    for _ in range(300):
        a, b = ([draw.choice("abcd") for _ in range(draw.randrange(8))] for _ in range(2))
        wanted = [harmonic(*crossed_off(a, b, 1)), harmonic(*crossed_off(a, b, 2)), harmonic(longest(a, b), len(a), len(b))]
        for name, x, y in zip(("ROUGE-1", "ROUGE-2", "ROUGE-L"), score_rouge.rouge([" ".join(a)], [" ".join(b)]), wanted):
            near(f"{name} of {a} and {b}", x, y)


def overlap(a, b):
    """IoU of boxes of whole numbers, by counting cells."""
    cells = [{(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])} for box in (a, b)]
    return len(cells[0] & cells[1]) / max(1, len(cells[0] | cells[1]))


def hits(ranked, true, threshold):
    """How many of the ranked (scene, box) are right, matched from nothing."""
    taken = set()
    for scene, box in ranked:
        free = [(overlap(box, t), k) for k, t in enumerate(true[scene]) if (scene, k) not in taken and overlap(box, t) >= threshold - 1e-10]
        if free:
            taken.add((scene, max(free)[1]))
    return len(taken)


def precision_integral(found, true, threshold):
    """found: [(score, scene, box)] with different scores, true: boxes of each scene."""
    ranked = [(scene, box) for _, scene, box in sorted(found, reverse=True)]
    total = sum(map(len, true))
    cuts = [(hits(ranked[:n], true, threshold), n) for n in range(1, len(ranked) + 1)]
    grid = [max([right / n for right, n in cuts if right * 100 >= step * total], default=0.0) for step in range(101)]
    return sum(grid) / 101


def detection_cases(draw):
    def box():
        x, y = draw.randrange(6), draw.randrange(6)
        return x, y, x + draw.randint(2, 6), y + draw.randint(2, 6)
    for _ in range(60):
        true = [[box() for _ in range(draw.randrange(4))] for _ in range(3)]
        true[0].append(box())
        found = [[] for _ in true]
        for scene, boxes in enumerate(true):
            found[scene] += [t for t in boxes if draw.random() < 0.7] + [box() for _ in range(draw.randrange(4))]
        scores = draw.sample(range(1000), sum(map(len, found)))
        flat = [(scores.pop(), scene, b) for scene, boxes in enumerate(found) for b in boxes]
        given = [[("c", b, score) for score, s, b in flat if s == scene] for scene in range(len(true))]
        ours = score_detection.mean_average_precision(given, [[("c", b) for b in boxes] for boxes in true])["c"]
        for threshold, value in zip(score_detection.THRESHOLDS, ours):
            near(f"AP@{threshold:.2f} of {flat} on {true}", value, precision_integral(flat, true, threshold))


def description_cases():
    global failures
    cases = {
        "Real-time game (RTS), see https://x.org/ for 0.6!": "real-time game ( rts ) , see for 0.6 !",
        "It's C++... isn't it? 'quoted'": "it's c++ ... isn't it ? ' quoted '",
        " ".join(f"w{n}" for n in range(60)): " ".join([f"w{n}" for n in range(28)] + ["..."] + [f"w{n}" for n in range(48, 60)]),
    }
    for text, wanted in cases.items():
        if debian_descriptions.prepare(text) != wanted:
            print(f"{text!r}: {debian_descriptions.prepare(text)!r}, expected {wanted!r}")
            failures += 1
    pairs = [(f"p{n}", f"s{n // 2}", f"summary {n}", f"alpha{n} beta{n} gamma delta{n} one two three four five six eight {n}") for n in range(400)]
    pairs += [("copy", "other", "x", pairs[0][3])]
    train, dev, test = debian_descriptions.split(pairs, "seed", 30, 50)
    sources = [{r["id"] for r in part} for part in (train, dev, test)]
    again = debian_descriptions.split(list(reversed(pairs)), "seed", 30, 50)
    if sources[0] & (sources[1] | sources[2]) or sources[1] & sources[2] or [len(p) for p in again] != [len(train), len(dev), len(test)]:
        print("the parts of the split overlap, or hang on the order of the pairs")
        failures += 1
    if any(f"p{int(i[1:]) ^ 1}" in sources[0] for i in sources[1] | sources[2] if i != "copy"):
        print("packages of one source are in two parts")
        failures += 1


def main():
    draw = random.Random(1)
    rouge_cases(draw)
    detection_cases(draw)
    description_cases()
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
