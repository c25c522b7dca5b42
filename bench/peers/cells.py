"""The section cells of bench/peers/run: encoders of LSTM cells, and of GRU cells that reset before the product, on one
thread: grus in float32 and in int8, and the peers in float32.
"""
import os

import encoder
import int8
import results

CELLS = ("lstm", "gru_before")
KINDS = ("grus", "grus-int8", "onednn", "onnx", "torch")


def run_cell(a, peers, folder, record, wanted, vocabulary):
    for hidden in a.hidden if not a.quick else [512] if 512 in a.hidden else a.hidden[:1]:
        length = encoder.make_workload(peers, folder, hidden, a.sequences // (4 if hidden > 512 else 2), vocabulary)
        print(f"{peers.cell}: H = {hidden}, {len(length)} sequences, {length.sum()} positions", flush=True)
        if peers.cell == "lstm" and "torch" in wanted and peers.blas is None:
            encoder.find_blas(peers, hidden, length[:256], folder)
        good = encoder.check(peers, folder, hidden, length, [k for k in wanted if k not in peers.absent])
        load = [os.getloadavg()[0]]
        result = encoder.measure(peers, good, hidden, a.threads[0], folder, length, a.rounds)
        result.update(cell=peers.cell, lacks=results.lacks(), absent=peers.absent, difference=good,
                      load=load + [os.getloadavg()[0]])
        record.add(result, peers.blas)


def run(a, peers, folder, record, kinds):
    wanted = [k for k in KINDS if encoder.split(k)[0] in kinds]
    peers.batches = int8.QUICK_BATCHES if a.quick else {}
    for cell in CELLS:
        peers.cell, peers.absent = cell, {k: "not installed, or left out" for k in KINDS if k not in wanted}
        for vocabulary in (a.vocabulary, 0):
            run_cell(a, peers, folder, record, wanted, vocabulary)
    peers.cell, peers.batches = "gru", {}
