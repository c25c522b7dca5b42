#!/usr/bin/env python3
"""A model over records of JSONL, one after another, through the package grus: what `grus run MODEL - -o -` does,
but for the digits of scores, which Python prints of a float64.

    ./stream.py MODEL [--beam-size N] <in.jsonl >out.jsonl
"""

import argparse
import json
import sys

import grus


def plain(value):
    """numpy's arrays as lists."""
    return value.tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--beam-size", type=int)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    try:
        model = grus.Model(arguments.model)
        records = (json.loads(line) for line in sys.stdin)
        for record in model.run(records, threads=arguments.threads, beam_size=arguments.beam_size):
            print(json.dumps(record, ensure_ascii=False, default=plain))
    except grus.Error as error:
        sys.exit(f"stream.py: {error}")


if __name__ == "__main__":
    main()
