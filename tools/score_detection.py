#!/usr/bin/env python3
"""Mean average precision of boxes by COCO's definition (Lin and others 2014; pycocotools' COCOeval, area `all`).

Of each class and IoU threshold: the found boxes in order of their scores, of each scene the --max-dets best of the class; each takes
the free true box of greatest IoU at or above the threshold; precision is made falling from the right and read at the recalls
0, 0.01, ..., 1 (0 beyond the last). The mean is over the classes that have true boxes; mAP@[.5:.95] is that over ten thresholds.

    score_detection.py FOUND TRUTH       JSONL, one scene a line, either with .zst

A record of TRUTH has "truth": [{"class": "7", "box": [x0, y0, x1, y1]}, ...]. One of FOUND has "boxes", the same with "score" beside,
or "output" in the five tokens of digit_scenes.py an object and "token_logprobs" of these, as `grus run --task score --target-key
output --token-scores` gives them behind a first run. --score tells what a box's score is then: `class`, the probability of its digit
token (pix2seq), or `box`, the product of the five. Tokens that make no box, and boxes without area, are left out.
"""
import argparse
import json
import math
import sys

from score_g2p import lines

THRESHOLDS = [0.5 + 0.05 * k for k in range(10)]
RECALLS = [k / 100 for k in range(101)]


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def match(found, true, threshold):
    """Boxes of one scene and class, the found ones best first -> for each found one whether it is right."""
    free, right = list(range(len(true))), []
    for box in found:
        best, at = min(threshold, 1 - 1e-10), None
        for k in free:
            overlap = iou(box, true[k])
            if overlap >= best:                         # of equals the last, as COCOeval has it
                best, at = overlap, k
        right.append(at is not None)
        if at is not None:
            free.remove(at)
    return right


def average_precision(marks, n_true):
    """marks: whether right, of all found boxes, best first."""
    points, hits = [], 0
    for n, right in enumerate(marks, 1):
        hits += right
        points.append((hits / n_true, hits / n))
    best, curve = 0.0, []
    for recall, precision in reversed(points):
        best = max(best, precision)
        curve.append((recall, best))
    curve.reverse()
    total, at = 0.0, 0
    for wanted in RECALLS:
        while at < len(curve) and curve[at][0] < wanted - 1e-12:
            at += 1
        total += curve[at][1] if at < len(curve) else 0.0
    return total / len(RECALLS)


def mean_average_precision(found, true, max_dets=100, thresholds=THRESHOLDS):
    """Lists of scenes; found: [(class, box, score)], true: [(class, box)] -> {class: [AP at each threshold]}."""
    out = {}
    for c in sorted({c for scene in true for c, _ in scene}):
        scenes, n_true = [], 0
        for f, t in zip(found, true):
            mine = sorted(((score, box) for k, box, score in f if k == c), key=lambda d: -d[0])[:max_dets]
            wanted = [box for k, box in t if k == c]
            scenes.append((mine, wanted))
            n_true += len(wanted)
        out[c] = []
        for threshold in thresholds:
            marks = [(score, right) for mine, wanted in scenes
                     for (score, _), right in zip(mine, match([box for _, box in mine], wanted, threshold))]
            marks.sort(key=lambda m: -m[0])
            out[c].append(average_precision([right for _, right in marks], n_true))
    return out


def means(by_class):
    """-> mAP@0.5, mAP@[.5:.95]"""
    n = max(1, len(by_class))
    return sum(v[0] for v in by_class.values()) / n, sum(sum(v) / len(v) for v in by_class.values()) / n


def parse(tokens, logprobs, kind="class"):
    """The five tokens of each object -> [(class, box, score)]; what makes no box is passed over, token by token."""
    out, k = [], 0
    while k + 5 <= len(tokens):
        part = tokens[k:k + 5]
        shape = [t[0] if t[0] in "xy" and t[1:].isdigit() else "d" if t.isdigit() else "?" for t in part]
        if shape != ["y", "x", "y", "x", "d"]:
            k += 1
            continue
        y0, x0, y1, x1 = (int(t[1:]) for t in part[:4])
        if x1 > x0 and y1 > y0:
            out.append((part[4], (x0, y0, x1, y1), math.exp(logprobs[k + 4] if kind == "class" else sum(logprobs[k:k + 5]))))
        k += 5
    return out


def read_found(record, kind):
    if "boxes" in record:
        return [(b["class"], tuple(b["box"]), b["score"]) for b in record["boxes"]]
    tokens = record.get("output", "").split()
    return parse(tokens, record.get("token_logprobs", [0.0] * len(tokens)), kind)


def read(path):
    return [json.loads(line) for line in lines(path)]


def self_test():
    assert abs(iou((0, 0, 2, 2), (1, 1, 3, 3)) - 1 / 7) < 1e-12 and iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0
    true = [[("a", (0, 0, 10, 10)), ("a", (20, 0, 30, 10))], [("a", (0, 0, 10, 10))]]
    # Right, wrong, right of three true ones: precision 1 to recall 1/3 (34 points), 2/3 to 2/3 (33 points), then 0.
    found = [[("a", (0, 0, 10, 10), 0.9), ("a", (50, 50, 60, 60), 0.8)], [("a", (0, 0, 10, 10), 0.7)]]
    at_half, over_all = means(mean_average_precision(found, true))
    assert abs(at_half - (34 + 33 * 2 / 3) / 101) < 1e-12 and abs(over_all - at_half) < 1e-12
    # A second box on one true box is wrong; IoU 0.8 is right at seven thresholds of ten (0.5 to 0.8).
    found = [[("b", (0, 0, 10, 8), 0.9), ("b", (0, 0, 10, 8), 0.8)]]
    at_half, over_all = means(mean_average_precision(found, [[("b", (0, 0, 10, 10))]]))
    assert at_half == 1 and abs(over_all - 0.7) < 1e-12
    assert means(mean_average_precision([[("c", (0, 0, 1, 1), 1.0)]], [[("d", (0, 0, 1, 1))]])) == (0, 0)
    assert parse("y1 x2 y3 x4 7 x9 y0 x0 y5 x6 0".split(), [0.0] * 11) == [("7", (2, 1, 4, 3), 1.0), ("0", (0, 0, 6, 5), 1.0)]
    print("self-test passed")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("found", nargs="?")
    p.add_argument("truth", nargs="?")
    p.add_argument("--score", choices=("class", "box"), default="class", help="[class]")
    p.add_argument("--max-dets", type=int, default=100, help="of a scene and class [100]")
    p.add_argument("--by-class", action="store_true", help="print each class too")
    p.add_argument("--min-map", type=float, help="exit 1 where mAP@0.5 is below this")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    if a.self_test:
        return self_test()
    if not a.truth:
        p.error("FOUND and TRUTH are needed")
    found = [read_found(r, a.score) for r in read(a.found)]
    true = [[(b["class"], tuple(b["box"])) for b in r["truth"]] for r in read(a.truth)]
    if len(found) != len(true):
        p.error(f"{len(found)} scenes found, {len(true)} true")
    by_class = mean_average_precision(found, true, a.max_dets)
    if a.by_class:
        for c, v in by_class.items():
            print(f"{c}: AP@0.5 = {v[0]:.4f}, AP@[.5:.95] = {sum(v) / len(v):.4f}")
    at_half, over_all = means(by_class)
    print(f"mAP@0.5 = {at_half:.4f}, mAP@[.5:.95] = {over_all:.4f} (scenes={len(true)}, true={sum(map(len, true))}, "
          f"found={sum(map(len, found))})")
    return int(a.min_map is not None and not at_half >= a.min_map)


if __name__ == "__main__":
    sys.exit(main())
