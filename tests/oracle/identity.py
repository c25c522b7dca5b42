#!/usr/bin/env python3
"""Is grus's greedy and beam-5 output on a file of texts the same as PyTorch's, text by text?

    identity.py --model DIR --texts FILE [--grus PATH | --greedy SHARD --beam SHARD] [--cache FILE]

TEXTS has one text a line (what follows a tab is ignored). With --grus it runs `grus run` itself, greedy and beam; or it
takes output shards of earlier runs (.jsonl or .jsonl.zst, one record a text, in order). PyTorch's results may be kept in
a cache, which is used only for the same model, texts and options. Texts that differ are listed with the margin of
PyTorch's search; the exit code is 1 if one of them was decided by 1e-5 or more, or a score differs by more than 1e-4.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

import torch

import formats
import search
import task
from model import Model


def digest(directory, texts):
    total = hashlib.sha256("\n".join(texts).encode())
    for name in sorted(os.listdir(directory)):
        if name.endswith((".json", ".safetensors", ".vocab", ".codes")):
            with open(os.path.join(directory, name), "rb") as f:
                total.update(name.encode() + b"\0" + f.read())
    return total.hexdigest()


def torch_results(net, texts, beam, batch):
    """[[output, score, margin, place]] of all texts"""
    gen = search.settings(net.config, {"beam_size": beam, "n_best": 1})
    started = time.time()
    found = search.search_batch(net, [net.source_ids(t) for t in texts], gen, batch)
    print(f"PyTorch, beam {beam}: {len(texts)} texts in {time.time() - started:.0f} s", flush=True)
    return [[net.target.decode(f.best[0].tokens), f.best[0].score, f.margin, f.place] for f in found]


def cached(path, key, make):
    """make() for this key, kept in the JSON file `path`."""
    store = {}
    if path and os.path.exists(path):
        with open(path) as f:
            store = json.load(f)
    if key not in store:
        store[key] = make()
        if path:
            with open(path + ".tmp", "w") as f:
                json.dump(store, f)
            os.replace(path + ".tmp", path)
    return store[key]


def run_grus(grus, model, texts, beam, threads):
    with tempfile.TemporaryDirectory() as directory:
        shard = os.path.join(directory, "texts.txt")
        with open(shard, "w", encoding="utf-8") as f:
            f.write("".join(t + "\n" for t in texts))
        out = os.path.join(directory, "out")
        subprocess.run([grus, "run", model, shard, "-o", out, "--quiet", "--beam-size", str(beam), "--n-best", "1",
                        "-t", str(threads)], check=True)
        return formats.read_lines(os.path.join(out, "texts.jsonl.zst"))


def compare(name, texts, expected, lines):
    """Prints what differs; -> whether all is explained"""
    if len(lines) != len(texts):
        print(f"{name}: {len(lines)} records for {len(texts)} texts")
        return False
    differing = wrong = 0
    worst = 0.0
    for text, (output, score, margin, place), line in zip(texts, expected, lines):
        got = json.loads(line)
        if got.get("output") != output:
            differing += 1
            tie = margin < task.TIE
            wrong += not tie
            print(f"{name}: {text}: PyTorch {output!r}, grus {got.get('output', got)!r}, margin {margin:.3g} ({place})"
                  f" {'true tie' if tie else 'DIFFERENT'}")
        else:
            difference = abs(got["score"] - score)
            worst = difference if not difference <= worst else worst
    ok = wrong == 0 and worst <= 1e-4
    close = sum(e[2] < task.TIE for e in expected)
    print(f"{name}: {len(texts)} texts, {len(texts) - differing} the same, {differing - wrong} true ties, {wrong} different; "
          f"{close} texts with a margin under {task.TIE:g}; largest difference of a score {worst:.2g}")
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--grus", help="run this command")
    parser.add_argument("--greedy", help="output shard of a greedy run")
    parser.add_argument("--beam", help="output shard of a beam run")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--cache", help="JSON file for PyTorch's results")
    parser.add_argument("--count", type=int, help="only the first texts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=256, help="texts that PyTorch does at once")
    parser.add_argument("--check-batching", type=int, metavar="N", default=50,
                        help="texts on which the batched search is held against the plain one [50]")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    texts = [line.split("\t")[0].rstrip("\r") for line in formats.read_lines(args.texts)][:args.count]
    net, key, ok = Model.load(args.model), digest(args.model, texts), True
    for name, beam, shard in (("greedy", 1, args.greedy), (f"beam {args.beam_size}", args.beam_size, args.beam)):
        if not (shard or args.grus):
            continue
        expected = cached(args.cache, f"{key} {beam}", lambda: torch_results(net, texts, beam, args.batch))
        gen = search.settings(net.config, {"beam_size": beam, "n_best": 1})
        for i in range(0, len(texts), max(1, len(texts) // max(1, args.check_batching))) if args.check_batching else []:
            plain = search.search(net, net.encode([net.source_ids(texts[i])]), gen)
            if net.target.decode(plain.best[0].tokens) != expected[i][0] and min(plain.margin, expected[i][2]) >= task.TIE:
                sys.exit(f"the batched search is wrong on {texts[i]}")
        lines = formats.read_lines(shard) if shard else run_grus(args.grus, args.model, texts, beam, args.threads)
        ok = compare(name, texts, expected, lines) and ok
    if not (args.grus or args.greedy or args.beam):
        parser.error("give --grus, or --greedy and --beam")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
