#!/usr/bin/env bash
# golden.sh [NAME...]: runs cases of tests/golden (PyTorch's results, see its README), all of them by default, and compares
# numbers within 1e-5, texts exactly.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
passed=0 skipped=0
[[ $# -gt 0 ]] || set -- "$golden"/*/

for name; do
    name=$(basename "$name") case=$golden/$(basename "$name")
    if grep -q '"sentencepiece"' "$case/model/config.json" && [[ -z ${SENTENCEPIECE-} ]]; then
        skipped=$((skipped + 1))
        continue
    fi
    read -r -a options <"$case/options" || true
    if "$GRUS" run "$case/model" "$case/input.jsonl" -o "$work/$name" --quiet ${options[@]+"${options[@]}"} 2>"$work/errors" &&
        plain "$work/$name/input.jsonl.zst" >"$work/found" &&
        "$builddir/tests/support/compare_records" "$case/expected.jsonl" "$work/found"; then
        passed=$((passed + 1))
    else
        cat "$work/errors"
        echo "golden case failed: $name"
        failed=$((failed + 1))
    fi
done
echo "golden: $passed passed, $failed failed, $skipped skipped"
[[ $failed = 0 && $passed != 0 ]]
