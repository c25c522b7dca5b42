"""The chapter of bench/RESULTS.md on cells other than nn.GRU's, made from what was measured."""
import statistics

import int8_results
import results
from int8_results import name_of
from results import INPUTS, TITLES, three

CELLS = {"lstm": "LSTM", "gru_before": "GRU, reset before"}
TEXT = """Written by `bench/peers/run --only cells --results`: the inputs and lengths of the first chapter, on one thread. "grus is faster
by" is the CPU time of the other over that of grus in float32, and in int8, in the same round; wall time, which whatever else the
machine does disturbs, stands behind. Reset before is the GRU of ONNX's linear_before_reset 0 and of oneDNN's vanilla_gru. Differences
are the largest between an output and that of grus in float32."""
HEAD = ["| cell | H | input | engine, type | batches | positions in a second of CPU time | largest difference | grus is faster by: min / median / max | by wall time | its int8 by |",
        "|---|---|---|---|---|---|---|---|---|---|"]


def ratio_cells(result, peer):
    cells = [" | "]
    if not peer.startswith("grus"):
        cpu, wall = (results.ratios(result, peer, clock) for clock in ("cpu", "wall"))
        cells = [f"{three(cpu)} | {statistics.median(wall):.2f}"]
    of_int8 = peer != "grus-int8" and "grus-int8" in result["peers"]
    cells.append(f"{statistics.median(results.ratios(result, peer, 'cpu', 'grus-int8')):.2f}" if of_int8 else "")
    return " | ".join(cells)


def table(all_results):
    return HEAD + [
        f"| {CELLS[r['cell']]} | {r['hidden']} | {INPUTS[not r['vocabulary']]} | {name_of(peer)} | {' '.join(map(str, row['batches']))} | "
        f"{r['positions'] / statistics.median(row['cpu']):.0f} | {r['difference'][peer]:.0e} | {ratio_cells(r, peer)} |"
        for r in all_results for peer, row in r["peers"].items()]


def chapter(all_results, note=None):
    all_results = sorted(all_results, key=lambda r: (list(CELLS).index(r["cell"]), r["hidden"], not r["vocabulary"]))
    absent = {f"{name_of(peer)}, {CELLS[r['cell']]}": why for r in all_results for peer, why in r["absent"].items()}
    lines = [TITLES[2], "", TEXT, "", "## Other cells: machine and versions", ""]
    lines += int8_results.versions(all_results) + [f"* Not measured, {what}: {why}" for what, why in absent.items()]
    lines += [int8_results.rounds(all_results, "grus")] + ([f"* {note}"] if note else [])
    return lines + ["", "## Other cells: encoder", ""] + table(all_results) + [
        "", "## Other cells: to repeat", "", "    bench/peers/run --quick --only cells --threads 1 --results bench/RESULTS.md"]
