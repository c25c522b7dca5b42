#!/usr/bin/env bash
# What OUTDIR promises: a shard is there whole or not at all, what is done is not done again, a run with other options
# is refused, and a run that was stopped goes on as if it had not been.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model out=$work/run

mkdir "$work/in"
for i in 1 2 3; do
    words 200 "$i" | to_jsonl >"$work/in/s$i.jsonl"
done

clean() {
    check "$1: no partial file is left" test -z "$(ls "$out/.grus/partial")"
}

# state: names, inodes and times of everything that a run has written.
state() {
    find "$out" -printf '%P %i %T@\n' | sort
}

expect 0 "the first run" run "$model" "$work/in" -o "$out"
says "the memory is told" "at most"
says "the summary" "600 records"
clean "the first run"
for i in 1 2 3; do
    check "shard $i is there" test -s "$out/s$i.jsonl.zst"
    check "manifest $i is there" test -s "$out/.grus/done/s$i.json"
    check "shard $i is one sound frame" zstd -tq "$out/s$i.jsonl.zst"
    check "shard $i has a checksum" grep -q XXH64 <(zstd -l "$out/s$i.jsonl.zst")
done
check "report.json counts" grep -q '"records": 600,' "$out/report.json"

state >"$work/before"
expect 0 "the second run" run "$model" "$work/in" -o "$out"
says "the second run" "nothing to do"
state >"$work/after"
check "the second run touches nothing" cmp "$work/before" "$work/after"
expect 0 "a dry run" run "$model" "$work/in" -o "$work/dry" --dry-run
says "a dry run" "at most"
check "a dry run writes nothing" test ! -e "$work/dry"

cp -r "$out" "$work/reference"
rm "$out/s2.jsonl.zst" "$out/.grus/done/s2.json"
expect 0 "one shard is missing" run "$model" "$work/in" -o "$out"
says "one shard is missing" "200 records"
check "it is done again, the same" cmp "$work/reference/s2.jsonl.zst" "$out/s2.jsonl.zst"
rm "$out/s2.jsonl.zst"
expect 0 "an output without its file" run "$model" "$work/in" -q -o "$out"
check "it is done again" cmp "$work/reference/s2.jsonl.zst" "$out/s2.jsonl.zst"
rm "$out/.grus/done/s3.json"
expect 0 "an output without its manifest" run "$model" "$work/in" -q -o "$out"
check "the manifest is written again" cmp "$work/reference/.grus/done/s3.json" "$out/.grus/done/s3.json"
clean "repairs"

# Outputs without their manifests that hold other bytes: of the same results they stay, of others they are set aside; what
# is beside them is done all the same.
compressed=$(plain "$work/reference/s1.jsonl.zst" | zstd -q -19 | tee "$work/packed" | wc -c)
rm "$out"/.grus/done/s[12].json "$out/s3.jsonl.zst" "$out/.grus/done/s3.json"
cp "$work/packed" "$out/s1.jsonl.zst"
head -c 900 "$work/reference/s2.jsonl.zst" >"$out/s2.jsonl.zst"
cp "$out/s2.jsonl.zst" "$work/cut"
check "the bytes are others" test "$(cmp "$work/packed" "$work/reference/s1.jsonl.zst" >/dev/null && echo equal)" = ""
expect 0 "outputs without manifests, of other bytes" run "$model" "$work/in" -o "$out"
says "a cut output without its manifest" "s2.jsonl.zst: was there already with other content, or not to be read, and no manifest; it was set aside"
check "the same results stay" cmp "$work/packed" "$out/s1.jsonl.zst"
check "the manifest tells of what is there" grep -q "\"output_bytes\": $compressed," "$out/.grus/done/s1.json"
check "the other is set aside" cmp "$work/cut" "$out/.grus/aside/s2.1.jsonl.zst"
check "its shard is done" cmp "$work/reference/s2.jsonl.zst" "$out/s2.jsonl.zst"
check "what is beside them is done" cmp "$work/reference/s3.jsonl.zst" "$out/s3.jsonl.zst"
expect 0 "outputs without manifests: verify" verify "$out"
expect 0 "outputs without manifests: again" run "$model" "$work/in" -o "$out"
says "outputs without manifests: again" "nothing to do"
clean "outputs without manifests"

# What is done needs its input no more.
mv "$work/in/s3.jsonl" "$work/s3.kept"
expect 0 "an input is gone whose output is done" run "$model" "$work/in/s1.jsonl" "$work/in/s2.jsonl" "$work/in/s3.jsonl" -o "$out"
says "an input is gone whose output is done" "nothing to do"
mv "$work/s3.kept" "$work/in/s3.jsonl"

# Other runs are refused, and change nothing.
state >"$work/before"
for other in "--beam-size 2" "--length-penalty 0.5" "--attention soft" "--format txt" "--on-error fail" "--level 4" \
    "--rank 0 --world-size 2" "--text-key body" "--max-length 7"; do
    # shellcheck disable=SC2086
    expect 2 "refused: $other" run "$model" "$work/in" -o "$out" $other
    says "refused: $other" run.json
done
expect 2 "refused: another model" run "$golden/whitespace-bos-eos/model" "$work/in" -o "$out"
says "refused: another model" "the model is another now (its files have changed, or it is another directory)"
says "refused: another model" "choose another output directory, or remove this one if its results are not wanted"
cp -r "$golden/whitespace-bos-eos/model" "$work/second"
expect 2 "refused: a model of another name" run "$work/second/" "$work/in" -o "$out"
says "refused: a model of another name" 'the model is another now (it was "model")'
cp -r "$model" "$work/copy"
expect 0 "a copy of the model is the same" run "$work/copy/." "$work/in" -o "$out"
says "a copy of the model is the same" "nothing to do"
expect 2 "refused: fewer inputs" run "$model" "$work/in/s1.jsonl" -o "$out"
state >"$work/after"
check "what is refused changes nothing" cmp "$work/before" "$work/after"
expect 0 "threads and batches may differ" run "$model" "$work/in" -q -o "$out" -t 3 --batch-tokens 64 --progress always

# An input in the place of its own output.
mkdir "$work/same"
cp "$out/s1.jsonl.zst" "$work/same/x.jsonl.zst"
expect 2 "an input in the place of its output" run "$model" "$work/same/x.jsonl.zst" -o "$work/same"

# A directory that cannot be written: below a file, and where nothing can be made.
echo text >"$work/file"
expect 5 "OUTDIR below a file" run "$model" "$work/in" -o "$work/file/out"
says "OUTDIR below a file" "$work/file"
if [[ -d /proc/self ]]; then
    expect 5 "OUTDIR in /proc" run "$model" "$work/in" -o /proc/self/grus
fi
expect 5 "a report that cannot be written" run "$model" "$work/in" -q -o "$work/unreported" --report "$work/file/report.json"

# A file over its limit, in the middle of a shard.
words 25000 9 | to_jsonl >"$work/many.jsonl"
out=$work/limited
code=0
(ulimit -f 8 && "$GRUS" run "$model" "$work/many.jsonl" -q -o "$out" --max-length 3) 2>"$work/err" || code=$?
check "a file over its limit is an output error (exit $code)" test "$code" = 5
says "a file over its limit" "$out"
check "nothing of the shard is there" test ! -e "$out/many.jsonl.zst" -a ! -e "$out/.grus/done/many.json"
clean "a file over its limit"

# Stopped by signals, in the middle, and gone on with.
options=(-b 8 -q -t 2)
expect 0 "undisturbed" run "$model" "$work/many.jsonl" -o "$work/undisturbed" "${options[@]}"
out=$work/stopped
for signal in INT:130 USR1:143 TERM:143 KILL:137; do
    name=${signal%:*} wanted=${signal#*:}
    [[ $name = USR1 ]] && wanted=$((128 + $(kill -l USR1)))
    # A shell starts what runs in the background with SIGINT ignored; env takes that back.
    env --default-signal=INT "$GRUS" run "$model" "$work/many.jsonl" -o "$out" "${options[@]}" 2>"$work/err" &
    child=$!
    for _ in {1..100}; do
        [[ -n $(ls "$out/.grus/partial" 2>/dev/null) ]] && break
        sleep 0.02
    done
    kill -"$name" "$child"
    started=$SECONDS
    code=0
    { wait "$child" || code=$?; } 2>/dev/null
    check "SIG$name: exit $code, expected $wanted" test "$code" = "$wanted"
    check "SIG$name: ends within 5 s" test $((SECONDS - started)) -le 5
    check "SIG$name: nothing looks finished" test ! -e "$out/many.jsonl.zst" -a ! -e "$out/.grus/done/many.json"
    [[ $name = KILL ]] || clean "SIG$name"
done
expect 0 "gone on with" run "$model" "$work/many.jsonl" -o "$out" "${options[@]}"
check "the same as undisturbed" cmp "$work/undisturbed/many.jsonl.zst" "$out/many.jsonl.zst"
finish
