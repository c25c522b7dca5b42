#!/usr/bin/env bash
# --checkpoint-records: a shard that was killed goes on from its last checkpoint, and nothing of what it becomes tells
# that, or how many records lay between two checkpoints.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
options=(-q -t 2 -b 8 --max-length 40)

# Some records are in error, for two causes.
words 6000 9 | to_jsonl | sed '7s/.*/{"id": 7}/; 900s/.*/no JSON/; 2000s/.*/no JSON/' >"$work/s.jsonl"
expect 0 "undisturbed" run "$model" "$work/s.jsonl" -o "$work/ref" "${options[@]}"

# number OUTDIR NAME: a number of its report.
number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1/report.json" | head -n 1
}

# results OUTDIR: all of its report that does not depend on time and memory.
results() {
    sed -n '/"shards"/,/}/p; /"records"/p; /"records_failed"/p; /"errors"/,/}/p; /"bytes_in"/p; /"tokens_in"/p; /"tokens_out"/p; /"tokens_unknown"/p; /"records_truncated"/p' \
        "$1/report.json"
}

# same WHAT OUTDIR: shard, manifest and the counts of the report are those of the undisturbed run, and nothing is left.
same() {
    check "$1: the shard is the same" cmp "$work/ref/s.jsonl.zst" "$2/s.jsonl.zst"
    check "$1: the manifest is the same" cmp <(anonymous "$work/ref/.grus/done/s.json") <(anonymous "$2/.grus/done/s.json")
    check "$1: the report counts the same" cmp <(results "$work/ref") <(results "$2")
    check "$1: nothing is left" test -z "$(ls "$2/.grus/partial")"
}

# start OUTDIR OPTION...: a run in the background, of which a checkpoint is on the disk. Its number is in child.
start() {
    local dir=$1 bytes
    shift
    env --default-signal=INT "$GRUS" run "$model" "$work/s.jsonl" -o "$dir" "${options[@]}" "$@" 2>"$work/err" &
    child=$!
    for _ in {1..1500}; do
        bytes=$(cat "$dir"/.grus/partial/*+journal 2>/dev/null | wc -c)
        [[ $bytes -gt 2000 || -e $dir/s.jsonl.zst ]] && break
        sleep 0.02
    done
}

# stopped_by SIGNAL OUTDIR OPTION...: such a run, ended by the signal; its exit code is in code. A run that was done before
# the signal came, as on a machine that is busy with others, is undone and tried again.
stopped_by() {
    local signal=$1 dir=$2
    shift 2
    rm -rf "$work/before"
    [[ ! -e $dir ]] || cp -r "$dir" "$work/before"
    for _ in {1..20}; do
        start "$dir" "$@"
        kill -"$signal" "$child" 2>/dev/null || true
        code=0
        { wait "$child" || code=$?; } 2>/dev/null
        [[ $code == 0 ]] || return 0
        rm -rf "$dir"
        [[ ! -e $work/before ]] || cp -r "$work/before" "$dir"
    done
}

# longest OUTDIR: bytes of the longest of its journals.
longest() {
    stat -c %s "$1"/.grus/partial/*+journal | sort -n | tail -n 1
}

for n in 20 100000; do
    expect 0 "checkpoints of $n" run "$model" "$work/s.jsonl" -o "$work/n$n" "${options[@]}" --checkpoint-records "$n"
    same "checkpoints of $n" "$work/n$n"
done

# Killed twice, with other intervals, threads and batches; the last run takes no checkpoints, but goes on too.
out=$work/killed
stopped_by KILL "$out" --checkpoint-records 80
check "killed" test "$code" = 137
check "killed: nothing looks finished" test ! -e "$out/s.jsonl.zst" -a ! -e "$out/.grus/done/s.json"
first=$(longest "$out")
expect 1 "killed: status says what is missing" status "$out"
stopped_by KILL "$out" --checkpoint-records 300 -t 3
check "killed again" test "$code" = 137
check "killed again: nothing is lost" test "$(longest "$out")" -ge $((first * 9 / 10))
expect 0 "gone on with" run "$model" "$work/s.jsonl" -o "$out" "${options[@]}" -t 1 --batch-tokens 50
same "gone on with" "$out"
check "gone on with: not from the beginning" test "$(number "$out" records_resumed)" -gt 0

# A signal: what is done is in a checkpoint, though the interval was not over.
out=$work/stopped
stopped_by TERM "$out" --checkpoint-records 400
check "stopped: exit $code" test "$code" = 143
check "stopped: one journal and nothing else" test "$(ls "$out/.grus/partial" | sed 's/.*+//')" = journal
expect 0 "stopped and gone on with" run "$model" "$work/s.jsonl" -o "$out" "${options[@]}" --checkpoint-records 400
same "stopped and gone on with" "$out"
check "stopped and gone on with: not from the beginning" test "$(number "$out" records_resumed)" -gt 0

# Journals that do not hold.
out=$work/torn
stopped_by KILL "$out" --checkpoint-records 80
check "torn: killed" test "$code" = 137
cp -r "$out" "$work/left"
journal=$(echo "$out"/.grus/partial/*+journal)
truncate -s -100 "$journal"
expect 0 "a torn journal" run "$model" "$work/s.jsonl" -o "$out" "${options[@]}"
same "a torn journal" "$out"
cp -r "$work/left" "$work/noise"
head -c 5000 /dev/urandom >"$(echo "$work"/noise/.grus/partial/*+journal)"
expect 0 "noise for a journal" run "$model" "$work/s.jsonl" -o "$work/noise" "${options[@]}"
same "noise for a journal" "$work/noise"
check "noise: from the beginning" test "$(number "$work/noise" records_resumed)" = 0

# Another input of the same name and size: its results are its own.
mkdir "$work/changed"
sed '3s/"id": 3/"id": 4/' "$work/s.jsonl" >"$work/changed/s.jsonl"
expect 0 "another input, alone" run "$model" "$work/changed/s.jsonl" -o "$work/alone" "${options[@]}"
expect 0 "another input" run "$model" "$work/changed/s.jsonl" -o "$work/left" "${options[@]}"
check "another input: its own results" cmp "$work/alone/s.jsonl.zst" "$work/left/s.jsonl.zst"
check "another input: from the beginning" test "$(number "$work/left" records_resumed)" = 0

# Two live copies of one rank, one of which joins late.
out=$work/twins
start "$out" --checkpoint-records 100
codes=0
"$GRUS" run "$model" "$work/s.jsonl" -o "$out" "${options[@]}" --checkpoint-records 100 --report "$work/twin.json" \
    2>"$work/err2" || codes=$?
wait "$child" || codes=$?
check "twins: both say that all is done" test "$codes" = 0
check "twins: the shard is the same" cmp "$work/ref/s.jsonl.zst" "$out/s.jsonl.zst"
check "twins: the manifest is the same" cmp <(anonymous "$work/ref/.grus/done/s.json") <(anonymous "$out/.grus/done/s.json")
expect 0 "twins: a third finds nothing to do" run "$model" "$work/s.jsonl" -o "$out" "${options[@]}"
check "twins: nothing is left" test -z "$(ls "$out/.grus/partial")"

# Standard input cannot be read again; it is run as without checkpoints.
checks=$((checks + 1))
"$GRUS" run "$model" - -o "$work/stdin" "${options[@]}" --checkpoint-records 10 <"$work/s.jsonl" || fail "standard input"
check "standard input: the same" cmp "$work/ref/s.jsonl.zst" "$work/stdin/stdin.jsonl.zst"
finish
