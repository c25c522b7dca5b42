#!/usr/bin/env python3
"""Draws the first table of bench/RESULTS.md, one thread, as bars: how fast each engine is beside grus (medians of rounds), by
layers' size.

    bars.py bench/RESULTS.md > doc/pictures/peers.svg
"""
import sys

COLOURS = {"grus": "#08519c", "oneDNN": "#6baed6", "ONNX Runtime": "#9ecae1", "PyTorch": "#c6dbef"}
WIDTH, LEFT, BAR, GAP = 560, 130, 15, 14


def rows(path):
    """-> [(size, [(engine, positions a second, by how much grus is faster)])] of one thread, in the table's order."""
    found, inside = {}, False
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("## "):
                inside = line.startswith("## Encoder, token ids")
            cells = [c.strip() for c in line.split("|")]
            if inside and len(cells) > 6 and cells[1].isdigit() and cells[2] == "1":
                found.setdefault(int(cells[1]), []).append((cells[4], int(cells[6]), float((cells[10] or "0/1").split("/")[1])))
    return sorted(found.items())


def draw(table):
    height = 64 + sum(len(engines) * BAR + GAP for _, engines in table)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 170}" height="{height}">',
           "<style>text{font:13px 'DejaVu Sans',Helvetica,Arial,sans-serif;fill:#1f2933}.small{font-size:12px;fill:#52606d}"
           ".size{text-anchor:end}</style>", '<rect width="100%" height="100%" fill="#fff"/>',
           '<text x="16" y="26">Encoder of two bidirectional GRU layers, one thread: positions a second</text>']
    y = 44
    for size, engines in table:
        out.append(f'<text class="size" x="{LEFT - 12}" y="{y + len(engines) * BAR / 2 + 5:.1f}">{size} units</text>')
        for engine, rate, ratio in engines:
            width = WIDTH / ratio
            said = f"{engine} {rate:,}" + ("" if engine == "grus" else f" (grus {ratio:.2f}×)")
            out.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[engine]}"/>'
                       f'<text class="small" x="{LEFT + width + 6:.1f}" y="{y + 11}">{said}</text>')
            y += BAR
        y += GAP
    return "\n".join([*out, "</svg>"])


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    print(draw(rows(sys.argv[1])))
