#!/usr/bin/env bash
# bench/peers/run with no peer installed: grus in int8 beside its own float32, on encoders and on whole runs, and the tables
# made of it.
set -eu
: "${srcdir:=.}" "${builddir:=.}"
export PYTHONDONTWRITEBYTECODE=1
unset MAKEFLAGS MFLAGS
# shellcheck source=tests/support/common.sh
. "$srcdir/tests/support/common.sh"
need_python "numpy" "NumPy (Debian package: python3-numpy)"

# peers OPTION...: what it says is in $work/said.
peers() {
    "$python" "$srcdir/bench/peers/run" --build "$builddir" --python false --node-modules "$work" --without onednn --quick \
        --rounds 2 --threads 1 --hidden 64 --sequences 64 --words 40 --sentences 10 --results "$work/results.md" \
        --json "$work/times.json" "$@" >"$work/said" 2>&1
}

# json EXPRESSION: it holds of what was measured, which is called found.
json() {
    "$python" -c 'import json, sys
found = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), found' "$work/times.json" "$1"
}

printf '# grus and its peers\n\nof another machine\n' >"$work/results.md"
check "int8: measured" peers --only int8,int8-tasks
check "int8: who is not there" grep -q '^torch is not there' "$work/said"
check "int8: the rows of the encoder, of ids and of features" test "$(grep -c '^| \(64\|512\) | .* | grus, int8 |' "$work/results.md")" = 2
check "int8: the rows of whole runs" test "$(grep -c '| grus, int8 |.*%' "$work/results.md")" = 3
check "int8: what is not there, in the tables" grep -q '^\* Not measured, PyTorch, bfloat16: not installed' "$work/results.md"
check "int8: another chapter stays" grep -qx 'of another machine' "$work/results.md"
check "int8: rounds to 8 bits" json 'all(1e-5 < r["difference"]["grus-int8"] < 0.1 for r in found if "hidden" in r)'
# Matrices of 3 H rows: two directions of two layers, their inputs and their states; two biases a row. Behind each of the
# eight matrices of float32 stands one more group of the kernel's units: 32 with AVX-512, no more than 16 elsewhere.
check "int8: a quarter of the weights" json 'all(
    parameters * 4 <= r["weights"]["grus"] <= (parameters + units * columns) * 4.04 and
    parameters <= r["weights"]["grus-int8"] <= parameters * 1.2
    for r in found if r.get("weights") for h in [r["hidden"]]
    for columns, units in [(2 * 256 + 2 * 2 * h + 4 * h, 32 if r["peers"]["grus"]["version"].endswith("kernel skx") else 16)]
    for parameters in [2 * 3 * h * (256 + 2 * h + 2 * h + 4)])'
check "int8: each round has both" json 'all(len(r["peers"][k]["cpu"]) == 2 for r in found for k in ("grus", "grus-int8"))'
check "int8: most of the outputs are float32'\''s" json 'all(r["peers"]["grus-int8"]["same"] > 0.7 for r in found if "task" in r)'
cp "$work/results.md" "$work/before.md"
check "cells: measured" peers --only cells
check "cells: the rows of both cells, of ids and of features" test "$(grep -c '^| \(LSTM\|GRU, reset before\) | 64 | .* | grus, int8 |' "$work/results.md")" = 4
check "cells: two results of each" json '[(r["cell"], r["vocabulary"] > 0) for r in found if r.get("cell")] == [
    (cell, ids) for cell in ("lstm", "gru_before") for ids in (True, False)]'
check "cells: an LSTM has a third more products" json 'len({r["flops"] / r["positions"] for r in found if r.get("cell") == "lstm"}) == 1 and all(
    abs(r["flops"] / r["positions"] / (2 * 2 * 64 * gates * (256 + 64 + 128 + 64)) - 1) < 1e-6
    for r in found if r.get("cell") for gates in [4 if r["cell"] == "lstm" else 3])'
check "cells: rounds to 8 bits" json 'all(1e-5 < r["difference"]["grus-int8"] < 0.1 for r in found if r.get("cell"))'
check "cells: the chapter on int8 stays" test "$(sed -n '/^# int8/,/^# Other/p' "$work/results.md" | sed '/^# Other/d;/^$/d')" = "$(sed -n '/^# int8/,$p' "$work/before.md" | sed '/^$/d')"
cp "$work/results.md" "$work/before.md"
check "float32: measured" peers --only tokens
check "float32: its chapter is made anew" grep -q '^| 64 | 1 | 1 thread | grus |' "$work/results.md"
check "float32: the other one stays" test "$(sed -n '/^# int8/,$p' "$work/results.md")" = "$(sed -n '/^# int8/,$p' "$work/before.md")"

echo "$checks checks of bench/peers"
exit $failed
