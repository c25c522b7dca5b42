#!/usr/bin/env bash
# Which part of a run a process does: flags, then the launchers in their order; that the plan names part and source; and that
# the run's first process lays down for all later ones how many parts there are.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

mkdir "$work/in"
for i in 0 1 2 3 4 5 6 7; do
    echo "word$i" >"$work/in/s$i.txt"
done

# take VARIABLE=VALUE… [-- OPTION…]: what is before and behind the -- to the arrays variables and options.
take() {
    variables=()
    while [[ $# -gt 0 && $1 != -- ]]; do
        variables+=("$1")
        shift
    done
    options=("${@:2}")
}

# part WHAT CODE SHARDS VARIABLE=VALUE… [-- OPTION…]: a process with these variables, in $out (which stays as it is), has
# done exactly these shards when it ends with this code.
part() {
    local what=$1 code=0 wanted=$2 shards=$3 variables options i
    take "${@:4}"
    checks=$((checks + 1))
    find "$out" -name '*.zst' -printf '%f\n' 2>/dev/null | sort >"$work/before" || true
    env "${variables[@]}" "$GRUS" run "$model" "$work/in" -o "$out" -q -t 1 "${options[@]}" >"$work/out" 2>"$work/err" || code=$?
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
first "an empty array" 2 "" SLURM_ARRAY_TASK_ID=4294967294 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=4294967294
says "an empty array" "SLURM_ARRAY_TASK_ID=4294967294: the job array is empty"
first "an empty array that is nobody's" 0 "0 1 2 3 4 5 6 7" SLURM_ARRAY_TASK_ID=4294967294 -- --launcher none
first "no steps" 2 "" SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_STEP=0 SLURM_ARRAY_TASK_COUNT=4

# ---- launchers that come after Slurm ----

sge=(SGE_TASK_ID=5 SGE_TASK_FIRST=3 SGE_TASK_LAST=9 SGE_TASK_STEPSIZE=2)
lsf=(LSB_JOBINDEX=2 LSB_JOBINDEX_END=4)
torch=(RANK=1 WORLD_SIZE=4)
w=(-- --world-size 4)

# needs WHAT VARIABLE=VALUE…: a usage error that asks for --world-size.
needs() {
    first "$1" 2 "" "${@:2}"
    says "$1" "give --world-size"
}
needs "PMIx without a size" PMIX_RANK=1
needs "Kubernetes without a size" JOB_COMPLETION_INDEX=1
needs "PBS without a size" PBS_ARRAY_INDEX=1
needs "AWS without a size" AWS_BATCH_JOB_ARRAY_INDEX=1
needs "SGE without an end" SGE_TASK_ID=1
needs "LSF without an end" LSB_JOBINDEX=1
needs "Slurm's array without a count" SLURM_ARRAY_TASK_ID=1
first "PMIx" 0 "1 5" PMIX_RANK=1 "${w[@]}"
first "Kubernetes" 0 "2 6" JOB_COMPLETION_INDEX=2 "${w[@]}"
first "PBS" 0 "3 7" PBS_ARRAY_INDEX=3 "${w[@]}"
first "AWS" 0 "0 4" AWS_BATCH_JOB_ARRAY_INDEX=0 "${w[@]}"
first "an index like the size" 2 "" PBS_ARRAY_INDEX=4 "${w[@]}"
first "SGE" 0 "1 5" "${sge[@]}"
first "SGE, no steps named" 0 "1 5" SGE_TASK_ID=2 SGE_TASK_FIRST=1 SGE_TASK_LAST=4
first "SGE, a rest of a step" 0 "2 5" SGE_TASK_ID=7 SGE_TASK_FIRST=3 SGE_TASK_LAST=8 SGE_TASK_STEPSIZE=2
first "SGE, no array" 0 "0 1 2 3 4 5 6 7" SGE_TASK_ID=undefined SGE_TASK_FIRST=undefined SGE_TASK_LAST=undefined
first "SGE, behind the end" 2 "" SGE_TASK_ID=5 SGE_TASK_FIRST=1 SGE_TASK_LAST=4
first "SGE, before the beginning" 2 "" SGE_TASK_ID=1 SGE_TASK_FIRST=2 SGE_TASK_LAST=4
first "LSF" 0 "1 5" "${lsf[@]}"
first "LSF in steps" 0 "2 7" LSB_JOBINDEX=5 LSB_JOBINDEX_END=10 LSB_JOBINDEX_STEP=2
first "LSF, no array" 0 "0 1 2 3 4 5 6 7" LSB_JOBINDEX=0 LSB_JOBINDEX_END=0
first "RANK is anybody's" 0 "0 1 2 3 4 5 6 7" "${torch[@]}"
first "RANK under torchrun" 0 "1 5" "${torch[@]}" -- --launcher torchrun
first "torchrun without its variables" 2 "" NOTHING=1 -- --launcher torchrun
first "the launcher named, though others are set" 0 "2 6" "${ompi[@]}" "${pmi[@]}" "${torch[@]}" -- --launcher pmi
first "none of them" 0 "0 1 2 3 4 5 6 7" "${ompi[@]}" "${sge[@]}" -- --launcher none
first "no such launcher" 2 "" "${ompi[@]}" -- --launcher mpi
first "a size alone" 2 "" "${w[@]}"
first "a rank alone" 2 "" -- --rank 1
# The order: of two neighbours the first counts.
first "Slurm before PMIx" 0 "1 3 5 7" "${step[@]}" PMIX_RANK=0
first "PMIx before Kubernetes" 0 "1 5" PMIX_RANK=1 JOB_COMPLETION_INDEX=2 "${w[@]}"
first "Kubernetes before PBS" 0 "2 6" JOB_COMPLETION_INDEX=2 PBS_ARRAY_INDEX=3 "${w[@]}"
first "PBS before SGE" 0 "3 7" PBS_ARRAY_INDEX=3 "${sge[@]}" "${w[@]}"
first "SGE before LSF" 0 "1 5" "${sge[@]}" LSB_JOBINDEX=4 LSB_JOBINDEX_END=4
first "LSF before AWS" 0 "1 5" "${lsf[@]}" AWS_BATCH_JOB_ARRAY_INDEX=0

# ---- a shell that Slurm has given ----

all="0 1 2 3 4 5 6 7"
first "salloc's shell on the login node" 0 "$all" SLURM_JOB_ID=7 SLURM_NTASKS=4
first "salloc's shell in an interactive step" 0 "$all" SLURM_JOB_ID=7 SLURM_STEP_ID=4294967290 SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1
first "the same, its size unknown" 0 "$all" SLURM_STEP_ID=4294967290 SLURM_PROCID=0 SLURM_NTASKS=4
first "a step of one task of a job of four" 0 "$all" SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1
first "a step from such a shell" 0 "1 5" SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PTY_PORT=3000
# srun -n 4 --pty bash: four tasks, one of which is a person's shell.
out=$work/pty
checks=$((checks + 1))
env "${step[@]}" SLURM_PTY_PORT=3000 "${PYTHON:-python3}" -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
    "$GRUS" run "$model" "$work/in" -o "$out" -t 1 >"$work/pty.out" </dev/null || fail "in a terminal: exit $?"
check "in a terminal: all shards" test "$(find "$out" -name '*.zst' | wc -l)" = 8
check "in a terminal: it is told" grep -qF "SLURM_PROCID is not taken for its part; --launcher slurm does that" "$work/pty.out"

# ---- the plan ----

# plans WHAT TEXT VARIABLE=VALUE… [-- OPTION…]: the plan has this text.
plans() {
    local what=$1 text=$2 variables options
    take "${@:3}"
    checks=$((checks + 1))
    env "${variables[@]}" "$GRUS" run "$model" "$work/in" -o "$work/planned" --dry-run "${options[@]}" 2>"$work/err" || fail "plan of $what: exit $?"
    says "plan of $what" "$text"
}
plans "flags" "grus: part 3 of 8, from --rank: 1 shard, " "${ompi[@]}" -- --rank 3 --world-size 8
plans "Open MPI" "part 1 of 4, from OMPI_COMM_WORLD_RANK: 2 shards" "${ompi[@]}"
plans "PMI" "part 2 of 4, from PMI_RANK: " "${pmi[@]}"
plans "a step" "part 1 of 2, from SLURM_PROCID: " "${step[@]}"
plans "an array" "part 3 of 4, from SLURM_ARRAY_TASK_ID: " "${array[@]}"
plans "both" "part 7 of 8, from SLURM_ARRAY_TASK_ID and SLURM_PROCID: " "${array[@]}" "${step[@]}"
plans "PMIx" "part 1 of 4, from PMIX_RANK: " PMIX_RANK=1 "${w[@]}"
plans "Kubernetes" "part 1 of 4, from JOB_COMPLETION_INDEX: " JOB_COMPLETION_INDEX=1 "${w[@]}"
plans "PBS" "part 1 of 4, from PBS_ARRAY_INDEX: " PBS_ARRAY_INDEX=1 "${w[@]}"
plans "SGE" "part 1 of 4, from SGE_TASK_ID: " "${sge[@]}"
plans "LSF" "part 1 of 4, from LSB_JOBINDEX: " "${lsf[@]}"
plans "AWS" "part 1 of 4, from AWS_BATCH_JOB_ARRAY_INDEX: " AWS_BATCH_JOB_ARRAY_INDEX=1 "${w[@]}"
plans "torchrun" "part 1 of 4, from RANK: " "${torch[@]}" -- --launcher torchrun
plans "RANK alone" "RANK is not taken for its part; --launcher torchrun does that" "${torch[@]}"
plans "a batch script" "SLURM_PROCID is not that of a step, and no part of the work" "${batch[@]}"
plans "nothing" "grus: 8 shards, " NOTHING=1

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
expect 1 "status, to read" status "$out"
check "status says that they are elements" grep -q '^retry  *15,25  (for --array; 8 parts in all)$' "$work/out"
# Sent off again, they are an array of two, in steps of one.
element 25 15 2 0 2 1
checks=$((checks + 1))
env "${variables[@]}" "$GRUS" run "$model" "$work/in" -o "$out" --dry-run 2>"$work/err" || fail "plan of element 25 again: exit $?"
says "plan of element 25 again" "grus: part 6 of 8 (as the run began), from SLURM_ARRAY_TASK_ID and SLURM_PROCID: 1 shard, "
check "plan of element 25 again: no warning" test "$(grep -c warning "$work/err")" = 0
part "element 25 again" 0 "6" "${variables[@]}"
check "element 25 again: no warning of it" test "$(grep -c parts "$work/err")" = 0
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

# The same of another scheduler's array, an element of which is sent off again alone.
out=$work/sge
part "SGE, task 3" 0 "0 4" SGE_TASK_ID=3 SGE_TASK_FIRST=3 SGE_TASK_LAST=9 SGE_TASK_STEPSIZE=2
part "SGE, task 7 alone" 0 "2 6" SGE_TASK_ID=7 SGE_TASK_FIRST=7 SGE_TASK_LAST=7 SGE_TASK_STEPSIZE=1
expect 1 "SGE: status" status "$out" --json
check "SGE: status lists the elements" grep -qF '"retry": "5,9"' "$work/out"

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
