#!/usr/bin/env bash
# The models that ship, each on records of its demo shard: texts and numbers are PyTorch's (tests/oracle/expected.py). On whole
# demo shards whose records carry the right labels, as many are found as the models' cards say, but for a few.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"

for case in "$srcdir"/tests/support/models/*/; do
    name=$(basename "$case")
    read -r -a options <"$case/options" || true
    IFS=+ read -r -a members <<<"$name" # an ensemble, where there are several
    for member in "${members[@]:1}"; do options+=(--ensemble "$MODELS/$member"); done
    model=$MODELS/${members[0]}
    input=$case/input.jsonl
    if [[ -f $input ]]; then
        expect 0 "$name" run "$model" "$input" -q -o "$work/$name" ${options[@]+"${options[@]}"}
        plain "$work/$name/input.jsonl.zst" >"$work/found" || true
    else # features of the demo shard, which are too large to have twice
        expect 0 "$name" run "$model" "$model/demo.jsonl.zst" -q -o "$work/$name" ${options[@]+"${options[@]}"}
        plain "$work/$name/demo.jsonl.zst" | sed 's/"features": \[\[[^"]*\]\], //' |
            grep -F -f <(grep -o '^{"id": [0-9]*,' "$case/expected.jsonl") >"$work/found" || true
    fi
    check "$name: other results than PyTorch's" "$builddir/tests/support/compare_records" "$case/expected.jsonl" "$work/found"
    check "$name: 40 records or more" test "$(wc -l <"$work/found")" -ge 40
done
check "no model was tried" test "$checks" -gt 0

# at_least WHAT BOUND OF PATTERN: of the lines of $work/lines, OF in number, as many as BOUND have the pattern.
at_least() {
    local found total
    total=$(wc -l <"$work/lines")
    found=$(grep -c -- "$4" "$work/lines") || true
    check "$1: $total records, expected $3" test "$total" = "$3"
    check "$1: $found of $3 are right, expected $2" test "$found" -ge "$2"
}

# Capturing the right labels of a head, and the ones that grus found behind them.
wanted='"expected": {[^}]*'
intent=$wanted'"intent": "\([^"]*\)".*"intent": {"label": "\1", '
slots=$wanted'"slots": \(\[[^]]*\]\).*"slots": \1'
digit=$wanted'"digit": "\([^"]*\)".*"digit": {"label": "\1", '

model=$MODELS/snips-en
expect 0 "snips-en, its demo shard" run "$model" "$model/demo.jsonl.zst" -q -o "$work/snips-demo"
plain "$work/snips-demo/demo.jsonl.zst" >"$work/lines"
at_least "snips-en: intents" 683 700 "$intent"
at_least "snips-en: sentences with all slots" 592 700 "$slots"
check "snips-en: a label for each word" test "$(sed -E 's/.*"slots": \[/[/' "$work/lines" | grep -o '"' | wc -l)" = \
    "$(($(sed -E 's/.*"text": "([^"]*)".*/\1/' "$work/lines" | wc -w) * 2))"

model=$MODELS/mnist-rows
expect 0 "mnist-rows" run "$model" "$model/demo.jsonl.zst" "$model/demo-f16.safetensors.zst" -q -o "$work/mnist-demo"
plain "$work/mnist-demo/demo.jsonl.zst" >"$work/lines"
at_least "mnist-rows: digits" 395 400 "$digit"
check "mnist-rows: other results from safetensors than from JSONL" cmp <(sed 's/.*"digit": {"label"/{"label"/' "$work/lines") \
    <(plain "$work/mnist-demo/demo-f16.jsonl.zst" | sed 's/.*"digit": {"label"/{"label"/')

# A translation that is given back gets the very log-probability of the search, where it is cut into the same tokens.
plain "$work/multi30k-en-de/input.jsonl.zst" |
    sed -E 's/"output"/"target"/; s/"score": [^,]*, "logprob"/"searched"/' >"$work/targets.jsonl"
expect 0 "multi30k-en-de, forced" run "$MODELS/multi30k-en-de" "$work/targets.jsonl" -q -o "$work/forced" --task score
plain "$work/forced/targets.jsonl.zst" >"$work/lines"
at_least "multi30k-en-de: log-probabilities of the search" 56 59 '"searched": \(-[0-9.e-]*\), "logprob": \1, '
finish
