#!/usr/bin/env bash
# Standard input and output in place of shards.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

words 500 1 | to_jsonl >"$work/a.jsonl"
expect 0 "a file" run "$model" "$work/a.jsonl" -q -o "$work/file"
plain "$work/file/a.jsonl.zst" >"$work/expected"

"$GRUS" run "$model" - -q -o - <"$work/a.jsonl" >"$work/piped" 2>"$work/err" || fail "- to -: exit $?"
check "- to - gives what a file gives" cmp "$work/expected" "$work/piped"
check "--quiet is quiet, but for warnings" test "$(grep -vc "^grus: warning: " "$work/err")" = 0

zstd -q <"$work/a.jsonl" | "$GRUS" run "$model" - -q -o - -t 3 --batch-tokens 20 >"$work/piped" || fail "zstd - to -: exit $?"
check "compressed standard input" cmp "$work/expected" "$work/piped"

"$GRUS" run "$model" - -q -o "$work/dir" <"$work/a.jsonl" || fail "- to a directory: exit $?"
check "- to a directory is the shard stdin" cmp "$work/file/a.jsonl.zst" "$work/dir/stdin.jsonl.zst"
# Nothing tells whether standard input is the same again: it is run, and what is there is kept.
"$GRUS" run "$model" - -q -o "$work/dir" <"$work/a.jsonl" || fail "- to a directory, again: exit $?"
head -n 100 "$work/a.jsonl" >"$work/other.jsonl"
code=0
"$GRUS" run "$model" - -q -o "$work/dir" <"$work/other.jsonl" 2>"$work/err" || code=$?
check "another standard input does not replace the shard (exit $code)" test "$code" = 1
says "another standard input does not replace the shard" "--on-changed redo"
check "the shard is untouched" cmp "$work/file/a.jsonl.zst" "$work/dir/stdin.jsonl.zst"
"$GRUS" run "$model" - -o "$work/dir" --on-changed keep <"$work/other.jsonl" 2>"$work/err" || fail "keep what standard input gave before: exit $?"
says "keep what standard input gave before" "is kept"
check "the shard is untouched again" cmp "$work/file/a.jsonl.zst" "$work/dir/stdin.jsonl.zst"
"$GRUS" run "$model" - -o "$work/dir" --on-changed redo <"$work/other.jsonl" 2>"$work/err" || fail "redo what standard input gave before: exit $?"
says "redo what standard input gave before" "was set aside"
check "the first is set aside" cmp "$work/file/a.jsonl.zst" "$work/dir/.grus/aside/stdin.1.jsonl.zst"
check "the second is there" cmp <(head -n 100 "$work/expected") <(plain "$work/dir/stdin.jsonl.zst")
expect 0 "verify after redo" verify "$work/dir"

expect 0 "empty standard input" run "$model" - -q -o -
check "nothing in, nothing out" test ! -s "$work/out"

expect 2 "a file to standard output" run "$model" "$work/a.jsonl" -q -o -
expect 2 "- twice" run "$model" - - -q -o "$work/twice"

# Lines of text, and of TSV.
words 300 2 >"$work/a.txt"
awk '{print NR "\t" $0 "\tx"}' "$work/a.txt" >"$work/a.tsv"
expect 0 "a file of text" run "$model" "$work/a.txt" -q -o "$work/txt"
expect 0 "a file of TSV" run "$model" "$work/a.tsv" -q -o "$work/tsv" --text-column 2
"$GRUS" run "$model" - -q -o - --input-type txt <"$work/a.txt" >"$work/piped" || fail "text: exit $?"
check "text gives what a file gives" cmp <(plain "$work/txt/a.txt.zst" 2>/dev/null || plain "$work/txt/a.jsonl.zst") "$work/piped"
"$GRUS" run "$model" - -q -o "$work/tsv-in" --input-type tsv --text-column 2 <"$work/a.tsv" || fail "TSV: exit $?"
check "TSV gives what a file gives" cmp "$work/tsv/a.jsonl.zst" "$work/tsv-in/stdin.jsonl.zst"
"$GRUS" run "$model" - -q -o - --input-type txt --format txt <"$work/a.txt" >"$work/lines" || fail "text to text: exit $?"
check "a line a line" test "$(wc -l <"$work/lines")" = 300
"$GRUS" run "$model" - -q -o - --input-type jsonl <"$work/a.jsonl" >"$work/piped" || fail "JSONL by name: exit $?"
check "JSONL by name is what it is without" cmp "$work/expected" "$work/piped"
code=0
"$GRUS" run "$model" - -o - <"$work/a.txt" >"$work/piped" 2>"$work/err" || code=$?
check "text taken for JSONL (exit $code)" test "$code" = 1
check "text taken for JSONL" grep -q "^grus: warning: 2[0-9]* of 300 lines are no JSON: standard input is JSONL; --input-type txt takes lines of text$" "$work/err"
expect 2 "a type for no standard input" run "$model" "$work/a.txt" -q -o "$work/typed" --input-type txt
says "a type for no standard input" "--input-type: is that of standard input, which is no input here"
expect 2 "no such type" run "$model" - -q -o - --input-type csv
expect 2 "another type than the run's" run "$model" - -q -o "$work/tsv-in" --text-column 2

# A full device.
if [[ -e /dev/full ]]; then
    code=0
    "$GRUS" run "$model" - -q -o - <"$work/a.jsonl" >/dev/full 2>"$work/err" || code=$?
    check "a full device is an output error (exit $code)" test "$code" = 5
    says "a full device" "standard output"
fi

# The output's reader goes away while standard input is silent: an output error, at once.
mkfifo "$work/pipe"
{ "$GRUS" run "$model" - -q -o - --batch-tokens 20 --attention soft <"$work/pipe" 2>"$work/err" || echo "$?" >"$work/code"; } | true &
exec 9>"$work/pipe"
cat "$work/a.jsonl" >&9 || true
for _ in {1..100}; do
    [[ -e $work/code ]] && break
    sleep 0.05
done
check "a closed pipe while standard input is silent" test "$(cat "$work/code" 2>/dev/null || true)" = 5
exec 9>&-

# A stop while nothing comes.
"$GRUS" run "$model" - -q -o "$work/stopped" <"$work/pipe" 2>"$work/err" &
child=$!
exec 9>"$work/pipe"
head -n 50 "$work/a.jsonl" >&9
sleep 0.5
kill -TERM "$child"
code=0
wait "$child" || code=$?
exec 9>&-
check "SIGTERM while standard input is silent (exit $code)" test "$code" = 143
check "nothing of it is there" test ! -e "$work/stopped/stdin.jsonl.zst"
check "no partial file is left" test -z "$(ls "$work/stopped/.grus/partial")"
finish
