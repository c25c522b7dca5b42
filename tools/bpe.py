#!/usr/bin/python3
"""Byte-pair encoding: learns a codes file (subword-nmt's format, version 0.2) and cuts words by it.

The algorithm is that of Sennrich, Haddow and Birch 2016: a word begins as its characters, the last one marked as the end;
the most frequent pair of neighbours is merged everywhere, again and again. Of equally frequent pairs the greatest wins, so
the result is a function of the text alone.

    bpe.py --merges 5000 TEXT... > bpe.codes        texts are tokenised, one sentence a line
"""
import argparse
import collections
import heapq
import sys

END = "</w>"


class Inverse:
    """Turns a pair's order around for the heap."""
    __slots__ = ("pair",)

    def __init__(self, pair):
        self.pair = pair

    def __lt__(self, other):
        return self.pair > other.pair


def merge(symbols, left, right):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == left and symbols[i + 1] == right:
            out.append(left + right)
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def learn(words, n_merges, least=2):
    """words: token -> frequency. Returns the merges, pairs of symbols, the first merge first."""
    texts = [(list(w[:-1]) + [w[-1] + END], n) for w, n in sorted(words.items())]
    counts, where = collections.Counter(), collections.defaultdict(set)
    for i, (symbols, n) in enumerate(texts):
        for pair in zip(symbols, symbols[1:]):
            counts[pair] += n
            where[pair].add(i)
    heap = [(-n, Inverse(pair)) for pair, n in counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < n_merges:
        n, item = heapq.heappop(heap)
        pair = item.pair
        if counts[pair] != -n:                          # out of date
            continue
        if -n < least:
            break
        merges.append(pair)
        changed = set()
        for i in where.pop(pair):
            symbols, times = texts[i]
            for p in zip(symbols, symbols[1:]):
                counts[p] -= times
                changed.add(p)
            symbols = merge(symbols, *pair)
            for p in zip(symbols, symbols[1:]):
                counts[p] += times
                where[p].add(i)
                changed.add(p)
            texts[i] = (symbols, times)
        for p in changed:
            if counts[p] > 0:
                heapq.heappush(heap, (-counts[p], Inverse(p)))
    return merges


def write_codes(path, merges):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write("#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges))


SAMPLES = 16


class Cutter:
    """Cuts tokens into pieces, "@@" behind each but the last."""

    def __init__(self, merges):
        self.rank = {}
        for i, pair in enumerate(merges):
            self.rank.setdefault(pair, i)
        self.known, self.samples = {}, {}

    @classmethod
    def read(cls, path):
        with open(path, encoding="utf-8", newline="\n") as f:
            lines = f.read().split("\n")
        if lines[0] != "#version: 0.2":
            raise ValueError(f"{path}: no codes of version 0.2")
        return cls([tuple(line.split(" ")) for line in lines[1:] if line])

    def cut(self, word, dropout=0.0, rng=None):
        symbols = list(word[:-1]) + [word[-1] + END]
        while len(symbols) > 1:
            pairs = [(self.rank[p], i, p) for i, p in enumerate(zip(symbols, symbols[1:]))
                     if p in self.rank and not (dropout and rng.random() < dropout)]
            if not pairs:
                break
            pair = min(pairs)[2]
            places = {i for _, i, p in pairs if p == pair}
            out, i = [], 0
            while i < len(symbols):
                joined = i in places
                out.append(symbols[i] + symbols[i + 1] if joined else symbols[i])
                i += 1 + joined
            symbols = out
        symbols[-1] = symbols[-1][:-len(END)]
        return [s + "@@" for s in symbols[:-1]] + symbols[-1:]

    def word(self, word):
        if word not in self.known:
            self.known[word] = self.cut(word)
        return self.known[word]

    def sample(self, word, dropout, rng):
        """BPE-dropout (Provilkov and others, 2020): each merge is left out with this chance. A word has SAMPLES such cuts."""
        cuts = self.samples.setdefault(word, [])
        if len(cuts) < SAMPLES:
            cuts.append(self.cut(word, dropout, rng))
            return cuts[-1]
        return cuts[rng.randrange(SAMPLES)]

    def pieces(self, text, dropout=0.0, rng=None):
        words = text.split()
        return [piece for w in words for piece in (self.sample(w, dropout, rng) if dropout else self.word(w))]


def join(pieces):
    text = " ".join(pieces).replace("@@ ", "")
    return text[:-2] if text.endswith("@@") else text


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--merges", type=int, required=True)
    p.add_argument("texts", nargs="+")
    a = p.parse_args()
    words = collections.Counter()
    for path in a.texts:
        with open(path, encoding="utf-8", newline="\n") as f:
            for line in f:
                words.update(line.split())
    write_codes(sys.stdout.fileno(), learn(words, a.merges))


if __name__ == "__main__":
    main()
