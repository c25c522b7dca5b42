#!/usr/bin/env python3
"""tools/digit_scenes.py on digits made here: prints what is wrong with its scenes, and exits 1 then.

    scene_checks.py DIR       a folder to write in
"""
import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

import digit_scenes as ds
import draw_boxes

failures = []


def expect(what, right):
    if not right:
        failures.append(what)


def write_digits(folder, n=20):
    """Rectangles of ink in MNIST's files."""
    draw = np.random.default_rng(5)
    pixels = np.zeros((n, 28, 28), np.uint8)
    for p in pixels:
        y, x, h, w = draw.integers((4, 4, 8, 3), (8, 10, 20, 15))
        p[y:y + h, x:x + w] = draw.integers(100, 256)
    for name, magic, shape, body in (("images-idx3", 3, (n, 28, 28), pixels), ("labels-idx1", 1, (n,), np.arange(n, dtype=np.uint8) % 10)):
        with open(os.path.join(folder, f"t10k-{name}-ubyte"), "wb") as f:
            f.write(struct.pack(f">HBB{len(shape)}I", 0, 8, magic, *shape) + body.tobytes())


def resized_by_hand(digit, width):
    """Bilinear with pixel centres matched, one pixel at a time."""
    def at(k):
        x = min(max((k + 0.5) * 28 / width - 0.5, 0), 27)
        return int(x), min(int(x) + 1, 27), x - int(x)
    out = np.zeros((width, width))
    for i in range(width):
        for j in range(width):
            (a, b, u), (c, d, v) = at(i), at(j)
            out[i, j] = (1 - u) * ((1 - v) * digit[a, c] + v * digit[a, d]) + u * ((1 - v) * digit[b, c] + v * digit[b, d])
    return out


def check_scene(n, scene, objects):
    inside = np.zeros((ds.SIDE, ds.SIDE), bool)
    for k, (_, (y0, x0, y1, x1)) in enumerate(objects):
        inside[y0:y1, x0:x1] = True
        expect(f"scene {n}: box outside the scene", 0 <= y0 < y1 <= ds.SIDE and 0 <= x0 < x1 <= ds.SIDE)
        if len(objects) == 1:
            ink = scene > 0
            expect(f"scene {n}: no tight box", not ink[:, :x0].any() and not ink[:y0].any() and ink[y0].any() and ink[:, x1 - 1].any())
    expect(f"scene {n}: ink outside the boxes", not scene[~inside].any())
    cells = [(y0 + y1) // 2 // 12 * 8 + (x0 + x1) // 2 // 12 for _, (y0, x0, y1, x1) in objects]
    expect(f"scene {n}: not in the order of the cells", cells == sorted(cells))
    expect(f"scene {n}: {len(objects)} digits", 1 <= len(objects) <= 6)
    features = ds.features(scene[None])[0]
    expect(f"scene {n}: features do not give the pixels", np.array_equal(draw_boxes.pixels(features.tolist()), scene))
    padded = np.pad(scene.astype(int), 48)
    for cell, block, window in ((0, 0, 0), (9, 5, 3), (37, 7, 1), (63, 8, 2), (63, 8, 3)):
        y = 48 + cell // 8 * 12 - 15 + 6 * (block // 3 * 2 + window // 2)       # of the window's first pixel
        x = 48 + cell % 8 * 12 - 15 + 6 * (block % 3 * 2 + window % 2)
        got, name = features[cell * 36 + block * 4 + window], f"scene {n}, cell {cell}, block {block}, window {window}"
        expect(f"{name}: pixels", np.array_equal(got[:144].reshape(12, 12), padded[y:y + 12, x:x + 12]))
        far = padded[y - 6:y + 18, x - 6:x + 18]
        for i, j in ((0, 0), (5, 10), (11, 11), (6, 3)):
            mean = (int(far[2 * i:2 * i + 2, 2 * j:2 * j + 2].sum()) + 2) // 4
            expect(f"{name}: what is around", got[144 + 12 * i + j] == mean)
        row, column = cell // 8 * 2 + block // 3 * 2 + window // 2, cell % 8 * 2 + block % 3 * 2 + window % 2
        expect(f"{name}: place", got[288:].sum() == 510 and got[288 + row] == 255 and got[308 + column] == 255)


def main():
    write_digits(sys.argv[1])
    source = ds.Scenes(sys.argv[1], "t10k")
    for width in (14, 28, 31, 48):
        m, digit = ds.RESIZE[width], source.pixels[3]
        expect(f"resized to {width}", np.allclose(m @ digit @ m.T, resized_by_hand(digit, width), atol=1e-3))
    for n in range(40):
        scene, objects = source.make(n)
        again, same = source.make(n)
        expect(f"scene {n}: not the same again", np.array_equal(scene, again) and objects == same)
        check_scene(n, scene, objects)
    words = ds.tokens([(7, (10, 12, 40, 36))])
    expect("tokens", words == ["y10", "x12", "y40", "x36", "7"] and all(w in ds.VOCABULARY for w in words))
    print("\n".join(failures[:10]))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
