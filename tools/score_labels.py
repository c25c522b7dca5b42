#!/usr/bin/env python3
"""Scores labels: what `grus run` wrote for an encoder's heads against the labels that each record expects.

OUTPUT is what `grus run` wrote (.jsonl or .jsonl.zst). A record's field `expected` has the right labels of every head:
{"intent": "PlayMusic", "slots": ["O", "B-artist"]}; records of another source, as those of a feature shard, take it
from REF, record by record. For a head on sequences the accuracy is printed; for one on tokens the accuracy of the
labels, and precision, recall and F1 of the spans that they mark (B-, I-, O), cut and counted as conlleval does.
"""
import argparse
import json
import subprocess
import sys


def spans(labels):
    """BIO labels -> {(type, first, behind the last)}. A span begins at B, and at an I that continues none of its type."""
    out, kind, begin = set(), None, 0
    for i, label in enumerate([*labels, "O"]):
        prefix, _, name = label.partition("-")
        if kind is not None and (prefix != "I" or name != kind):
            out.add((kind, begin, i))
            kind = None
        if kind is None and prefix in ("B", "I"):
            kind, begin = name, i
    return out


def score(outputs, references):
    """Precision, recall and F1 of spans, in per cent; lists of labels, one a record."""
    found, wanted, right = 0, 0, 0
    for output, reference in zip(outputs, references):
        a, b = spans(output), spans(reference)
        found, wanted, right = found + len(a), wanted + len(b), right + len(a & b)
    return tuple(100 * right / n if n else 0.0 for n in (found, wanted, (found + wanted) / 2))


def records(path):
    if path.endswith(".zst"):
        text = subprocess.run(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    else:
        with open(path, encoding="utf-8", newline="\n") as f:
            text = f.read()
    return [json.loads(line) for line in text.split("\n")[:-1]]


def labels_of(record, head):
    """A record in error has no labels."""
    got = record.get(head)
    return got["label"] if isinstance(got, dict) else got


def measure(head, outputs, references):
    """{measure: per cent} of one head."""
    if isinstance(references[0], str):
        return {"accuracy": 100 * sum(o == r for o, r in zip(outputs, references)) / len(references)}
    outputs = [o or ["O"] * len(r) for o, r in zip(outputs, references)]
    for n, (o, r) in enumerate(zip(outputs, references), 1):
        if len(o) != len(r):
            raise ValueError(f"record {n}: {len(o)} labels of {head}, {len(r)} expected")
    pairs = [p for o, r in zip(outputs, references) for p in zip(o, r)]
    precision, recall, f1 = score(outputs, references)
    accuracy = 100 * sum(a == b for a, b in pairs) / max(1, len(pairs))
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "F1": f1}


def self_test():
    assert spans([]) == set() and spans(["O", "O"]) == set()
    assert spans("B-a I-a O I-b B-b I-a".split()) == {("a", 0, 2), ("b", 3, 4), ("b", 4, 5), ("a", 5, 6)}
    assert score([["B-a", "I-a"]], [["B-a", "I-a"]]) == (100, 100, 100)
    assert score([["B-a", "O", "B-b"]], [["B-a", "I-a", "B-b"]]) == (50, 50, 50)
    assert score([["O"]], [["B-a"]]) == (0, 0, 0)
    assert measure("digit", ["7", None], ["7", "1"]) == {"accuracy": 50}
    print("self-test passed")
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("output", nargs="?", help=".jsonl or .jsonl.zst")
    p.add_argument("--ref", help="records that have the field, where those of OUTPUT do not")
    p.add_argument("--key", default="expected", help="the field of the right labels [expected]")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    if a.self_test:
        return self_test()
    if not a.output:
        p.error("OUTPUT is needed")
    try:
        outputs = records(a.output)
        references = [r[a.key] for r in (records(a.ref) if a.ref else outputs)]
        if len(outputs) != len(references) or not outputs:
            raise ValueError(f"{len(outputs)} records for {len(references)} that are expected")
        print(f"records {len(outputs)}  in error {sum('error' in r for r in outputs)}")
        for head in references[0]:
            found = measure(head, [labels_of(r, head) for r in outputs], [r[head] for r in references])
            print(f"{head}:  " + "  ".join(f"{name} {value:.2f} %" for name, value in found.items()))
        whole = sum(all(labels_of(o, h) == r[h] for h in r) for o, r in zip(outputs, references))
        print(f"whole records: {100 * whole / len(outputs):.2f} %")
    except (KeyError, TypeError, ValueError) as e:
        print(f"score_labels: {a.output}: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
