#!/usr/bin/env bash
# A corpus that grows: with --grow a run takes inputs that came to those of run.json, and nothing else.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model out=$work/o

mkdir "$work/in"
for i in b d; do
    words 40 1 | to_jsonl >"$work/in/$i.jsonl"
done
expect 0 "two inputs" run "$model" "$work/in" -q -o "$out" --length-penalty 0.6
cp "$out/.grus/run.json" "$work/before"
cp "$out/b.jsonl.zst" "$work/b.zst"
inode=$(stat -c %i "$out/b.jsonl.zst")

# Before, between and behind what is there.
for i in a c e; do
    words 40 "$i" | to_jsonl >"$work/in/$i.jsonl"
done
expect 0 "all at once" run "$model" "$work/in" -q -o "$work/reference" --length-penalty 0.6

expect 2 "more inputs without --grow" run "$model" "$work/in" -q -o "$out" --length-penalty 0.6
says "more inputs without --grow" "run.json:inputs: the run has other inputs: 3 of this run's are not among them, a.jsonl the first; --grow adds them"
expect 2 "another option with --grow" run "$model" "$work/in" -q -o "$out" --length-penalty 0.7 --grow
says "another option with --grow" "length_penalty"
mv "$work/in/d.jsonl" "$work/kept.jsonl"
expect 2 "an input less with --grow" run "$model" "$work/in" -q -o "$out" --length-penalty 0.6 --grow
mv "$work/kept.jsonl" "$work/in/d.jsonl"
check "what is refused changes nothing" cmp "$work/before" "$out/.grus/run.json"

expect 0 "--grow" run "$model" "$work/in" -o "$out" --length-penalty 0.6 --grow
says "--grow: the old ones are done" "5 shards (2 done before)"
for i in a b c d e; do
    check "--grow: shard $i" cmp "$work/reference/$i.jsonl.zst" "$out/$i.jsonl.zst"
done
check "--grow: what was done is not done again" test "$(stat -c %i "$out/b.jsonl.zst")" = "$inode"
expect 0 "--grow: verify" verify "$out"
expect 0 "--grow: status" status "$out"
check "--grow: status counts all" grep -qE '^shards +5: 5 done' "$work/out"
check "--grow: nothing is left" test -z "$(ls "$out/.grus/partial")"
check "--grow: the identity stays" test "$(grep -ohE '"run": "[0-9a-f]{16}"' "$work/before" "$out/.grus/run.json" "$out"/.grus/done/*.json | sort -u | wc -l)" = 1
expect 0 "afterwards without --grow" run "$model" "$work/in" -o "$out" --length-penalty 0.6
says "afterwards without --grow" "nothing to do"
cp "$out/.grus/run.json" "$work/before"
expect 0 "--grow where nothing came" run "$model" "$work/in" -o "$out" --length-penalty 0.6 --grow
check "--grow where nothing came" cmp "$work/before" "$out/.grus/run.json"

# A directory of nobody is claimed as without it, and a run of version 0.1.0 grows without an identity.
expect 0 "--grow at first" run "$model" "$work/in/a.jsonl" -q -o "$work/first" --grow
sed -i '/"run": "/d' "$work/first/.grus/run.json"
sed -i 's/, "run": "[0-9a-f]*"//' "$work/first/.grus/done/a.json"
expect 0 "a run of 0.1.0 grows" run "$model" "$work/in/a.jsonl" "$work/in/b.jsonl" -o "$work/first" --grow
says "a run of 0.1.0 grows" "1 done before"
check "a run of 0.1.0 grows: no identity" test -z "$(grep -l '"run": "' "$work/first/.grus/run.json" "$work/first"/.grus/done/*)"

# Three parts of an array, all of them started again at once with more inputs.
part() {
    SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=2 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_JOB_ID=1 \
        "$GRUS" run "$model" "${@:2}" -q -o "$work/parts" --length-penalty 0.6 2>"$work/err$1"
}
for k in 0 1 2; do
    part $k "$work/in/b.jsonl" "$work/in/d.jsonl" || fail "part $k: exit $?: $(cat "$work/err$k")"
done
array=$(grep -A4 '"array"' "$work/parts/.grus/run.json" | tr -d ' \n')
for k in 0 1 2; do
    part $k "$work/in" --grow &
    parts[k]=$!
done
for k in 0 1 2; do
    wait "${parts[$k]}" || fail "part $k grown: exit $?: $(cat "$work/err$k")"
done
for i in a b c d e; do
    check "parts: shard $i" cmp "$work/reference/$i.jsonl.zst" "$work/parts/$i.jsonl.zst"
done
check "parts: the array stays" test "$(grep -A4 '"array"' "$work/parts/.grus/run.json" | tr -d ' \n')" = "$array"
expect 0 "parts: verify" verify "$work/parts"
finish
