#!/usr/bin/python3
"""Scenes of handwritten digits for object detection: 96 x 96 pixels, 1 to 6 MNIST digits of 14 to 48 pixels, and their boxes.

Made as MNIST-ObjectDetection does (H. Hukkelås): a digit's picture is sized bilinearly to a random width, placed at random where
the boxes overlap by an IoU below 0.25, added to what is there, and clipped at 255; its box is the tight one around its ink. A scene
is a function of the seed, its number and the part of MNIST, so that scenes of the test part hold test digits alone.

    digit_scenes.py DIR OUT [--first 0] [--count N] [--part t10k]      records for grus: OUT is .jsonl.zst or .safetensors.zst
    digit_scenes.py DIR - --truth [--first 0] [--count N]              the true boxes, one JSON record a scene

A scene is looked at through 20 x 20 windows whose middles are 6 pixels apart. A window's 328 features are its 12 x 12 pixels, the
24 x 24 pixels around its middle in means of 2 x 2, all 0 to 255, and its row and column, 20 + 20 numbers of which one each is 255.
The record has the 6 x 6 windows of each of 8 x 8 cells of 12 x 12 pixels, in the order in which two layers `conv1d` without overlap
(kernel and stride 4, then 9) make of them what two convolutions over the plane would: cells row by row, in a cell 3 x 3 blocks, in
a block 2 x 2 windows. Behind such a front a position is a cell.
The answer names the objects in the order of the cells in which their middles lie, each by five tokens: y and x of the first corner, y
and x of the second (pixel edges, 0 to 96), digit, like `y10 x12 y40 x36 7` (pix2seq: Chen and others 2022).
"""
import argparse
import json
import sys

import numpy as np

import mnist

SIDE, CELL, GRID = 96, 12, 8
WINDOW, STEP, BLOCK, BLOCKS = 12, 6, 2, 3
WINDOWS = (GRID - 1) * CELL // STEP + BLOCK * BLOCKS
FEATURES = 2 * WINDOW * WINDOW + 2 * WINDOWS
LEAST, MOST, COUNT, OVERLAP = 14, 48, 6, 0.25


def resize_matrix(width):
    """[width, 28]: bilinear, pixel centres matched, as OpenCV's resize takes a row."""
    at = np.clip((np.arange(width) + 0.5) * mnist.SIDE / width - 0.5, 0, mnist.SIDE - 1)
    low = np.minimum(at.astype(int), mnist.SIDE - 2)
    out = np.zeros((width, mnist.SIDE), np.float32)
    out[np.arange(width), low] = 1 - (at - low)
    out[np.arange(width), low + 1] = at - low
    return out


RESIZE = {w: resize_matrix(w) for w in range(LEAST, MOST + 1)}


def iou(a, b):
    """Of boxes (y0, x0, y1, x1)."""
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if height <= 0 or width <= 0:
        return 0.0
    common = height * width
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def cell_of(box):
    return int((box[0] + box[2]) / 2) // CELL, int((box[1] + box[3]) / 2) // CELL


class Scenes:
    def __init__(self, folder, part, seed=1):
        pixels, labels = mnist.read(folder, part)
        self.pixels = np.frombuffer(pixels, np.uint8).reshape(-1, mnist.SIDE, mnist.SIDE).astype(np.float32)
        self.labels, self.key = np.frombuffer(labels, np.uint8), [seed, {"train": 0, "t10k": 1}[part]]

    def make(self, number, first=0, last=None):
        """-> pixels [96, 96] of bytes, [(digit, box)] in the answer's order. first, last: the digits' numbers in the part."""
        rng = np.random.default_rng(self.key + [number])
        last = len(self.labels) if last is None else last
        scene, objects, places = np.zeros((SIDE, SIDE), np.float32), [], []
        for _ in range(rng.integers(1, COUNT + 1)):
            while True:
                width, y, x, k = rng.integers((LEAST, 0, 0, first), (MOST + 1, SIDE, SIDE, last))
                if y + width > SIDE or x + width > SIDE or any(iou((y, x, y + width, x + width), p) >= OVERLAP for p in places):
                    continue
                break
            m = RESIZE[width]
            digit = m @ self.pixels[k] @ m.T
            rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
            box = tuple(int(v) for v in (y + rows[0], x + columns[0], y + rows[-1] + 1, x + columns[-1] + 1))
            places.append(box)
            objects.append((int(self.labels[k]), box))
            scene[y:y + width, x:x + width] += digit
        return np.minimum(scene, 255).astype(np.uint8), sorted(objects, key=lambda o: (cell_of(o[1]), o[1]))


def windows(scenes):
    """[B, 96, 96] of bytes -> [B, 20, 20, FEATURES] of float32."""
    def view(margin, scale):
        x = np.pad(scenes, ((0, 0), (margin, margin), (margin, margin))).astype(np.float32)
        if scale == 2:
            x = np.floor((x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]) / 4 + 0.5)
        found = np.lib.stride_tricks.sliding_window_view(x, (WINDOW, WINDOW), axis=(1, 2))[:, ::STEP // scale, ::STEP // scale]
        return found.reshape(*found.shape[:3], WINDOW * WINDOW)
    margin = ((WINDOWS - 1) * STEP + WINDOW - SIDE) // 2
    one = 255 * np.eye(WINDOWS, dtype=np.float32)
    place = np.concatenate([np.repeat(one[:, None], WINDOWS, 1), np.repeat(one[None], WINDOWS, 0)], 2)
    return np.concatenate([view(margin, 1), view(margin + WINDOW // 2, 2), np.broadcast_to(place, (len(scenes), *place.shape))], 3)


def places():
    """Rows and columns of the windows that a record has, in its order, [64 * 36] each."""
    cell, block, window = np.arange(GRID) * CELL // STEP, np.arange(BLOCKS) * BLOCK, np.arange(BLOCK)
    along = cell[:, None, None] + block[:, None] + window            # (GRID, BLOCKS, BLOCK)
    shape = (GRID, GRID, BLOCKS, BLOCKS, BLOCK, BLOCK)
    return (np.broadcast_to(along[:, None, :, None, :, None], shape).reshape(-1),
            np.broadcast_to(along[None, :, None, :, None, :], shape).reshape(-1))


def features(scenes):
    """[B, 96, 96] of bytes -> [B, 64 * 36, FEATURES] of float32."""
    rows, columns = places()
    return windows(scenes)[:, rows, columns]


def tokens(objects):
    return [t for digit, (y0, x0, y1, x1) in objects for t in (f"y{y0}", f"x{x0}", f"y{y1}", f"x{x1}", str(digit))]


VOCABULARY = ["<unk>", "<s>", "</s>"] + [str(d) for d in range(10)] + [f"{c}{n}" for c in "yx" for n in range(SIDE + 1)]


def truth(objects):
    return [{"class": str(digit), "box": [x0, y0, x1, y1]} for digit, (y0, x0, y1, x1) in objects]


def jsonl(scenes, first):
    out = []
    for n, (scene, objects) in enumerate(scenes, first):
        rows = ",".join("[" + ",".join(map(str, row)) + "]" for row in features(scene[None])[0].astype(int).tolist())
        out.append(f'{{"id": {n}, "truth": {json.dumps(truth(objects))}, "features": [{rows}]}}\n')
    return "".join(out).encode()


def safetensors(scenes):
    body = features(np.stack([scene for scene, _ in scenes])).astype(np.float16).reshape(-1, FEATURES)
    offsets = np.arange(0, len(body) + 1, len(body) // len(scenes), dtype=np.int64).tobytes()
    return mnist.feature_shard(offsets, body.tobytes(), len(scenes), list(body.shape))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="directory with MNIST's idx files")
    p.add_argument("out", help=".jsonl.zst or .safetensors.zst to write; with --truth - for standard output")
    p.add_argument("--part", choices=("train", "t10k"), default="t10k", help="[t10k]")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--first", type=int, default=0, help="number of the first scene [0]")
    p.add_argument("--count", type=int, default=1000, help="[1000]")
    p.add_argument("--truth", action="store_true", help="write the true boxes alone, one scene a line")
    p.add_argument("--level", type=int, default=19)
    a = p.parse_args()
    source = Scenes(a.data, a.part, a.seed)
    scenes = [source.make(n) for n in range(a.first, a.first + a.count)]
    if a.truth:
        body = "".join(json.dumps({"id": n, "truth": truth(o)}) + "\n" for n, (_, o) in enumerate(scenes, a.first))
        if a.out == "-":
            sys.stdout.write(body)
        else:
            with open(a.out, "w", encoding="utf-8") as f:
                f.write(body)
        return 0
    mnist.write_shard(p, a, f"{len(scenes)} scenes", lambda: jsonl(scenes, a.first), lambda: safetensors(scenes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
