"""The encoder of bench/peers/run: two layers, both directions, 256 inputs, log-normal lengths."""
import glob
import os
import subprocess

import numpy as np

import exchange
import onnx_model
import results
from exchange import INPUT, LAYERS, Absent, Failed, Team

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1, "int8": 0.1}
PADDED_BATCHES = [(32, 0.15), (64, 0.15), (128, 0.15), (64, 1.0)]  # sequences, share of padding allowed in a row
EQUAL_BATCHES = [(64, 0), (512, 0)]
GRUS_BATCHES = [4096, 8192, 16384]


def split(peer):
    """Its engine and its type: "torch-int8-qnnpack" is "torch", "int8-qnnpack"; "torch" alone is of float32."""
    engine, _, kind = peer.partition("-")
    return engine, kind or "float32"


class Peers:
    """How each peer is started, for (processes, threads)."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.vocabulary, self.cell = 0, "gru"
        self.failures = 0
        self.batches = {} # engine: the batches that it is tried with, instead of all of its choices
        self.found = {}   # (peer, cell, hidden, threads): layouts and batches, the best first
        self.absent = {}  # peer: why it is not to be had here
        self.blas = None  # environment of PyTorch

    def failed(self, error):
        print(f"left out: {error}", flush=True)
        self.failures += 1

    def sizes(self, hidden, threads, kind):
        return [self.folder, str(LAYERS), str(hidden), str(INPUT), str(threads), str(self.vocabulary), kind, self.cell]

    def environment(self, threads, **more):
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"):
            more[name] = str(threads)
        return dict(os.environ, **more)

    def build_onednn(self):
        program = os.path.join(self.folder, "onednn")
        if not os.path.exists(program):
            command = ["cc", "-std=c11", "-O2", "-I", os.path.dirname(os.path.dirname(HERE)), "-o", program, *(os.path.join(HERE, f) for f in ("onednn.c", "onednn_cell.c")), "-ldnnl"]
            if subprocess.run(command, stderr=subprocess.PIPE).returncode:
                raise Failed("onednn.c does not build: libdnnl-dev is needed (--without onednn leaves it out)")
        return program

    def command(self, peer, hidden, threads):
        engine, kind = split(peer)
        sizes = self.sizes(hidden, threads, kind)
        if engine == "grus":
            return [os.path.join(self.arguments.build, "bench/peers/grus-encoder")] + sizes, self.environment(threads)
        if engine == "onednn":
            return [self.build_onednn()] + sizes, self.environment(threads)
        if engine == "onnx":
            return (["node", os.path.join(HERE, "peer_onnx.js")] + sizes,
                    self.environment(threads, NODE_PATH=self.arguments.node_modules))
        return ([self.arguments.python, os.path.join(HERE, "peer_torch.py")] + sizes,
                self.environment(threads, **(self.blas or {})))

    def team(self, peer, hidden, processes, threads):
        command, environment = self.command(peer, hidden, threads)
        layout = f"{processes} x {threads}" if processes > 1 else f"{threads} thread{'s' * (threads > 1)}"
        return Team(f"{peer}, {layout}", [command] * processes, environment, processes * threads > 1)


def load(team, peer, folder, length, choice):
    """Gives each process of the team its share of the batches."""
    if split(peer)[0] == "grus":
        team.load([choice[0]])
        return
    batches = exchange.make_batches(length, *choice[:2])
    arguments = []
    for i, part in enumerate(exchange.share(length, batches, len(team.processes))):
        path = os.path.join(folder, f"batches-{os.getpid()}-{i}.i32")
        exchange.write_batches(path, length, part)
        arguments.append(" ".join([path, *choice[2:]]))
    team.load(arguments)


def choices(peer):
    if split(peer)[0] == "grus":
        return [(n,) for n in GRUS_BATCHES]
    if split(peer)[0] == "torch":
        return [(*b, "packed") for b in PADDED_BATCHES] + [(*b, "padded") for b in EQUAL_BATCHES]
    return PADDED_BATCHES + EQUAL_BATCHES


def write(team, folder, name):
    path = os.path.join(folder, name)
    if team.processes[0].ask(f"write {path}") != "ok":
        raise Failed(f"{team.name}: write failed")
    out = np.fromfile(path, np.float32)
    os.remove(path)
    return out


def check(peers, folder, hidden, length, kinds):
    """The kinds whose outputs are ours of float32, and how far they are from them; what is left out is said."""
    team = peers.team("grus", hidden, 1, 1)
    load(team, "grus", folder, length, (4096,))
    ours, good = write(team, folder, "ours.f32"), {"grus": 0.0}
    team.close()
    for peer in kinds[1:]:
        try:
            team = peers.team(peer, hidden, 1, 1)
            largest = 0.0
            for choice in (choices(peer)[0], choices(peer)[-1]):
                load(team, peer, folder, length, choice)
                difference = float(np.abs(write(team, folder, "theirs.f32") - ours).max())
                print(f"  {peer} {choice}: largest difference {difference:.1e}", flush=True)
                if not difference <= TOLERANCE[split(peer)[1].split("-")[0]]:
                    raise Failed(f"{peer}'s outputs differ from ours by {difference}: not timed")
                largest = max(largest, difference)
            team.close()
            good[peer] = largest
        except Absent as error:
            peers.absent[peer] = str(error)
            print(f"  {peer}: {error}", flush=True)
        except Failed as error:
            peers.failed(error)
    return good


def sweep(team, peer, folder, length, candidates):
    """Loads the best of the candidates; returns all of them with their seconds, the fastest first."""
    ranking = []
    for choice in candidates:
        load(team, peer, folder, length, choice)
        seconds = team.cost()
        if not ranking or seconds < 1.2 * ranking[0][0]:
            seconds = min(seconds, team.cost())
        ranking = sorted(ranking + [(seconds, choice)])
    load(team, peer, folder, length, ranking[0][1])
    return ranking


def blas_environments(folders):
    """What may make the BLAS under PyTorch fast: BLIS and OpenBLAS go by the CPU's name, which on a virtual machine may
    say nothing. Every BLAS of the system, and of the given folders, with each kernel."""
    out = [{}]
    for folder in dict.fromkeys([*folders, *map(os.path.dirname, sorted(glob.glob("/usr/lib/*/*/libblas.so.3")))]):
        path = os.path.realpath(os.path.join(folder, "libblas.so.3"))
        if "openblas" in path:
            out += [{"LD_LIBRARY_PATH": folder, "OPENBLAS_CORETYPE": t} for t in ("Haswell", "Zen", "SkylakeX", "Cooperlake")]
        elif "blis" in path:
            out += [{"LD_LIBRARY_PATH": folder, "BLIS_ARCH_TYPE": t} for t in ("0", "3")]
    return out


def find_blas(peers, hidden, length, folder):
    best = None
    for blas in blas_environments(peers.arguments.torch_blas):
        peers.blas = blas
        try:
            team = peers.team("torch", hidden, 1, 1)
            load(team, "torch", folder, length, (64, 0.15, "packed"))
            seconds = min(team.cost() for _ in range(3))
            team.close()
        except Failed:  # not a BLAS that it can load, or a kernel that the CPU lacks
            continue
        print(f"  PyTorch with {results.blas_name(blas)}: {seconds:.3f} s", flush=True)
        if best is None or seconds < best[0]:
            best = seconds, blas
    peers.blas = best[1] if best else {}


def make_workload(peers, folder, hidden, sequences, vocabulary):
    """vocabulary 0: features."""
    peers.vocabulary = vocabulary
    weights, length = exchange.weights(hidden, vocabulary, cell=peers.cell), exchange.lengths(sequences)
    exchange.write_safetensors(os.path.join(folder, "weights.safetensors"), weights)
    onnx_model.write(os.path.join(folder, "encoder.onnx"), weights, LAYERS, hidden, INPUT, peers.cell)
    length.tofile(os.path.join(folder, "lengths.i32"))
    positions = int(length.sum())
    if vocabulary:
        exchange.ids(positions, vocabulary).tofile(os.path.join(folder, "ids.i32"))
    else:
        features = np.random.default_rng(3).standard_normal((positions, INPUT)) * 0.5
        features.astype(np.float32).tofile(os.path.join(folder, "features.f32"))
    return length


def flops(length, hidden, cell):
    position = sum(2 * 2 * exchange.GATES[cell] * hidden * ((2 * hidden if layer else INPUT) + hidden) for layer in range(LAYERS))
    return float(length.sum()) * position


def candidates(peers, peer, hidden, threads):
    """(layout, batches) to try; the best alone where they are known from another table of the same size."""
    known = peers.found.get((peer, peers.cell, hidden, threads))
    if known:
        return [known]
    layouts = [(1, threads)] if split(peer)[0] == "grus" or threads == 1 else [(threads, 1), (1, threads)]
    return [(layout, choice) for layout in layouts for choice in peers.batches.get(split(peer)[0]) or choices(peer)]


def best_team(peers, peer, hidden, threads, folder, length):
    """The layout and batches that it is fastest with. The second layout tries the first one's best three."""
    layouts = {}
    for layout, choice in candidates(peers, peer, hidden, threads):
        layouts.setdefault(layout, []).append(choice)
    best, promising = None, None
    for layout, tried in layouts.items():
        team = peers.team(peer, hidden, *layout)
        ranking = sweep(team, peer, folder, length, promising or tried)
        seconds, choice = ranking[0]
        promising = [c for _, c in ranking[:3]]
        print(f"  {team.name}: best with {choice}: {seconds:.3f} s", flush=True)
        if best is None or seconds < best[0]:
            if best:
                best[1].close()
            best = seconds, team, choice
            peers.found[peer, peers.cell, hidden, threads] = layout, choice
        else:
            team.close()
    return best[1], peer, best[2]


def measure(peers, kinds, hidden, threads, folder, length, rounds):
    teams = []
    for peer in kinds:
        try:
            teams.append(best_team(peers, peer, hidden, threads, folder, length))
        except Failed as error:
            if split(peer)[0] == "grus":
                raise
            peers.failed(error)
    rows = {peer: {"name": team.name, "version": team.version, "batches": choice, "wall": [], "cpu": []}
            for team, peer, choice in teams}
    fma, kernel = [], []
    for _ in range(rounds):
        f, k, position = map(float, teams[0][0].processes[0].ask("rates").split())
        fma.append(f)
        kernel.append(k)
        for team, peer, choice in list(teams):
            try:
                wall, cpu = team.run()
            except Failed as error:
                if split(peer)[0] == "grus":
                    raise
                peers.failed(error)
                teams.remove((team, peer, choice))
                del rows[peer]
                continue
            rows[peer]["wall"].append(wall)
            rows[peer]["cpu"].append(cpu)
    for team, _, _ in teams:
        team.close()
    return {"hidden": hidden, "threads": threads, "vocabulary": peers.vocabulary, "sequences": len(length),
            "positions": int(length.sum()), "flops": flops(length, hidden, peers.cell), "flops_grus": position * float(length.sum()),
            "fma": fma, "kernel": kernel, "peers": rows}
