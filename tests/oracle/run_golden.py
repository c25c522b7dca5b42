#!/usr/bin/env python3
"""Runs `grus run` on the cases of tests/golden and holds the output against their expected.jsonl.

    run_golden.py [--grus PATH] [CASE…]

Texts and labels must be the same, numbers within 1e-5 + 1e-5 |x|. The exit code is 1 when a case failed.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import formats
import task


def run_case(grus, where):
    """-> differences, as text"""
    with open(os.path.join(where, "options"), encoding="utf-8") as f:
        options = f.read().split()
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([grus, "run", os.path.join(where, "model"), os.path.join(where, "input.jsonl"), "-o", os.path.join(out, "o"),
                               "--quiet", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if done.returncode:
            return [f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}"]
        got = formats.read_lines(os.path.join(out, "o", "input.jsonl.zst"))
    expected = formats.read_lines(os.path.join(where, "expected.jsonl"))
    if len(got) != len(expected):
        return [f"{len(got)} records, expected {len(expected)}"]
    differences = []
    for i, (a, b) in enumerate(zip(expected, got)):
        for path, x, y in task.compare(json.loads(a), json.loads(b), task.golden_tolerance):
            differences.append(f"record {i}{path}: expected {str(x)[:150]}, got {str(y)[:150]}")
    return differences


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help="names [all]")
    parser.add_argument("--grus", default=os.environ.get("GRUS", "./grus"))
    parser.add_argument("--golden", default=os.path.join(here, "..", "golden"))
    args = parser.parse_args()
    failed = 0
    names = args.case or sorted(n for n in os.listdir(args.golden) if os.path.isdir(os.path.join(args.golden, n)))
    for name in names:
        differences = run_case(os.path.abspath(args.grus), os.path.join(args.golden, name))
        failed += bool(differences)
        if differences:
            print(f"FAILED {name}: {len(differences)} differences")
            for text in differences[:3]:
                print("    " + text)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
