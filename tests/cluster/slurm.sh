#!/usr/bin/env bash
# A real Slurm of two virtual nodes on this machine runs the job array that ships (share/grus/examples): 6 elements over 40 shards.
# Undisturbed; with a node that dies; with a slurmd that dies while its job lives on, so that two copies are at work; preempted by
# another partition; with elements cancelled and sent off again by what `grus status` says. Every byte must be that of one process.
# Needs root, for namespaces of its own, and Slurm's daemons; leaves nothing behind.
# shellcheck disable=SC2317 # functions that await calls by name
set -euo pipefail
: "${srcdir:?}" "${builddir:?}" "${GRUS:?}"

for tool in slurmctld slurmd sbatch ip unshare jq zstd; do
    command -v "$tool" >/dev/null || {
        echo "this test needs $tool (Debian packages: slurmctld slurmd slurm-client iproute2 util-linux jq zstd)" >&2
        exit 77
    }
done
if [[ -z ${SLURM_TEST_WORK-} ]]; then
    ((EUID == 0)) || {
        echo "this test needs root, for unshare" >&2
        exit 77
    }
    unshare --uts --net --pid --fork --mount-proc sh -c 'hostname localhost && ip link set lo up' 2>/dev/null || {
        echo "this test needs namespaces of its own for names, network and processes" >&2
        exit 77
    }
    SLURM_TEST_WORK=$(mktemp -d "${TMPDIR:-/tmp}/grus-slurm-XXXXXX")
    export SLURM_TEST_WORK
    trap 'rm -rf "$SLURM_TEST_WORK"' EXIT
    unshare --uts --net --pid --fork --kill-child=KILL --mount-proc bash "${BASH_SOURCE[0]}"
    exit
fi

work=$SLURM_TEST_WORK
export SLURM_CONF=$work/slurm.conf
# shellcheck source=tests/cluster/common.sh
. "$srcdir/tests/cluster/common.sh"

# ---- the cluster ----------------------------------------------------------------------------------------------

begin_cluster() {
    hostname localhost
    ip link set lo up
    ip addr add 127.0.0.2/8 dev lo 2>/dev/null || true
    mkdir -p "$work"/{state,spool-n1,spool-n2}
    cat >"$SLURM_CONF" <<END
ClusterName=ci
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdTimeout=5
MessageTimeout=5
KillWait=2
MinJobAge=30
ReturnToService=1
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/logs/slurmctld
SlurmdLogFile=$work/logs/slurmd-%n
SlurmctldPort=6817
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=26818-26819 CPUs=4 RealMemory=512
PartitionName=low Nodes=n[1-2] Default=YES PriorityTier=1
PartitionName=high Nodes=n[1-2] PriorityTier=10 PreemptMode=OFF
END
    slurmctld -D -c >/dev/null 2>&1 &
    begin_node n1
    begin_node n2
    await 30 "the nodes" nodes_are_idle
}

# A pid namespace for each, whose first process is a shell: when that is killed, all that runs on the node is gone; when slurmd
# alone is, its jobs live on.
declare -A nodes
begin_node() {
    # shellcheck disable=SC2016
    unshare --pid --fork --kill-child=KILL --mount-proc sh -c 'slurmd -D -N "$0" & while sleep 1; do :; done' "$1" >/dev/null 2>&1 &
    nodes[$1]=$!
}
kill_node() { kill -9 "${nodes[$1]}"; wait "${nodes[$1]}" 2>/dev/null || true; }

nodes_are_idle() { [[ $(sinfo -h -N -p low -o %T | grep -c '^idle$') == 2 ]]; }

await() { # SECONDS WHAT COMMAND...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < end)) || {
            echo "FAILED: waited in vain for $what" >&2
            squeue -a >&2
            sinfo -N >&2
            tail -n 5 "$work"/logs/* >&2
            exit 1
        }
        sleep 0.2
    done
}

# ---- the work -------------------------------------------------------------------------------------------------

prepare() {
    mkdir "$work/bin" "$work/logs"
    make_shards 40
    zstd -q --rm "$work"/shards/*.jsonl
    ln -s "$GRUS" "$work/bin/grus"
    export PATH=$work/bin:$PATH
    run_alone --beam-size 5
    [[ $(wc -l <"$work/wanted") == 40 ]]
}

submit() { # OUT SBATCH-OPTION...
    local out=$1
    shift
    sbatch --parsable --mem=0 --cpus-per-task=1 --output="$work/logs/$out-%a" "$@" "$srcdir/share/grus/examples/slurm-array.sbatch" \
        "$model" "$work/shards" "$work/$out" --beam-size 5
}
no_job() { [[ -z $(squeue -h -a) ]]; }
done_shards() { [[ $(find "$work/$1/.grus/done" -type f 2>/dev/null | wc -l) -ge $2 ]]; }
runs_on() { squeue -h -t RUNNING -o '%i %N' | awk -v node="$1" '$2 == node { print $1; exit }'; }
any_on() { [[ -n $(runs_on "$1") ]]; }

# ---- what befalls it ------------------------------------------------------------------------------------------

# What the controller has said since the last mark.
mark() { marked=$(wc -l <"$work/logs/slurmctld"); }
said() {
    tail -n +"$((marked + 1))" "$work/logs/slurmctld" | grep -q "$1" || {
        echo "FAILED: Slurm has not said \"$1\": nothing was tried" >&2
        failed=1
    }
}

undisturbed() {
    submit plain >/dev/null
    await 240 "the array" no_job
    is_whole "an array of 6 over 40 shards" plain
}

dead_node() {
    mark
    submit dead >/dev/null
    await 60 "some shards" done_shards dead 3
    await 30 "a job on n2" any_on n2
    kill_node n2
    sleep 8
    begin_node n2
    await 240 "the array" no_job
    said "requeue JobId=.* due to node failure"
    is_whole "a node that died" dead
}

preempted() {
    mark
    submit low --partition=low >/dev/null
    await 60 "some shards" done_shards low 3
    sbatch --parsable --partition=high --nodes=2 --ntasks-per-node=4 --mem=0 --output=/dev/null --wrap 'sleep 3' >/dev/null
    await 240 "the array" no_job
    said "preempted JobId=.* has been requeued"
    is_whole "a preemption" low
}

sent_again() {
    local job retry
    job=$(submit again)
    await 60 "some shards" done_shards again 3
    scancel "${job}_1" "${job}_4" || true
    scancel --signal=KILL "${job}_2" || true
    await 240 "the array" no_job
    "$GRUS" status "$work/again" --json >"$work/status" || true # 1: not all is done
    retry=$(jq -r .retry "$work/status")
    if [[ -z $retry ]]; then
        echo "FAILED: all was done before it was cancelled" >&2
        failed=1
        return
    fi
    submit again --array="$retry" >/dev/null
    await 240 "elements $retry" no_job
    is_whole "elements $retry sent off again" again
}

# One string a line; nothing of a process that is gone.
of_process() { { tr '\0' '\n' <"/proc/$1/$2"; } 2>/dev/null || true; }
# Processes of one output directory, as "PID ELEMENT".
copies() {
    local pid
    for pid in $(pgrep -x grus); do
        of_process "$pid" cmdline | grep -qx "$work/$1" || continue
        echo "$pid $(of_process "$pid" environ | sed -n 's/^SLURM_ARRAY_TASK_ID=//p')"
    done
}
two_of_one() { [[ -n $(copies "$1" | cut -d' ' -f2 | sort | uniq -d) ]]; }

# slurmd alone is killed. Its jobs live on, stopped here until Slurm has begun them again on the other node.
two_copies() {
    local pid stopped=()
    submit twice >/dev/null
    await 60 "some shards" done_shards twice 2
    await 30 "a job on n2" any_on n2
    pkill -KILL -x -f 'slurmd -D -N n2'
    for pid in $(copies twice | cut -d' ' -f1); do
        if [[ $(of_process "$pid" environ) == *SLURMD_NODENAME=n2* ]] && kill -STOP "$pid"; then
            stopped+=("$pid")
        fi
    done
    await 120 "two copies of one element" two_of_one twice
    kill -CONT "${stopped[@]}"
    await 240 "the array" no_job
    await 60 "the copies" no_copy twice
    is_whole "two live copies" twice
}
no_copy() { [[ -z $(copies "$1") ]]; }

trap 'echo "line $LINENO" >&2' ERR
prepare
begin_cluster
for what in ${SLURM_TEST_ONLY:-undisturbed dead_node preempted sent_again two_copies}; do "$what"; done
exit "$failed"
