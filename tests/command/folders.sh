#!/usr/bin/env bash
# --recursive and --filelist: outputs lie in the folders of their shards, in the run's directory and in what it keeps, whatever
# becomes of the run; and a directory that a run has written gives the outputs that it has proved.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
in=$work/in out=$work/run

# run WANTED WHAT ARGUMENT...: grus run of the model.
run() {
    local wanted=$1 what=$2
    shift 2
    expect "$wanted" "$what" run "$model" "$@" -q
}

# files DIR: what a run's directory holds, .grus left out, one a line.
files() {
    (cd "$1" && find . -type f -not -path './.grus/*' -not -name 'report*.json' | sed 's|^\./||' | LC_ALL=C sort)
}

# proved DIR: the manifests, likewise.
proved() {
    (cd "$1/.grus/done" && find . -type f | sed 's|^\./||' | LC_ALL=C sort)
}

# inputs DIR: those that run.json lists.
inputs() {
    sed -n '/"inputs"/,/]/s/^    "\(.*\)",*$/\1/p' "$1/.grus/run.json"
}

# ---- a tree ----

mkdir -p "$in/a/b" "$in/a-b" "$in/c d" "$in/.hidden" "$in/a/.grus-like" "$in/empty"
n=0
for name in x a/x a/y a/b/x a-b/x 'c d/x'; do
    words 12 $((++n)) | to_jsonl >"$in/$name.jsonl"
done
words 12 9 | to_jsonl >"$in/.hidden/x.jsonl"
zstd -q --rm --check "$in/a/b/x.jsonl"
echo text >"$in/a/README"
ln -s ../.. "$in/a/b/up"
ln -s ../a-b "$in/a/link"
ln -s ../a/x.jsonl "$in/a-b/other.jsonl"

run 0 "a tree" "$in" --recursive -o "$out"
says "a tree" "5 files are no shards by their names: .hidden/, a/.grus-like/, a/README, a/b/up/ (a link), a/link/ (a link)"
printf '%s\n' a-b/other.jsonl a-b/x.jsonl a/b/x.jsonl.zst a/x.jsonl a/y.jsonl 'c d/x.jsonl' x.jsonl >"$work/wanted"
check "the list is in byte order of the whole names" cmp "$work/wanted" <(inputs "$out")
sed -E 's/\.jsonl(\.zst)?$/.jsonl.zst/' "$work/wanted" | LC_ALL=C sort >"$work/outputs"
check "outputs are in the folders of their inputs" cmp "$work/outputs" <(files "$out")
check "so are the manifests" cmp <(sed 's/\.jsonl\.zst$/.json/' "$work/outputs" | LC_ALL=C sort) <(proved "$out")
while read -r name; do
    rm -rf "$work/one"
    run 0 "$name alone" "$in/$name" -o "$work/one"
    check "$name has the output of a run of its own" cmp "$work/one"/*.zst "$out/${name%.jsonl*}.jsonl.zst"
done <"$work/wanted"
run 0 "again" "$in" -r -o "$out"
expect 0 "again, what is done" status "$out"
expect 0 "verify" verify "$out"
expect 0 "verify with inputs" verify "$out" --inputs "$in"
check "all inputs were compared" grep -q ": 7 inputs compared" "$work/out"
run 2 "--strict" "$in" -r -o "$work/strict" --strict
check "without --recursive folders are left out" test "$(
    "$GRUS" run "$model" "$in" -q -o "$work/flat" 2>/dev/null
    inputs "$work/flat"
)" = x.jsonl
run 0 "a run without folders goes on with --recursive" "$in/a-b" -o "$work/flat-ab"
run 0 "the same" "$in/a-b" -r -o "$work/flat-ab"
run 2 "a run that gets folders is another one" "$in" -r -o "$work/flat"
says "a run that gets folders is another one" "--grow adds"
run 0 "--grow" "$in" -r -o "$work/flat" --grow
check "--grow: the outputs" cmp "$work/outputs" <(files "$work/flat")

# ---- what is damaged, changed, failed ----

rm "$out/a/b/x.jsonl.zst" "$out/.grus/done/c d/x.json"
expect 1 "status sees what is gone" status "$out"
check "one in folders" grep -q "^broken .* a/b/x.jsonl.zst  (the manifest has no output)" "$work/out"
check "another" grep -q "^broken .* c d/x.jsonl  (the output has no manifest)" "$work/out"
run 0 "it is done again" "$in" -r -o "$out"
check "the outputs are there again" cmp "$work/outputs" <(files "$out")
cp "$out/x.jsonl.zst" "$out/a/stray.jsonl.zst"
cp "$out/.grus/done/x.json" "$out/.grus/done/a/b/stray.json"
expect 1 "verify sees strays in folders" verify "$out"
says "a stray output" "$out/a/stray.jsonl.zst: belongs to no shard"
says "a stray manifest" "$out/.grus/done/a/b/stray.json: belongs to no shard"
rm "$out/.grus/done/a/b/stray.json"

cp -r "$in" "$work/changing"
run 0 "inputs that change" "$work/changing" -r -o "$work/changed"
words 5 77 | to_jsonl >"$work/changing/a/y.jsonl"
run 1 "an input has changed" "$work/changing" -r -o "$work/changed"
check "its failure is kept in its folder" test -e "$work/changed/.grus/failed/a/y.json"
expect 1 "status tells it" status "$work/changed"
check "status tells the shard" grep -q "a/y.jsonl  (failed: " "$work/out"
run 0 "--on-changed redo" "$work/changing" -r -o "$work/changed" --on-changed redo
check "the old output is aside, in its folder" cmp "$out/a/y.jsonl.zst" "$work/changed/.grus/aside/a/y.1.jsonl.zst"
check "its manifest too" test -e "$work/changed/.grus/aside/a/y.1.json"
check "the failure is gone" test ! -e "$work/changed/.grus/failed/a/y.json"
check "5 records" test "$(plain "$work/changed/a/y.jsonl.zst" | wc -l)" = 5

# ---- lists ----

printf 'c d/x.jsonl\r\n\n./a//x.jsonl\n%s/x.jsonl\n' "$in" >"$work/list"
run 0 "a list" "$in" --filelist "$work/list" -o "$work/l1"
check "in the order of the list" cmp <(printf '%s\n' 'c d/x.jsonl' a/x.jsonl x.jsonl) <(inputs "$work/l1")
check "the same bytes" cmp "$out/c d/x.jsonl.zst" "$work/l1/c d/x.jsonl.zst"
expect 0 "verify asks for what was listed alone" verify "$work/l1" --inputs "$in"
(cd "$in" && find . -name '*.jsonl' -not -path '*/.*' -print0 | sort -z) >"$work/list0"
code=0
"$GRUS" run "$model" "$in" --filelist - -o "$work/l2" -q <"$work/list0" || code=$?
check "names that end at a byte 0, from standard input" test $code = 0
check "they are there" cmp <(tr '\0' '\n' <"$work/list0" | sed 's|^\./||') <(inputs "$work/l2")
code=0
program=$(realpath "$GRUS") home=$(realpath "$model")
(cd "$in" && printf 'a/x.jsonl\n' | "$program" run "$home" --filelist - -o "$work/l3" -q) || code=$?
check "without INPUT, below the working directory" test $code = 0
check "it is there" cmp "$out/a/x.jsonl.zst" "$work/l3/a/x.jsonl.zst"

# refused NAME WORDS: a list with this name is a usage error.
refused() {
    printf '%s\n' "$1" >"$work/list"
    run 2 "the name $1" "$in" --filelist "$work/list" -o "$work/none"
    says "the name $1" "$work/list:name 1: $1: $2"
}
refused ../in/x.jsonl "leads out of the directory"
refused a/../x.jsonl "leads out of the directory"
refused . "leads out of the directory"
refused /etc/x.jsonl "is absolute, and not below"
refused "$in-2/x.jsonl" "is absolute, and not below"
refused "$in/../in/x.jsonl" "leads out of the directory"
refused a/.grus/x.jsonl "leads out of the directory or to what a run keeps in .grus"
refused a/README "not the name of a shard"
refused - "not the name of a shard"
: >"$work/list"
run 2 "an empty list" "$in" --filelist "$work/list" -o "$work/none"
run 4 "no list" "$in" --filelist "$work/no-list" -o "$work/none"
printf 'a/x.jsonl\na/x.jsonl\n' >"$work/list"
run 2 "a name twice" "$in" --filelist "$work/list" -o "$work/none"
run 2 "a list and two inputs" "$in" "$in/a" --filelist "$work/list" -o "$work/none"
run 2 "a list and a file" "$in/x.jsonl" --filelist "$work/list" -o "$work/none"
printf 'a/x.jsonl\na/none.jsonl\n' >"$work/list"
run 1 "a name that is not there" "$in" --filelist "$work/list" -o "$work/l4"
says "a name that is not there" "$in/a/none.jsonl: No such file"
check "the other one is done" test -e "$work/l4/a/x.jsonl.zst"

# ---- a run's directory as INPUT ----

echo no | zstd -q >"$out/a/stray2.jsonl.zst"
rm "$out/.grus/done/a-b/x.json"
run 0 "a chain" "$out" -r -o "$work/chain" --text-key output --field-prefix second_
says "a chain" "3 files are no shards by their names: a-b/x.jsonl.zst (no manifest), a/stray.jsonl.zst (no manifest), a/stray2.jsonl.zst (no manifest)"
grep -vxF a-b/x.jsonl.zst "$work/outputs" >"$work/chained"
check "what is proved was taken" cmp "$work/chained" <(files "$work/chain")
truncate -s -1 "$out/x.jsonl.zst"
run 4 "an output of another size than its manifest says" "$out" -o "$work/chain2"
says "nothing is left of it" "a directory without shards"
mkdir -p "$work/above/below" && echo '{"text": "a"}' >"$work/above/below/x.jsonl"
run 4 "shards in a folder below" "$work/above" -o "$work/above-out"
says "shards in a folder below" "a directory without shards, which folders below it have: --recursive reads those"
rm "$work/above/below/x.jsonl"
run 4 "no shards in a folder below" "$work/above" -o "$work/above-out"
says "no shards in a folder below" "a directory without shards (.jsonl"
mkdir "$work/outer"
cp -r "$work/l1" "$work/outer/run"
run 0 "a run's directory among others" "$work/outer" -r -o "$work/chain3" --text-key output --field-prefix second_
check "its outputs were taken" test "$(files "$work/chain3" | wc -l)" = 3

# ---- where OUTDIR is ----

cp -r "$in" "$work/within"
run 0 "OUTDIR in INPUT" "$work/within" -r -o "$work/within/a/out"
run 0 "again" "$work/within" -r -o "$work/within/a/out"
check "the same shards" cmp "$work/wanted" <(inputs "$work/within/a/out")
mkdir -p "$work/around/in"
cp "$in/x.jsonl" "$work/around/in"
run 2 "INPUT in OUTDIR" "$work/around/in" -r -o "$work/around"
says "INPUT in OUTDIR" "lies in the output directory"
mkdir -p "$work/clash/x.jsonl.zst" "$work/clash/y.json"
cp "$in/x.jsonl" "$work/clash"
cp "$in/x.jsonl" "$work/clash/x.jsonl.zst/z.jsonl"
run 2 "a folder with an output's name" "$work/clash" -r -o "$work/none"
says "a folder with an output's name" "its folder x.jsonl.zst has the name of another shard's output or manifest"
rm -r "$work/clash/x.jsonl.zst"
mv "$work/clash/x.jsonl" "$work/clash/y.jsonl"
cp "$in/x.jsonl" "$work/clash/y.json/z.jsonl"
run 2 "a folder with a manifest's name" "$work/clash" -r -o "$work/none"
cp "$in/x.jsonl" "$work/clash/y.txt"
rm -r "$work/clash/y.json"
run 2 "one stem in one folder" "$work/clash" -r -o "$work/none"
says "one stem in one folder" "would be written to the same output shard, y"
mkdir "$work/linked"
ln -s "$work/elsewhere" "$work/linked/a"
mkdir "$work/elsewhere"
run 5 "a link in OUTDIR is not followed" "$in" -r -o "$work/linked"
says "a link in OUTDIR is not followed" "$work/linked/a: is not a directory"
check "nothing is there" test -z "$(ls "$work/elsewhere")"
check "nothing was written for none of them" test ! -e "$work/none"

# A run.json whose names lead elsewhere is damaged.
for name in ../x.jsonl a/../../x.jsonl /x.jsonl a//x.jsonl .grus/x.jsonl; do
    rm -rf "$work/forged"
    cp -r "$work/l1" "$work/forged"
    sed -i "s|\"x.jsonl\"|\"$name\"|" "$work/forged/.grus/run.json"
    expect 5 "run.json with $name" status "$work/forged"
    says "run.json with $name" "is damaged"
done

# ---- ranks, kills, long names ----

deep=$(printf 'folder-%02d/' {1..14})
mkdir -p "$work/deep/${deep}a" "$work/deep/${deep}b"
words 3000 5 | to_jsonl >"$work/deep/${deep}a/s.jsonl"
words 3000 6 | to_jsonl >"$work/deep/${deep}b/s.jsonl"
run 0 "deep folders" "$work/deep" -r -o "$work/undisturbed" -b 8
mkdir "$work/kept"
for try in {1..12}; do
    for rank in 0 1; do
        timeout -s KILL "$(printf '0.%03d' $((try * 40 + rank * 5)))" "$GRUS" run "$model" "$work/deep" -r -o "$work/killed" -b 8 -q \
            --rank $rank --world-size 2 --checkpoint-records 100 2>"$work/err" &
    done
    { wait || true; } 2>/dev/null
    find "$work/killed/.grus/partial" -name '*+journal' 2>/dev/null | wc -l >>"$work/journals"
    cp -n "$work/killed/.grus/partial/"*+journal "$work/kept" 2>/dev/null || true
done
check "there were checkpoints" grep -q '[1-9]' "$work/journals"
for rank in 0 1; do
    run 0 "rank $rank to its end" "$work/deep" -r -o "$work/killed" -b 8 --rank $rank --world-size 2 --checkpoint-records 100
done
for part in a b; do
    check "part $part is what it was to be" cmp "$work/undisturbed/$deep$part/s.jsonl.zst" "$work/killed/$deep$part/s.jsonl.zst"
done
# One whose process was killed between a commit and the end of its journal leaves that; its name does not tell whose it is.
cp "$work/kept/"* "$work/killed/.grus/partial"
run 0 "a rank with nothing to do" "$work/deep" -r -o "$work/killed" -b 8 --rank 0 --world-size 2 --checkpoint-records 100
check "nothing is left" test -z "$(ls "$work/killed/.grus/partial")"
check "records were taken from checkpoints" grep -qE '"records_resumed": [1-9]' "$work"/killed/report-*.json
expect 0 "all is done" status "$work/killed"

finish
