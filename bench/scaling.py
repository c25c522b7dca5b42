"""scaling.py JSON: the curves of grus-bench --scaling, each with what its FLOPs would take.

    scaling.py scaling.json             a table in Markdown
    scaling.py scaling.json groups      names of the groups, for scaling.gp
    scaling.py scaling.json names GROUP
    scaling.py scaling.json data GROUP  value, seconds (median, min, max), model, model with padding, per cent of the model

Seconds are CPU time, so that another process on the machine does not spoil them; for the growth with threads they are
wall time. The model is the FLOPs asked for over the FMA rate measured in the same run (and over the threads); with
padding it is the FLOPs computed, those of a tile's empty lanes included.
"""
import json
import math
import sys

WHAT = {
    "hidden": "FLOPs grow with H (E + H) in the first layer and with 3 H² in the second. Narrow layers have more gates and"
              " packing a FLOP. Up to 128 units the first layer's products are looked up in a table of 32,000 ids, uniform:"
              " 12 H bytes a position and direction from L3 or memory; from 192 on the table would be larger than its limit,"
              " embeddings are read and multiplied.",
    "layers": "FLOPs grow with the layers; the first reads E = 256 values a position, the others 2 H = 512.",
    "vocabulary": "Two terms: the recurrent part, which has no V, and the output product with H V. Beside the FLOPs"
                  " each of V logits has its exponential, in L1 behind the product.",
    "length": "FLOPs grow with the positions, which are 4,096 up to length 42 and 96 sequences beyond; a decoder makes"
              " 10 steps more than its source has positions, and its attention reads every position at each step: 8 D"
              " bytes for 4 D FLOPs, from L2 up to length 100 and from L3 beyond, which takes the rate of a product no more.",
    "beam": "FLOPs grow with the rows, beam times the steps; the first step of a sentence has one row. What"
            " hypotheses share (a parent's recurrent product, from a beam of two on the context's products) is counted once.",
    "sequences": "Below the lanes of a tile the empty ones are computed too: the model with padding says so. From some"
                 " ten tiles on the time grows with the positions.",
    "corpus": "Start and commit of a run, some milliseconds, then the FLOPs of the records.",
    "threads": "Wall time. The work is the same and is shared by the batch.",
}


def seconds(case):
    return case["wall"] if case["group"] == "threads" else case["cpu"]


def model(case):
    team = case["value"] if case["group"] == "threads" else 1
    return case["work"] / case["floor"] / team


def with_padding(case):
    return model(case) / (1 - (case["padding"] or 0))


def share(case):
    """Of the FLOPs that could have been done in the time, in per cent."""
    return 100 * model(case) / seconds(case)[1]


def slope(previous, case, of):
    return math.log(of(case) / of(previous)) / math.log(case["value"] / previous["value"])


def table(cases, group, variant):
    print(f"\n{variant}, by {cases[0]['varied']}:\n")
    print("| value | seconds | min – max | FLOPs at the FMA rate | computed FLOPs | of the FMA rate | growth | of the FLOPs |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    previous = None
    for case in cases:
        least, median, most = seconds(case)
        growth = grown = ""
        if previous:
            growth = f"{slope(previous, case, lambda c: seconds(c)[1]):.2f}"
            grown = f"{slope(previous, case, with_padding):.2f}"
        print(f"| {case['value']:,} | {median:.4g} | {least:.4g} – {most:.4g} | {model(case):.4g} | "
              f"{with_padding(case):.4g} | {share(case):.0f} % | {growth} | {grown} |")
        previous = case


def markdown(result):
    print("# Growth of time\n")
    print("Made by `make bench-scaling`; the picture is [scaling.svg](scaling.svg): points with their least and most, dashed what the "
          "FLOPs would take at the FMA rate, dotted the same with padding. "
          f"Kernel {result['kernel']}, grus {result['version']}; FMA rate {result['fma'] / 1e9:.0f} GFLOP/s, bare "
          f"micro-kernel {result['bare_kernel'] / 1e9:.0f} at the start.\n")
    print("Seconds are CPU time of one run (wall time by threads), medians. *Growth* is the exponent from the row above: "
          "1.00 is twice the time for twice the value; beside it that of the FLOPs computed, padding included. Where the "
          "two agree the FLOPs explain the curve.")
    for group in dict.fromkeys(case["group"] for case in result["cases"]):
        print(f"\n## {group}\n\n{WHAT.get(group, '')}")
        of_group = [case for case in result["cases"] if case["group"] == group]
        for variant in dict.fromkeys(case["variant"] for case in of_group):
            table([case for case in of_group if case["variant"] == variant], group, variant)


def data(cases):
    last = None
    for case in cases:
        if last is not None and case["variant"] != last:
            print("\n")
        last = case["variant"]
        least, median, most = seconds(case)
        print(case["value"], median, least, most, model(case), with_padding(case), share(case))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        result = json.load(file)
    what = sys.argv[2] if len(sys.argv) > 2 else ""
    cases = [case for case in result["cases"] if len(sys.argv) < 4 or case["group"] == sys.argv[3]]
    if what == "groups":
        print(*dict.fromkeys(case["group"] for case in cases))
    elif what == "names":
        print(*("'" + variant + "'" for variant in dict.fromkeys(case["variant"] for case in cases)))
    elif what == "data":
        data(cases)
    else:
        markdown(result)


main()
