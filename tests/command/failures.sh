#!/usr/bin/env bash
# How a run ends whose records fail: all of them, some of them, in one shard or in all.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

mkdir "$work/all" "$work/some" "$work/none"
printf 'no JSON\n{"text": 3}\n' >"$work/all/a.jsonl"
printf '{"id": 1}\n' >"$work/all/b.jsonl"
: >"$work/all/c.jsonl"
cp "$work/all"/[ab].jsonl "$work/some"
echo '{"text": "a"}' >"$work/some/c.jsonl"
: >"$work/none/a.jsonl"
: >"$work/none/b.txt"

# ---- all records failed ----

expect 1 "all failed" run "$model" "$work/all" -o "$work/o-all"
says "all failed" "grus: all 3 records are in error"
says "all failed" "3 of 3 shards done"
check "all failed: committed" test "$(cat "$work/o-all"/*.zst | zstd -dcq | wc -l)" = 3
check "all failed: the report" grep -qF '"outcome": "all records failed"' "$work/o-all/report.json"
expect 0 "all failed: all the same it is done" status "$work/o-all"
expect 1 "all failed, again" run "$model" "$work/all" -o "$work/o-all"
says "all failed, again" "nothing to do"
says "all failed, again" "grus: all 3 records are in error"
expect 0 "all failed: the plan" run "$model" "$work/all" -o "$work/o-plan" --dry-run
expect 1 "one record" run "$model" "$work/all/b.jsonl" -o "$work/o-one" -q
says "one record" "the only record is in error"

# A manifest that an earlier process wrote counts as much as those of this one.
mkdir "$work/grown"
cp "$work/all"/[ab].jsonl "$work/some/c.jsonl" "$work/grown"
expect 0 "a result in the middle" run "$model" "$work/grown" -o "$work/o-grown" -q
rm "$work/o-grown/a.jsonl.zst" "$work/o-grown/.grus/done/a.json"
expect 0 "a result of an earlier process" run "$model" "$work/grown" -o "$work/o-grown" -q
expect 0 "some failed" run "$model" "$work/some" -o "$work/o-some"
says "some failed" "3 records in error"

# Each process answers for its own part.
expect 1 "a part without results" run "$model" "$work/some" -o "$work/o-part" -q --rank 0 --world-size 3
expect 0 "a part with results" run "$model" "$work/some" -o "$work/o-part" -q --rank 2 --world-size 3
expect 0 "a part without shards" run "$model" "$work/some" -o "$work/o-wide" -q --rank 4 --world-size 5

expect 0 "no records" run "$model" "$work/none" -o "$work/o-none" -q
expect 0 "no records, again" run "$model" "$work/none" -o "$work/o-none" -q

expect 0 "all failed: measured" bench "$model" "$work/all" --seconds 0

# filter CODE WHAT: standard input to standard output.
filter() {
    local code=0
    checks=$((checks + 1))
    "$GRUS" run "$model" - -o - -q >"$work/out" 2>"$work/err" || code=$?
    [[ $code = "$1" ]] || fail "$2: exit $code, expected $1: $(cat "$work/err")"
}
printf 'no JSON\n\n' | filter 1 "a filter whose records all failed"
says "a filter whose records all failed" "all 2 records are in error"
check "a filter whose records all failed: its lines" test "$(wc -l <"$work/out")" = 2
printf 'no JSON\n{"text": "a"}\n' | filter 0 "a filter with a result"
: | filter 0 "a filter without records"
finish
