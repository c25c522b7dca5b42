#!/usr/bin/env bash
# Inputs that change: what is done of another input is never taken for done, and an input that changes while it is read
# fails its shard.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model out=$work/run done=$work/run/.grus/done

mkdir "$work/in"
for i in 1 2; do
    words 50 "$i" | to_jsonl >"$work/in/s$i.jsonl"
done
expect 0 "the first run" run "$model" "$work/in" -q -o "$out"
check "the manifest knows the path" grep -q "\"input_path\": *\"$(realpath "$work/in/s1.jsonl")\"" "$done/s1.json"
check "the manifest knows the inode" grep -q "\"input_inode\": *\"$(stat -c %i "$work/in/s1.jsonl")\"" "$done/s1.json"
check "the manifest knows the time" \
    grep -q "\"input_modified_ns\": *\"$(date -r "$work/in/s1.jsonl" +%s%N)\"" "$done/s1.json"
expect 0 "nothing to do" run "$model" "$work/in" -o "$out"
says "nothing to do" "nothing to do"

# state: what a run has made; why a shard has failed is kept beside that.
state() {
    (cd "$out" && find . -type f ! -name 'report*.json' ! -path './.grus/failed/*' -exec sha256sum {} + | sort)
}
state >"$work/done"
unchanged() {
    state >"$work/now"
    check "$1: all stays as it was" cmp "$work/done" "$work/now"
}

# ---- the same content ----

touch "$work/in/s1.jsonl"
expect 0 "another time, the same bytes" run "$model" "$work/in" -o "$out"
says "another time, the same bytes" "nothing to do"
cp -r "$work/in" "$work/copy"
expect 0 "a copy of the inputs" run "$model" "$work/copy" -o "$out"
says "a copy of the inputs" "nothing to do"
mv "$work/in" "$work/moved"
expect 0 "inputs that were moved" run "$model" "$work/moved" -o "$out"
says "inputs that were moved" "nothing to do"
expect 0 "verify: inputs that are gone" verify "$out"
mv "$work/moved" "$work/in"
mv "$work/in/s1.jsonl" "$work/s1.kept"
expect 0 "an input that is gone" run "$model" "$work/in/s1.jsonl" "$work/in/s2.jsonl" -o "$out"
says "an input that is gone" "nothing to do"
mv "$work/s1.kept" "$work/in/s1.jsonl"
unchanged "the same content"

# ---- other content ----

# fails WHAT INPUT TEXT: s1 is an error that says TEXT, s2 stays done, and nothing is written.
fails() {
    expect 1 "$1" run "$model" "$2" -o "$out"
    says "$1" "grus: $2/s1.jsonl: changed since its shard was done: $3"
    says "$1" "--on-changed redo"
    check "$1: one shard is told" test "$(grep -c 'changed since' "$work/err")" = 1
    unchanged "$1"
}

bytes=$(stat -c %s "$work/in/s1.jsonl")
cp -p "$work/in/s1.jsonl" "$work/s1.kept"
printf '{"text":"abc"}\n' >>"$work/in/s1.jsonl"
fails "an input that grew" "$work/in" "it had $bytes bytes and has $((bytes + 15))"
expect 1 "verify: an input that grew" verify "$out"
says "verify: an input that grew" "$work/in/s1.jsonl: changed since its shard was done: it had $bytes bytes and has $((bytes + 15))"
head -n 20 "$work/s1.kept" >"$work/in/s1.jsonl"
fails "an input that shrank" "$work/in" "it had $bytes bytes and has $(stat -c %s "$work/in/s1.jsonl")"
tr a-m b-n <"$work/s1.kept" >"$work/in/s1.jsonl"
fails "an input of the same size" "$work/in" "it has $bytes bytes as before, and other content"
cp -p "$work/s1.kept" "$work/in/s1.jsonl"
expect 0 "as it was, by its hash" run "$model" "$work/in" -o "$out"

mkdir "$work/other"
words 70 3 | to_jsonl >"$work/other/s1.jsonl"
cp "$work/in/s2.jsonl" "$work/other"
fails "another directory" "$work/other" "it had $bytes bytes and has $(stat -c %s "$work/other/s1.jsonl")"
says "another directory" "the shard was made of $(realpath "$work/in/s1.jsonl")"

expect 0 "keep" run "$model" "$work/other" -o "$out" --on-changed keep
says "keep" "grus: warning: 1 shard is kept whose input changed since it was done, $work/other/s1.jsonl"
says "keep" "nothing to do"
expect 0 "keep, and nothing changed" run "$model" "$work/in" -o "$out" --on-changed keep
check "keep, and nothing changed: no warning" test "$(grep -c warning "$work/err")" = 0
expect 2 "no such policy" run "$model" "$work/in" -o "$out" --on-changed ask
expect 0 "a dry run sets nothing aside" run "$model" "$work/other" -o "$out" --on-changed redo --dry-run
unchanged "keep"

cp "$out/s1.jsonl.zst" "$work/old.zst"
cp "$done/s1.json" "$work/old.json"
for n in 1 2; do
    expect 0 "redo $n" run "$model" "$work/other" -o "$out" --on-changed redo
    says "redo $n" "70 records"
    expect 0 "redo $n: as from nothing" run "$model" "$work/other" -q -o "$work/fresh$n"
    check "redo $n: the output" cmp "$work/fresh$n/s1.jsonl.zst" "$out/s1.jsonl.zst"
    expect 0 "redo $n: verify" verify "$out" --inputs "$work/other"
    check "redo $n: the old output is kept" test -s "$out/.grus/aside/s1.$n.jsonl.zst"
    check "redo $n: the old manifest is kept" test -s "$out/.grus/aside/s1.$n.json"
    words 70 4 | to_jsonl >"$work/other/s1.jsonl"
done
check "redo: the first output" cmp "$work/old.zst" "$out/.grus/aside/s1.1.jsonl.zst"
check "redo: the first manifest" cmp "$work/old.json" "$out/.grus/aside/s1.1.json"

# ---- manifests of version 0.1.0 ----

rm -rf "$out"
expect 0 "a run for old manifests" run "$model" "$work/in" -q -o "$out"
sed -i -E 's/"input_(path|modified_ns|inode)": *"[^"]*", *//g' "$done"/*.json
check "old manifests know no inode" test "$(grep -c inode "$done/s1.json")" = 0
touch -d '1 hour ago' "$work/in"/*
expect 0 "an old manifest, nothing changed" run "$model" "$work/in" -o "$out"
touch -d '1 hour' "$work/in/s1.jsonl"
expect 0 "an old manifest, an input that was touched" run "$model" "$work/in" -o "$out"
state >"$work/done"
tr a-m b-n <"$work/s1.kept" >"$work/in/s1.jsonl"
touch -d '1 hour' "$work/in/s1.jsonl"
fails "an old manifest, other content of the same size" "$work/in" "it has $bytes bytes as before, and other content"
echo '{}' >>"$work/in/s1.jsonl"
touch -d '1 hour ago' "$work/in/s1.jsonl"
fails "an old manifest, another size" "$work/in" "it had $bytes bytes and has $((bytes + 3))"

# ---- while it is read ----

# A slow reader of a large input: one thread and large outputs. It is cut, or grows, once the first checkpoint is there.
large() {
    for _ in {1..40}; do
        words 500 5 | to_jsonl
    done >"$work/large.jsonl"
}
# meanwhile ACTION: in a run that has a checkpoint; its exit code is in code.
meanwhile() {
    rm -rf "$work/meanwhile"
    large
    "$GRUS" run "$model" "$work/large.jsonl" -q -o "$work/meanwhile" -t 1 --attention soft --batch-tokens 200 \
        --checkpoint-records 50 2>"$work/err" &
    local child=$!
    code=0
    for _ in {1..400}; do
        [[ -n $(ls "$work/meanwhile/.grus/partial/"*+journal 2>/dev/null) ]] && break
        sleep 0.02
    done
    eval "$1"
    wait "$child" || code=$?
}
# during WHAT ACTION TEXT: the shard fails.
during() {
    meanwhile "$2"
    check "$1: exit $code" test "$code" = 1
    says "$1" "grus: $work/large.jsonl: changed while it was read: $3"
    check "$1: no output" test ! -e "$work/meanwhile/large.jsonl.zst"
    check "$1: no manifest" test ! -e "$work/meanwhile/.grus/done/large.json"
}
large
size=$(stat -c %s "$work/large.jsonl")
during "an input that is emptied" ': >"$work/large.jsonl"' "it had $size bytes when it was opened and has 0 at its end; "
during "an input that grows" 'echo "{}" >>"$work/large.jsonl"' \
    "it had $size bytes when it was opened and has $((size + 3)) at its end; "
during "an input that is written to" 'printf " " | dd of="$work/large.jsonl" conv=notrunc bs=1 status=none' \
    "its $size bytes were written to"
meanwhile 'mv "$work/large.jsonl" "$work/large.away"'
check "an input that is moved away: exit $code" test "$code" = 0
mv "$work/large.away" "$work/large.jsonl"
expect 0 "an input that was moved away, and back: verify" verify "$work/meanwhile"
echo '{}' >>"$work/large.jsonl"
expect 1 "an input that was moved away, back, and changed: verify" verify "$work/meanwhile"
large
expect 0 "once it is quiet" run "$model" "$work/large.jsonl" -q -o "$work/meanwhile" --attention soft --checkpoint-records 50
expect 0 "once it is quiet: verify" verify "$work/meanwhile" --inputs "$work/large.jsonl"
finish
