#!/usr/bin/env bash
# grus status --json: sums over ranks and rank by rank, whatever processes did the shards, against what the inputs were made of.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

# Shard i has 10 + i records, i of them no JSON, 2 without a text.
mkdir "$work/in"
for i in 0 1 2 3 4 5 6; do
    {
        words $((8)) "$i" | to_jsonl
        yes 'no JSON' | head -n "$i" || true
        printf '{"id": 1}\n{"id": 2}\n'
    } >"$work/in/s$i.jsonl"
done
for rank in 0 1 2; do
    expect 0 "rank $rank" run "$model" "$work/in" -o "$work/run" -q --rank $rank --world-size 3
done

# has WHAT TEXT: the last command's output has it.
has() {
    check "$1: $2" grep -qF -- "$2" "$work/out"
}
bytes() {
    cat "$@" | wc -c
}
# sums: what is said of all.
sums() {
    has "$1" '"shards": 7,'
    has "$1" '"records": 91,'
    has "$1" '"records_failed": 35,'
    has "$1" '"errors": {"bad_json": 21, "no_text": 14}'
    has "$1" "\"input_bytes\": $(bytes "$work"/in/*),"
    has "$1" "\"output_bytes\": $(bytes "$work"/run/*.zst),"
    # Ranks have shards 0 3 6, 1 4 and 2 5.
    has "$1" '{"rank": 0, "shards": 3, "done": 3, "failed": 0, "records": 39, "records_failed": 15, "errors": {"bad_json": 9, "no_text": 6},'
    has "$1" '{"rank": 1, "shards": 2, "done": 2, "failed": 0, "records": 25, "records_failed": 9, "errors": {"bad_json": 5, "no_text": 4},'
    has "$1" "\"output_bytes\": $(bytes "$work"/run/s[25].jsonl.zst), \"last\": {\"outcome\": \"done\", \"records\": 27,"
}

expect 0 "all" status "$work/run" --json
sums "all"
# The rates are those of the reports, added up.
total=$(sed -n 's/^  "records_per_second": \([0-9.e+]*\),$/\1/p' "$work"/run/report-?.json | awk '{ n += $1 } END { print n }')
told=$(sed -n 's/^  "records_per_second": \([0-9.e+]*\),$/\1/p' "$work/out")
check "records a second: $told of $total" awk "BEGIN { exit !($told > 0.999 * $total && $told < 1.001 * $total) }"

# Done by two processes of a rank, of which the second reports.
rm "$work/run/s3.jsonl.zst" "$work/run/.grus/done/s3.json"
expect 1 "one is missing" status "$work/run" --json
has "one is missing" '{"rank": 0, "shards": 3, "done": 2, "failed": 0, "records": 26, "records_failed": 10, "errors": {"bad_json": 6, "no_text": 4},'
has "what is to be sent off again" '"retry": "0",'
expect 0 "rank 0 again" run "$model" "$work/in" -o "$work/run" -q --rank 0 --world-size 3
expect 0 "all again" status "$work/run" --json
sums "all again"
has "the last process did one" '"last": {"outcome": "done", "records": 13,'

# Manifests of before have no causes; ranks that have not begun no report.
sed -i 's/"errors": {[^}]*}, //' "$work/run/.grus/done/s4.json"
rm "$work/run/report-1.json"
expect 0 "without causes" status "$work/run" --json
has "without causes" '"errors": {"bad_json": 17, "no_text": 12, "untold": 6}'
has "without a report" '"records_failed": 9, "errors": {"bad_json": 1, "no_text": 2, "untold": 6}, "input_bytes"'
check "without a report" grep -qE '"rank": 1, .*"output_bytes": [0-9]+},$' "$work/out"
expect 0 "the others see it so" verify "$work/run"

finish
