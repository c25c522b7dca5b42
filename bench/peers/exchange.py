"""What the peers exchange: a directory with weights, sequences and batches, and how a peer's process is spoken to.

    weights.safetensors  nn.GRU's tensors as encoder.rnn.*, and encoder.embedding.weight where ids are read; float32
    encoder.onnx         the same as a graph of ONNX (onnx_model.py)
    lengths.i32          positions of each sequence
    features.f32         (positions, input), sequences laid end to end; or
    ids.i32              (positions), likewise

A file of batches is int32: how many; for each, how many sequences, the longest's length, and their numbers. A peer
of the encoder is started with DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL (vocabulary 0: it reads features; types are
float32, bfloat16, int8, or int8-ENGINE where the peer has several; cells are those of GATES). Every peer prints "ready VERSION", or "absent WHY" and
ends where its build or this CPU has no such type; then it answers each command with one line: `load …` and `write FILE` with "ok", `run` with "WALL CPU" in
seconds of its own clocks. What `write` writes is (positions, 2 * hidden) in the order of the sequences.
"""
import json
import resource
import struct
import subprocess
import sys
import time

import numpy as np

LAYERS, INPUT = 2, 256
GATES = {"gru": 3, "lstm": 4, "gru_before": 3}  # of each cell, in PyTorch's order; gru_before resets before the product


def lengths(n, seed=1):
    """Log-normal, median 20, sigma 0.5, cut to 2 ... 120."""
    x = np.random.default_rng(seed).lognormal(np.log(20), 0.5, n)
    return np.clip(np.rint(x), 2, 120).astype(np.int32)


def ids(n, vocabulary, seed=3):
    """Drawn by Zipf's law, as the tokens of a text are; which ids are frequent is random."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, vocabulary + 1)
    return rng.permutation(vocabulary)[rng.choice(vocabulary, n, p=share / share.sum())].astype(np.int32)


def weights(hidden, vocabulary=0, seed=2, cell="gru"):
    """vocabulary: rows of the embedding, 0 where features are read."""
    rng, bound, rows, out = np.random.default_rng(seed), hidden ** -0.5, GATES[cell] * hidden, {}
    for layer in range(LAYERS):
        for reverse in ("", "_reverse"):
            columns = 2 * hidden if layer else INPUT
            for name, shape in (("weight_ih", (rows, columns)), ("weight_hh", (rows, hidden)), ("bias_ih", (rows,)), ("bias_hh", (rows,))):
                out[f"encoder.rnn.{name}_l{layer}{reverse}"] = rng.uniform(-bound, bound, shape).astype(np.float32)
    if vocabulary:
        out["encoder.embedding.weight"] = (rng.standard_normal((vocabulary, INPUT)) * 0.5).astype(np.float32)
    return out


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
        offset += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.tobytes())


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    return {name: np.frombuffer(data[slice(*t["data_offsets"])], np.float32).reshape(t["shape"]) for name, t in header.items()}


def read_texts(path, key="text"):
    """Of a shard, .jsonl or .txt, plain or .zst."""
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    else:
        with open(path, encoding="utf-8", newline="\n") as f:
            data = f.read()
    lines = data.rstrip("\n").split("\n")
    return [json.loads(line)[key] for line in lines] if path.removesuffix(".zst").endswith(".jsonl") else lines


def make_batches(length, size, slack):
    """Sorted by length; a batch ends at `size` sequences, or where padding would pass `slack` of its longest (0: batches
    of one length)."""
    order, out, batch = np.argsort(-length, kind="stable"), [], []
    for i in order:
        if batch and (len(batch) == size or length[i] < (1 - slack) * length[batch[0]]):
            out.append(batch)
            batch = []
        batch.append(int(i))
    return out + [batch]


def cost(length, batch):
    return len(batch) * int(length[batch[0]])


def share(length, batches, n):
    """Batches for each of n processes, the dearest first to the one that has least."""
    out, load = [[] for _ in range(n)], [0] * n
    for batch in sorted(batches, key=lambda b: -cost(length, b)):
        least = load.index(min(load))
        out[least].append(batch)
        load[least] += cost(length, batch)
    return out


def write_batches(path, length, batches):
    flat = [len(batches)]
    for batch in batches:
        flat += [len(batch), int(length[batch[0]])] + batch
    np.array(flat, np.int32).tofile(path)


def read_batches(path):
    flat = np.fromfile(path, np.int32).tolist()
    out, at = [], 1
    for _ in range(flat[0]):
        n = flat[at]
        out.append((flat[at + 1], flat[at + 2:at + 2 + n]))
        at += 2 + n
    return out


class Failed(Exception):
    """A peer cannot be started, has ended, or does not do what it is told; the others go on without it."""


class Absent(Failed):
    """It is not to be had here: not in this build, or not on this CPU. No mistake of anybody's."""


class Process:
    def __init__(self, command, environment):
        try:
            self.pipe = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        except OSError as error:
            raise Failed(f"{command[0]}: {error}") from error
        answer = self.hear()
        if answer.startswith("absent "):
            raise Absent(answer[7:])
        if not answer.startswith("ready "):
            raise Failed(f"{command[0]}: {answer}")
        self.version = answer[6:]

    def say(self, command):
        try:
            self.pipe.stdin.write(command + "\n")
            self.pipe.stdin.flush()
        except BrokenPipeError as error:
            raise Failed(f"{' '.join(self.pipe.args)} ended with {self.pipe.wait()}") from error

    def hear(self):
        line = self.pipe.stdout.readline()
        if not line:
            raise Failed(f"{' '.join(self.pipe.args)} ended with {self.pipe.wait()}")
        return line.rstrip("\n")

    def ask(self, command):
        self.say(command)
        return self.hear()

    def close(self):
        try:
            self.pipe.stdin.close()
        except BrokenPipeError:
            pass
        self.pipe.stdout.close()
        self.pipe.wait()


class Team:
    """One process, or several that share the batches and run at the same time."""

    def __init__(self, name, commands, environment, parallel=True):
        self.name, self.parallel = name, parallel
        self.processes = [Process(c, environment) for c in commands]
        self.version = self.processes[0].version

    def load(self, arguments):
        for p, a in zip(self.processes, arguments):
            p.say(f"load {a}")
        for p in self.processes:
            if p.hear() != "ok":
                raise Failed(f"{self.name}: load failed")

    def run(self):
        """Wall and CPU seconds."""
        for p in self.processes:
            p.say("run")
        times = [tuple(map(float, p.hear().split())) for p in self.processes]
        return max(t[0] for t in times), sum(t[1] for t in times)

    def cost(self):
        """What choices are made by: wall seconds, and of one thread CPU seconds, which other programs disturb less."""
        return self.run()[0 if self.parallel else 1]

    def close(self):
        for p in self.processes:
            p.close()


# ---- the peer's side ----

def cpu_flags():
    """As Linux names them."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return set(next((line.split(":", 1)[1].split() for line in f if line.startswith(("flags", "Features"))), []))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def serve(peer, version):
    """Answers commands until their end; peer has load(*words), run() and write(file)."""
    print(f"ready {version}", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "run":
            wall, cpu = time.perf_counter(), cpu_seconds()
            peer.run()
            print(time.perf_counter() - wall, cpu_seconds() - cpu, flush=True)
        else:
            {"load": peer.load, "write": peer.write}[command](*arguments)
            print("ok", flush=True)
