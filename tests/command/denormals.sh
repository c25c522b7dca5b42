#!/usr/bin/env bash
# Numbers below FLT_MIN are zeros wherever they are computed with: weights, features and states, on every kernel, to the last
# byte. And they cost no time, which shows on processors that are slow with them alone.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"
"$python" "$srcdir/tests/support/denormal_models.py" "$work"
kernels=()
for kernel in skx haswell generic; do
    if BLIS_ARCH_TYPE=$kernel "$GRUS" --version 2>/dev/null | grep -qF "(kernel $kernel)"; then
        kernels+=("$kernel")
    fi
done
[[ ${#kernels[@]} -gt 0 ]] || kernels=('')

# embeddings MODEL SHARD: of all records, a line each.
embeddings() {
    rm -rf "$work/out.d"
    "$GRUS" run "$work/$1" "$work/$2" -q -t 1 -o "$work/out.d" 2>"$work/err" || fail "$1, $2: exit $?"
    plain "$work"/out.d/*.zst | sed -E 's/.*"embedding": *//'
}

# same WHAT MODEL SHARD MODEL SHARD: results that are equal, and of which not all are zeros.
same() {
    embeddings "$2" "$3" >"$work/a"
    embeddings "$4" "$5" >"$work/b"
    check "$1${kernel:+, $kernel}: not the results of zeros" cmp "$work/a" "$work/b"
    check "$1: results" grep -q '0\.[0-9]*[1-9]' "$work/a"
}

for kernel in "${kernels[@]}"; do
    [[ -z $kernel ]] || export BLIS_ARCH_TYPE=$kernel
    for dtype in F32 BF16; do
        same "weights in $dtype" "weights-denormal-$dtype" great.jsonl "weights-zero-$dtype" great.jsonl
        same "features in $dtype" great-weights "features-denormal-$dtype.safetensors" great-weights \
            "features-zero-$dtype.safetensors"
    done
    same "features in JSON" great-weights features-denormal.jsonl great-weights features-zero.jsonl
    # FLT_MIN is 2^-126, and states are halved down to it.
    for name in plain relu hard before before-relu lstm; do
        embeddings "decay-$name" decay.jsonl >"$work/a"
        check "states of decay-$name${kernel:+, $kernel}" "$python" - "$work/a" <<'END'
import json, sys
states = [json.loads(line.rstrip("}\n"))[0] for line in open(sys.argv[1])]
for n, state in enumerate(states):
    exact = states[0] / 2 ** n
    if exact >= 2.0 ** -125:
        assert abs(state - exact) <= 1e-3 * exact, (n, state, exact)
    elif exact < 2.0 ** -126.1:
        assert state == 0, (n, state)
assert len(states) == 160 and states[0] > 0.04
END
    done
    unset BLIS_ARCH_TYPE
done

# compute MODEL: the seconds of a run's own work.
compute() {
    embeddings "$1" speed.jsonl >/dev/null
    sed -n 's/.*"compute": \([0-9.e-]*\).*/\1/p' "$work/out.d/report.json"
}

for _ in 1 2 3 4 5; do
    echo "$(compute speed-denormal) $(compute speed-normal)"
done | awk '{ print $1 / $2 }' | sort -g >"$work/ratios"
ratio=$(sed -n 3p "$work/ratios")
check "denormal weights take $ratio times as long" awk -v ratio="$ratio" 'BEGIN { exit !(ratio > 0 && ratio <= 3) }'
finish
