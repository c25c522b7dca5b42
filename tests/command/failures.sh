#!/usr/bin/env bash
# How a run ends whose records fail: all of them, some of them, in one shard or in all; how many a shard may have; and that
# the causes of failed shards are kept until these succeed.
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
says "one record" "the only record is in error; its output says why, most often, 1 of 1: the field or column of the text is missing"
says "one record" 'warning: 1 of 1 records have no field "text"; --text-key names that of the text'
printf '{"body": "a"}\n{"body": "b"}\n{"text": "a"}\n' >"$work/body.jsonl"
expect 0 "most records lack the text" run "$model" "$work/body.jsonl" -o "$work/o-body" -q
says "most records lack the text" 'warning: 2 of 3 records have no field "text"; --text-key names that of the text'
printf 'a\nb\n' >"$work/column.tsv"
expect 1 "a column is missing" run "$model" "$work/column.tsv" -o "$work/o-column" -q --text-column 2
says "a column is missing" "2 of 2: the field or column of the text is missing"
check "a column is missing: no field is named" test "$(grep -c text-key "$work/err")" = 0
printf '{"body": "a"}\n{"text": "a"}\n' >"$work/half.jsonl"
expect 0 "half of the records lack it" run "$model" "$work/half.jsonl" -o "$work/o-half" -q
check "half of the records lack it: no warning" test "$(grep -c text-key "$work/err")" = 0

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

# ---- how many a shard may have ----

mkdir "$work/five"
printf '{"text": "a"}\n{"text": 1}\n{"text": "b"}\nx\n{"text": "c"}\n' >"$work/five/s.jsonl"
# most CODE VALUE: a shard of five records, two of them in error.
most() {
    rm -rf "$work/o-most"
    expect "$1" "--max-errors $2" run "$model" "$work/five" -q -o "$work/o-most" --max-errors "$2" "${@:3}"
}
for value in 2 3 40% 40.5% 100%; do
    most 0 "$value"
done
for value in 0 1 0% 39.99%; do
    most 1 "$value"
    says "--max-errors $value" "records are in error"
    says "--max-errors $value" "--max-errors allows"
    check "--max-errors $value: nothing is committed" test ! -e "$work/o-most/s.jsonl.zst"
done
for value in x 2x 101% -1 1e3 0x5% % 2%%; do
    most 2 "$value"
done
# It is counted where the batches end and not before, and says the same.
most 1 1 --batch-tokens 1 -t 3
says "single batches" "$work/five/s.jsonl: more than 1 of its records are in error, which --max-errors allows"
for i in 1 2 3 4 5 6 7 8 9 10; do
    echo '{"text": "a"}'
done >"$work/five/t.jsonl"
expect 1 "a shard of its own" run "$model" "$work/five" -q -o "$work/o-own" --max-errors 1
check "a shard of its own: the other one is done" test -e "$work/o-own/t.jsonl.zst"

# ---- causes are kept ----

out=$work/o-own kept=$work/o-own/.grus/failed
# causes WHAT PYTHON: of status --json as `status`.
causes() {
    checks=$((checks + 1))
    "$GRUS" status "$out" --json >"$work/status" || true
    "${PYTHON:-python3}" -c 'import json, sys
status = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), status' "$work/status" "$2" || fail "$1: $2"
}
expect 1 "a cause" status "$out"
check "a cause is told" grep -qE "^missing +rank 0 +s.jsonl  \(failed: $work/five/s.jsonl: more than 1 of its records are in error, which --max-errors allows\)$" "$work/out"
check "failed shards are counted" grep -qE '^failed +1 ' "$work/out"
causes "one shard" 'status["failed"] == 1 and status["missing"] == 1 and status["done"] == 1 and status["retry"] == "0"'
causes "one cause" '[(f["input"], f["rank"], f["state"]) for f in status["failures"]] == [("s.jsonl", 0, "missing")]'
causes "its time" '__import__("time").strptime(status["failures"][0]["failed_at"], "%Y-%m-%dT%H:%M:%SZ")'
causes "with what is not done" 'status["not_done"][0]["cause"] == status["failures"][0]["cause"]'
expect 1 "another cause" run "$model" "$work/five" -q -o "$out" --max-errors 0
causes "the last one counts" '"more than 0 of" in status["failures"][0]["cause"]'
cp -r "$out" "$work/o-other"
expect 0 "it succeeds" run "$model" "$work/five" -q -o "$out"
check "nothing is kept" test -z "$(ls "$kept")"
causes "nothing is told" 'status["failures"] == [] and status["failed"] == 0'
expect 0 "all is sound" verify "$out"
# A process that was killed between the commit and that.
cp "$work/o-other/.grus/failed/s.json" "$kept"
expect 0 "nothing to do" run "$model" "$work/five" -q -o "$out"
check "what a killed process left is gone" test -z "$(ls "$kept")"

# A done shard whose input has changed has failed, and is done.
echo '{"text": "d"}' >>"$work/five/t.jsonl"
expect 1 "a changed input" run "$model" "$work/five" -q -o "$out"
expect 1 "a changed input: status" status "$out"
check "a changed input is told" grep -qE '^done +rank 0 +t.jsonl  \(failed: .*--on-changed redo' "$work/out"
causes "a changed input" 'status["not_done"] == [] and status["failures"][0]["state"] == "done" and status["failed"] == 1'
expect 0 "it is kept" run "$model" "$work/five" -q -o "$out" --on-changed keep
expect 0 "it is kept: status" status "$out"

# What is another run's, or no JSON, says nothing.
out=$work/o-other
sed -i -E 's/"run": "[0-9a-f]{16}"/"run": "0123456789abcdef"/' "$out/.grus/failed/s.json"
causes "another run's" 'status["failures"] == []'
for text in '' '{' '[]' '{}' '{"cause": 1}'; do
    echo "$text" >"$out/.grus/failed/s.json"
    causes "a damaged file" 'status["failures"] == [] and status["missing"] == 1'
done
# Every shard that cannot be read.
mkdir "$work/cut"
cp "$work/five/t.jsonl" "$work/cut"
: >"$work/cut/a.jsonl.zst"
head -c 20 /dev/urandom >"$work/cut/b.jsonl.zst"
out=$work/o-cut
expect 1 "files that were cut" run "$model" "$work/cut" -q -o "$out"
causes "files that were cut" '[f["input"] for f in status["failures"]] == ["a.jsonl.zst", "b.jsonl.zst"]'
causes "files that were cut" 'all(f["input"] in f["cause"] for f in status["failures"])'
finish
