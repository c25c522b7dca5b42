"""The tables of bench/RESULTS.md, made from what was measured."""
import os
import platform
import statistics

NAMES = {"grus": "grus", "onednn": "oneDNN", "onnx": "ONNX Runtime", "torch": "PyTorch"}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"


def key(result):
    """What was measured; two results of one key are the same measurement at two times."""
    return result.get("hidden"), result.get("beam"), result["threads"]


def blas_name(environment):
    """The last folder of the library, and what its kernel is chosen by."""
    folder = environment.get("LD_LIBRARY_PATH")
    return ", ".join([os.path.basename(folder) if folder else "its own BLAS"] +
                     [f"{k}={v}" for k, v in environment.items() if k != "LD_LIBRARY_PATH"])


def three(values, form="{:.2f}"):
    """min, median, max."""
    return " / ".join(form.format(x) for x in (min(values), statistics.median(values), max(values)))


def ratios(result, peer, clock="wall"):
    ours, theirs = result["peers"]["grus"][clock], result["peers"][peer][clock]
    return [b / a for a, b in zip(ours, theirs)]


def encoder_rows(result):
    fma, rate = statistics.median(result["fma"]), []
    for peer, row in result["peers"].items():
        gflops = [result["flops"] / s / 1e9 for s in row["wall"]]
        of_kernel = [result["flops"] / (c * k) for c, k in zip(row["cpu"], result["kernel"])]
        rate.append(f"| {result['hidden']} | {result['threads']} | {row['name'].split(', ')[-1]} | {NAMES[peer]} | "
                    f"{' '.join(map(str, row['batches']))} | {result['positions'] / statistics.median(row['wall']):.0f} | "
                    f"{statistics.median(gflops):.0f} | {result['flops'] / statistics.median(row['cpu']) / fma:.0%} | "
                    f"{statistics.median(of_kernel):.0%} | "
                    f"{three(ratios(result, peer)) if peer != 'grus' else ''} | "
                    f"{format(statistics.median(ratios(result, peer, 'cpu')), '.2f') if peer != 'grus' else ''} |")
    return rate


def g2p_rows(result):
    return [f"| {result['beam']} | {result['threads']} | {row['name']} | {result['words'] / statistics.median(row['wall']):.0f} | "
            f"{three(ratios(result, peer)) if peer != 'grus' else ''} |" for peer, row in result["peers"].items()]


ENCODER_HEAD = ["| H | threads | run as | engine | batches | positions/s | GFLOP/s | of FMA rate | of kernel rate | grus is faster by: min / median / max | by CPU time |",
                "|---|---|---|---|---|---|---|---|---|---|---|"]
G2P_HEAD = ["| beam | threads | engine | words/s | grus is faster by: min / median / max |", "|---|---|---|---|---|"]


def table(all_results):
    encoder = [r for r in all_results if "hidden" in r]
    g2p = [r for r in all_results if "g2p" in r]
    out = []
    if encoder:
        out += ENCODER_HEAD + [row for r in encoder for row in encoder_rows(r)]
    if g2p:
        out += ([""] if out else []) + G2P_HEAD + [row for r in g2p for row in g2p_rows(r)]
    return out


def floors(encoder):
    return ["| H | threads | sequences | rounds | FMA rate, GFLOP/s: min / median / max | bare micro-kernel in L2 |", "|---|---|---|---|---|---|"] + [
        f"| {r['hidden']} | {r['threads']} | {r['sequences']} | {len(r['fma'])} | {three([x / 1e9 for x in r['fma']], '{:.0f}')} | {three([x / 1e9 for x in r['kernel']], '{:.0f}')} |"
        for r in encoder]


def scaling(encoder):
    """Two threads over one, by the medians."""
    by = {(r["hidden"], r["threads"]): r for r in encoder}
    out = []
    for (hidden, threads), r in by.items():
        one = by.get((hidden, 1))
        if threads > 1 and one:
            for peer in r["peers"]:
                if peer in one["peers"]:
                    gain = (statistics.median(one["peers"][peer]["wall"]) / one["positions"]) / (
                        statistics.median(r["peers"][peer]["wall"]) / r["positions"])
                    out.append(f"| {hidden} | {NAMES[peer]} | {threads} | {gain:.2f} |")
    return ["| H | engine | threads | times the speed of one |", "|---|---|---|---|"] + out if out else []


TEXT = """# grus and its peers

Written by `bench/peers/run --results`; what is compared, and how, stands at its top. Two layers, both directions, 256
inputs, lengths log-normal (median 20, sigma 0.5, 2 to 120). "grus is faster by" is the peer's time over ours in the same
round. The FMA rate and the rate of the bare micro-kernel on panels that stay in L2 are measured before every round;
fractions of them are by CPU time of the process, so that what other programs take of the machine does not count.
Batches: for grus, positions a batch; for the others, sequences a batch, the share of padding allowed in a row of it,
and how PyTorch is given it.
"""


def write(path, all_results, note=None):
    all_results = sorted(all_results, key=lambda r: (r["threads"], r.get("hidden", 0), r.get("beam", 0)))
    encoder = [r for r in all_results if "hidden" in r]
    lines = [TEXT, "## Machine and versions", ""]
    lines += [f"* {x}" for x in dict.fromkeys(f"{r['machine']}, {r['when']}" for r in all_results)]
    lines += [f"* {x}" for x in dict.fromkeys(row["version"] for r in encoder for row in r["peers"].values())]
    lines += [f"* PyTorch on {x}, the fastest of those tried" for x in dict.fromkeys(r.get("blas") for r in encoder if "torch" in r["peers"]) if x]
    lines += [f"* {note}"] if note else []
    if encoder:
        lines += ["", "## Encoder", ""] + table(encoder) + ["", "## Floors and sizes of these runs", ""] + floors(encoder)
        gain = scaling(encoder)
        lines += ["", "## More threads", ""] + gain if gain else []
    g2p = [r for r in all_results if "g2p" in r]
    if g2p:
        lines += ["", "## G2P model, its demonstration words", ""] + table(g2p)
    lines += ["", "## To repeat", "", "    ./autogen.sh && ./configure && make && make bench/peers/grus-encoder",
              "    npm install --ignore-scripts --prefix bench/peers onnxruntime-node",
              "    bench/peers/run --build . --g2p --results bench/RESULTS.md", ""]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))
