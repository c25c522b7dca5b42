"""The sections int8 and int8-tasks of bench/peers/run: grus in int8 beside its own float32, and the peers in every type that
they have here.

Outputs are compared with those of grus in float32. What a build or this CPU lacks is asked for and said, not left out.
"""
import os

import encoder
import results
import seq2seq

KINDS = {"grus": ("grus", "grus-int8"), "onednn": ("onednn", "onednn-bfloat16", "onednn-int8"), "onnx": ("onnx",),
         "torch": ("torch", "torch-bfloat16", "torch-int8-fbgemm", "torch-int8-qnnpack", "torch-int8-onednn")}
# What --quick tries, of encoder.choices: what engines were fastest with on other machines.
QUICK_BATCHES = {"grus": [(8192,)], "onednn": [(32, 0.15), (128, 0.15)], "onnx": [(512, 0), (32, 0.15)],
                 "torch": [(64, 1.0, "packed"), (128, 0.15, "packed")]}


def bytes_of_weights(peers, folder, hidden):
    """Of those that the encoder takes, for each type; of features, so that no table of products, which is of float32 in
    both, is among them. Leaves that workload behind."""
    encoder.make_workload(peers, folder, hidden, 1, 0)
    sizes = {}
    for kind in KINDS["grus"]:
        team = peers.team(kind, hidden, 1, 1)
        sizes[kind] = int(team.processes[0].ask("weights"))
        team.close()
    return sizes


def run_encoder(a, peers, folder, record, kinds, vocabulary):
    wanted, peers.batches = [k for engine in kinds for k in KINDS[engine]], QUICK_BATCHES if a.quick else {}
    peers.absent = {k: "not installed, or left out" for engine in KINDS if engine not in kinds for k in KINDS[engine]}
    for hidden in a.hidden if vocabulary or not a.quick else [512]:
        weights = bytes_of_weights(peers, folder, hidden)
        length = encoder.make_workload(peers, folder, hidden, a.sequences // (4 if hidden > 512 else 2), vocabulary)
        print(f"int8: H = {hidden}, {len(length)} sequences, {length.sum()} positions", flush=True)
        if "torch" in kinds and peers.blas is None:
            encoder.find_blas(peers, hidden, length[:256], folder)
        good = encoder.check(peers, folder, hidden, length, [k for k in wanted if k not in peers.absent])
        load = [os.getloadavg()[0]]
        result = encoder.measure(peers, good, hidden, a.threads[0], folder, length, a.rounds)
        result.update(int8=True, lacks=results.lacks(), weights=weights, absent=peers.absent, difference=good,
                      load=load + [os.getloadavg()[0]])
        record.add(result, peers.blas)
    peers.batches = {}


def run_tasks(a, peers, folder, record, kinds):
    """Whole runs of the shipped models; the PyTorch loops are of float32."""
    tasks = [seq2seq.g2p(folder, 1, a.words), seq2seq.g2p(folder, 5, a.words // 4), seq2seq.multi30k(folder, 5, a.sentences)]
    if "torch" in kinds and peers.blas is None:
        encoder.find_blas(peers, 256, encoder.make_workload(peers, folder, 256, 256, 0), folder)
    for task in tasks:
        load = [os.getloadavg()[0]]
        result = seq2seq.measure(a, folder, task, a.threads[0], peers.blas or {}, a.rounds, peers.failed, ("float32", "int8"),
                                 seq2seq.KINDS if "torch" in kinds else ())
        result.update(int8=True, lacks=results.lacks(), load=load + [os.getloadavg()[0]])
        record.add(result, peers.blas)


def run(a, peers, folder, record, kinds, section):
    if section == "int8-tasks":
        run_tasks(a, peers, folder, record, kinds)
        return
    for vocabulary in (a.vocabulary, 0):
        run_encoder(a, peers, folder, record, kinds, vocabulary)
