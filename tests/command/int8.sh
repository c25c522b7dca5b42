#!/usr/bin/env bash
# --compute-type int8: the same bytes whether matrices are rounded when a model is loaded or in its file; embeddings near those
# of float32; weights in a quarter of the memory; and what the run, its report and its directory say of it.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"
python=${PYTHON:-python3}
if ! "$python" -c '' 2>/dev/null; then
    echo "this test needs Python (Debian package: python3)" >&2
    exit 77
fi

# outputs MODEL INPUT TYPE OPTION...: what comes out, on standard output.
outputs() {
    local model=$1 input=$2 type=$3
    shift 3
    rm -rf "$work/out.d"
    "$GRUS" run "$model" "$input" -q -o "$work/out.d" --compute-type "$type" "$@" 2>"$work/err" || fail "$model: exit $?"
    plain "$work"/out.d/*.zst
}

# ---- golden cases: rounded at load and in the file ----

compared=0 embedded=0
for case in "$golden"/*/; do
    name=$(basename "$case")
    ! grep -q '"sentencepiece"' "$case/model/config.json" || continue
    read -r -a options <"$case/options" || true
    outputs "$case/model" "$case/input.jsonl" int8 ${options[@]+"${options[@]}"} >"$work/loaded"
    "$python" "$srcdir/tests/support/quantise.py" "$case/model" "$work/quantised"
    outputs "$work/quantised" "$case/input.jsonl" int8 ${options[@]+"${options[@]}"} >"$work/stored"
    check "$name: other bytes when it is stored in I8" cmp "$work/loaded" "$work/stored"
    rm -rf "$work/quantised"
    compared=$((compared + 1))
    grep -q '"embedding"' "$work/loaded" || continue
    embedded=$((embedded + 1))
    outputs "$case/model" "$case/input.jsonl" float32 ${options[@]+"${options[@]}"} >"$work/exact"
    check "$name: embeddings far from those of float32" "$python" - "$work/loaded" "$work/exact" <<'END'
import json, math, sys
pairs = list(zip(*[[json.loads(line).get("embedding") for line in open(name)] for name in sys.argv[1:]]))
assert pairs
for a, b in pairs:
    assert (a is None) == (b is None)
    if b is None or not any(b):
        assert a == b
        continue
    cosine = sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    assert 1 - cosine <= 0.01, 1 - cosine
assert any(a != b for a, b in pairs if b)
END
done
check "$compared cases, $embedded with embeddings" test "$compared" -ge 60 -a "$embedded" -ge 10

# ---- memory ----

packed() { # TYPE
    "$GRUS" inspect "$MODELS/mnist-rows" --json --compute-type "$1" |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["packed_bytes"])'
}
check "weights of int8 take more than a quarter and their scales" \
    test "$(packed int8)" -le $(($(packed float32) * 27 / 100))

# ---- what is said of it ----

printf '{"text": "a man"}\n' >"$work/in.jsonl"
expect 0 "a run" run "$MODELS/multi30k-en-de" "$work/in.jsonl" -o "$work/run" --compute-type int8
says "a run" ", int8; at most"
for member in '"compute_type": "int8"' '"kernel": "' '"cpu": "'; do
    check "the report lacks $member" grep -qF "$member" "$work/run/report.json"
done
expect 0 "inspect" inspect "$MODELS/multi30k-en-de" --compute-type int8
check "inspect does not tell the type" grep -q '^kernel .*, int8$' "$work/out"
expect 2 "another type in the same directory" run "$MODELS/multi30k-en-de" "$work/in.jsonl" -o "$work/run"
says "another type in the same directory" "compute_type"
expect 0 "the same type again" run "$MODELS/multi30k-en-de" "$work/in.jsonl" -o "$work/run" --compute-type int8
expect 0 "verify" verify "$work/run"
expect 2 "no such type" run "$MODELS/multi30k-en-de" "$work/in.jsonl" -o "$work/other" --compute-type int4
says "no such type" "float32"
finish
