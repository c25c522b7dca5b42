#!/usr/bin/env python3
"""Mycroft Precise by Keras's formulas in float64, from its own file alone.

    precise_reference.py make INPUT.jsonl               windows of 29 rows of 13 numbers, as of MFCCs, and some of other lengths
    precise_reference.py check MODEL.net OUTPUT.jsonl   exit 1 where grus's probabilities are others

A GRU whose reset stands before the product, with hard_sigmoid gates and a linear candidate, and one dense unit with a sigmoid.
"""
import json
import sys

import h5py
import numpy as np

WIDTH = 13


def make(path):
    rs = np.random.RandomState(3)    # of a seed by which one of them wakes, and none is so steep that float32 says otherwise
    scale = np.array([9, 3] + [1] * (WIDTH - 2))
    with open(path, "w", encoding="utf-8") as f:
        for n in range(200):
            rows = rs.randn(29 if n % 5 else n // 5, WIDTH) * scale - 4 * (np.arange(WIDTH) == 0)
            f.write(json.dumps({"id": n, "features": np.round(rows, 3).tolist()}) + "\n")


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def probability(net, rows):
    kernel, recurrent, bias, dense, dense_bias = net
    units = recurrent.shape[0]
    h = np.zeros(units)
    for row in rows:
        x = np.array(row) @ kernel + bias
        z = hard_sigmoid(x[:units] + h @ recurrent[:, :units])
        r = hard_sigmoid(x[units:2 * units] + h @ recurrent[:, units:2 * units])
        candidate = x[2 * units:] + (r * h) @ recurrent[:, 2 * units:]
        h = z * h + (1 - z) * candidate
    return float(1 / (1 + np.exp(-(h @ dense + dense_bias)[0])))


def check(model, output):
    with h5py.File(model, "r") as f:
        weights = f["model_weights"]
        net = [weights[name][()].astype(np.float64) for name in (
            "net/net/kernel:0", "net/net/recurrent_kernel:0", "net/net/bias:0", "dense_1/dense_1/kernel:0", "dense_1/dense_1/bias:0")]
    records, found, worst = 0, set(), 0.0
    with open(output, encoding="utf-8") as f:
        for line in f:
            record = json.loads(line)
            expected, (got,) = probability(net, record["features"]), record["wake"]["probs"]
            worst = max(worst, abs(got - expected))
            if not abs(got - expected) <= 1e-5:
                sys.exit(f"record {record['id']}: {got}, and by Keras's formulas {expected}")
            if abs(expected - 0.5) > 1e-5 and record["wake"]["labels"] != ["hey-mycroft"] * (expected > 0.5):
                sys.exit(f"record {record['id']}: {record['wake']}, and by Keras's formulas {expected}")
            records += 1
            found.add(bool(record["wake"]["labels"]))
    if records != 200 or len(found) != 2:
        sys.exit(f"{records} records, {found}")
    print(f"{records} probabilities, largest difference {worst:.2g}")


if __name__ == "__main__":
    (make if sys.argv[1] == "make" else check)(*sys.argv[2:])
