"""The G2P model on words of its demonstration shard: `grus run` and tools/bench_torch_g2p.py, turn by turn.

Ours is the whole run by its own report: reading, parsing, searching, writing, without the start of the process. Theirs
is from token numbers to strings alone, with the best of its batch sizes and processes.
"""
import json
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(TOP, "models/g2p-en")
SAME = 0.999  # share of words with the same output; ties fall differently


def take_words(folder, n):
    text = subprocess.run(["zstd", "-dcq", os.path.join(MODEL, "demo.jsonl.zst")], stdout=subprocess.PIPE, check=True).stdout
    path = os.path.join(folder, "words.jsonl")
    with open(path, "wb") as f:
        f.write(b"".join(text.splitlines(keepends=True)[:n]))
    return path


def run_grus(arguments, folder, shard, threads, beam):
    out = os.path.join(folder, "g2p-out")
    subprocess.run(["rm", "-rf", out], check=True)
    subprocess.run([os.path.join(arguments.build, "grus"), "run", MODEL, shard, "-o", out, "-q", "-t", str(threads),
                    "-b", str(beam), "--length-norm", "none"], check=True)
    with open(os.path.join(out, "report.json"), encoding="utf-8") as f:
        seconds = json.load(f)["seconds"]["all"]
    lines = subprocess.run(["zstd", "-dcq", os.path.join(out, "words.jsonl.zst")], stdout=subprocess.PIPE, check=True).stdout
    return seconds, [json.loads(line)["output"] for line in lines.decode().splitlines()]


def run_torch(arguments, folder, shard, beam, blas, *more):
    figures, output = os.path.join(folder, "torch.json"), os.path.join(folder, "torch.txt")
    subprocess.run([arguments.python, os.path.join(TOP, "tools/bench_torch_g2p.py"), MODEL, shard, "--beam", str(beam),
                    "--json", figures, "--output", output, *more], env=dict(os.environ, **blas), check=True)
    with open(figures, encoding="utf-8") as f:
        found = json.load(f)
    with open(output, encoding="utf-8") as f:
        return found, f.read().splitlines()


def find_best(arguments, folder, shard, threads, beam, blas):
    """Batch size and processes that PyTorch is fastest with, on the first words."""
    best, words = None, str(max(1, arguments.g2p_words // (8 if beam == 1 else 20)))
    for jobs in dict.fromkeys([f"{threads}x1", f"1x{threads}"]):
        for size in (64, 128, 256, 512) if beam == 1 else (16, 32, 64, 128):
            choice = ["--batch", str(size), "--jobs", jobs]
            found, _ = run_torch(arguments, folder, shard, beam, blas, "--limit", words, "--repeat", "2", *choice)
            if best is None or found["words_per_second"] > best[0]:
                best = found["words_per_second"], choice
    return best[1]


def measure(arguments, folder, threads, beam, blas):
    """blas: the environment that the encoder was fastest with."""
    shard = take_words(folder, arguments.g2p_words // (1 if beam == 1 else 4))
    choice = find_best(arguments, folder, shard, threads, beam, blas)
    _, theirs = run_torch(arguments, folder, shard, beam, blas, *choice)
    _, ours = run_grus(arguments, folder, shard, threads, beam)
    same = sum(a == b for a, b in zip(ours, theirs)) / len(ours)
    print(f"  g2p, beam {beam}: {same:.2%} of the outputs are the same", flush=True)
    if len(ours) != len(theirs) or same < SAME:
        raise SystemExit("g2p: the outputs differ: not timed")
    rows = {"grus": {"name": f"grus run, {threads} thread" + "s" * (threads > 1), "wall": []},
            "torch": {"name": f"PyTorch, {choice[3]}, batch {choice[1]}", "wall": []}}
    for _ in range(max(3, arguments.rounds // 2)):
        rows["grus"]["wall"].append(run_grus(arguments, folder, shard, threads, beam)[0])
        rows["torch"]["wall"].append(run_torch(arguments, folder, shard, beam, blas, *choice)[0]["seconds"])
    return {"g2p": True, "beam": beam, "threads": threads, "words": len(ours), "same": same, "peers": rows}
