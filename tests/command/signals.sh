#!/usr/bin/env bash
# Signals where stopping in good order is not possible: the output's reader does not read. The first ends the run within
# 5 s all the same, a second one within 1 s; a broken pipe and a file over its limit are errors with a message.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
words 1500 1 | to_jsonl >"$work/a.jsonl"
mkfifo "$work/pipe"

milliseconds() {
    local now=${EPOCHREALTIME/[.,]/}
    echo $((now / 1000))
}

# stuck: a run whose writer waits for a pipe that nobody empties. Its number is in child.
stuck() {
    exec 9<>"$work/pipe"
    # A shell starts what runs in the background with SIGINT ignored; env takes that back.
    env --default-signal=INT "$GRUS" run "$model" - -q -o - --attention soft -t 1 <"$work/a.jsonl" >"$work/pipe" 2>"$work/err" 9>&- &
    child=$!
    # It waits when not one of its threads has run for a while.
    local quiet=0
    for _ in {1..400}; do
        sleep 0.05
        if [[ $(cat "/proc/$child/task"/*/stat | sed 's/.*) //' | cut -c 1 | sort -u) = S && \
            $(ls "/proc/$child/task" | wc -l) -ge 3 ]]; then
            quiet=$((quiet + 1))
        else
            quiet=0
        fi
        [[ $quiet -lt 6 ]] || return 0
    done
    fail "the run does not come to wait"
}

# ended: waits for it; its exit code is in code, how long that took in took.
ended() {
    local from
    from=$(milliseconds)
    code=0
    { wait "$child" || code=$?; } 2>/dev/null
    took=$(($(milliseconds) - from))
    exec 9>&-
}

for signal in INT:130 TERM:143 USR1:$((128 + $(kill -l USR1))); do
    name=${signal%:*} wanted=${signal#*:}
    # A busy machine may need more than one attempt to be that fast.
    for _ in 1 2 3; do
        stuck
        kill -"$name" "$child"
        sleep 0.2
        kill -"$name" "$child" 2>/dev/null || true
        ended
        [[ $took -le 1000 ]] && break
    done
    check "a second SIG$name: exit $code, expected $wanted" test "$code" = "$wanted"
    check "a second SIG$name ends it within 1 s ($took ms)" test "$took" -le 1000
done

stuck
kill -TERM "$child"
ended
check "one SIGTERM, with a writer that waits: exit $code" test "$code" = 143
check "one SIGTERM, with a writer that waits: within 5 s ($took ms)" test "$took" -le 5000
stuck
kill -INT "$child"
sleep 0.2
kill -TERM "$child" 2>/dev/null || true
ended
check "SIGINT, then SIGTERM: the second one's code ($code)" test "$code" = 143

# A reader that goes away.
code=0
{ "$GRUS" run "$model" - -q -o - --attention soft <"$work/a.jsonl" 2>"$work/err" || echo $? >"$work/code"; } | head -c 100 >/dev/null
check "a broken pipe: exit 5" test "$(cat "$work/code")" = 5
says "a broken pipe" "standard output: cannot be written"

# A file over its limit: the output, its journal, the report.
for option in "" "--checkpoint-records 100"; do
    code=0
    # shellcheck disable=SC2086
    (ulimit -f 8 && "$GRUS" run "$model" "$work/a.jsonl" -q -o "$work/limited" --attention soft $option) 2>"$work/err" || code=$?
    check "a file over its limit $option: exit $code" test "$code" = 5
    says "a file over its limit $option" ".grus/partial/a."
    says "a file over its limit $option" "File too large"
    check "a file over its limit $option: nothing looks finished" test ! -e "$work/limited/a.jsonl.zst"
done
expect 0 "without the limit" run "$model" "$work/a.jsonl" -q -o "$work/limited" --attention soft
expect 0 "undisturbed" run "$model" "$work/a.jsonl" -q -o "$work/free" --attention soft
check "without the limit: as if nothing had happened" cmp "$work/free/a.jsonl.zst" "$work/limited/a.jsonl.zst"
check "without the limit: nothing is left" test -z "$(ls "$work/limited/.grus/partial")"
finish
