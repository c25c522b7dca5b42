#!/usr/bin/env python3
"""The Snips data (seq.in, seq.out, label in each of train, valid, test): read for training, and as a shard of records for grus.

    snips.py DIR OUT         DIR: of the three files; OUT: .jsonl.zst, records
                             {"id": n, "text": "…", "expected": {"intent": "…", "slots": ["O", …]}}
"""
import argparse
import collections
import json
import os
import subprocess
import sys

from score_labels import spans


def read(folder):
    """[(words, BIO labels, intent)]"""
    def lines(name):
        with open(os.path.join(folder, name), encoding="utf-8", newline="\n") as f:
            return f.read().rstrip("\n").split("\n")
    out = [(w.split(), t.split(), i.strip()) for w, t, i in zip(lines("seq.in"), lines("seq.out"), lines("label"))]
    for words, tags, _ in out:
        if len(words) != len(tags):
            raise ValueError(f"{folder}: {len(tags)} labels for {len(words)} words: {' '.join(words)}")
    return out


class Exchange:
    """Puts other values, seen elsewhere in the same slot, into sentences."""

    def __init__(self, sentences, rate):
        self.rate, self.values = rate, collections.defaultdict(list)
        for words, tags, _ in sentences:
            for slot, begin, end in sorted(spans(tags)):
                self.values[slot].append(words[begin:end])

    def __call__(self, words, tags, rng):
        out_words, out_tags, at = [], [], 0
        for slot, begin, end in sorted(spans(tags), key=lambda s: s[1]):
            value = rng.choice(self.values[slot]) if rng.random() < self.rate else words[begin:end]
            out_words += words[at:begin] + value
            out_tags += tags[at:begin] + ["B-" + slot] + ["I-" + slot] * (len(value) - 1)
            at = end
        return out_words + words[at:], out_tags + tags[at:]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", help="directory with seq.in, seq.out and label")
    p.add_argument("out", help=".jsonl.zst to write")
    p.add_argument("--level", type=int, default=19)
    a = p.parse_args()
    records = [{"id": n, "text": " ".join(words), "expected": {"intent": intent, "slots": tags}}
               for n, (words, tags, intent) in enumerate(read(a.folder), 1)]
    body = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()
    subprocess.run(["zstd", "-qf", "--ultra", f"-{a.level}", "--check", "-o", a.out], input=body, check=True)
    print(f"{a.out}: {len(records)} records, {len(body)} bytes before compression, {os.path.getsize(a.out)} behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
