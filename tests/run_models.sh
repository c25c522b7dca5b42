#!/usr/bin/env bash
# The models that ship, each on records of its demo shard: texts and numbers are PyTorch's (tests/oracle/expected.py).
set -eu
# shellcheck source=tests/run_common.sh
. "${srcdir:=.}/tests/run_common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"

for case in "$srcdir"/tests/models/*/; do
    name=$(basename "$case")
    read -r -a options <"$case/options" || true
    expect 0 "$name" run "$MODELS/$name" "$case/input.jsonl" -q -o "$work/$name" ${options[@]+"${options[@]}"}
    plain "$work/$name/input.jsonl.zst" >"$work/found" || true
    check "$name: other results than PyTorch's" "$builddir/tests/compare_records" "$case/expected.jsonl" "$work/found"
    check "$name: 40 records or more" test "$(wc -l <"$work/found")" -ge 40
done
check "no model was tried" test "$checks" -gt 0
finish
