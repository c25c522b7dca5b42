#!/usr/bin/python3
"""Corpus BLEU-4 (Papineni and others, 2002) on tokens as they are, as multi-bleu.perl computes it: one reference, no smoothing.

    score_bleu.py HYPOTHESES REFERENCES     text, one sentence a line, or JSONL (--field); either with .zst
"""
import argparse
import collections
import json
import math
import sys

from score_g2p import lines


def ngrams(tokens, n):
    return collections.Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))


def bleu(hypotheses, references, order=4):
    """Lists of token lists -> BLEU in %, precisions in %, brevity penalty, lengths of hypotheses and references."""
    right, all_ = [0] * order, [0] * order
    for h, r in zip(hypotheses, references):
        for n in range(1, order + 1):
            found = ngrams(h, n)
            right[n - 1] += sum((found & ngrams(r, n)).values())
            all_[n - 1] += sum(found.values())
    length, wanted = sum(map(len, hypotheses)), sum(map(len, references))
    precisions = [100 * m / t if t else 0.0 for m, t in zip(right, all_)]
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = brevity * math.exp(sum(map(math.log, precisions)) / order) if all(precisions) else 0.0
    return score, precisions, brevity, length, wanted


def read(path, field):
    jsonl = path.removesuffix(".zst").endswith(".jsonl")
    return [(json.loads(line).get(field, "") if jsonl else line).split() for line in lines(path)]


def self_test():
    # Papineni and others' example of clipped counts, then arithmetic by hand.
    assert abs(bleu(["the the the the the the the".split()], ["the cat is on the mat".split()], 1)[0] - 100 * 2 / 7) < 1e-9
    score, precisions, brevity, *_ = bleu([list("abcde")], [list("abcde")])
    assert abs(score - 100) < 1e-9 and precisions == [100.0] * 4 and brevity == 1
    score, precisions, brevity, *_ = bleu([list("abcd"), list("xyz")], [list("abcde"), list("xyz")])
    assert precisions == [100.0] * 4 and abs(brevity - math.exp(1 - 8 / 7)) < 1e-12 and abs(score - 100 * brevity) < 1e-9
    assert bleu([list("abc")], [list("abd")])[0] == 0 and bleu([[]], [["a"]])[0] == 0
    print("self-test passed")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hypotheses", nargs="?")
    p.add_argument("references", nargs="?")
    p.add_argument("--field", default="output", help="of the records, where a file is JSONL")
    p.add_argument("--min-bleu", type=float, help="exit 1 below this")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    if a.self_test:
        return self_test()
    if not a.references:
        p.error("HYPOTHESES and REFERENCES are needed")
    hypotheses, references = read(a.hypotheses, a.field), read(a.references, a.field)
    if len(hypotheses) != len(references):
        p.error(f"{len(hypotheses)} hypotheses, {len(references)} references")
    score, precisions, brevity, length, wanted = bleu(hypotheses, references)
    print(f"BLEU = {score:.2f}, {'/'.join(f'{x:.1f}' for x in precisions)} (BP={brevity:.3f}, ratio={length / max(wanted, 1):.3f}, "
          f"hyp_len={length}, ref_len={wanted})")
    return int(a.min_bleu is not None and not score >= a.min_bleu)


if __name__ == "__main__":
    sys.exit(main())
