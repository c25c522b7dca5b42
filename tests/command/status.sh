#!/usr/bin/env bash
# What `grus status` and `grus verify` say of a directory: finished, partly done by several ranks, and damaged in every
# way that a disk or a person can think of; and that partial files of the dead go away at the next run.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model out=$work/run done=$work/run/.grus/done partial=$work/run/.grus/partial

mkdir "$work/in"
for i in 0 1 2 3 4 5 6; do
    words $((20 + i)) "$i" | to_jsonl >"$work/in/s$i.jsonl"
done
records=$((20 + 21 + 22 + 23 + 24 + 25 + 26))

# prints WHAT PATTERN: the last command's standard output has a line like this.
prints() {
    checks=$((checks + 1))
    if ! grep -qE -- "$2" "$work/out"; then
        fail "$1: standard output lacks /$2/"
        sed 's/^/    /' "$work/out" >&2
    fi
}
# differences WHAT N: the last verify told so many.
differences() {
    check "$1: $(wc -l <"$work/err") differences, expected $2" test "$(wc -l <"$work/err")" = "$2"
}
# member FILE KEY: of a manifest, its quotes taken off.
member() {
    sed -E 's/.*"'"$2"'": "?([^",}]*).*/\1/' "$1"
}
hash_of() {
    xxhsum -q -H1 "$1" | cut -d' ' -f1
}

# ---- not a directory of grus ----

mkdir "$work/empty" "$work/broken"
for command in status verify; do
    expect 5 "$command: nowhere" "$command" "$work/nowhere"
    says "$command: nowhere" "grus: $work/nowhere: "
    expect 5 "$command: an empty directory" "$command" "$work/empty"
    says "$command: an empty directory" ".grus/run.json"
    expect 5 "$command: a file" "$command" "$work/in/s0.jsonl"
    mkdir -p "$work/broken/.grus"
    for text in '' '{' '[]' '{"world_size": 1}' '{"world_size": 0, "format": "jsonl", "inputs": ["a.txt"]}' \
        '{"world_size": 1, "format": "csv", "inputs": ["a.txt"]}' '{"world_size": 1, "format": "txt", "inputs": []}' \
        '{"world_size": 1, "format": "txt", "inputs": ["../a.txt"]}' '{"world_size": 1, "format": "txt", "inputs": [3]}'; do
        echo "$text" >"$work/broken/.grus/run.json"
        expect 5 "$command: run.json is $text" "$command" "$work/broken"
        says "$command: run.json is $text" "grus: $work/broken/.grus/run.json:"
    done
    expect 0 "$command --help" "$command" --help
done

# ---- several ranks ----

step() {
    expect 0 "rank $1 of $2" run "$model" "$work/in" -q -o "$out" --rank "$1" --world-size "$2"
}
# left N EXPRESSION MISSING...: status tells that the shards of N are done and what is left.
left() {
    local n=$1 expression=$2 shard
    shift 2
    expect 1 "$n done" status "$out"
    prints "$n done" "^shards +7: $n done, 0 partial, 0 broken, $((7 - n)) missing"
    prints "$n done" "^retry +$expression  \(for --rank; 5 parts in all\)$"
    for shard in "$@"; do
        prints "$n done" "^missing +rank $((${shard#s} % 5)) +$shard.jsonl$"
    done
    check "$n done: nothing else is missing" test "$(grep -c ^missing "$work/out")" = "$#"
    expect 1 "$n done, as JSON" status "$out" --json
    prints "$n done, as JSON" "\"done\": $n,"
    prints "$n done, as JSON" "\"retry\": \"$expression\""
}
step 2 5
left 1 0-1,3-4 s0 s1 s3 s4 s5 s6
expect 0 "what is not done is no difference" verify "$out"
prints "what is not done" ": 6 shards are not done"
prints "what is not done" ": 1 of 7 shards read: 22 records"
step 0 5
left 3 1,3-4 s1 s3 s4 s6
step 4 5
left 4 1,3 s1 s3 s6
step 3 5
left 5 1 s1 s6
rm "$out/s4.jsonl.zst" "$done/s4.json"
left 4 1,4 s1 s4 s6
step 1 5
step 4 5
expect 0 "all done" status "$out"
prints "all done" "^shards +7: 7 done, 0 partial, 0 broken, 0 missing"
prints "all done" "^records +$records, 0 of them in error"
check "all done: nothing to retry" test "$(grep -c retry "$work/out")" = 0
expect 0 "all done, as JSON" status "$out" --json
prints "all done, as JSON" '"retry": ""'
prints "all done, as JSON" "\"records\": $records,"
if command -v jq >/dev/null; then
    check "all done: JSON" test "$(jq -c '[.shards, .done, .not_done, .stale]' "$work/out")" = '[7,7,[],[]]'
fi
expect 0 "all sound" verify "$out"
bytes=$(cat "$out"/*.jsonl.zst | wc -c)
prints "all sound" ": 7 of 7 shards read: $records records \(0 in error\), $bytes bytes$"
prints "all sound" ": no differences"
differences "all sound" 0
expect 0 "all sound, quiet" verify "$out" -q
check "all sound, quiet" test ! -s "$work/out"

# The manifests against tools that are not grus.
for i in 0 1 2 3 4 5 6; do
    check "manifest $i: size" test "$(member "$done/s$i.json" output_bytes)" = "$(wc -c <"$out/s$i.jsonl.zst")"
    check "manifest $i: lines" test "$(member "$done/s$i.json" records_out)" = "$(plain "$out/s$i.jsonl.zst" | wc -l)"
    if command -v xxhsum >/dev/null; then
        check "manifest $i: hash" test "$(member "$done/s$i.json" output_xxh64)" = "$(hash_of "$out/s$i.jsonl.zst")"
    fi
done
cp -r "$out" "$work/sound"

# ---- directories made by hand: which ranks are to do again ----

# made SHARDS WORLD_SIZE DONE...: a run of so many shards, of which those with these numbers are done.
made() {
    local n=$1 world=$2 i
    shift 2
    rm -rf "$work/made"
    mkdir -p "$work/made/.grus/done"
    {
        printf '{"world_size": %d, "format": "txt", "inputs": [' "$world"
        for ((i = 0; i < n; i++)); do
            printf '%s"p%d.tsv.zst"' "${sep:-}" "$i"
            local sep=', '
        done
        echo ']}'
    } >"$work/made/.grus/run.json"
    for i; do
        printf %s "$i" >"$work/made/p$i.txt.zst"
        printf '{"input": "p%d.tsv.zst", "input_bytes": 1, "input_xxh64": "%016x", "records_in": %d, "records_out": %d,
            "records_failed": 1, "output_bytes": %d, "output_xxh64": "%016x"}' "$i" 0 "$i" "$i" ${#i} 0 \
            >"$work/made/.grus/done/p$i.json"
    done
}
# again EXPRESSION: what status says of it.
again() {
    expect 1 "again $1" status "$work/made"
    prints "again $1" "^retry +$1  "
}
made 10 10 1 2 6 7 8
again 0,3-5,9
prints "again 0,3-5,9" "^records +24, 5 of them in error"
made 10 10
again 0-9
made 3 1 1
again 0
prints "one part" "^retry +0  \(by the same command; 1 part in all\)$"
made 10 10 0 1 2 3 4 5 6 7 8
again 9
made 10 10 1 3 5 7 9
again 0,2,4,6,8
# Shards 0 3 6 9 are rank 0's, 1 4 7 rank 1's, 2 5 8 rank 2's.
made 10 3 0 3 6 9 1 4 2 5 8
again 1
made 10 3 0 3 6 9 1 4 7
again 2
made 10 3 1 4 7
again 0,2
made 10 3 0 1 2 3 4 5 6 7 8
again 0
made 10 1 0 1 2 3 4 5 6 7 8
again 0
made 3 1000000000000000000 1
again 0,2
made 12 12 0 1 2 3 4 5 6 7 8 9
again 10-11
made 3 2 0 1 2
expect 0 "nothing again" status "$work/made"

# ---- inputs ----

expect 0 "inputs: a directory" verify "$out" --inputs "$work/in"
prints "inputs: a directory" ": 7 inputs compared"
expect 0 "inputs: two files" verify "$out" --inputs "$work/in/s1.jsonl" "$work/in/s2.jsonl"
prints "inputs: two files" ": 2 inputs compared"
mkdir "$work/others"
cp "$work/in/s1.jsonl" "$work/others/s1.jsonl"
sed 's/1/2/' "$work/in/s2.jsonl" >"$work/others/s2.jsonl"
head -n 3 "$work/in/s3.jsonl" >"$work/others/s3.jsonl"
cp "$work/in/s4.jsonl" "$work/others/s9.jsonl"
expect 1 "inputs: other bytes" verify "$out" --inputs "$work/others"
differences "inputs: other bytes" 4
says "inputs: one changed" "grus: $work/others/s2.jsonl:input_xxh64: "
says "inputs: one cut" "grus: $work/others/s3.jsonl:input_bytes: the size is $(wc -c <"$work/others/s3.jsonl"), the manifest says $(wc -c <"$work/in/s3.jsonl")"
says "inputs: one of another run" "grus: $work/others/s9.jsonl: is no input of this run"
expect 4 "inputs: none there" verify "$out" --inputs "$work/nowhere.jsonl"
expect 1 "inputs: one not there" verify "$out" --inputs "$work/nowhere.jsonl" "$work/in/s1.jsonl"
expect 2 "inputs: standard input" verify "$out" --inputs -

# ---- damage, one kind at a time ----

afresh() {
    rm -rf "$out"
    cp -r "$work/sound" "$out"
}
# damaged WHAT N TEXT...: verify tells N differences, and these texts.
damaged() {
    local what=$1 n=$2 text
    shift 2
    expect 1 "$what" verify "$out"
    differences "$what" "$n"
    for text in "$@"; do
        says "$what" "grus: $text"
    done
}
# flip FILE OFFSET: another byte there.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
shard=$out/s5.jsonl.zst
size=$(wc -c <"$shard")
for at in 0 4 40 $((size / 2)) $((size - 1)); do
    afresh
    flip "$shard" "$at"
    expect 1 "byte $at differs" verify "$out"
    says "byte $at differs" "grus: $shard:"
    says "byte $at differs" "grus: $shard:output_xxh64: the XXH64 is "
    if command -v xxhsum >/dev/null; then
        says "byte $at differs" "$(hash_of "$shard"), the manifest says $(hash_of "$work/sound/s5.jsonl.zst")"
    fi
    expect 0 "byte $at differs: status does not look" status "$out"
done
afresh
truncate -s $((size - 7)) "$shard"
damaged "a truncated output" 3 "$shard:byte $((size - 7)): " \
    "$shard:output_bytes: the size is $((size - 7)), the manifest says $size" "$shard:output_xxh64: "
expect 1 "a truncated output: status" status "$out"
prints "a truncated output: status" "^broken +rank 0 +s5.jsonl  "
prints "a truncated output: status" "^retry +0  \(for --rank; 5 parts in all\)$"
afresh
: >"$shard"
damaged "an empty output" 3 "$shard:byte 0: is named .zst and has no bytes: a file that was cut" \
    "$shard:output_bytes: the size is 0, the manifest says $size" "$shard:output_xxh64: "
afresh
echo more | zstd -q >>"$shard"
damaged "two frames" 4 "$shard: is not one zstd frame" "$shard:records_out: the number of lines is 26, the manifest says 25"
afresh
printf '\x50\x2a\x4d\x18\x01\x00\x00\x00x' >>"$shard"
damaged "a skippable frame" 3 "$shard: is not one zstd frame"
afresh
printf x >>"$shard"
damaged "garbage behind it" 3 "$shard:byte $size: "
afresh
plain "$work/sound/s5.jsonl.zst" | head -c -1 | zstd -q >"$work/bare"
cp "$work/bare" "$shard"
expect 1 "a last line without newline" verify "$out"
says "a last line without newline" "$shard: the last line has no newline"
afresh
rm "$shard"
damaged "no output" 1 "$done/s5.json: has no output"
afresh
rm "$done/s5.json"
damaged "no manifest" 1 "$shard: has no manifest"
expect 1 "no manifest: status" status "$out"
prints "no manifest: status" "^broken +rank 0 +s5.jsonl  \(the output has no manifest\)"
step 0 5
expect 0 "no manifest: mended by a run" verify "$out"
afresh
for text in '' '{' '[]' '{"input": "s5.jsonl"}'; do
    echo "$text" >"$done/s5.json"
    damaged "the manifest is $text" 1 "$done/s5.json:"
    expect 1 "the manifest is $text: status" status "$out"
    prints "the manifest is $text: status" "^broken +rank 0 +s5.jsonl  "
done
step 0 5
expect 0 "a damaged manifest is mended by a run" verify "$out"
check "it is what it was" cmp "$work/sound/.grus/done/s5.json" "$done/s5.json"
sed -i 's/"records_in": 25/"records_in": 26/' "$done/s5.json"
damaged "a record too few" 1 "$done/s5.json:records_out: "
cp "$done/s4.json" "$done/s5.json"
expect 1 "another shard's manifest" verify "$out"
says "another shard's manifest" "$done/s5.json:input: "
afresh
cp "$shard" "$out/stranger.jsonl.zst"
cp "$done/s5.json" "$done/stranger.json"
echo text >"$out/notes.txt"
damaged "a shard of nobody" 2 "$out/stranger.jsonl.zst: " "$done/stranger.json: "
expect 0 "a shard of nobody: status" status "$out"
afresh

# ---- partial files ----

host=$(uname -n | tr -c 'A-Za-z0-9.\n' -)
sleep 0 &
dead=$!
wait "$dead"
gone=$partial/s1.$dead-0123456789abcdef@$host
ours=$partial/s2.$$-0123456789abcdef@$host
theirs=$partial/s3.77-0123456789abcdef@elsewhere
stale=$partial/s4.77-0123456789abcdef@elsewhere
other=$partial/s5.$dead-0123456789abcde@$host
names=("$gone" "$ours" "$theirs" "$stale" "$other")
for i in 1 2 3 4; do
    rm "$out/s$i.jsonl.zst" "$done/s$i.json"
done
touch "${names[@]}"
touch -d '8 days ago' "$stale"
expect 1 "partial files" status "$out"
prints "partial files" "^shards +7: 3 done, 3 partial, 0 broken, 1 missing"
prints "a dead process" "^missing +rank 1 +s1.jsonl  \(given up by process $dead on $host"
prints "a live process" "^partial +rank 2 +s2.jsonl  \(process $$ on $host"
prints "another host" "^partial +rank 3 +s3.jsonl  \(process 77 on elsewhere"
container=$partial/s3.77-0123456789abcdef@$host~0123456789ab~1
mv "$theirs" "$container"
expect 1 "a file of another container" status "$out"
prints "another container" "^partial +rank 3 +s3.jsonl  \(process 77 on $host in another boot or pid namespace, "
mv "$container" "$theirs"
expect 1 "partial files again" status "$out"
prints "a stale file" "^stale .*/${stale##*/}: "
check "one file is stale" test "$(grep -c ^stale "$work/out")" = 1
check "status removes nothing" test "$(find "$partial" -type f | wc -l)" = 5
# A dead process whose file is locked: one in another container of the same name.
if command -v flock >/dev/null; then
    flock "$gone" "$GRUS" run "$model" "$work/in" -q -o "$out" --rank 2 --world-size 5 >"$work/out" 2>"$work/err"
    check "a locked file stays" test -e "$gone"
fi
step 2 5
check "what a dead process left is gone" test ! -e "$gone"
check "all other files stay" test "$(find "$partial" -type f | wc -l)" = 4
rm "${names[@]:1}"

rm -rf "$partial" "$out/s3.jsonl.zst"
mkdir "$partial"
touch "$ours"
rm "$out/.grus/done/s2.json"
expect 1 "an output that is being committed" status "$out"
prints "an output that is being committed" "^partial +rank 2 +s2.jsonl  "

# ---- other formats ----

expect 0 "txt" run "$model" "$work/in" -q -o "$work/txt" --format txt
expect 0 "txt: verify" verify "$work/txt" --inputs "$work/in"
expect 0 "txt: status" status "$work/txt"
expect 0 "npy" run "$golden/pool-dot-last-hidden/model" "$work/in" -q -o "$work/npy" --task embed --format npy
expect 0 "npy: verify" verify "$work/npy" --inputs "$work/in"
expect 0 "npy: status" status "$work/npy"
out=$work/npy
flip "$out/s3.npy" 200
damaged "npy: a byte differs" 1 "$out/s3.npy:output_xxh64: "
printf x >>"$out/s3.npy"
damaged "npy: a byte more" 2 "$out/s3.npy:output_bytes: " "$out/s3.npy:output_xxh64: "
expect 0 "standard input" run "$model" - -q -o "$work/piped"
expect 0 "standard input: status" status "$work/piped"
expect 0 "standard input: verify" verify "$work/piped"
prints "standard input: verify" ": 1 of 1 shards read: 0 records"

# ---- failed shards ----

echo '{"text": 1}' >"$work/bad.jsonl"
expect 1 "a shard that fails" run "$model" "$work/bad.jsonl" "$work/in/s1.jsonl" -q -o "$work/failing" --on-error fail
expect 1 "a shard that fails: status" status "$work/failing"
prints "a shard that fails: status" "^shards +2: 1 done, 0 partial, 0 broken, 1 missing"
prints "a shard that fails: status" "^failed +1 "
finish
