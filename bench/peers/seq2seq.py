"""Whole tasks of bench/peers/run: `grus run` and two PyTorch loops (peer_seq2seq.py) on the same records, turn by turn.

Tasks: the G2P model on words of its demonstration shard; the model multi30k-en-de on captions of its own; translation with a
model of that size (two layers of 256 both ways, decoder 256, embeddings of 128) and random weights, every output 15 tokens
long. Ours is the whole run by its own
report: reading, parsing, tokenizing, searching, writing, all but the start of the process, which its CPU time has too.
Theirs is from token numbers to strings alone.
"""
import json
import os
import resource
import subprocess

import numpy as np

import bpe
import exchange
from exchange import Failed, Team

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
G2P, MULTI30K = (os.path.join(TOP, "models", name) for name in ("g2p-en", "multi30k-en-de"))
SAME = 0.995  # least share of records with the same output; ties fall differently
KINDS = ("loop", "expert")
STEPS = 15


# ---- tasks ----

def demo_task(folder, name, model, beam, n, tokens):
    """The first n records of a model's demonstration shard; tokens(text) is what its encoder reads but for the end token."""
    text = subprocess.run(["zstd", "-dcq", os.path.join(model, "demo.jsonl.zst")], stdout=subprocess.PIPE, check=True).stdout
    path = os.path.join(folder, f"{name}-{n}.jsonl")
    lines = text.splitlines(keepends=True)[:n]
    with open(path, "wb") as f:
        f.write(b"".join(lines))
    length = [len(tokens(json.loads(line)["text"])) + 1 for line in lines]
    return {"task": name, "model": model, "shard": path, "beam": beam, "length": np.array(length, np.int32)}


def g2p(folder, beam, n):
    return demo_task(folder, "G2P", G2P, beam, n, list)


def multi30k(folder, beam, n):
    return demo_task(folder, "Multi30k", MULTI30K, beam, n, bpe.Cutter.read(os.path.join(MULTI30K, "bpe.codes")).pieces)


def random_translator(folder, vocabulary):
    """A model directory of tools/g2p_model.py's family. Output weights are so large that the choice of tokens is clear."""
    os.makedirs(folder, exist_ok=True)
    names = ["<unk>", "<s>", "</s>"] + [f"w{i}" for i in range(vocabulary - 3)]
    for name in ("source.vocab", "target.vocab"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write("".join(n + "\n" for n in names))
    config = {
        "model_type": "seq2seq",
        "source": {"tokenizer": {"type": "whitespace", "vocab": "source.vocab", "eos": "</s>"}, "embedding_dim": 128},
        "encoder": {"hidden_size": 256, "num_layers": 2, "bidirectional": True},
        "attention": {"score": "general", "temperature": 1},
        "decoder": {"vocab": "target.vocab", "tokenizer": {"type": "whitespace"}, "bos": "<s>", "eos": "</s>",
                    "embedding_dim": 128, "hidden_size": 256, "num_layers": 1, "bridge": "linear_tanh",
                    "attention": {"query": "state"}, "input": ["embedding"],
                    "readout": {"inputs": ["state", "context", "embedding"], "size": 256, "activation": "tanh"}},
        "generation": {"beam_size": 5, "max_length": STEPS, "min_length": STEPS}}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    rng, tensors = np.random.default_rng(4), {}

    def uniform(name, rows, columns):
        bound = columns ** -0.5
        tensors[name + ".weight"] = rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)
        tensors[name + ".bias"] = rng.uniform(-bound, bound, rows).astype(np.float32)

    def gru(name, suffix, size, hidden=256):
        for gate, columns in (("ih", size), ("hh", hidden)):
            uniform("made", 3 * hidden, columns)
            tensors[f"{name}.weight_{gate}_{suffix}"] = tensors.pop("made.weight")
            tensors[f"{name}.bias_{gate}_{suffix}"] = tensors.pop("made.bias")

    for side in ("encoder", "decoder"):
        tensors[f"{side}.embedding.weight"] = rng.standard_normal((vocabulary, 128)).astype(np.float32)
    for layer, size in enumerate((128, 512)):
        for reverse in ("", "_reverse"):
            gru("encoder.rnn", f"l{layer}{reverse}", size)
    gru("decoder.rnn", "l0", 128)
    uniform("bridge", 256, 512)
    uniform("attention.general", 512, 256)
    del tensors["attention.general.bias"]
    uniform("decoder.readout", 256, 256 + 512 + 128)
    uniform("decoder.output", vocabulary, 256)
    tensors["decoder.output.weight"] *= 10
    exchange.write_safetensors(os.path.join(folder, "model.safetensors"), tensors)


def translation(folder, beam, n, vocabulary):
    """Source lengths log-normal, median 13, sigma 0.35, 4 to 40, as in Multi30k; tokens by Zipf's law."""
    model, path = os.path.join(folder, f"translator-{vocabulary}"), os.path.join(folder, f"sentences-{vocabulary}.jsonl")
    random_translator(model, vocabulary)
    length = np.clip(np.rint(np.random.default_rng(5).lognormal(np.log(13), 0.35, n)), 4, 40).astype(np.int32)
    ids, at = exchange.ids(int(length.sum()), vocabulary - 3), 0
    with open(path, "w", encoding="utf-8") as f:
        for i, k in enumerate(length):
            f.write(json.dumps({"id": i, "text": " ".join(f"w{x}" for x in ids[at:at + k])}) + "\n")
            at += k
    return {"task": f"translation, {vocabulary} tokens", "model": model, "shard": path, "beam": beam, "length": length + 1}


# ---- runs ----

def run_grus(arguments, folder, task, threads, kind="float32"):
    """Wall, CPU, outputs."""
    out = os.path.join(folder, "seq2seq-out")
    subprocess.run(["rm", "-rf", out], check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run([os.path.join(arguments.build, "grus"), "run", task["model"], task["shard"], "-o", out, "-q", "-t",
                        str(threads), "-b", str(task["beam"]), "--compute-type", kind], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failed(str(error)) from error
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(out, "report.json"), encoding="utf-8") as f:
        report = json.load(f)
    if report["compute_type"] != kind:
        raise Failed(f"grus run: computed in {report['compute_type']}, not {kind}")
    name = os.path.basename(task["shard"]) + ".zst"
    lines = subprocess.run(["zstd", "-dcq", os.path.join(out, name)], stdout=subprocess.PIPE, check=True).stdout
    return (report["seconds"]["all"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            [json.loads(line)["output"] for line in lines.decode().splitlines()])


def team_of(arguments, task, kind, layout, blas):
    processes, threads = layout
    command = [arguments.python, os.path.join(HERE, "peer_seq2seq.py"), task["model"], task["shard"], kind,
               str(task["beam"]), str(threads)]
    return Team(f"PyTorch, {kind}, {processes} x {threads}", [command] * processes, dict(os.environ, **blas),
                processes * threads > 1)


def load(team, folder, length, choice):
    batches, arguments = exchange.make_batches(length, *choice), []
    for i, part in enumerate(exchange.share(length, batches, len(team.processes))):
        path = os.path.join(folder, f"batches-{i}.i32")
        exchange.write_batches(path, length, part)
        arguments.append(path)
    team.load(arguments)


def outputs(team, folder, n):
    found = {}
    for process in team.processes:
        path = os.path.join(folder, "theirs.json")
        if process.ask(f"write {path}") != "ok":
            raise Failed(f"{team.name}: write failed")
        with open(path, encoding="utf-8") as f:
            found.update(json.load(f))
    return [found.get(str(i)) for i in range(n)]


def choices(kind, beam):
    """Records a batch, and the share of padding allowed in a row of it."""
    sizes = (64, 128, 256, 512) if beam == 1 else (16, 32, 64, 128)
    equal = [(n, 0) for n in sizes]
    return equal if kind == "expert" else equal + [(n, 0.25) for n in sizes[1:]]


def best_team(arguments, folder, task, kind, threads, blas):
    """The layout and batches that it is fastest with on the first quarter of the records."""
    part, best = task["length"][:max(200, len(task["length"]) // 4)], None
    for layout in dict.fromkeys([(threads, 1), (1, threads)]):
        team, found = team_of(arguments, task, kind, layout, blas), None
        for choice in choices(kind, task["beam"]):
            load(team, folder, part, choice)
            seconds = team.cost()
            if found is None or seconds < found[0]:
                found = seconds, choice
        if best is None or found[0] < best[0]:
            if best:
                best[1].close()
            best = found[0], team, found[1]
        else:
            team.close()
    _, team, choice = best
    load(team, folder, task["length"], choice)
    return team, choice


def checked_team(arguments, folder, task, kind, threads, blas, ours):
    team, choice = best_team(arguments, folder, task, kind, threads, blas)
    same = sum(a == b for a, b in zip(ours, outputs(team, folder, len(ours)))) / len(ours)
    print(f"  {team.name}, batches {choice}: {same:.2%} of the outputs are ours", flush=True)
    if same < SAME:
        raise Failed(f"{team.name}: the outputs differ: not timed")
    return team, choice, same


def grus_rows(arguments, folder, task, threads, kinds, ours):
    """A row for each type; the outputs of all are held against those of float32."""
    rows = {}
    for kind in kinds:
        same = {} if kind == "float32" else {
            "same": sum(a == b for a, b in zip(ours, run_grus(arguments, folder, task, threads, kind)[2])) / len(ours)}
        rows["grus" if kind == "float32" else f"grus-{kind}"] = {
            "name": f"grus run, {kind + ', ' if same else ''}{threads} thread{'s' * (threads > 1)}", "kind": kind, **same,
            "wall": [], "cpu": []}
    return rows


def measure(arguments, folder, task, threads, blas, rounds, failed, kinds=("float32",), loops=KINDS):
    """blas: the environment that the encoder was fastest with; failed is called with what goes wrong with a peer; kinds:
    the types that grus computes in, float32 first."""
    print(f"{task['task']}, beam {task['beam']}, {len(task['length'])} records, {threads} thread{'s' * (threads > 1)}", flush=True)
    ours, teams = run_grus(arguments, folder, task, threads)[2], {}
    rows = grus_rows(arguments, folder, task, threads, kinds, ours)
    for kind in loops:
        try:
            team, choice, same = checked_team(arguments, folder, task, kind, threads, blas, ours)
            teams[kind] = team
            rows[kind] = {"name": f"{team.name}, batch {' '.join(map(str, choice))}", "same": same, "wall": [], "cpu": []}
        except Failed as error:
            failed(error)
    for _ in range(rounds):
        for kind, row in rows.items():
            team = teams.get(kind)
            wall, cpu = team.run() if team else run_grus(arguments, folder, task, threads, row["kind"])[:2]
            row["wall"].append(wall)
            row["cpu"].append(cpu)
    for team in teams.values():
        team.close()
    return {"task": task["task"], "beam": task["beam"], "threads": threads, "records": len(ours), "peers": rows}
