"""The tables of bench/RESULTS.md, made from what was measured."""
import os
import platform
import re
import statistics

import exchange

NAMES = {"grus": "grus", "onednn": "oneDNN", "onnx": "ONNX Runtime", "torch": "PyTorch"}
INPUTS = ("ids", "features")
# What grus or a peer has products for, and the flags that Linux shows where the CPU has it.
ABILITIES = (("AVX2", {"avx2", "fma"}), ("AVX-512", {"avx512f", "avx512bw", "avx512vl", "avx512dq"}), ("AVX-VNNI", {"avx_vnni"}),
             ("AVX-512 VNNI", {"avx512_vnni"}), ("AVX-512 BF16", {"avx512_bf16"}), ("AMX", {"amx_tile", "amx_int8", "amx_bf16"}),
             ("NEON dot product", {"asimddp"}))


# What grus's kernels of int8 need, the fastest first.
INT8_KERNELS = ("AMX", "AVX-512 VNNI", "AVX-VNNI", "NEON dot product")


def abilities():
    return [name for name, flags in ABILITIES if flags <= exchange.cpu_flags()]


def lacks():
    """Of what grus's int8 has kernels for on this kind of machine."""
    arm = platform.machine() in ("aarch64", "arm64")
    return [x for x in INT8_KERNELS if x.startswith("NEON") == arm and x not in abilities()]


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, {', '.join(abilities()) or 'none of the vectors asked for'}"


def key(result):
    """What was measured; two results of one key are the same measurement at two times."""
    return result.get("task"), result.get("hidden"), result.get("vocabulary"), result.get("beam"), result["threads"], result.get("int8", False), result.get("cell")


def of_input(all_results, kind):
    return [r for r in all_results if "hidden" in r and bool(r["vocabulary"]) == (kind == "ids")]


def blas_name(environment):
    """The last folder of the library, and what its kernel is chosen by."""
    folder = environment.get("LD_LIBRARY_PATH")
    return ", ".join([os.path.basename(folder) if folder else "its own BLAS"] +
                     [f"{k}={v}" for k, v in environment.items() if k != "LD_LIBRARY_PATH"])


def three(values, form="{:.2f}"):
    """min, median, max."""
    return " / ".join(form.format(x) for x in (min(values), statistics.median(values), max(values)))


def ratios(result, peer, clock="wall", us="grus"):
    ours, theirs = result["peers"][us][clock], result["peers"][peer][clock]
    return [b / a for a, b in zip(ours, theirs)]


def encoder_rows(result):
    fma, rate = statistics.median(result["fma"]), []
    for peer, row in result["peers"].items():
        flops = result["flops_grus" if peer == "grus" else "flops"]
        gflops = [flops / s / 1e9 for s in row["wall"]]
        of_kernel = [flops / (c * k) for c, k in zip(row["cpu"], result["kernel"])]
        rate.append(f"| {result['hidden']} | {result['threads']} | {row['name'].split(', ')[-1]} | {NAMES[peer]} | "
                    f"{' '.join(map(str, row['batches']))} | {result['positions'] / statistics.median(row['wall']):.0f} | "
                    f"{statistics.median(gflops):.0f} | {flops / statistics.median(row['cpu']) / fma:.0%} | "
                    f"{statistics.median(of_kernel):.0%} | {ratio_cells(result, peer)} |")
    return rate


def ratio_cells(result, peer):
    if peer == "grus":
        return " | "
    return f"{three(ratios(result, peer))} | {statistics.median(ratios(result, peer, 'cpu')):.2f}"


def task_rows(result):
    return [f"| {result['task']} | {result['beam']} | {result['threads']} | {row['name']} | "
            f"{result['records'] / statistics.median(row['wall']):.0f} | "
            f"{format(row['same'], '.2%') if 'same' in row else ''} | {ratio_cells(result, peer)} |"
            for peer, row in result["peers"].items()]


ENCODER_HEAD = ["| H | threads | run as | engine | batches | positions/s | GFLOP/s | of FMA rate | of kernel rate | grus is faster by: min / median / max | by CPU time |",
                "|---|---|---|---|---|---|---|---|---|---|---|"]
TASK_HEAD = ["| task | beam | threads | engine | records/s | same outputs | grus is faster by: min / median / max | by CPU time |",
             "|---|---|---|---|---|---|---|---|"]


def table(all_results):
    encoder = [r for r in all_results if "hidden" in r]
    tasks = [r for r in all_results if "task" in r]
    out = []
    if encoder:
        out += ENCODER_HEAD + [row for r in encoder for row in encoder_rows(r)]
    if tasks:
        out += TASK_HEAD + [row for r in tasks for row in task_rows(r)]
    return out


def floors(encoder):
    return ["| H | threads | input | sequences | rounds | FMA rate, GFLOP/s: min / median / max | bare micro-kernel in L2 |", "|---|---|---|---|---|---|---|"] + [
        f"| {r['hidden']} | {r['threads']} | {INPUTS[not r['vocabulary']]} | {r['sequences']} | {len(r['fma'])} | {three([x / 1e9 for x in r['fma']], '{:.0f}')} | {three([x / 1e9 for x in r['kernel']], '{:.0f}')} |"
        for r in encoder]


def scaling(encoder):
    """Two threads over one, by the medians."""
    by = {(r["vocabulary"], r["hidden"], r["threads"]): r for r in encoder}
    out = []
    for (vocabulary, hidden, threads), r in by.items():
        one = by.get((vocabulary, hidden, 1))
        if threads > 1 and one:
            for peer in r["peers"]:
                if peer in one["peers"]:
                    gain = (statistics.median(one["peers"][peer]["wall"]) / one["positions"]) / (
                        statistics.median(r["peers"][peer]["wall"]) / r["positions"])
                    out.append(f"| {hidden} | {INPUTS[not vocabulary]} | {NAMES[peer]} | {threads} | {gain:.2f} |")
    return ["| H | input | engine | threads | times the speed of one |", "|---|---|---|---|---|"] + out if out else []


TITLES = ["# grus and its peers", "# int8 and bfloat16", "# Other cells"]
TEXT = TITLES[0] + """

Written by `bench/peers/run --results`; what is compared, and how, stands at its top. "grus is faster by" is the peer's time
over ours in the same round. CPU time is that of the processes, so that what other programs take of the machine counts less.
"""
ENCODER_TEXT = """Two layers, both directions, 256 inputs, lengths log-normal (median 20, sigma 0.5, 2 to 120). The FMA rate and the rate of the
bare micro-kernel on panels that stay in L2 are measured before every round; fractions of them are by CPU time. Batches: for
grus, positions a batch; for the others, sequences a batch, the share of padding allowed in a row of it, and how PyTorch is
given it."""
IDS_TEXT = """Of token ids, drawn by Zipf's law: each engine begins by looking up embeddings. grus looks up their products with the first
layer's weights where such a table stays below a limit; these products are not counted among its FLOPs."""
TASK_TEXT = """`grus run` is the whole run, files and text included; PyTorch's times are from token numbers to strings. "loop" is a batch
loop as a competent user writes it, "expert" one with the gates by hand, the input gates tabled, the keys projected once and
ended records dropped (`bench/peers/torch_expert.py`); both with the fastest batches. Records of a batch, and the share of padding
allowed in a row of it, stand behind. CPU time of grus has the start of its process, that of PyTorch has not."""


def chapter(all_results, note=None):
    """The lines of the chapter on float32."""
    all_results = sorted(all_results, key=lambda r: (r["threads"], r.get("hidden", 0), r.get("task", ""), r.get("beam", 0)))
    encoder = [r for r in all_results if "hidden" in r]
    lines = [TEXT, "## Machine and versions", ""]
    lines += [f"* {x}" for x in dict.fromkeys(f"{r['machine']}, {r['when']}" for r in all_results)]
    lines += [f"* {x}" for x in dict.fromkeys(row["version"] for r in encoder for row in r["peers"].values())]
    lines += [f"* PyTorch on {x}, the fastest of those tried" for x in dict.fromkeys(r.get("blas") for r in all_results) if x]
    lines += [f"* {note}"] if note else []
    for kind, title, text in (("ids", "Encoder, token ids", ENCODER_TEXT + "\n\n" + IDS_TEXT), ("features", "Encoder, feature vectors", "")):
        part = of_input(all_results, kind)
        if part:
            lines += ["", f"## {title}", ""] + ([text, ""] if text else []) + table(part)
    if encoder:
        lines += ["", "## Floors and sizes of these runs", ""] + floors(encoder)
        gain = scaling(encoder)
        lines += ["", "## More threads", ""] + gain if gain else []
    for name, title in (("G2P", "G2P model, its demonstration words"), ("Multi30k", "Translation, the model multi30k-en-de, its demonstration captions"),
                        ("translation", "Translation, random weights of Multi30k's size, 15 tokens")):
        part = [r for r in all_results if r.get("task", "").startswith(name)]
        if part:
            lines += ["", f"## {title}", "", TASK_TEXT, ""] + table(part)
    return lines + ["", "## To repeat", "", "    ./autogen.sh && ./configure && make",
                    "    npm install --ignore-scripts --prefix bench/peers onnxruntime-node",
                    "    bench/peers/run --quick --results bench/RESULTS.md", ""]


def write(path, chapters):
    """Each is lines, a title of `# ` first. A chapter of the file that none of these replaces stays as it is."""
    kept = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            for text in re.split(r"^(?=# )", f.read(), flags=re.M):
                kept[text.split("\n", 1)[0]] = text.rstrip("\n") + "\n"
    for lines in chapters:
        text = "\n".join(lines)
        kept[text.split("\n", 1)[0]] = text.rstrip("\n") + "\n"
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(text for title, text in sorted(kept.items(), key=lambda kv: TITLES.index(kv[0]) if kv[0] in TITLES else -1) if title))
