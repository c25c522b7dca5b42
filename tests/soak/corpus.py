#!/usr/bin/env python3
"""A corpus of SIZE through a small tagger in int8, twice: the whole way once, then with KILLS kills on the way.

Sentences of real text (what this machine's packages have in /usr/share/doc and of Perl's and Python's documentation, or --text
FILE) are drawn at random into shards of unequal sizes, a line in twenty thousand spoilt. What is made is counted; each run has
to tell the same counts and stay within the memory that its plan states; the bytes of the second run are those of the first.
The rate, the memory and the report are printed.

    GRUS=build/grus python3 tests/soak/corpus.py --size 10G --kills 10 [--dir DIR] [--threads N]

DIR needs the size of the corpus, compressed, and that of the outputs twice: about as much as SIZE.
"""
import argparse
import collections
import glob
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

LABELS = ["O", "NAME", "PLACE", "NUMBER", "VERB", "THING", "FUNCTION", "OTHER"]
GRUS = os.environ.get("GRUS", "grus")
VOCABULARY, EMBEDDING, HIDDEN = 8000, 16, 16
DRAWN_AT_ONCE = 2000  # records
ONE_BAD_IN = 20000


def size(text):
    units = {"K": 10**3, "M": 10**6, "G": 10**9}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1] in units else int(text)


def documents():
    """Texts of the documentation of this machine's packages."""
    for pattern in ("/usr/share/doc/*/*", "/usr/share/perl/**/*.pod", "/usr/share/perl/**/*.pm", "/usr/lib/python3*/**/*.py"):
        for path in sorted(glob.glob(pattern, recursive=True)):
            if os.path.isfile(path) and not path.endswith(".gz"):
                yield path


def sentences(paths):
    """Each once, of 20 to 400 characters; with no paths, of documents()."""
    found = {}
    for path in paths or documents():
        with open(path, encoding="utf-8", errors="ignore") as f:
            for part in re.split(r"(?<=[.!?])\s+|\n\s*\n", f.read()):
                text = " ".join(part.split())
                if 20 <= len(text) <= 400:
                    found[text] = True
    return list(found)


def safetensors(path, tensors):
    """tensors: name -> (shape, floats)."""
    header, at = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * len(values)]}
        at += 4 * len(values)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        for _, values in tensors.values():
            f.write(struct.pack(f"<{len(values)}f", *values))


def make_model(folder, texts, rng):
    os.makedirs(folder)
    words = collections.Counter(w for t in texts for w in t.lower().split())
    known = ["<unk>"] + [w for w, _ in words.most_common(VOCABULARY - 1)]
    tensors = {}

    def tensor(name, *shape):
        n = 1
        for s in shape:
            n *= s
        tensors[name] = list(shape), [rng.gauss(0, 0.5) for _ in range(n)]

    tensor("encoder.embedding.weight", len(known), EMBEDDING)
    for end in ("", "_reverse"):
        tensor("encoder.rnn.weight_ih_l0" + end, 3 * HIDDEN, EMBEDDING)
        tensor("encoder.rnn.weight_hh_l0" + end, 3 * HIDDEN, HIDDEN)
        tensor("encoder.rnn.bias_ih_l0" + end, 3 * HIDDEN)
        tensor("encoder.rnn.bias_hh_l0" + end, 3 * HIDDEN)
    tensor("heads.tags.weight", len(LABELS), 2 * HIDDEN)
    tensor("heads.tags.bias", len(LABELS))
    safetensors(os.path.join(folder, "model.safetensors"), tensors)
    config = {"model_type": "encoder",
              "source": {"tokenizer": {"type": "whitespace", "vocab": "source.vocab", "lowercase": True}, "embedding_dim": EMBEDDING},
              "encoder": {"hidden_size": HIDDEN, "num_layers": 1, "bidirectional": True},
              "heads": {"tags": {"on": "token", "labels": "tags.labels"}}}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    for name, lines in (("source.vocab", known), ("tags.labels", LABELS)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))


def make_shard(path, wanted, first, texts, rng):
    """-> records (bad ones among them), bad ones, bytes."""
    records = bad = written = 0
    with open(path, "wb") as out, subprocess.Popen(["zstd", "-1", "-q", "-c"], stdin=subprocess.PIPE, stdout=out) as zstd:
        while written < wanted:
            lines = [b'{"id": %d, "text": %s}\n' % (first + records + i, t) for i, t in enumerate(rng.choices(texts, k=DRAWN_AT_ONCE))]
            for i in range(len(lines)):
                if rng.random() * ONE_BAD_IN < 1:
                    lines[i] = lines[i][:len(lines[i]) // 2] + b"\n"
                    bad += 1
            block = b"".join(lines)
            zstd.stdin.write(block)
            records, written = records + len(lines), written + len(block)
    if zstd.returncode:
        raise OSError("zstd failed")
    return records, bad, written


def make_corpus(folder, total, shards, texts, rng):
    os.makedirs(folder)
    coded = [json.dumps(t, ensure_ascii=False).encode() for t in texts]
    shares = [rng.lognormvariate(0, 0.8) for _ in range(shards)]
    made = [0, 0, 0]
    for n, share in enumerate(shares):
        path = os.path.join(folder, f"part-{n:04d}.jsonl.zst")
        made = [a + b for a, b in zip(made, make_shard(path, total * share / sum(shares), made[0], coded, rng))]
    return dict(zip(("records", "bad", "bytes"), made))


def digests(outdir):
    found = {}
    for name in sorted(os.listdir(outdir)):
        if name.endswith(".zst"):
            h = hashlib.sha256()
            with open(os.path.join(outdir, name), "rb") as f:
                while block := f.read(1 << 20):
                    h.update(block)
            found[name] = h.hexdigest()
    return found


def command(a, model, shards, out):
    return [GRUS, "run", model, shards, "-o", out, "--compute-type", "int8", "-t", str(a.threads), "-q"]


def killed(line, kills, seconds, rng):
    """Runs it, and kills it so many times, each after a random part of what is left of the undisturbed time."""
    times = []
    for left in range(kills, 0, -1):
        with subprocess.Popen(line) as process:
            try:
                process.wait(rng.uniform(0.2, 1.6) * seconds / (kills + 1))
                print(f"  it ended before the last {left} kills", flush=True)
                return times
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                times.append(process.wait())
    subprocess.run(line, check=True)
    return times


class Check:
    def __init__(self):
        self.failed = 0

    def __call__(self, what, holds):
        if not holds:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)


def told(check, what, outdir):
    """The report of the directory's last run."""
    with open(os.path.join(outdir, "report.json"), encoding="utf-8") as f:
        report = json.load(f)
    check(f"{what}: done", report["outcome"] == "done")
    check(f"{what}: memory within its prediction", report["peak_memory"] <= report["predicted_memory"])
    check(f"{what}: verified", subprocess.run([GRUS, "verify", outdir, "-q"], stdout=subprocess.DEVNULL).returncode == 0)
    return report


def resident():
    """Bytes at most of any process that was waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def work(a, rng, root):
    check, path = Check(), {name: os.path.join(root, name) for name in ("model", "shards", "once", "killed")}
    texts = sentences(a.text)
    make_model(path["model"], texts, rng)
    made = make_corpus(path["shards"], size(a.size), a.shards, texts, rng)
    print(f"{len(texts)} sentences; {made['records']} records, {made['bytes'] / 1e9:.2f} GB in {a.shards} shards, {made['bad']} spoilt",
          flush=True)
    began = time.time()
    subprocess.run(command(a, path["model"], path["shards"], path["once"]), check=True)
    seconds = time.time() - began
    report = told(check, "once", path["once"])
    check("once: counts", (report["records"], report["records_failed"]) == (made["records"], made["bad"]))
    print(f"once: {seconds:.0f} s, {made['bytes'] / seconds / 1e6:.1f} MB/s, {made['records'] / seconds:.0f} records/s, "
          f"{report['tokens_in'] / seconds:.0f} tokens/s; {resident() / 2**20:.0f} MiB resident, {report['predicted_memory'] / 2**20:.0f} "
          f"predicted\n{json.dumps(report)}", flush=True)
    times = killed(command(a, path["model"], path["shards"], path["killed"]), a.kills, seconds, rng)
    report = told(check, "killed", path["killed"])
    check("it was killed as often as asked", times == [-signal.SIGKILL] * a.kills)
    print(f"killed {len(times)} times: {report['records_resumed']} records taken over by the last run", flush=True)
    expected = digests(path["once"])
    check("every shard has its output", len(expected) == a.shards)
    check("the same bytes", digests(path["killed"]) == expected)
    return check.failed == 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", default="10G", help="of the corpus, not compressed (K, M, G: powers of ten)")
    p.add_argument("--shards", type=int, default=100)
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--text", nargs="*", help="files of real text, in place of this machine's documentation")
    p.add_argument("--dir", help="where to work")
    a = p.parse_args()
    rng, root = random.Random(a.seed), tempfile.mkdtemp(prefix="grus-corpus-", dir=a.dir)
    try:
        return 0 if work(a, rng, root) else 1
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
