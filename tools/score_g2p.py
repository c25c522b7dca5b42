#!/usr/bin/env python3
"""Scores grapheme-to-phoneme output: word error rate and phoneme error rate against alternatives.

OUTPUT is what `grus run` wrote: JSONL with `text` and `output`, or plain lines of phonemes (given --words, one word a line,
which OUTPUT follows line by line); .zst is read through the zstd command. REF: word, tab, pronunciation, more
alternatives behind further tabs. A word is right if it matches any alternative; phoneme errors count against the nearest
one, whose length is the reference length. A word without output is wrong, with all of its phonemes.
"""
import argparse
import json
import subprocess
import sys


def distance(a, b):
    """Levenshtein distance of two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def nearest(output, alternatives):
    """Errors against the nearest alternative and its length; of equally near ones the longest."""
    got = output.split()
    errors, length = min((distance(got, a.split()), -len(a.split())) for a in alternatives)
    return errors, -length


def score(outputs, references):
    """WER and PER in per cent. outputs: a phoneme string a word; references: a list of alternatives a word."""
    pairs = [nearest(o, r) for o, r in zip(outputs, references)]
    wrong, errors, length = sum(e > 0 for e, _ in pairs), sum(e for e, _ in pairs), sum(n for _, n in pairs)
    return 100 * wrong / len(pairs), 100 * errors / length


def lines(path):
    if path.endswith(".zst"):
        done = subprocess.run(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE, check=True)
        data = done.stdout.decode("utf-8")
    else:
        with open(path, encoding="utf-8", newline="\n") as f:
            data = f.read()
    return data.rstrip("\n").split("\n") if data else []


def read_references(path):
    out = {}
    for line in lines(path):
        word, *alternatives = line.split("\t")
        out.setdefault(word.lower(), []).extend(alternatives)
    return out


def read_outputs(path, words=None, text_key="text"):
    """Word (lower case) -> phoneme string; a record with an error gives an empty one."""
    body = lines(path)
    if words is None:
        records = [json.loads(line) for line in body]
        return {r[text_key].lower(): r.get("output", "") for r in records}
    names = lines(words)
    if len(names) != len(body):
        raise ValueError(f"{path} has {len(body)} lines, {words} has {len(names)}")
    return {w.lower(): o for w, o in zip(names, body)}


def self_test():
    assert distance("kitten", "sitting") == 3 and distance("", "abc") == 3 and distance("abc", "") == 3
    assert distance(["A"], ["A"]) == 0
    assert nearest("A B", ["A B C", "A B"]) == (0, 2)
    assert nearest("A B", ["A", "A B C"]) == (1, 3)
    assert nearest("", ["A B"]) == (2, 2)
    assert score(["A B", "X"], [["A B"], ["Y Z"]]) == (50.0, 50.0)
    assert score(["A  B "], [["C", "A B"]]) == (0.0, 0.0)
    print("self-test passed")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("output", nargs="?", help=".jsonl, .txt, or either with .zst")
    p.add_argument("ref", nargs="?", help="reference pronunciations")
    p.add_argument("--words", help="the words, one a line, when OUTPUT is plain lines")
    p.add_argument("--text-key", default="text")
    p.add_argument("--errors", metavar="FILE", help="write the wrong words, their output and the references")
    p.add_argument("--max-wer", type=float, help="exit 1 above this word error rate")
    p.add_argument("--max-per", type=float, help="exit 1 above this phoneme error rate")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    if a.self_test:
        return self_test()
    if not a.ref:
        p.error("OUTPUT and REF are needed")
    refs = read_references(a.ref)
    words = a.words or (None if a.output.removesuffix(".zst").endswith(".jsonl") else p.error("plain lines need --words"))
    try:
        outs = read_outputs(a.output, words, a.text_key)
    except (ValueError, KeyError) as e:
        print(f"score_g2p: {a.output}: {e}", file=sys.stderr)
        return 1
    missing = [w for w in refs if w not in outs]
    wer, per = score([outs.get(w, "") for w in refs], list(refs.values()))
    print(f"words {len(refs)}  missing {len(missing)}  WER {wer:.2f} %  PER {per:.2f} %")
    if a.errors:
        with open(a.errors, "w", encoding="utf-8") as f:
            for w, r in refs.items():
                if outs.get(w, "").split() not in [x.split() for x in r]:
                    f.write("\t".join([w, outs.get(w, ""), *r]) + "\n")
    return int((a.max_wer is not None and wer > a.max_wer) or (a.max_per is not None and per > a.max_per))


if __name__ == "__main__":
    sys.exit(main())
