#!/usr/bin/env bash
# Many small shards, committed side by side: each has the bytes and the manifest of a run of its own, and takes the same four
# fsyncs, counted by the library of the attack.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
shim=$(realpath "$builddir/tests/attack/.libs/shim.so")

mkdir "$work/in"
words 300 4 | awk -v dir="$work/in" '{ printf "{\"text\": \"%s\"}\n", $0 > sprintf("%s/s%03d.jsonl", dir, NR) }'

# syncs OUTDIR INPUT...: runs, and tells how many fsyncs that took: the 8th of the classes behind two numbers (shim_plan.h).
syncs() {
    local out=$1
    shift
    SHIM_STATE=$work/state LD_PRELOAD=$shim "$GRUS" run "$model" "$@" -q -o "$out" 2>"$work/err" || return 1
    [[ -e $work/state ]] || return 1
    od -An -v -tu8 -w8 "$work/state" | sed -n '10s/ //gp'
    rm "$work/state"
}

cp -r "$work/in" "$work/less"
rm "$work"/less/s0[0-4]*.jsonl
all=$(syncs "$work/all" "$work/in") || true
if [[ -z $all ]]; then
    echo "this build does not run behind the attack's library: $(head -n 1 "$work/err")" >&2
    exit 77
fi
less=$(syncs "$work/some" "$work/less")
n=$(find "$work/less" -name '*.jsonl' | wc -l)
check "$all fsyncs for 300 shards, $less for $n" test $((all - less)) = $((4 * (300 - n)))
check "at least four each" test "$all" -ge 1200
check "all outputs" test "$(find "$work/all" -name '*.jsonl.zst' | wc -l)" = 300
check "nothing is left" test -z "$(ls "$work/all/.grus/partial")"
expect 0 "verify" verify "$work/all" --inputs "$work/in"
for i in 001 150 300; do
    expect 0 "shard $i alone" run "$model" "$work/in/s$i.jsonl" -q -o "$work/one"
    check "shard $i is the same" cmp "$work/one/s$i.jsonl.zst" "$work/all/s$i.jsonl.zst"
    check "its manifest too" cmp <(anonymous "$work/one/.grus/done/s$i.json") <(anonymous "$work/all/.grus/done/s$i.json")
    rm -r "$work/one"
done

# Of some the output is there already, of others something else.
for i in 002 003; do
    rm "$work/all/.grus/done/s$i.json"
done
echo other >"$work/all/s003.jsonl.zst"
rm "$work/all/s004.jsonl.zst" "$work/all/.grus/done/s00"[45].json
expect 0 "what is missing" run "$model" "$work/in" -q -o "$work/all"
says "what is missing" "s003.jsonl.zst: was there already with other content"
expect 0 "verify again" verify "$work/all" --inputs "$work/in"
check "what was there is aside" test -e "$work/all/.grus/aside/s003.1.jsonl.zst"

# Shards that fail among others, and a directory that cannot be written to.
echo cut | zstd -q | head -c 9 >"$work/in/s100.jsonl.zst"
rm "$work/in/s100.jsonl"
expect 1 "one fails" run "$model" "$work/in" -q -o "$work/failing"
says "one fails" "1 of 300 shards failed"
check "the others are done" test "$(find "$work/failing" -name '*.jsonl.zst' | wc -l)" = 299
finish
