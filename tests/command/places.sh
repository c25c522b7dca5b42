#!/usr/bin/env bash
# Inputs, outputs and the report in each other's way are refused before the start, and what is no file is not waited for.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

mkdir "$work/in"
for i in a b; do
    words 5 1 | to_jsonl >"$work/in/$i.jsonl"
done

# refused WHAT TEXT ARGUMENT...: a usage error that says so, and no output directory afterwards.
refused() {
    local what=$1 text=$2
    shift 2
    expect 2 "$what" "$@"
    says "$what" "$text"
    check "$what: nothing was begun" test ! -e "$work/o"
}

# ---- names ----

# name BYTES: of so many.
name() {
    printf 'm%.0s' $(seq 1 "$1")
}
most=$(getconf NAME_MAX "$work")
for format in jsonl:10 txt:8 npy:5; do # with the suffix of outputs, and for npy that of manifests, which is longer
    stem=$((most - ${format#*:})) options="--format ${format%:*}" of=$model
    [[ $format != npy* ]] || { options+=" --task embed" && of=$golden/mean/model; }
    rm -rf "$work/long"
    mkdir "$work/long"
    words 5 1 >"$work/long/$(name "$stem").txt"
    # shellcheck disable=SC2086
    expect 0 "the longest name, $format" run "$of" "$work/long" -q -o "$work/o" $options
    expect 0 "the longest name, $format: verify" verify "$work/o"
    rm -rf "$work/o"
    words 5 1 >"$work/long/a.txt"
    mv "$work/long/$(name "$stem").txt" "$work/long/$(name $((stem + 1))).txt"
    # shellcheck disable=SC2086
    refused "a longer name, $format" "would have $((most + 1)) bytes, and the file system takes $most" \
        run "$of" "$work/long" -q -o "$work/o" $options
done

# ---- directories ----

ln -s in "$work/link"
for outdir in "$work/in" "$work/in/" "$work/link" "$work/in/../in"; do
    expect 2 "the input directory for output: $outdir" run "$model" "$work/in" -q -o "$outdir"
    says "the input directory for output: $outdir" "inputs and of outputs at once"
done
check "nothing was begun there" test "$(ls -A "$work/in" | wc -l)" = 2
expect 0 "files beside their outputs" run "$model" "$work/in/a.jsonl" -q -o "$work/in"
rm -r "$work/in"/{a.jsonl.zst,report.json,.grus}

# ---- the report ----

refused "a report onto an input" "is an input, and cannot be the report" run "$model" "$work/in" -q -o "$work/o" --report "$work/in/a.jsonl"
ln "$work/in/a.jsonl" "$work/hard.json"
refused "a report onto a link to one" "is an input" run "$model" "$work/in" -q -o "$work/o" --report "$work/hard.json"
refused "a report onto an output to come" "is an output" run "$model" "$work/in" -q -o "$work/o" --report "$work/o/b.jsonl.zst"
refused "a report onto a directory" "is a directory" run "$model" "$work/in" -q -o "$work/o" --report "$work/in"
expect 0 "a report elsewhere" run "$model" "$work/in" -q -o "$work/o" --report "$work/report.json"
expect 0 "a report of another name" run "$model" "$work/in" -q -o "$work/o" --report "$work/o/b.json"
for path in "$work/o/a.jsonl.zst" "$work/in/../o/a.jsonl.zst"; do
    expect 2 "a report onto an output" run "$model" "$work/in" -q -o "$work/o" --report "$path"
    says "a report onto an output" "is an output"
done
for path in "$work/o/.grus/run.json" "$work/o/.grus/done/a.json" "$work/o/.grus/new.json"; do
    expect 2 "a report onto $path" run "$model" "$work/in" -q -o "$work/o" --report "$path"
    says "a report onto $path" "by which the run knows"
done
expect 0 "what was refused changed nothing" verify "$work/o"

# ---- what is no file ----

# soon CODE WHAT TEXT ARGUMENT...: as expect, within 20 s.
soon() {
    local wanted=$1 what=$2 text=$3 code=0
    shift 3
    timeout 20 "$GRUS" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    check "$what: exit $code, expected $wanted" test "$code" = "$wanted"
    says "$what" "$text"
}
rm -rf "$work/o"
mkfifo "$work/pipe.jsonl"
soon 4 "a pipe alone" "pipe.jsonl: is not a regular file; - reads standard input" run "$model" "$work/pipe.jsonl" -o "$work/o"
soon 1 "a pipe beside a file" "pipe.jsonl: is not a regular file" run "$model" "$work/pipe.jsonl" "$work/in/a.jsonl" -o "$work/o"
check "a pipe beside a file: the file is done" test -s "$work/o/a.jsonl.zst"
soon 4 "verify with a pipe" "not a regular file" verify "$work/o" --inputs "$work/pipe.jsonl"
soon 4 "inspect of a pipe" "is not a regular file" inspect "$work/pipe.jsonl"
soon 4 "bench with a pipe" "is not a regular file" bench "$model" "$work/pipe.jsonl"
# Pipes by the names that the system and the shell give them, and standard input that is a file.
mkfifo "$work/bare"
soon 4 "a pipe without an ending" "bare: is not a regular file; - reads standard input" run "$model" "$work/bare" -o "$work/o2"
exec 8<>"$work/bare"
soon 4 "a pipe by its descriptor" "/dev/fd/8: is not a regular file; - reads standard input" run "$model" /dev/fd/8 -o "$work/o2"
exec 8>&-
soon 4 "a substituted process" "is not a regular file; - reads standard input" run "$model" <(cat "$work/in/a.jsonl") -o "$work/o2"
soon 4 "/dev/stdin" "/dev/stdin: is not a regular file; - reads standard input" run "$model" /dev/stdin -o "$work/o2"
exec 8<"$work/in/a.jsonl"
soon 2 "a file by its descriptor" "/dev/fd/8: not the name of a shard; name the file itself, or - for standard input" \
    run "$model" /dev/fd/8 -o "$work/o2"
exec 8<&-
ln -s /dev/zero "$work/zero.jsonl"
soon 4 "a device" "zero.jsonl: is not a regular file" run "$model" "$work/zero.jsonl" -o "$work/o2"
rm "$work/o/a.jsonl.zst"
mkfifo "$work/o/a.jsonl.zst"
soon 1 "a pipe in an output's place" "a.jsonl.zst" verify "$work/o"

# What is written beside the outputs goes into a device or through a pipe, and puts no file in its place.
ln -s /dev/null "$work/null"
for option in report metrics; do
    expect 0 "--$option into a device" run "$model" "$work/in/a.jsonl" -q -o "$work/$option.out" "--$option" "$work/null"
    check "--$option into a device: no file is in its place" test -L "$work/null"
done
mkfifo "$work/through"
timeout 20 cat "$work/through" >"$work/read" &
expect 0 "a report through a pipe" run "$model" "$work/in/a.jsonl" -q -o "$work/o3" --report "$work/through"
wait $!
check "a report through a pipe: it arrives" grep -q records "$work/read"
check "a report through a pipe: it is one still" test -p "$work/through"
soon 5 "metrics into a pipe that nobody reads" "the metrics cannot be written" run "$model" "$work/in/a.jsonl" -q -o "$work/o4" \
    --metrics "$work/through"
finish
