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

# What has come is answered though no more comes, and the bytes are those of a file.

# begin OPTION...: a run from the pipe, descriptor 9, to $work/slow.
begin() {
    : >"$work/slow"
    "$GRUS" run "$model" - -q -o - "$@" <"$work/pipe" >"$work/slow" 2>"$work/err" &
    child=$!
    exec 9>"$work/pipe"
}

# answered WHAT LINES: so many results are there, while standard input is open. It takes some tenths of a second; a machine
# that is busy with others is given ten.
answered() {
    local lines=0
    for _ in {1..200}; do
        lines=$(wc -l <"$work/slow")
        [[ $lines -ge $2 ]] && break
        sleep 0.05
    done
    check "$1: $lines of $2 lines" test "$lines" = "$2"
}

# ended WHAT EXPECTED
ended() {
    exec 9>&-
    code=0
    wait "$child" || code=$?
    check "$1: exit $code" test "$code" = 0
    check "$1: the bytes are those of a file" cmp "$2" "$work/slow"
}
begin -t 2
sed -n 1,3p "$work/a.jsonl" >&9
answered "three records" 3
sed -n 4p "$work/a.jsonl" | tr -d '\n' >&9
sleep 0.5
answered "and a part of one" 3
{ echo && sed -n 5,60p "$work/a.jsonl"; } >&9
answered "and the rest of it, and others" 60
for i in {61..75}; do
    sed -n "${i}p" "$work/a.jsonl" >&9
    sleep 0.05
done
check "records that keep coming: $(wc -l <"$work/slow") of 75 are answered" test "$(wc -l <"$work/slow")" -gt 60
sed -n '76,$p' "$work/a.jsonl" >&9
ended "slow standard input" "$work/expected"

begin
sed -n 1,2p "$work/a.jsonl" | sed 's/$/\r/' >&9
answered "lines that end with \\r\\n" 2
sed -n '3,$p' "$work/a.jsonl" >&9
ended "lines that end with \\r\\n" "$work/expected"

begin
sed -n 1,40p "$work/a.jsonl" | zstd -q >&9
answered "a frame of zstd" 40
sed -n '41,$p' "$work/a.jsonl" | zstd -q >&9
ended "frames of zstd" "$work/expected"

{ echo a && echo P && printf '(\n' && cat "$work/a.txt"; } >"$work/short.txt"
expect 0 "short lines, a file" run "$model" "$work/short.txt" -q -o "$work/short" --format txt
plain "$work/short/short.txt.zst" >"$work/short.expected"
for first in 1 2 3; do
    sed "1,${first}!d" "$work/short.txt" | tail -n 1 >"$work/one.txt"
    begin --input-type txt --format txt
    cat "$work/one.txt" >&9
    answered "a first line of two bytes" 1
    expect 0 "the same, a file" run "$model" "$work/one.txt" -q -o "$work/one$first" --format txt
    plain "$work/one$first/one.txt.zst" >"$work/one.expected"
    ended "a first line of two bytes" "$work/one.expected"
done
begin --input-type txt --format txt
cat "$work/short.txt" >&9
answered "lines of text" 303
ended "lines of text" "$work/short.expected"

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
