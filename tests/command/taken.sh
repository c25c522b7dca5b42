#!/usr/bin/env bash
# Two runs in one OUTDIR: a run whose directory was removed, moved or emptied, and taken by another run meanwhile, stops
# with an error and leaves nothing there; what another run has made is never taken for done.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model out=$work/run

mkdir "$work/in"
for i in 1 2 3 4; do
    words 3000 "$i" | to_jsonl >"$work/in/s$i.jsonl"
done

# first: a slow run into $out, which has a journal there, so that it is in the midst of a shard. Its number is in child.
first() {
    rm -rf "$out" "$out.moved"
    "$GRUS" run "$model" "$work/in" -q -o "$out" -t 1 --attention soft --batch-tokens 200 --checkpoint-records 50 2>"$work/first" &
    child=$!
    for _ in {1..400}; do
        [[ -n $(ls "$out/.grus/partial/"*+journal 2>/dev/null) ]] && break
        sleep 0.02
    done
}
# second: another run, of which no shard may be of the first.
second() {
    mkdir "$work/few"
    head -n 20 "$work/in/s1.jsonl" >"$work/few/s1.jsonl"
    head -n 20 "$work/in/s4.jsonl" >"$work/few/s4.jsonl"
    expect 0 "$1: the second run" run "$model" "$work/few" -q -o "$out" -b 1
    rm -r "$work/few"
}
# ends WHAT: the first run stops with exit 5 and says why, and all that is in $out is the second's.
ends() {
    local code=0
    wait "$child" || code=$?
    check "$1: exit $code" test "$code" = 5
    check "$1: says why" grep -q "^grus: $out" "$work/first"
    check "$1: the second run's shards alone" test "$(cd "$out" && echo *)" = "report.json s1.jsonl.zst s4.jsonl.zst"
    check "$1: its manifests alone" test "$(cd "$out/.grus/done" && echo *)" = "s1.json s4.json"
    check "$1: nothing is left" test -z "$(ls "$out/.grus/partial")"
    expect 0 "$1: verify" verify "$out"
    expect 0 "$1: status" status "$out"
}

first
rm -rf "$out"
second "removed"
ends "removed"

first
mv "$out" "$out.moved"
second "moved"
ends "moved"
check "moved: nothing finished is in the old one" test -z "$(ls "$out.moved" | grep -v report)"

first
find "$out" -mindepth 1 -delete
second "emptied"
ends "emptied"

first
rm -rf "$out"
code=0
wait "$child" || code=$?
check "removed for good: exit $code" test "$code" = 5
check "removed for good: it stays so" test ! -e "$out"

# ---- what another run has made ----

identity() {
    sed -nE 's/.*"run": "([0-9a-f]{16})".*/\1/p' "$1"
}
head -n 20 "$work/in/s1.jsonl" >"$work/a.jsonl"
head -n 20 "$work/in/s2.jsonl" >"$work/b.jsonl"
for options in "" "-b 1"; do
    # shellcheck disable=SC2086
    expect 0 "a run with '$options'" run "$model" "$work/a.jsonl" "$work/b.jsonl" -q -o "$work/o$options" $options
done
ours=$(identity "$work/o/.grus/run.json") theirs=$(identity "$work/o-b 1/.grus/run.json")
check "runs have identities" test "${#ours}" = 16 -a "${#theirs}" = 16 -a "$ours" != "$theirs"
check "so have manifests" test "$(identity "$work/o/.grus/done/a.json")" = "$ours"
cp -r "$work/o" "$work/whole"
sed -i "s/$ours/$theirs/" "$work/o/.grus/done/a.json"
expect 1 "another run's manifest: verify" verify "$work/o"
says "another run's manifest: verify" "$work/o/.grus/done/a.json:run: is of another run"
expect 1 "another run's manifest: status" status "$work/o"
check "another run's manifest: status says so" grep -q "the manifest is another run's" "$work/out"
expect 0 "another run's manifest: it is done again" run "$model" "$work/a.jsonl" "$work/b.jsonl" -o "$work/o"
says "another run's manifest: it is done again" "1 done before"
check "another run's manifest: its own again" cmp "$work/whole/.grus/done/a.json" "$work/o/.grus/done/a.json"
expect 0 "another run's manifest: verify afterwards" verify "$work/o"

# A run of version 0.1.0 has none, and goes on without.
sed -i '/"run": "/d' "$work/o/.grus/run.json"
sed -i 's/, "run": "[0-9a-f]*"//' "$work/o/.grus/done/a.json"
rm "$work/o/b.jsonl.zst" "$work/o/.grus/done/b.json"
expect 0 "a run without identity goes on" run "$model" "$work/a.jsonl" "$work/b.jsonl" -o "$work/o"
says "a run without identity goes on" "1 done before"
check "its manifests have none either" test -z "$(identity "$work/o/.grus/done/b.json")"
expect 0 "a run without identity: verify" verify "$work/o"
sed -i 's/^{/{"run": 5,/' "$work/o/.grus/run.json"
expect 5 "an identity that is none" verify "$work/o"
finish
