#!/usr/bin/python3
"""The rival: a tuned PyTorch inference loop over a shard of words, to hold `grus run` against.

float32, on a model directory of the G2P family (tools/g2p_model.py), any sizes. The loop is torch_expert.py's; the BLAS kernel is
chosen too, and the work is spread over processes, or threads in a process (--jobs PROCESSESxTHREADS). --sweep tries batch sizes
and jobs and takes the best. A faster BLAS can be given by LD_LIBRARY_PATH. The time counted is from tokenized
input to output strings: no reading, no JSON, no writing, no start-up.
"""
import argparse
import json
import os
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))

import blas_env

blas_env.choose()

import numpy as np
import torch
import torch.multiprocessing as mp

import exchange
from g2p_model import load, source_ids
from torch_expert import Runner


def make_batches(ids, size):
    """Indices of the words by length, the dearest batches first."""
    batches = exchange.make_batches(np.array([len(x) for x in ids]), size, 0)
    return sorted(([int(i) for i in b] for b in batches), key=lambda b: -len(b) * len(ids[b[0]]))


def work(rank, threads, folder, ids, batches, beam, turn, barrier, results):
    torch.set_num_threads(threads)
    model, _, target = load(folder)
    runner = Runner(model, target)
    out = {}
    with torch.inference_mode():
        def run(b):
            x = torch.tensor([ids[i] for i in b])
            return runner.greedy(x) if beam == 1 else runner.beam(x, beam)
        run(batches[0][:8])
        barrier.wait()
        begin = time.perf_counter()
        while True:
            with turn.get_lock():
                k = turn.value
                turn.value += 1
            if k >= len(batches):
                break
            out.update(zip(batches[k], run(batches[k])))
        barrier.wait()
        seconds = time.perf_counter() - begin
    results.put((seconds, out, blas_env.in_use()))


def measure(folder, ids, size, jobs, beam):
    """Seconds, output lines and the BLAS in use."""
    processes, threads = jobs
    blas_env.choose(threads)
    context = mp.get_context("spawn")
    barrier, turn, results = context.Barrier(processes), context.Value("l", 0), context.SimpleQueue()
    batches = make_batches(ids, size)
    team = [context.Process(target=work, args=(r, threads, folder, ids, batches, beam, turn, barrier, results))
            for r in range(processes)]
    for p in team:
        p.start()
    seconds, lines, blas = 0.0, {}, ""
    for _ in team:
        s, out, blas = results.get()
        seconds = max(seconds, s)
        lines.update(out)
    for p in team:
        p.join()
    return seconds, [lines[i] for i in range(len(ids))], blas


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="model directory")
    p.add_argument("shard", help=".jsonl or .txt, plain or .zst")
    p.add_argument("--text-key", default="text")
    p.add_argument("--beam", type=int, default=1)
    p.add_argument("--batch", type=int, default=512)
    p.add_argument("--jobs", default="2x1", help="processes x threads each [2x1]")
    p.add_argument("--sweep", action="store_true", help="try batch sizes and jobs on part of the shard, run the best on all of it")
    p.add_argument("--repeat", type=int, default=1, help="measure so often; the best counts")
    p.add_argument("--limit", type=int, help="only the first so many records")
    p.add_argument("--output", help="write the outputs, one line a record")
    p.add_argument("--json", help="write the figures")
    a = p.parse_args()
    model, source, _ = load(a.model)
    ids = [source_ids(w, source, model.config) for w in exchange.read_texts(a.shard, a.text_key)[:a.limit]]
    size, jobs = a.batch, tuple(int(n) for n in a.jobs.split("x"))
    if a.sweep:
        total = jobs[0] * jobs[1]
        part = ids[:max(6000, len(ids) // 6)]
        best = None
        for j in dict.fromkeys([(total, 1), (1, total)]):
            for n in (64, 128, 256, 512, 1024):
                n = n if a.beam == 1 else max(8, n // a.beam)
                seconds = min(measure(a.model, part, n, j, a.beam)[0] for _ in range(2))
                print(f"jobs {j[0]}x{j[1]} batch {n}: {len(part) / seconds:.0f} words/s", flush=True)
                if best is None or seconds < best[0]:
                    best = seconds, n, j
        _, size, jobs = best
    runs = [measure(a.model, ids, size, jobs, a.beam) for _ in range(a.repeat)]
    seconds, lines, blas = min(runs)
    print(f"PyTorch {torch.__version__} ({blas}), beam {a.beam}, batch {size}, jobs {jobs[0]}x{jobs[1]}: "
          f"{len(ids)} words in {seconds:.2f} s, {len(ids) / seconds:.0f} words/s")
    if a.output:
        with open(a.output, "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump({"engine": f"PyTorch {torch.__version__}", "blas": blas, "beam": a.beam, "batch": size, "processes": jobs[0],
                       "threads": jobs[1], "words": len(ids), "seconds": seconds, "words_per_second": len(ids) / seconds}, f)
            f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
