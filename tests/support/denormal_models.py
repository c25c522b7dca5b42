#!/usr/bin/env python3
"""denormal_models.py DIR: models and shards whose numbers are below FLT_MIN, and the same with zeros in their place, for
tests/command/denormals.sh. Plain Python, and a cell's arithmetic in Python's own numbers.

    weights-denormal, weights-zero    a third of all weights 1e-40 or -1e-40, or zeros; features up to 1e37 make the former felt
    features-*.jsonl, *.safetensors   the same of the features, for weights up to 1e37
    decay-NAME                        one unit, whose state is halved at each step
    speed-denormal, speed-normal      a model of 64 units, half of its recurrent weights 1e-40, or not
"""
import json
import os
import random
import struct
import sys

DENORMALS = (1e-40, -1e-40, 1.1e-38, -1.4e-45)
CELLS = {"plain": {}, "relu": {"activation": "relu"}, "hard": {"gate_activation": "hard_sigmoid"},
         "before": {"reset": "before"}, "before-relu": {"reset": "before", "activation": "relu"}}


def write_tensors(path, tensors):
    """Each of them name -> (dtype, shape, numbers in order)."""
    header, data = {}, b""
    for name, (dtype, shape, numbers) in tensors.items():
        if dtype == "BF16":
            raw = b"".join(struct.pack("<f", x)[2:] for x in numbers)
        else:
            raw = struct.pack(f"<{len(numbers)}{'q' if dtype == 'I64' else 'f'}", *numbers)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_model(path, features, hidden, cell, make, dtype="F32"):
    """`make` gives each tensor's numbers from its name and how many they are."""
    rows = (4 if cell.get("cell") == "lstm" else 3) * hidden
    shapes = {"weight_ih": [rows, features], "weight_hh": [rows, hidden], "bias_ih": [rows], "bias_hh": [rows]}
    tensors = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors[f"encoder.rnn.{name}_l0"] = dtype, shape, make(name, count)
    os.makedirs(path)
    config = {"model_type": "encoder", "source": {"input": "features", "feature_dim": features},
              "encoder": {"hidden_size": hidden, **cell}, "pooling": {"type": "last"}}
    with open(f"{path}/config.json", "w") as file:
        json.dump(config, file)
    write_tensors(f"{path}/model.safetensors", tensors)


def write_shards(stem, records):
    with open(f"{stem}.jsonl", "w") as file:
        for i, rows in enumerate(records):
            file.write(json.dumps({"id": i, "features": rows}) + "\n")
    offsets = [0]
    for rows in records:
        offsets.append(offsets[-1] + len(rows))
    flat = [x for rows in records for row in rows for x in row]
    for dtype in ("F32", "BF16"):
        write_tensors(f"{stem}-{dtype}.safetensors", {
            "offsets": ("I64", [len(offsets)], offsets),
            "features": (dtype, [offsets[-1], len(records[0][0])], flat)})


def mixed(draw, scale, tiny):
    """A third of the numbers denormal, or zeros, the others up to scale."""
    x = draw.choice(DENORMALS)
    number = draw.uniform(-1, 1) * scale
    return number if draw.random() > 0.34 else x if tiny else 0.0


def write_weights(top):
    for name, tiny in (("denormal", True), ("zero", False)):
        draw = random.Random(1)
        for dtype in ("F32", "BF16"):
            write_model(f"{top}/weights-{name}-{dtype}", 5, 19, {},
                        lambda _, n: [mixed(draw, 1e-37, tiny) for _ in range(n)], dtype)
    draw = random.Random(2)
    records = [[[draw.uniform(-1, 1) * 1e37 for _ in range(5)] for _ in range(n)] for n in range(1, 8)]
    write_shards(f"{top}/great", records)


def write_features(top):
    draw = random.Random(3)
    write_model(f"{top}/great-weights", 5, 19, {},
                lambda name, n: [draw.uniform(-1, 1) * (1e37 if name == "weight_ih" else 0.2) for _ in range(n)])
    for name, tiny in (("denormal", True), ("zero", False)):
        draw = random.Random(4)
        write_shards(f"{top}/features-{name}",
                     [[[mixed(draw, 1e-37, tiny) for _ in range(5)] for _ in range(n)] for n in range(1, 8)])


def write_decay(top):
    """A state that the first row sets and each other halves: z is 1/2, the candidate 0 but at the first row."""
    for name, cell in CELLS.items():
        write_model(f"{top}/decay-{name}", 1, 1, cell,
                    lambda tensor, n: [0.0, 0.0, 1.0] if tensor == "weight_ih" else [0.0] * n)
    # f is 1/2, o is 1, and c so small that it is its own tanh.
    numbers = {"weight_ih": [0.0, 0.0, 0.1, 0.0], "bias_ih": [0.0, 0.0, 0.0, 100.0]}
    write_model(f"{top}/decay-lstm", 1, 1, {"cell": "lstm"}, lambda tensor, n: numbers.get(tensor, [0.0] * n))
    write_shards(f"{top}/decay", [[[1.0]] + [[0.0]] * n for n in range(160)])


def write_speed(top):
    for name, tiny in (("denormal", 1e-40), ("normal", 0.01)):
        draw = random.Random(5)
        write_model(f"{top}/speed-{name}", 16, 64, {},
                    lambda tensor, n: [tiny if tensor == "weight_hh" and draw.random() < 0.5
                                       else draw.uniform(-0.1, 0.1) for _ in range(n)])
    draw = random.Random(6)
    write_shards(f"{top}/speed", [[[draw.uniform(-1, 1) for _ in range(16)] for _ in range(40)] for _ in range(400)])


if __name__ == "__main__":
    for part in (write_weights, write_features, write_decay, write_speed):
        part(sys.argv[1])
