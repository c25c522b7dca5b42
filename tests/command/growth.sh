#!/usr/bin/env bash
# Programs built with an earlier grus.h: with that of the first interface, and with one whose structs lack a field each. They
# run with this library, which touches nothing behind their structs, and leave what the command leaves.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

words 50 1 | to_jsonl >"$work/words.jsonl"
expect 0 "the command" run "$model" "$work/words.jsonl" -o "$work/expected" -q -b 4 --n-best 2 -t 1
for caller in first cut; do
    out=$work/$caller code=0
    "$builddir/tests/support/caller_$caller" "$model" "$out" "$work/words.jsonl" 2>"$work/err" || code=$?
    check "the caller of the $caller header: exit code $code: $(cat "$work/err")" test "$code" = 0
    check "the $caller header: the same output" cmp "$work/expected/words.jsonl.zst" "$out/words.jsonl.zst"
    check "the $caller header: the same run.json" cmp <(anonymous "$work/expected/.grus/run.json") <(anonymous "$out/.grus/run.json")
done

finish
