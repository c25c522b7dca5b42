#!/usr/bin/env bash
# Threads and the CPUs they may use: as many as the mask that the process was started with, whatever OpenMP's places are.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
command -v taskset >/dev/null || { echo "this test needs taskset (Debian package: util-linux)" >&2; exit 77; }
model=$golden/bahdanau/model

cpus_of() { # PID: the mask, as the kernel writes it
    sed -n 's/^Cpus_allowed_list:\t*//p' "/proc/$1/status"
}
allowed=$(cpus_of self)
count=$(awk -v list="$allowed" 'BEGIN {
    n = split(list, part, ",")
    for (i = 1; i <= n; i++)
        sum += split(part[i], end, "-") == 2 ? end[2] - end[1] + 1 : 1
    print sum
}')
first=${allowed%%[-,]*}

# A cgroup's quota may allow less than the mask; without OpenMP's variables grus is believed.
plan() { # PREFIX... : the threads that the plan names
    "$@" "$GRUS" run "$model" "$work/in.txt" -o "$work/plan" --dry-run 2>&1 | sed -nE 's/.*; ([0-9]+) threads?, .*/\1/p'
}
echo a >"$work/in.txt"
plain_threads=$(plan env -u OMP_PLACES -u OMP_PROC_BIND -u GOMP_CPU_AFFINITY)
check "no more threads than CPUs" test "$plain_threads" -le "$count"
settings=(OMP_PLACES=cores OMP_PLACES=threads OMP_PLACES=sockets "OMP_PLACES={$first}" "OMP_PLACES=threads(1)" OMP_PROC_BIND=true
    OMP_PROC_BIND=close OMP_PROC_BIND=spread OMP_PROC_BIND=master "GOMP_CPU_AFFINITY=$first")
for setting in "${settings[@]}"; do
    threads=$(plan env "$setting")
    check "$setting: $threads threads, not $plain_threads" test "$threads" = "$plain_threads"
    threads=$(plan taskset -c "$first" env "$setting")
    check "$setting on one CPU: $threads threads" test "$threads" = 1
done

# OpenMP's own limit holds, and the plan says so.
check "OMP_THREAD_LIMIT=1" test "$(plan env OMP_THREAD_LIMIT=1)" = 1
expect 0 "a plan of five threads" run "$model" "$work/in.txt" -o "$work/plan" --dry-run -t 5
says "a plan of five threads" "; 5 threads, "
export OMP_THREAD_LIMIT=3
expect 0 "a plan of three threads" run "$model" "$work/in.txt" -o "$work/plan" --dry-run -t 5
says "a plan of three threads" "; 3 threads, "
unset OMP_THREAD_LIMIT

# threads_of WHAT MASK PREFIX...: all threads of a run that waits for records may use these CPUs.
threads_of() {
    local what=$1 mask=$2 i tasks=()
    shift 2
    rm -f "$work/pipe"
    mkfifo "$work/pipe"
    exec 3<>"$work/pipe"
    "$@" "$GRUS" run "$model" - -o - -q -t 3 <"$work/pipe" >"$work/out" 2>"$work/err" 3>&- &
    local child=$!
    # Three that compute, one of them the first, and three beside them.
    for ((i = 0; i < 200 && ${#tasks[@]} < 6; i++)); do
        sleep 0.05
        tasks=(/proc/"$child"/task/*)
    done
    check "$what: ${#tasks[@]} threads, not 6" test "${#tasks[@]}" = 6
    for ((i = 0; i < 100; i++)); do
        [[ $(sed -n 's/^Cpus_allowed_list:\t*//p' /proc/"$child"/task/*/status | sort -u) = "$mask" ]] && break
        sleep 0.05
    done
    check "$what: threads may use $(sed -n 's/^Cpus_allowed_list:\t*//p' /proc/"$child"/task/*/status | tr '\n' ' '), not $mask" \
        test "$i" -lt 100
    echo '{"text": "a"}' >&3
    exec 3>&-
    wait "$child" || fail "$what: exit $?"
    check "$what: its record" test "$(wc -l <"$work/out")" = 1
}
if [[ $(uname -s) = Linux ]]; then
    # A machine under load gives a team fewer threads with this.
    threads_of "OMP_DYNAMIC" "$allowed" env OMP_DYNAMIC=true
    for setting in "${settings[@]}"; do
        threads_of "$setting" "$allowed" env "$setting"
        threads_of "$setting on one CPU" "$first" taskset -c "$first" env "$setting"
    done
fi

# The library, in a program that does not look at the mask before OpenMP does. There is no telling what places that leave
# CPUs out have left out.
if [[ -x $builddir/tests/unit/check_scheduler ]]; then
    for setting in OMP_PLACES=cores OMP_PLACES=threads OMP_PLACES=sockets OMP_PROC_BIND={true,close,spread,master}; do
        checks=$((checks + 1))
        env "$setting" CK_RUN_CASE=cpus "$builddir/tests/unit/check_scheduler" >"$work/out" 2>&1 || {
            fail "the library with $setting"
            cat "$work/out" >&2
        }
    done
fi
finish
