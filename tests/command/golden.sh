#!/bin/bash
# Runs every case of tests/golden (PyTorch's results, see its README) and compares numbers within 1e-5, texts exactly.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

for case in "$srcdir"/tests/golden/*/; do
    name=$(basename "$case")
    if grep -q '"sentencepiece"' "$case/model/config.json" && [ -z "${SENTENCEPIECE-}" ]; then
        skipped=$((skipped + 1))
        continue
    fi
    input=$(ls "$case"/input.*)
    read -r -a options <"$case/options" || true
    if "$GRUS" run "$case/model" "$input" -o "$work/$name" --quiet ${options[@]+"${options[@]}"} 2>"$work/errors" &&
        zstd -dcq "$work/$name"/*.zst >"$work/found" &&
        "$builddir/tests/support/compare_records" "$case/expected.jsonl" "$work/found"; then
        passed=$((passed + 1))
    else
        cat "$work/errors"
        echo "golden case failed: $name"
        failed=$((failed + 1))
    fi
done
echo "golden: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
