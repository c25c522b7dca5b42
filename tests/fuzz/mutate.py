#!/usr/bin/env python3
"""Damages the files of a small model and small shards, one at a time, and runs the command on them.

Whatever the damage, grus must end by itself, with one of its own exit codes, and say what is wrong when that is not 0;
when it is 0, there must be one valid JSON line for each record. A failure leaves its files behind and names them.

    GRUS=build/grus python3 tests/fuzz/mutate.py --runs 2000 --seed 1
"""
import argparse
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

E, H = 4, 5
CHARS = ["<unk>", "<s>", "</s>"] + list("abcdefgh")
TEXTS = ["a", "abc", "", "hgfedcba", "x y", "\u00e9", "abc" * 20]
MAGIC = [b"\0", b"\xff", b"\n", b"\r", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\\ud800", b"-1", b"1e999",
         b"18446744073709551616", b"null", b"true", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", struct.pack("<Q", 2 ** 63),
         struct.pack("<I", 0xFD2FB528), struct.pack("<I", 0x184D2A50)]


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def safetensors(tensors, rng):
    header, data = {}, b""
    for name, shape in tensors.items():
        count = 1
        for n in shape:
            count *= n
        values = struct.pack("<%df" % count, *(rng.uniform(-1, 1) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def gru(prefix, size):
    return {prefix + ".weight_ih_l0": [3 * H, size], prefix + ".weight_hh_l0": [3 * H, H],
            prefix + ".bias_ih_l0": [3 * H], prefix + ".bias_hh_l0": [3 * H]}


def make_models(root, rng):
    source = {"tokenizer": {"type": "char", "vocab": "chars.vocab"}, "embedding_dim": E}
    encoder = {"hidden_size": H}
    tensors = {"encoder.embedding.weight": [len(CHARS), E], **gru("encoder.rnn", E)}
    models = {
        "seq2seq": ({"model_type": "seq2seq", "source": source, "encoder": encoder, "attention": {"score": "dot"},
                     "decoder": {"vocab": "chars.vocab", "tokenizer": {"type": "char"}, "bos": "<s>", "eos": "</s>",
                                 "embedding_dim": E, "hidden_size": H, "bridge": "last",
                                 "attention": {"query": "state"}, "input": ["embedding"],
                                 "readout": {"inputs": ["state", "context"]}},
                     "generation": {"beam_size": 2, "max_length": 8}},
                    {**tensors, "decoder.embedding.weight": [len(CHARS), E], **gru("decoder.rnn", E),
                     "decoder.output.weight": [len(CHARS), 2 * H]}),
        "encoder": ({"model_type": "encoder", "source": source, "encoder": encoder,
                     "pooling": {"type": "attention", "score": "scaled_dot", "query": "last_hidden"},
                     "heads": {"kind": {"on": "sequence", "labels": "kind.labels"}}},
                    {**tensors, "heads.kind.weight": [2, H]}),
        "features": ({"model_type": "encoder", "source": {"input": "features", "feature_dim": E}, "encoder": encoder,
                      "pooling": {"type": "mean"}},
                     gru("encoder.rnn", E)),
    }
    models["member"] = models["seq2seq"]                             # of an ensemble with it: other numbers
    for name, (config, shapes) in models.items():
        os.makedirs(os.path.join(root, name))
        write(os.path.join(root, name, "config.json"), json.dumps(config, indent=1).encode())
        write(os.path.join(root, name, "model.safetensors"), safetensors(shapes, rng))
        write(os.path.join(root, name, "chars.vocab"), "".join(c + "\n" for c in CHARS).encode())
    write(os.path.join(root, "encoder", "kind.labels"), b"one\ntwo\n")


def feature_shard(rng):
    ends = [0, 2, 2, 7, 8]
    text = json.dumps({"offsets": {"dtype": "I64", "shape": [len(ends)], "data_offsets": [0, 8 * len(ends)]},
                       "features": {"dtype": "BF16", "shape": [ends[-1], E],
                                    "data_offsets": [8 * len(ends), 8 * len(ends) + 2 * E * ends[-1]]}}).encode()
    values = b"".join(struct.pack("<f", rng.uniform(-1, 1))[2:] for _ in range(E * ends[-1]))
    return struct.pack("<Q", len(text)) + text + struct.pack("<%dq" % len(ends), *ends) + values


def make_shards(root, rng):
    os.makedirs(root)
    write(os.path.join(root, "a.jsonl"), "".join(json.dumps({"id": i, "text": t, "n": [i, {"k": None}]}) + "\n"
                                                 for i, t in enumerate(TEXTS)).encode())
    write(os.path.join(root, "b.txt"), "".join(t + "\n" for t in TEXTS).encode())
    write(os.path.join(root, "c.tsv"), "".join(t + "\tsecond\n" for t in TEXTS).encode())
    write(os.path.join(root, "f.safetensors"), feature_shard(rng))
    if shutil.which("zstd"):
        for name in ("a.jsonl", "b.txt", "f.safetensors"):
            subprocess.run(["zstd", "-q", "--check", os.path.join(root, name)], check=True)


def damage(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 1, 2, 8, 64]))
        how = rng.randrange(7)
        if how == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at:end] = rng.randbytes(end - at)
        elif how == 2:
            data[at:at] = rng.choice(MAGIC)
        elif how == 3:
            data[at:end] = rng.choice(MAGIC)
        elif how == 4:
            del data[at:end]
        elif how == 5:
            data[at:at] = data[at:end] * rng.choice([1, 2, 100])
        elif rng.randrange(4) == 0:
            del data[at:]
    return bytes(data)


def records_in(data):
    return data.count(b"\n") + (1 if data and not data.endswith(b"\n") else 0)


def complaint(result, shard):
    """What is wrong with how the command behaved, or None."""
    if result.returncode not in range(6):
        return "exit code %d" % result.returncode
    if result.returncode != 0:
        return None if b"grus: " in result.stderr else "exit code %d without a message" % result.returncode
    if shard is not None:
        lines = result.stdout.split(b"\n")
        if lines.pop() != b"" or len(lines) != shard:
            return "%d lines for %d records" % (len(lines), shard)
        for line in lines:
            try:
                json.loads(line)
            except ValueError as error:
                return "not JSON: %s: %r" % (error, line[:200])
    return None


class Mutation:
    """Models and shards in a folder, each of which is damaged in turn, and what the command makes of it."""

    def __init__(self, grus, root, rng):
        self.grus, self.root, self.rng = grus, root, rng
        self.models, self.shards = os.path.join(root, "models"), os.path.join(root, "shards")
        make_models(self.models, rng)
        make_shards(self.shards, rng)
        self.victims = [os.path.join(self.models, m, f) for m in sorted(os.listdir(self.models))
                        for f in sorted(os.listdir(os.path.join(self.models, m)))]
        self.victims += [os.path.join(self.shards, f) for f in sorted(os.listdir(self.shards))]

    def pair(self, victim):
        """A model and its ensemble, and a shard, of which one is or has the victim."""
        in_model = victim.startswith(self.models)
        readers = ["features"] if ".safetensors" in victim else ["seq2seq", "encoder"]
        name = os.path.basename(os.path.dirname(victim)) if in_model else self.rng.choice(readers)
        names = ["seq2seq", "member"] if name == "member" or (name == "seq2seq" and self.rng.random() < 0.5) else [name]
        fitting = "f.safetensors" if name == "features" else "a.jsonl"
        return [os.path.join(self.models, n) for n in names], os.path.join(self.shards, fitting) if in_model else victim

    def run(self, models, shard, is_sound):
        """-> (exit code, what is wrong or None)"""
        out = os.path.join(self.root, "out")
        try:
            members = [word for member in models[1:] for word in ("--ensemble", member)]
            result = subprocess.run([self.grus, "run", models[0], shard, "-o", out, "-t", "1", "--quiet", *members],
                                    stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            return "time", "no end within 60 s"
        finally:
            done = os.path.join(out, os.path.basename(shard).split(".")[0] + ".jsonl.zst")
            unpacked = subprocess.run(["zstd", "-dcq", done], capture_output=True) if shutil.which("zstd") else None
            shutil.rmtree(out, ignore_errors=True)
        count = None
        if result.returncode == 0 and unpacked is not None:
            result.stdout = unpacked.stdout
            count = result.stdout.count(b"\n")
            if not shard.endswith((".zst", ".safetensors")):
                with open(shard, "rb") as f:
                    count = records_in(f.read())
        if is_sound and result.returncode != 0:
            return result.returncode, "exit code %d on sound files: %s" % (result.returncode, result.stderr.decode(errors="replace").strip())
        return result.returncode, complaint(result, count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="where failing files go [a new directory]")
    options = parser.parse_args()
    keep = options.keep or tempfile.mkdtemp(prefix="grus-fuzz-failed-")
    os.makedirs(keep, exist_ok=True)
    failures, codes, rng = 0, {}, random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="grus-fuzz-") as root:
        mutation = Mutation(os.path.abspath(os.environ.get("GRUS", "build/grus")), root, rng)
        for run in range(-len(mutation.victims), options.runs):
            victim = mutation.victims[run % len(mutation.victims)]
            with open(victim, "rb") as f:
                sound = f.read()
            write(victim, sound if run < 0 else damage(sound, rng))  # the first round is undamaged and must succeed
            models, shard = mutation.pair(victim)
            code, wrong = mutation.run(models, shard, run < 0)
            codes[code] = codes.get(code, 0) + 1
            if wrong:
                failures += 1
                place = os.path.join(keep, "%d-%d" % (options.seed, run))
                shutil.rmtree(place, ignore_errors=True)
                for i, model in enumerate(models):
                    shutil.copytree(model, os.path.join(place, "model-%d" % i if i else "model"))
                shutil.copy(shard, place)
                print("FAIL seed %d run %d, %s damaged: %s\n     files in %s" %
                      (options.seed, run, os.path.relpath(victim, root), wrong, place), flush=True)
            write(victim, sound)
            if run < 0 and wrong:
                break
    if not os.listdir(keep):
        os.rmdir(keep)
    print("%d runs, %d failures; exit codes %s" %
          (sum(codes.values()), failures, ", ".join("%s: %d" % (c, codes[c]) for c in sorted(codes, key=str))))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
