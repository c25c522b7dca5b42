#!/usr/bin/env bash
# Which part of a run a process does: flags, then Open MPI, PMI and Slurm; and that the run's first process lays down
# for all later ones how many parts there are.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

mkdir "$work/in"
for i in 0 1 2 3 4 5 6 7; do
    echo "word$i" >"$work/in/s$i.txt"
done

# part WHAT CODE SHARDS VARIABLE=VALUE… [-- OPTION…]: a process with these variables, in $out (which stays as it is), has
# done exactly these shards when it ends with this code.
part() {
    local what=$1 code=0 wanted=$2 shards=$3 variables=() i
    shift 3
    while [[ $# -gt 0 && $1 != -- ]]; do
        variables+=("$1")
        shift
    done
    [[ $# -gt 0 ]] && shift
    checks=$((checks + 1))
    find "$out" -name '*.zst' -printf '%f\n' 2>/dev/null | sort >"$work/before" || true
    env "${variables[@]}" "$GRUS" run "$model" "$work/in" -o "$out" -q -t 1 "$@" >"$work/out" 2>"$work/err" || code=$?
    [[ $code = "$wanted" ]] || fail "$what: exit $code, expected $wanted: $(cat "$work/err")"
    for i in $shards; do
        echo "s$i.jsonl.zst"
    done | sort >"$work/wanted"
    find "$out" -name '*.zst' -printf '%f\n' 2>/dev/null | sort | comm -13 "$work/before" - >"$work/found" || true
    cmp -s "$work/found" "$work/wanted" || fail "$what: did $(tr '\n' ' ' <"$work/found"), not shards $shards"
}

# first …: the same in an output directory of its own.
first() {
    out=$work/first$checks
    part "$@"
}

ompi=(OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=4)
pmi=(PMI_RANK=2 PMI_SIZE=4)
array=(SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=4)
batch=(SLURM_PROCID=0 SLURM_NTASKS=4)
step=(SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NTASKS=2)

# ---- what is believed ----

first "nothing set" 0 "0 1 2 3 4 5 6 7" NOTHING=1
first "flags" 0 "1 5" -- --rank 1 --world-size 4
first "flags before all" 0 "0 4" "${ompi[@]}" "${pmi[@]}" "${array[@]}" "${step[@]}" -- --rank 0 --world-size 4
first "Open MPI before PMI and Slurm" 0 "1 5" "${ompi[@]}" "${pmi[@]}" "${array[@]}" "${step[@]}"
first "PMI before Slurm" 0 "2 6" "${pmi[@]}" "${array[@]}" "${step[@]}"
first "half a pair is none" 0 "2 6" OMPI_COMM_WORLD_RANK=1 "${pmi[@]}"
first "a job array" 0 "3 7" "${array[@]}"
first "a job array, in its batch script" 0 "3 7" "${array[@]}" "${batch[@]}"
first "a batch script" 0 "0 1 2 3 4 5 6 7" "${batch[@]}"
first "a step" 0 "1 3 5 7" "${step[@]}"
first "a step of an array" 0 "7" "${array[@]}" "${step[@]}"
first "an array from 1" 0 "0 4" SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=4
first "an array in steps" 0 "2 5" SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=3
first "an array without its beginning" 0 "3 7" SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4
first "no number" 2 "" OMPI_COMM_WORLD_RANK=x OMPI_COMM_WORLD_SIZE=4
first "a rank like the size" 2 "" PMI_RANK=4 PMI_SIZE=4
first "an element behind the array's end" 2 "" SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=4
first "an element before the array" 2 "" SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=4
first "no steps" 2 "" SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_STEP=0 SLURM_ARRAY_TASK_COUNT=4

# ---- what the first process lays down ----

# An array from 10 in steps of 5: four elements, of two tasks each; two elements do not come to work.
out=$work/array
element() {
    local id=$1 least=$2 count=$3 task=$4 tasks=$5
    variables=(SLURM_ARRAY_TASK_ID="$id" SLURM_ARRAY_TASK_MIN="$least" SLURM_ARRAY_TASK_STEP="${6:-1}"
        SLURM_ARRAY_TASK_COUNT="$count" SLURM_STEP_ID=0 SLURM_PROCID="$task" SLURM_NTASKS="$tasks")
}
element 10 10 4 0 2 5 && part "element 10, task 0" 0 "0" "${variables[@]}"
element 10 10 4 1 2 5 && part "element 10, task 1" 0 "1" "${variables[@]}"
element 20 10 4 0 2 5 && part "element 20, task 0" 0 "4" "${variables[@]}"
expect 1 "status" status "$out" --json
check "status lists the elements" grep -qF '"retry": "15-25:5"' "$work/out"
element 20 10 4 1 2 5 && part "element 20, task 1" 0 "5" "${variables[@]}"
expect 1 "status" status "$out" --json
check "status lists the elements that are left" grep -qF '"retry": "15,25"' "$work/out"
# Sent off again, they are an array of two, in steps of one.
element 25 15 2 0 2 1 && part "element 25 again" 0 "6" "${variables[@]}"
says "element 25 again" "this is number 6"
element 25 15 2 2 3 1 && part "a task too many" 0 "" "${variables[@]}"
says "a task too many" "none of them is for this process"
element 17 15 3 0 2 1 && part "an element of no part" 2 "" "${variables[@]}"
part "flags that fit" 0 "7" -- --rank 7 --world-size 8
part "flags that contradict" 2 "" -- --rank 0 --world-size 2
says "flags that contradict" world_size
part "no launcher, no flags" 2 "" NOTHING=1
part "another launcher" 0 "2" OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=3
says "another launcher" "the run has 8 parts"
element 15 15 1 1 2 1 && part "the last" 0 "3" "${variables[@]}"
expect 0 "all is done" status "$out"
expect 0 "all is sound" verify "$out"

# Two live copies of every rank, at once.
out=$work/twins
for copy in 1 2; do
    for rank in 0 1 2; do
        "$GRUS" run "$model" "$work/in" -o "$out" -q -t 1 --rank $rank --world-size 3 2>"$work/err$copy$rank" &
        children[$((3 * copy + rank))]=$!
    done
done
for child in "${children[@]}"; do
    checks=$((checks + 1))
    wait "$child" || fail "a copy of a rank: exit $?: $(cat "$work"/err??)"
done
expect 0 "copies: all is sound" verify "$out"
for i in 0 1 2 3 4 5 6 7; do
    check "copies: shard $i is what one process makes of it" cmp "$out/s$i.jsonl.zst" "$work/array/s$i.jsonl.zst"
done
check "copies: nothing is left" test -z "$(ls "$out/.grus/partial")"
finish
