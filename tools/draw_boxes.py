#!/usr/bin/python3
"""Draws scenes of digit_scenes.py with their true boxes (green) and the found ones (orange), side by side in one PNG.

    draw_boxes.py FOUND OUT.png [--first 0] [--count 8] [--columns 4]

FOUND is what `grus run` makes of such a shard in JSONL (.zst too): records with `features`, `truth` and `output`. The pixels are those
of the features: of each window the middle. The true digit stands above its box on the left, the found one on the
right; what answers no box of its class by an IoU of 0.5 or more is red.
"""
import argparse
import json
import struct
import sys
import zlib

import numpy as np

import digit_scenes as ds
from score_detection import iou, parse
from score_g2p import lines

FONT = ("7b6f 2c97 73e7 73cf 5bc9 79cf 79ef 7249 7bef 7bcf").split()        # 3 x 5 dots a digit, rows from the top
GREEN, ORANGE, RED = (40, 200, 90), (255, 160, 30), (255, 50, 50)


def pixels(features):
    """Of one record -> [96, 96] of bytes."""
    window, margin = np.zeros((ds.WINDOWS, ds.WINDOWS, ds.WINDOW, ds.WINDOW), np.uint8), (ds.WINDOW - ds.STEP) // 2
    window[ds.places()] = np.array(features)[:, :ds.WINDOW ** 2].reshape(-1, ds.WINDOW, ds.WINDOW)
    middle = window[:, :, margin:margin + ds.STEP, margin:margin + ds.STEP]
    whole = middle.transpose(0, 2, 1, 3).reshape(ds.WINDOWS * ds.STEP, ds.WINDOWS * ds.STEP)
    outside = (len(whole) - ds.SIDE) // 2
    return whole[outside:outside + ds.SIDE, outside:outside + ds.SIDE]


def frame(picture, box, colour, zoom):
    x0, y0, x1, y1 = (min(v * zoom, picture.shape[0] - 1) for v in box)
    picture[[y0, y1], x0:x1 + 1] = colour
    picture[y0:y1 + 1, [x0, x1]] = colour


def write_digit(picture, digit, at, colour, dot=2):
    bits = int(FONT[int(digit)], 16)
    for k in range(15):
        if bits >> (14 - k) & 1:
            y, x = max(0, at[0]) + k // 3 * dot, at[1] + k % 3 * dot
            picture[y:y + dot, x:x + dot] = colour


def draw(record, zoom):
    picture = np.repeat(pixels(record["features"]).repeat(zoom, 0).repeat(zoom, 1)[:, :, None] // 2, 3, 2)
    true = [(b["class"], b["box"]) for b in record["truth"]]
    for digit, box in true:
        frame(picture, box, GREEN, zoom)
        write_digit(picture, digit, (box[1] * zoom - 12, box[0] * zoom), GREEN)
    found = record.get("output", "").split()
    for digit, box, _ in parse(found, [0.0] * len(found)):
        right = any(digit == d and iou(box, b) >= 0.5 for d, b in true)
        frame(picture, box, ORANGE if right else RED, zoom)
        write_digit(picture, digit, (box[1] * zoom - 12, max(8, box[2] * zoom - 5)), ORANGE if right else RED)
    return np.pad(picture, ((0, 4), (0, 4), (0, 0)), constant_values=255)


def png(picture):
    """[H, W, 3] of bytes -> a file's bytes."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    head = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("found")
    p.add_argument("out")
    p.add_argument("--first", type=int, default=0, help="record to begin with [0]")
    p.add_argument("--count", type=int, default=8, help="[8]")
    p.add_argument("--columns", type=int, default=4, help="[4]")
    p.add_argument("--zoom", type=int, default=3, help="[3]")
    a = p.parse_args()
    records = [json.loads(line) for line in list(lines(a.found))[a.first:a.first + a.count]]
    pictures = [draw(r, a.zoom) for r in records]
    while len(pictures) % a.columns:
        pictures.append(np.full_like(pictures[0], 255))
    rows = [np.concatenate(pictures[k:k + a.columns], 1) for k in range(0, len(pictures), a.columns)]
    with open(a.out, "wb") as f:
        f.write(png(np.concatenate(rows).astype(np.uint8)))
    print(f"{a.out}: {len(records)} scenes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
