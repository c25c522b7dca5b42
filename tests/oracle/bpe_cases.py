#!/usr/bin/env python3
"""Codes of subword-nmt in many shapes, and what they make of texts: the cases for tokenizers.sh.

    bpe_cases.py DIR        DIR has texts (to learn merges from) and lines (to cut)

For each case NAME, which is printed: NAME.codes, NAME.lines, NAME.expected (ids), NAME.vocab (every piece, in the order
of the ids), NAME.text (what the ids say). Lines are cut by Python's subword_nmt where that is installed, else by the
class Bpe of formats.py, which does the merges one after another and shares nothing with grus; which of them it was goes
to DIR/reference.
"""
import collections
import heapq
import io
import os
import random
import re
import sys

import formats

try:
    from subword_nmt.apply_bpe import BPE
except ImportError:
    BPE = None


def read(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().split("\n")[:-1]


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(text)


def pairs_of(word):
    return collections.Counter(zip(word, word[1:]))


def join_pair(word, pair):
    out = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def learn(lines, n):
    """The n most frequent merges, one after another, as Sennrich et al. define them: "left right"."""
    counts = collections.Counter(word for line in lines for word in re.split("[ \t\v\f\r]+", line) if word)
    words = [(list(w[:-1]) + [w[-1] + "</w>"], c) for w, c in sorted(counts.items())]
    total, where = collections.Counter(), collections.defaultdict(set)
    for i, (word, count) in enumerate(words):
        for pair, times in pairs_of(word).items():
            total[pair] += times * count
            where[pair].add(i)
    queue, merges = [(-count, pair) for pair, count in total.items()], []
    heapq.heapify(queue)
    while queue and len(merges) < n:
        count, pair = heapq.heappop(queue)
        if total[pair] != -count:
            if total[pair] > 0:
                heapq.heappush(queue, (-total[pair], pair))
            continue
        merges.append(" ".join(pair))
        changed = set()
        for i in where.pop(pair):
            word, count = words[i]
            merged = join_pair(word, pair)
            for old, times in pairs_of(word).items():
                total[old] -= times * count
            for new, times in pairs_of(merged).items():
                total[new] += times * count
                where[new].add(i)
                changed.add(new)
            words[i] = (merged, count)
        for new in changed:
            heapq.heappush(queue, (-total[new], new))
        total[pair] = 0
    return merges


def cutter(path, codes):
    """-> the function that cuts a line into pieces; all six spaces are one to grus, subword-nmt knows the one it splits at."""
    if BPE:
        with io.StringIO(codes, newline="\n") as f:
            bpe = BPE(f)
        return lambda line: [p for p in bpe.process_line(re.sub("[\t\v\f\r]", " ", line)).split(" ") if p]
    bpe, cache = formats.Bpe(path), {}

    def cut(line):
        words = [w for w in re.split("[ \t\v\f\r]+", line) if w]
        for word in words:
            if word not in cache:
                cache[word] = bpe.pieces(word)
        return [piece for word in words for piece in cache[word]]
    return cut


def case(work, name, codes, lines):
    path = os.path.join(work, name)
    write(path + ".codes", codes)
    cut = list(map(cutter(path + ".codes", codes), lines))
    ids = {}
    expected = [" ".join(str(ids.setdefault(piece, len(ids))) for piece in pieces) for pieces in cut]
    write(path + ".lines", "".join(line + "\n" for line in lines))
    write(path + ".expected", "".join(line + "\n" for line in expected))
    write(path + ".vocab", "".join(piece + "\n" for piece in ids))
    # As subword-nmt's README has it: sed -r 's/(@@ )|(@@ ?$)//g'
    write(path + ".text", "".join(re.sub("(@@ )|(@@ ?$)", "", " ".join(pieces)) + "\n" for pieces in cut))
    print(name)


def nested(draw, alphabet, n):
    """Merges of merges, in no sensible order."""
    symbols, merges = [c + end for c in alphabet for end in ("", "</w>")] + ["</w>"], []
    for _ in range(n):
        left = draw.choice([s for s in symbols if not s.endswith("</w>")])
        right = draw.choice(symbols)
        merges.append(f"{left} {right}")
        symbols.append(left + right)
    draw.shuffle(merges)
    return merges


def main():
    work, draw = sys.argv[1], random.Random(20162)
    write(os.path.join(work, "reference"), "subword_nmt\n" if BPE else "formats.py\n")
    lines, merges = read(os.path.join(work, "lines")), learn(read(os.path.join(work, "texts")), 3000)
    shuffled = draw.sample(merges, len(merges))
    # In version 0.1 the end of a word has to be merged with a letter first.
    last = sorted({m.split(" ")[1][:-4] for m in merges if m.endswith("</w>")})
    old, head = [f"{letter} </w>" for letter in last if len(letter) == 1], "#version: 0.2\n"
    for name, codes in [("learned", head + "\n".join(merges) + "\n"),
                        ("learned-old", "\n".join(old + merges) + "\n"),
                        ("shuffled", head + "\n".join(shuffled) + "\n"),
                        ("shuffled-old", "#version: 0.1\n" + "\n".join(shuffled[:500] + old + merges) + "\n"),
                        ("carriage-returns", "#version: 0.2\r\n" + "\r\n".join(merges + shuffled) + "\r\n")]:
        case(work, name, codes, lines)
    for i in range(16):
        alphabet = "ab" if i % 2 else "abc"
        words = ["".join(draw.choice(alphabet) for _ in range(draw.randint(1, 30))) for _ in range(500)]
        case(work, f"nested-{i}", ("", head)[i // 2 % 2] + "\n".join(nested(draw, alphabet, draw.randint(1, 60))) + "\n", words)


if __name__ == "__main__":
    main()
