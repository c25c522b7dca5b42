#!/usr/bin/env python3
"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004): the mean over the records of the F-measures, one reference each.

Tokens are runs of the letters a-z and digits of the text in lower case, without stemming and without a list of stop words, as
rouge_score takes them. ROUGE-N counts n-grams that both have, each as often as the side that has it less often; ROUGE-L is the
longest common subsequence of the whole texts. F = 2 P R / (P + R), 0 where either is 0.

    score_rouge.py HYPOTHESES REFERENCES     text, one a line, or JSONL (--field, --reference-field); either with .zst
    score_rouge.py --first-sentence TEXTS REFERENCES, --first-words K: baselines of what stands in the field --text-field
"""
import argparse
import collections
import json
import re
import sys

from score_g2p import lines


def tokens(text):
    return re.findall("[a-z0-9]+", text.lower())


def f_measure(common, found, wanted):
    if not common:
        return 0.0
    precision, recall = common / found, common / wanted
    return 2 * precision * recall / (precision + recall)


def ngrams(found, n):
    return collections.Counter(tuple(found[i:i + n]) for i in range(len(found) - n + 1))


def rouge_n(found, wanted, n):
    a, b = ngrams(found, n), ngrams(wanted, n)
    return f_measure(sum((a & b).values()), sum(a.values()), sum(b.values()))


def common_subsequence(a, b):
    """Length of the longest."""
    row = [0] * (len(b) + 1)
    for x in a:
        left = 0                                        # of the row above, one to the left
        for j, y in enumerate(b, 1):
            left, row[j] = row[j], left + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def rouge(hypotheses, references):
    """Texts -> ROUGE-1, -2, -L in %."""
    total = [0.0] * 3
    for h, r in zip(hypotheses, references):
        h, r = tokens(h), tokens(r)
        scores = rouge_n(h, r, 1), rouge_n(h, r, 2), f_measure(common_subsequence(h, r), len(h), len(r))
        total = [t + s for t, s in zip(total, scores)]
    return [100 * t / max(1, len(references)) for t in total]


def first_sentence(text):
    """Up to the first full stop, exclamation or question mark with a space behind."""
    return re.split(r"(?<=[.!?])\s", text.strip(), 1)[0]


def pick(record, path):
    """path: names with dots between."""
    for name in path.split("."):
        record = record.get(name, "") if isinstance(record, dict) else ""
    return record


def read(path, field):
    jsonl = path.removesuffix(".zst").endswith(".jsonl")
    return [pick(json.loads(line), field) if jsonl else line for line in lines(path)]


def self_test():
    # Lin 2004's example of ROUGE-L: P = R = 3/4 of the one, 2/4 of the other; ROUGE-2 tells them not apart.
    reference, one, other = "police killed the gunman", "police kill the gunman", "the gunman kill police"
    assert [round(x, 6) for x in rouge([one], [reference])] == [75, round(100 / 3, 6), 75]
    assert [round(x, 6) for x in rouge([other], [reference])] == [75, round(100 / 3, 6), 50]
    # By hand: 'the' counts once; P = 1/3, R = 1/2; no pair in common.
    assert [round(x, 6) for x in rouge(["the the the"], ["The cat."])] == [40, 0, 40]
    # P and R differ: P = 2/5, R = 2/2, pairs 1 of 4 and 1 of 1.
    assert [round(x, 6) for x in rouge(["a b c d e"], ["b c"])] == [round(400 / 7, 6), 40, round(400 / 7, 6)]
    assert rouge([""], ["a"]) == [0, 0, 0] and rouge(["C++ (x)"], ["c x"]) == [100, 100, 100]
    assert first_sentence("0 A.D. is a game. It is free.") == "0 A.D." and first_sentence("version 0.6 of it") == "version 0.6 of it"
    print("self-test passed")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hypotheses", nargs="?")
    p.add_argument("references", nargs="?")
    p.add_argument("--field", default="output", help="of the hypotheses' records")
    p.add_argument("--reference-field", default="expected.output")
    p.add_argument("--first-sentence", action="store_true", help="score the first sentence of the hypotheses' field")
    p.add_argument("--first-words", type=int, metavar="K", help="score its first K tokens")
    p.add_argument("--min-rouge-l", type=float, help="exit 1 below this")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    if a.self_test:
        return self_test()
    if not a.references:
        p.error("HYPOTHESES and REFERENCES are needed")
    hypotheses, references = read(a.hypotheses, a.field), read(a.references, a.reference_field)
    if len(hypotheses) != len(references):
        p.error(f"{len(hypotheses)} hypotheses, {len(references)} references")
    if a.first_sentence:
        hypotheses = [first_sentence(h) for h in hypotheses]
    if a.first_words:
        hypotheses = [" ".join(tokens(h)[:a.first_words]) for h in hypotheses]
    one, two, longest = rouge(hypotheses, references)
    length = sum(len(tokens(h)) for h in hypotheses) / max(1, len(hypotheses))
    print(f"ROUGE-1 = {one:.2f}, ROUGE-2 = {two:.2f}, ROUGE-L = {longest:.2f} (n={len(references)}, mean tokens {length:.1f})")
    return int(a.min_rouge_l is not None and not longest >= a.min_rouge_l)


if __name__ == "__main__":
    sys.exit(main())
