#!/usr/bin/env python3
"""Makes the demo shard of models/g2p-en: words of a word list as JSONL records {"id": n, "text": word}, zstd-compressed.

Words of letters A-Z, a-z and apostrophes are taken, of three characters or more, abbreviations in capitals left out. The
choice and its order are those of the SHA-256 of seed and word, so the same list always gives the same shard.

    make_demo_shard.py /usr/share/dict/american-english-huge models/g2p-en/demo.jsonl.zst     (Debian: wamerican-huge)
"""
import argparse
import hashlib
import re
import subprocess


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("list", help="one word a line, UTF-8")
    p.add_argument("out", help=".jsonl.zst to write")
    p.add_argument("--count", type=int, default=60000)
    p.add_argument("--seed", default="grus")
    p.add_argument("--level", type=int, default=19)
    a = p.parse_args()
    with open(a.list, encoding="utf-8") as f:
        words = {w for w in f.read().split("\n")
                 if re.fullmatch(r"[A-Za-z][A-Za-z']{2,}", w) and not re.fullmatch(r"[A-Z]+('s)?", w)}
    if len(words) < a.count:
        p.error(f"{a.list} has {len(words)} fitting words, {a.count} wanted")
    chosen = sorted(words, key=lambda w: hashlib.sha256(f"{a.seed} {w}".encode()).digest())[:a.count]
    body = "".join(f'{{"id": {n}, "text": "{w}"}}\n' for n, w in enumerate(chosen, 1))
    subprocess.run(["zstd", "-qf", "--ultra", f"-{a.level}", "--check", "-o", a.out], input=body.encode(), check=True)
    print(f"{a.out}: {len(chosen)} records of {len(words)} fitting words, {len(body)} bytes before compression")


if __name__ == "__main__":
    main()
