#!/usr/bin/env bash
# Small stacks: with a low limit of the process all goes on as ever; too small stacks of OpenMP's threads are an error that says so.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

# In the build tree the command is a script, whose shell needs a stack itself.
program=$GRUS
if [[ -x $builddir/.libs/grus ]]; then
    program=$builddir/.libs/grus
    export LD_LIBRARY_PATH=$builddir/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
# The environment lies in the stack too: a large one leaves the dynamic loader nothing of 16 kB, in any program.
small_environment() {
    local name
    for name in $(compgen -e); do
        [[ $name = LD_LIBRARY_PATH ]] || export -n "${name?}"
    done
}
# limited KB CODE WHAT ARGUMENT...: the command with such a stack.
limited() {
    local kb=$1 wanted=$2 what=$3 code=0
    shift 3
    checks=$((checks + 1))
    (small_environment && ulimit -c 0 && ulimit -s "$kb" && exec "$program" "$@" >"$work/out" 2>"$work/err" </dev/null) || code=$?
    [[ $code = "$wanted" ]] || fail "$what: exit $code, expected $wanted: $(head -c 300 "$work/err")"
}

words 3000 1 | to_jsonl >"$work/in.jsonl"
options=(-q -t 3 --batch-tokens 1024 -b 3)
expect 0 "the usual stack" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/usual"
for kb in 16 24 48 200 1000; do
    limited "$kb" 0 "$kb kB" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/o$kb"
    check "$kb kB: the same bytes" cmp "$work/usual/in.jsonl.zst" "$work/o$kb/in.jsonl.zst"
done
limited 16 0 "16 kB: checkpoints" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/checkpoints" --checkpoint-records 500
limited 16 0 "16 kB: level 22" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/level" --level 22
limited 16 0 "16 kB: status" status "$work/o16" --json
limited 16 0 "16 kB: verify" verify "$work/o16"
limited 16 0 "16 kB: inspect" inspect "$model"
limited 16 0 "16 kB: attend" attend "$model" "a b"
limited 16 0 "16 kB: bench" bench "$model" --seconds 0 --records 20
limited 16 0 "16 kB: --version" --version
limited 16 2 "16 kB: usage" run
printf '%*s' 300000 '' | tr ' ' '[' >"$work/deep.jsonl"
limited 16 1 "16 kB: a deep record" run "$model" "$work/deep.jsonl" -q -o "$work/deep"
says "16 kB: a deep record" "the only record is in error"

# A signal comes to the thread that has a stack.
mkfifo "$work/pipe"
(small_environment && ulimit -c 0 && ulimit -s 16 && exec "$program" run "$model" - -o - -q <"$work/pipe" >"$work/out" 2>"$work/err") &
child=$!
exec 3>"$work/pipe"
sleep 1
kill -TERM "$child"
code=0
wait "$child" || code=$?
exec 3>&-
check "16 kB: a signal: exit $code" test "$code" = 143

for kb in 16 32; do
    code=0
    checks=$((checks + 1))
    OMP_STACKSIZE=${kb}k "$program" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/omp$kb" 2>"$work/err" || code=$?
    [[ $code = 1 ]] || fail "OMP_STACKSIZE=${kb}k: exit $code"
    says "OMP_STACKSIZE=${kb}k" "grus: OpenMP's threads have stacks of $kb kB, which is too little; OMP_STACKSIZE=1M"
    check "OMP_STACKSIZE=${kb}k: nothing is committed" test ! -e "$work/omp$kb/in.jsonl.zst"
done
expect 0 "what was refused goes on" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/omp16"
check "what was refused goes on" cmp "$work/usual/in.jsonl.zst" "$work/omp16/in.jsonl.zst"
export OMP_STACKSIZE=64k
expect 0 "OMP_STACKSIZE=64k" run "$model" "$work/in.jsonl" "${options[@]}" -o "$work/omp64"
check "OMP_STACKSIZE=64k: the same bytes" cmp "$work/usual/in.jsonl.zst" "$work/omp64/in.jsonl.zst"
export OMP_STACKSIZE=16k
expect 0 "one thread has the process's stack" run "$model" "$work/in.jsonl" -q -t 1 -b 3 -o "$work/omp-one"
finish
