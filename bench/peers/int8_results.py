"""The chapter of bench/RESULTS.md on int8 and bfloat16, made from what was measured."""
import statistics

import results
from results import INPUTS, NAMES, TITLES, three

US = "grus-int8"
TEXT = """Written by `bench/peers/run --only int8 --results`: the weights, inputs and lengths of the first chapter, on one thread. "int8 is
faster by" is the CPU time of the other over that of grus in int8, in the same round; wall time, which whatever else the machine
does disturbs, stands behind. Differences are the largest between an output and that of grus in float32; bfloat16 and int8 within
0.1 are let in."""
WEIGHTS_TEXT = """Bytes that the packed weights of grus take, biases and scales among them; the encoder's alone. With token ids the
products of the embedding's rows with the first layer are tabled in float32 for both types, which is not counted here."""
TASK_TEXT = """`grus run` is the whole run, start of the process, files and text included; PyTorch's loops are those of the first chapter, in
float32, from token numbers to strings. "Same outputs" are records whose output is that of grus in float32."""


def name_of(peer):
    engine, _, kind = peer.partition("-")
    return f"{NAMES[engine]}, {kind.replace('-', ', ') or 'float32'}"


def ratio_cells(result, peer):
    if peer == US:
        return " | "
    cpu, wall = (results.ratios(result, peer, clock, US) for clock in ("cpu", "wall"))
    return f"{three(cpu)} | {statistics.median(wall):.2f}"


def encoder_rows(result):
    return [f"| {result['hidden']} | {INPUTS[not result['vocabulary']]} | {name_of(peer)} | {' '.join(map(str, row['batches']))} | "
            f"{result['positions'] / statistics.median(row['cpu']):.0f} | {result['difference'][peer]:.0e} | "
            f"{ratio_cells(result, peer)} |" for peer, row in result["peers"].items()]


def task_rows(result):
    return [f"| {result['task']} | {result['beam']} | {name_of(peer) if peer.startswith('grus') else row['name']} | "
            f"{result['records'] / statistics.median(row['cpu']):.0f} | {format(row['same'], '.2%') if 'same' in row else ''} | "
            f"{ratio_cells(result, peer)} |" for peer, row in result["peers"].items()]


ENCODER_HEAD = ["| H | input | engine, type | batches | positions in a second of CPU time | largest difference | int8 is faster by: min / median / max | by wall time |",
                "|---|---|---|---|---|---|---|---|"]
TASK_HEAD = ["| task | beam | engine, type | records in a second of CPU time | same outputs | int8 is faster by: min / median / max | by wall time |",
             "|---|---|---|---|---|---|---|"]
WEIGHTS_HEAD = ["| H | float32 | int8 | share |", "|---|---|---|---|"]


def table(all_results):
    encoder, tasks = [r for r in all_results if "hidden" in r], [r for r in all_results if "task" in r]
    return ((ENCODER_HEAD + [row for r in encoder for row in encoder_rows(r)] if encoder else []) +
            (TASK_HEAD + [row for r in tasks for row in task_rows(r)] if tasks else []))


def versions(all_results):
    encoder = [r for r in all_results if "hidden" in r]
    lines = [f"* {x}" for x in dict.fromkeys(f"{r['machine']}, {r['when']}" for r in all_results)]
    lines += [f"* {x}" for x in dict.fromkeys(row["version"] for r in encoder for row in r["peers"].values())]
    return lines + [f"* PyTorch on {x}, the fastest of those tried" for x in dict.fromkeys(r.get("blas") for r in all_results) if x]


def rounds(all_results, us):
    loads, least = [x for r in all_results for x in r["load"]], min(len(r["peers"][us]["cpu"]) for r in all_results)
    return f"* Medians of at least {least} rounds; load average of the machine {min(loads):.1f} to {max(loads):.1f}"


def machine_lines(all_results):
    encoder = [r for r in all_results if "hidden" in r]
    lines = versions(all_results)
    lines += [f"* Not measured, {name_of(peer)}: {why}" for peer, why in
              {peer: why for r in encoder for peer, why in r["absent"].items()}.items()]
    lines += [f"* Not measured, grus, int8 by {x}: not on this CPU" for x in dict.fromkeys(x for r in all_results for x in r["lacks"])]
    return lines + [rounds(all_results, US)]


def chapter(all_results, note=None):
    all_results = sorted(all_results, key=lambda r: (r.get("hidden", 0), not r.get("vocabulary", 0), r.get("task", ""), r.get("beam", 0)))
    lines = [TITLES[1], "", TEXT, "", "## int8: machine and versions", ""] + machine_lines(all_results)
    lines += [f"* {note}"] if note else []
    for part, title, text in (([r for r in all_results if "hidden" in r], "encoder", ""),
                              ([r for r in all_results if "task" in r], "whole runs of the shipped models", TASK_TEXT)):
        if part:
            lines += ["", f"## int8: {title}", ""] + ([text, ""] if text else []) + table(part)
    sized = {r["hidden"]: r for r in all_results if "hidden" in r}.values()
    if sized:
        lines += ["", "## int8: memory of the weights", "", WEIGHTS_TEXT, ""] + WEIGHTS_HEAD + [
            f"| {r['hidden']} | {r['weights']['grus'] / 1e6:.2f} MB | {r['weights'][US] / 1e6:.2f} MB | "
            f"{r['weights'][US] / r['weights']['grus']:.3f} |" for r in sized]
    return lines + ["", "## int8: to repeat", "", "    bench/peers/run --quick --only int8,int8-tasks --threads 1 --results bench/RESULTS.md"]
