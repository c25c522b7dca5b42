#!/usr/bin/env bash
# What is told of a run while it goes on: the log in both formats, the metrics, the progress line in terminals of any width,
# the share that is done, and rates behind a resume.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
if ! "${PYTHON:=python3}" -c 'import sys; assert sys.version_info >= (3, 9)' 2>/dev/null; then
    echo "this test needs python3" >&2
    exit 77
fi
look() {
    "$PYTHON" "$srcdir/tests/support/watch.py" "$@"
}

mkdir "$work/in"
echo '{"text": "a"}' >"$work/in/a.jsonl"
printf '{"text": "a"}\nx\n{"text": "b"}\n' >"$work/in/b \"c\" = \\d.jsonl"
: >"$work/in/c.jsonl.zst"
printf '{"text": "a"}\n' >"$work/in/d"$'\xff\n\x01\xc3\xa9'.jsonl

# ---- the log ----

for format in text json; do
    expect 1 "a log" run "$model" "$work/in" -q -o "$work/o-$format" --log "$work/log.$format" --log-format "$format" -t 1
done
check "JSON" look json "$work/log.json"
check "both formats say the same" test "$(wc -l <"$work/log.text")" = "$(wc -l <"$work/log.json")"
"$PYTHON" - "$work/log.json" >"$work/found" <<'END'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    e = json.loads(line)
    if e["event"] in ("shard_done", "shard_failed"):
        print(e["event"], ascii(e["shard"]), e.get("records"), e.get("records_failed"), e["level"], "error" in e)
    elif e["event"] in ("start", "end"):
        print(e["event"], e["shards"], e.get("records"), e.get("exit_code"), e["level"])
END
cat >"$work/wanted" <<'END'
start 4 None None info
shard_done 'a.jsonl' 1 0 info False
shard_done 'b "c" = \\d.jsonl' 3 1 info False
shard_failed 'c.jsonl.zst' None None error True
shard_done 'd\udcff\n\x01\xe9.jsonl' 1 0 info False
end 4 5 1 error
END
# Shards are committed side by side.
LC_ALL=C sort -o "$work/wanted" "$work/wanted"
LC_ALL=C sort -o "$work/found" "$work/found"
check "the log says what happened: $(diff "$work/wanted" "$work/found")" cmp -s "$work/wanted" "$work/found"
mkdir "$work/one"
cp "$work/in/a.jsonl" "$work/one"
for format in text json; do
    expect 0 "one shard" run "$model" "$work/one" -q -o "$work/one-$format" --log "$work/one.$format" --log-format "$format"
done
sed "s/one-text/one-json/" "$work/one.text" >"$work/one.text2"
check "one shard: text and JSON" look same "$work/one.text2" "$work/one.json"
check "one shard: its events" look json "$work/one.json" start shard_begun shard_done warning end
expect 0 "nothing to do" run "$model" "$work/one" -q -o "$work/one-json" --log "$work/one.json" --log-format json
check "a log is added to" look json "$work/one.json" start shard_begun shard_done warning end start end
expect 0 "a part" run "$model" "$work/one" -q -o "$work/o-part" --log "$work/part.json" --log-format json --rank 3 --world-size 5
check "a part knows its rank" test "$(grep -c '"rank": 3' "$work/part.json")" = 2
expect 3 "no model" run "$work/nowhere" "$work/one" -q -o "$work/o-none" --log "$work/none.json" --log-format json
check "no model: the end is told" look json "$work/none.json" end
expect 0 "standard error" run "$model" "$work/one" -q -o "$work/o-err" --log -
says "standard error" "event=end exit_code=0"
expect 0 "a plan" run "$model" "$work/one" -q -o "$work/o-dry" --log "$work/dry" --metrics "$work/dry.prom" --dry-run
check "a plan leaves nothing" test ! -e "$work/dry" -a ! -e "$work/dry.prom"
expect 0 "a full disk" run "$model" "$work/one" -q -o "$work/o-full" --log /dev/full
check "a full disk is told once" test "$(grep -c 'log cannot be written' "$work/err")" = 1
expect 5 "no such folder" run "$model" "$work/one" -o "$work/o-bad" --log "$work/nowhere/log"
expect 5 "no such folder" run "$model" "$work/one" -o "$work/o-bad" --metrics "$work/nowhere/m.prom"
check "nothing is begun" test ! -e "$work/o-bad"
expect 2 "no such format" run "$model" "$work/one" -o "$work/o-bad" --log "$work/x" --log-format xml
for seconds in 0 -1 x; do
    expect 2 "an interval of $seconds" run "$model" "$work/one" -o "$work/o-bad" --progress-interval "$seconds"
done

# ---- metrics ----

out=$work/"o \"m\" \\"$'\n\xff'
expect 1 "metrics" run "$model" "$work/in" -q -o "$out" --metrics "$work/m.prom"
check "their syntax" look metrics "$work/m.prom"
# value WANTED NAME [LABEL]
value() {
    check "$2 $3: $(look value "$work/m.prom" "$2" "$3")" test "$(look value "$work/m.prom" "$2" "$3")" = "$1"
}
value 5 grus_records_total ''
value 1 grus_records_failed_total ''
value 3 grus_shards 'state="done"'
value 1 grus_shards 'state="failed"'
value 0 grus_shards 'state="left"'
value 0 grus_running ''
value 1 grus_exit_code ''
value "$(cat "$work/in"/* | wc -c)" grus_input_read_bytes_total ''
check "no temporary file" test "$(ls "$work"/m.prom*)" = "$work/m.prom"
# While it runs: the file is whole whenever it is looked at.
mkfifo "$work/pipe"
"$GRUS" run "$model" - -o - -q --metrics "$work/live.prom" --progress-interval 0.1 <"$work/pipe" >"$work/live" 2>"$work/err" &
child=$!
exec 3>"$work/pipe"
echo '{"text": "a"}' >&3
for i in 1 2 3 4 5 6 7 8; do
    sleep 0.1
    [[ ! -e $work/live.prom ]] || check "whole at look $i" look metrics "$work/live.prom"
done
check "it runs" test "$(look value "$work/live.prom" grus_running)" = 1
exec 3>&-
wait "$child" || fail "a filter with metrics: exit $?"
check "it has ended" test "$(look value "$work/live.prom" grus_running)" = 0

# ---- the progress line ----

# Slow runs, each in a terminal of so many columns, side by side.
columns=(200 80 40 24 20 7) drawing=()
for width in "${columns[@]}"; do
    (for i in 1 2 3 4 5 6 7; do
        echo '{"text": "a"}'
        sleep 0.15
    done) | look pty "$width" "$GRUS" run "$model" - -o "$work/pty-$width" --progress always >"$work/drawn-$width" &
    drawing+=($!)
done
for i in "${!drawing[@]}"; do
    wait "${drawing[i]}" || fail "${columns[i]} columns"
done
# width COLUMNS PATTERN: the widest line fits in, and has this.
width() {
    local found
    found=$(<"$work/drawn-$1")
    check "$1 columns: $found" test "${found%% *}" -lt "$1"
    check "$1 columns: $found" grep -qE "$2" <<<"$found"
}
width 200 '^[0-9]+ [0-9,]+ records, [0-9,]+/s, [0-9,]+ tokens/s, shards [01]/1$'
width 80 'records, .*/s, .* tokens/s, shards [01]/1$'
width 40 '^[0-9]+ [0-9,]+ records, .*shards [01]/1$'
width 24 'records, shards [01]/1$'
width 20 'records$'
width 7 '^[0-9]+ '

# ---- how much is left ----

# One small .zst, all of which is read at once, in one batch after another.
words 4000 1 | zstd -q >"$work/words.txt.zst"
g2p=${MODELS:-$srcdir/models}/g2p-en
expect 0 "one shard" run "$g2p" "$work/words.txt.zst" -q -o "$work/left" -t 1 -b 4 --batch-tokens 1024 \
    --log "$work/left.json" --log-format json --progress-interval 0.1
check "what is done, of one shard" look share "$work/left.json" 4000

# ---- behind a resume ----

resumed=("$GRUS" run "$g2p" "$work/words.txt.zst" -q -o "$work/resumed" -t 1 -b 4 --batch-tokens 1024 --checkpoint-records 2000
    --log-format json --progress-interval 0.1)
"${resumed[@]}" --log "$work/stopped.json" 2>"$work/err" &
child=$!
for ((i = 0; i < 300; i++)); do
    [[ -e $work/stopped.json ]] && grep -q '"records": [1-9][0-9][0-9][0-9]' "$work/stopped.json" && break
    sleep 0.05
done
kill -TERM "$child" || true
wait "$child" || true
"${resumed[@]}" --log "$work/again.json" 2>"$work/err" || fail "a resume: exit $?"
check "a resume: rates" look rate "$work/again.json"
check "a resume: the report's rates" "$PYTHON" -c 'import json, sys
report = json.load(open(sys.argv[1]))
assert report["records_resumed"] > 0
for what in "in", "out":
    assert report["tokens_%s_per_second" % what] * report["seconds"]["all"] < 0.999 * report["tokens_%s" % what], report' "$work/resumed/report.json"
finish
