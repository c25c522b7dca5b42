#!/usr/bin/env bash
# grus bench: the CPU that it tells, in the table and as JSON; how much of the inputs the whole run takes, and how often; its
# progress on a terminal.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
PYTHON=${PYTHON:-python3}
model=$golden/features-encoder/model
cpu=$(awk -F "[[:space:]]*:[[:space:]]*" '$1 == "model name" { print substr($2, 1, 127); exit }' /proc/cpuinfo || true)
cpu=${cpu:-$(uname -m)}

# json FILE EXPRESSION: the Python expression holds of the object in the file, which is called it.
json() {
    "$PYTHON" -c 'import json, os, sys
it = json.load(open(sys.argv[1]))
parts = {part["part"]: part for part in it["parts"]}
run = parts.get("run")
assert eval(sys.argv[2]), it' "$1" "$2"
}

# ---- the processor ----

expect 0 "a table" bench "$model" --records 5 --seconds 0 -t 2
check "the table: the CPU and the threads" grep -qxE "CPU .*, up to 2 threads on [0-9]+ cores?" "$work/out"
check "the table: the CPU's name" grep -qF "CPU $cpu, up to" "$work/out"
check "no progress where there is no terminal" test ! -s "$work/err"
expect 0 "JSON" bench "$model" --records 5 --seconds 0 -t 2 --json "$work/json"
check "JSON: the CPU" test "$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["cpu"])' "$work/json")" = "$cpu"
check "JSON: the cores" json "$work/json" '1 <= it["cores"] <= len(os.sched_getaffinity(0))'
check "JSON: which they are" json "$work/json" '{n for piece in it["core_list"].split(",")
    for n in range(int(piece.split("-")[0]), int(piece.split("-")[-1]) + 1)} == os.sched_getaffinity(0)'
if command -v taskset >/dev/null; then
    one=$(taskset -cp $$ | sed 's/.*[:,-] *//')
    GRUS="taskset" expect 0 "one core" -c "$one" "$GRUS" bench "$model" --records 5 --seconds 0 --json "$work/json"
    check "one core" json "$work/json" "it['cores'] == 1 and it['core_list'] == '$one' and {p['threads'] for p in it['parts']} == {1}"
fi

# ---- the whole run: how many records, how often ----

model=$golden/bahdanau/model
mkdir "$work/in" "$work/tmp"
words 30 1 | to_jsonl >"$work/in/a.jsonl"
words 40 2 | to_jsonl | zstd -q >"$work/in/b.jsonl.zst"
: >"$work/in/c.jsonl"
words 20 3 | head -c -1 >"$work/in/d.txt" # the last line has no newline
words 10 4 >"$work/in/e.txt"
export TMPDIR=$work/tmp

# first N: the first N records of the inputs as shards of their own, in $work/first.
first() {
    local left=$1 path n
    rm -rf "$work/first"
    mkdir "$work/first"
    for path in "$work/in"/*; do
        plain=$work/plain
        case $path in *.zst) zstd -dcq "$path" ;; *) cat "$path" ;; esac >"$plain"
        n=$(grep -c '' "$plain" || true)
        ((left > 0)) || break
        head -n "$left" "$plain" >"$work/first/$(basename "$path" .zst)"
        left=$((left > n ? left - n : 0))
    done
}

# bounded N TAKEN CUT: with --records N the whole run takes just so many records, the first ones, and tells whether there are
# more.
bounded() {
    expect 0 "--records $1" bench "$model" "$work/in" -t 2 --records "$1" --seconds 0 --json "$work/json"
    first "$1"
    expect 0 "a run of the first $1" run "$model" "$work/first" -q -o "$work/o-$1"
    local tokens
    tokens=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["tokens_in"])' "$work/o-$1/report.json")
    check "--records $1" json "$work/json" "run['records'] == $2 and run['tokens'] == $tokens and it['run_is_cut'] is $3"
    check "--records $1: the parts take as many" json "$work/json" "parts['infer']['records'] == $2 and parts['infer']['tokens'] == $tokens"
    check "--records $1: how often" json "$work/json" "run['repetitions'] == 1 and parts['infer']['repetitions'] == 3"
    check "--records $1: nothing stays" test -z "$(ls -A "$work/tmp")"
}
sums=$(sha256sum "$work/in"/*)
bounded 1 1 True
bounded 30 30 True
bounded 31 31 True
bounded 70 70 True
bounded 90 90 True
bounded 99 99 True
bounded 100 100 False
bounded 1000 100 False
check "the inputs stay" test "$(sha256sum "$work/in"/*)" = "$sums"
expect 0 "all of them" bench "$model" "$work/in" --seconds 0
check "the table tells" grep -qx 'run on all 100 records of the inputs, 1 time' "$work/out"
expect 0 "some of them" bench "$model" "$work/in" --records 31 --seconds 0
check "the table tells how many" grep -qx 'run on the first 31 records of the inputs, 1 time' "$work/out"
expect 0 "a time" bench "$model" "$work/in/e.txt" --records 1 --seconds 0.5 -t 1 --json "$work/json"
check "a time: as many as fit" json "$work/json" 'run["repetitions"] == 1 or run["repetitions"] * run["seconds"]["min"] <= 0.5'
printf 'x' | zstd -q | head -c 9 >"$work/in/b.jsonl.zst"
expect 0 "a damaged input behind the first records" bench "$model" "$work/in" --records 5 --seconds 0
expect 4 "a damaged input" bench "$model" "$work/in" --records 50 --seconds 0
says "a damaged input" "b.jsonl.zst"
check "nothing stays of what failed" test -z "$(ls -A "$work/tmp")"

# ---- progress on a terminal ----

# steps COLUMNS VARIABLE=VALUE...: the lines that are drawn go to $work/steps, the figures to $work/table.
steps() {
    env "${@:2}" "$PYTHON" "$srcdir/tests/support/watch.py" steps "$1" \
        "$GRUS" bench "$model" "$work/in/e.txt" -t 2 --seconds 0 --json "$work/json" >"$work/steps" || fail "$*"
}
steps 80 TERM=xterm
check "progress: the first line: $(cat "$work/steps")" grep -qx 'reading records' "$work/steps"
i=0
for part in read parse encode infer infer format write run; do
    i=$((i + 1))
    check "progress: $part" grep -qE "^$part \($i of 8\), repetition 1" "$work/steps"
done
steps 20 TERM=xterm
check "progress: 20 columns" test -z "$(grep -v '^CPU\|^kernel\|^run on\|^part \|^[a-z]* *[12]  ' "$work/steps" | grep -E '.{20}')"
steps 80 TERM=dumb
check "progress: a terminal that cannot redraw" test -z "$(grep ' of 8' "$work/steps")"
finish
