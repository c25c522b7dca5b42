#!/usr/bin/env bash
# shellcheck disable=SC2317 # functions that are called by name
# Open MPI and MPICH start four processes over twelve shards; a rank is killed, and the same command goes on. Every byte must be
# that of one process. Each of the two is tried where it is installed.
set -euo pipefail
: "${srcdir:?}" "${GRUS:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/grus-mpi-XXXXXX")
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/cluster/common.sh
. "$srcdir/tests/cluster/common.sh"
tried=0
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

make_shards 12
# shellcheck disable=SC2119 # it has no options
run_alone

# The launcher with its options, four processes.
launch_openmpi() { mpirun.openmpi --oversubscribe --mca btl self,tcp --mca oob_tcp_if_include lo --mca btl_tcp_if_include lo -np 4 "$@"; }
launch_mpich() { mpirun.mpich -iface lo -np 4 "$@"; }

# As one, and of four parts.
is_whole_of_four() {
    is_whole "$1" "$2"
    grep -q '"world_size": *4' "$work/$2/.grus/run.json" || {
        echo "FAILED: $1: not four parts" >&2
        failed=1
    }
}

try() { # LAUNCHER
    tried=$((tried + 1))
    "launch_$1" "$GRUS" run "$model" "$work/shards" -o "$work/$1" -t 1 --progress never >"$work/log" 2>&1 </dev/null || cat "$work/log" >&2
    is_whole_of_four "$1: four ranks" "$1"
    "launch_$1" "$GRUS" run "$model" "$work/shards" -o "$work/$1.killed" -t 1 --progress never >"$work/log" 2>&1 </dev/null &
    local launched=$!
    until [[ -n $(find "$work/$1.killed/.grus/done" -type f 2>/dev/null) ]]; do
        kill -0 "$launched" 2>/dev/null || break
        sleep 0.1
    done
    pkill -KILL -n -f -- "-o $work/$1.killed" || true
    wait "$launched" || true
    "launch_$1" "$GRUS" run "$model" "$work/shards" -o "$work/$1.killed" -t 1 --progress never >"$work/log" 2>&1 </dev/null || cat "$work/log" >&2
    is_whole_of_four "$1: a rank killed, then the same again" "$1.killed"
}

for launcher in openmpi mpich; do
    if command -v "mpirun.$launcher" >/dev/null; then
        try "$launcher"
    else
        echo "mpirun.$launcher is not installed: left out"
    fi
done
((tried)) || {
    echo "this test needs Open MPI or MPICH (Debian packages: openmpi-bin, mpich)" >&2
    exit 77
}
exit "$failed"
