#!/usr/bin/env bash
# --compute-type int8: the numbers of a reference in PyTorch (tests/oracle/int8_expected.py); the same bytes whether matrices are
# rounded when a model is loaded or in its file; embeddings near those of float32; weights in a quarter of the memory; and what
# the run, its report and its directory say of it.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"
need_python sys "Python (Debian package: python3)"

# outputs MODEL INPUT TYPE OPTION...: what comes out, on standard output.
outputs() {
    local model=$1 input=$2 type=$3
    shift 3
    rm -rf "$work/out.d"
    "$GRUS" run "$model" "$input" -q -o "$work/out.d" --compute-type "$type" "$@" 2>"$work/err" || fail "$model: exit $?"
    plain "$work"/out.d/*.zst
}

# ---- golden cases: rounded at load and in the file ----

cases=()
for case in "$golden"/*/; do
    grep -q '"sentencepiece"' "$case/model/config.json" || cases+=("$case")
done
mkdir "$work/quantised" "$work/loaded" "$work/exact"
"$python" "$srcdir/tests/support/quantise.py" "$work/quantised" "${cases[@]}"
for case in "${cases[@]}"; do
    name=$(basename "$case")
    read -r -a options <"$case/options" || true
    outputs "$case/model" "$case/input.jsonl" int8 ${options[@]+"${options[@]}"} >"$work/loaded/$name"
    outputs "$work/quantised/$name" "$case/input.jsonl" int8 ${options[@]+"${options[@]}"} >"$work/stored"
    check "$name: other bytes when it is stored in I8" cmp "$work/loaded/$name" "$work/stored"
    ! grep -q '"embedding"' "$work/loaded/$name" ||
        outputs "$case/model" "$case/input.jsonl" float32 ${options[@]+"${options[@]}"} >"$work/exact/$name"
done
check "${#cases[@]} cases" test "${#cases[@]}" -ge 60
check "embeddings far from those of float32" "$python" - "$work" <<'END'
import json, math, os, sys
names = os.listdir(os.path.join(sys.argv[1], "exact"))
assert len(names) >= 10, names
for name in names:
    loaded, exact = [[json.loads(line).get("embedding") for line in open(os.path.join(sys.argv[1], which, name))]
                     for which in ("loaded", "exact")]
    assert loaded != exact and len(loaded) == len(exact), name
    for a, b in zip(loaded, exact):
        assert (a is None) == (b is None), name
        if b is None or not any(b):
            assert a == b, name
            continue
        cosine = sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
        assert 1 - cosine <= 0.01, (name, 1 - cosine)
END

# ---- golden cases: the reference's numbers ----

"$python" - "$srcdir/tests/golden/int8.expected" "$work/loaded" >"$work/differences" <<'END' || fail "the reference's numbers: $(head -n 1 "$work/differences")"
import json, os, sys

def differ(a, b):
    if isinstance(a, dict):
        return any(key not in b or differ(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) != len(b) or any(map(differ, a, b))
    if isinstance(a, float) and isinstance(b, (int, float)):
        return not abs(a - b) <= 1e-5 + 2e-6 * abs(a)
    return a != b

results = {name: list(map(json.loads, open(os.path.join(sys.argv[2], name), encoding="utf-8"))) for name in os.listdir(sys.argv[2])}
expected = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
wrong = 0
for e in expected:
    name, n = e.pop("case"), e.pop("record")
    if differ(e, results[name][n]):
        wrong += 1
        print(f"{name}, record {n}: expected {json.dumps(e)[:200]}, found {json.dumps(results[name][n])[:200]}")
sys.exit(wrong > 0 or len(expected) < 400)
END

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
