#!/usr/bin/env bash
# File systems that lack something (tests/support/poor_files.c): renaming without replacing, links, fsync of directories; and
# a process that lacks descriptors.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
poor=$(cd "$builddir" && pwd)/tests/support/.libs/poor_files.so
if [[ ! -f $poor ]] || nm -D "$builddir/.libs/grus" 2>/dev/null | grep -qE '__(asan|tsan|ubsan)_'; then
    echo "this test needs a library to be preloaded, and no sanitizer" >&2
    exit 77
fi

mkdir "$work/in"
for i in 1 2 3 4; do
    words 30 "$i" | to_jsonl >"$work/in/s$i.jsonl"
done
expect 0 "undisturbed" run "$model" "$work/in" -q -o "$work/reference"

# on CODE WHAT VARIABLE... -- ARGUMENT...: grus where the file system is as poor as the variables say.
on() {
    local code=0 wanted=$1 what=$2 poverty=()
    shift 2
    while [[ $1 != -- ]]; do
        poverty+=("$1")
        shift
    done
    shift
    env "${poverty[@]}" LD_PRELOAD="$poor" "$GRUS" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    check "$what: exit $code, expected $wanted: $(head -c 300 "$work/err")" test "$code" = "$wanted"
}
# whole WHAT: the run in $work/o is that of the reference, and verify is content.
whole() {
    local i
    for i in 1 2 3 4; do
        check "$1: shard $i" cmp "$work/reference/s$i.jsonl.zst" "$work/o/s$i.jsonl.zst"
    done
    check "$1: no partial file is left" test -z "$(ls "$work/o/.grus/partial")"
    expect 0 "$1: verify" verify "$work/o"
}

# ---- without links ----

# Renaming without replacing, links: NFS and Lustre; BeeGFS; exFAT; CIFS and s3fs; gcsfuse; old kernels.
for lacks in "22" "22 0" "22 1" "22 95" "22 38" "38 1" "95 31" "22 18"; do
    # shellcheck disable=SC2086
    set -- $lacks
    poverty=(POOR_FLAGS="$1" ${2:+POOR_LINK="$2"})
    rm -rf "$work/o"
    on 0 "rename and link refused by $lacks" "${poverty[@]}" -- run "$model" "$work/in" -q -o "$work/o"
    whole "rename and link refused by $lacks"
    # What another put there is not replaced.
    echo theirs >"$work/o/s1.jsonl.zst"
    rm "$work/o/.grus/done/s1.json"
    on 0 "a place is taken, $lacks" "${poverty[@]}" -- run "$model" "$work/in" -o "$work/o"
    says "a place is taken, $lacks" "set aside"
    whole "a place is taken, $lacks"
    check "a place is taken, $lacks: what was there is kept" grep -q theirs "$work/o/.grus/aside/s1.1.jsonl.zst"
    on 2 "another run, $lacks" "${poverty[@]}" -- run "$model" "$work/in" -q -o "$work/o" -b 2
done
rm -rf "$work/o"
on 5 "a link that fails by EIO" POOR_FLAGS=22 POOR_LINK=5 -- run "$model" "$work/in" -q -o "$work/o"

# Four parts that begin at once, and all look before the first has renamed run.json: they are one run all the same.
rm -rf "$work/o"
for rank in 0 1 2 3; do
    POOR_FLAGS=22 POOR_LINK=95 POOR_SLOW=0.4 LD_PRELOAD=$poor "$GRUS" run "$model" "$work/in" -q -o "$work/o" --rank $rank --world-size 4 2>"$work/err$rank" &
    parts[rank]=$!
done
for rank in 0 1 2 3; do
    code=0
    wait "${parts[$rank]}" || code=$?
    check "four parts at once: part $rank: exit $code: $(cat "$work/err$rank")" test "$code" = 0
done
whole "four parts at once"
check "four parts at once: one identity" test "$(cat "$work"/o/.grus/run.json "$work"/o/.grus/done/*.json | grep -oE '"run": "[0-9a-f]{16}"' | sort -u | wc -l)" = 1

# ---- without fsync of directories ----

for refusal in 22 95 38 25 9 13 1 2; do
    rm -rf "$work/o"
    on 0 "directories are not synced, $refusal" POOR_DIRSYNC=$refusal -- run "$model" "$work/in" -q -o "$work/o"
    whole "directories are not synced, $refusal"
done
for loss in 5 28 122; do
    rm -rf "$work/o"
    on 5 "the disk fails at a directory, $loss" POOR_DIRSYNC=$loss -- run "$model" "$work/in" -q -o "$work/o"
done

# ---- without descriptors ----

# What lies in an output's place and cannot be looked at, for want of a descriptor, is not set aside: its shard fails.
# looked END WHAT: with files that end so not to be opened, shard 1 fails and nothing else changes.
looked() {
    cp "$work/o/s1.jsonl.zst" "$work/before"
    on 1 "$2" POOR_OPEN=24 POOR_OPEN_END="$1" -- run "$model" "$work/in" -q -o "$work/o"
    says "$2" "Too many open files"
    check "$2: the output stays" cmp "$work/before" "$work/o/s1.jsonl.zst"
    check "$2: nothing is set aside" test -z "$(ls "$work/o/.grus/aside" 2>/dev/null)"
}
rm -rf "$work/o"
expect 0 "undisturbed" run "$model" "$work/in" -q -o "$work/o"
rm "$work/o/.grus/done"/s[12].json
looked /o/s1.jsonl.zst "an output without manifest"
check "an output without manifest: the next shard is done" test -e "$work/o/.grus/done/s2.json"
expect 0 "an output without manifest, again" run "$model" "$work/in" -q -o "$work/o"
whole "an output without manifest"
# Of another content, with its manifest: done by another process.
cp "$work/o/s2.jsonl.zst" "$work/o/s1.jsonl.zst"
sed -i "s/\"output_bytes\": [0-9]*/\"output_bytes\": $(stat -c %s "$work/o/s1.jsonl.zst")/" "$work/o/.grus/done/s1.json"
looked /done/s1.json "a done shard"
finish
