#!/usr/bin/env bash
# --compress: outputs in gzip and plain ones. What is compressed is the same whatever does it; gzip(1) reads it; verify, status,
# a resumed run and a chained one take it; and a run of zst stays as it was.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model

words 3000 5 | to_jsonl | sed '7s/.*/no JSON/' >"$work/a.jsonl"
words 50 6 >"$work/b.txt"
expect 0 "zst" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/zst"
expect 0 "zst by name" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/zst2" --compress zst
check "zst is what it is without a word" cmp "$work/zst/a.jsonl.zst" "$work/zst2/a.jsonl.zst"
check "run.json says nothing of it" test "$(grep -c '"compress"' "$work/zst/.grus/run.json" "$work/zst2/.grus/run.json" | grep -vc ':0$')" = 0
if "$GRUS" run "$model" "$work/b.txt" -q -o "$work/try" --compress gz 2>&1 | grep -q "built without zlib"; then
    echo "this build writes no gzip: zlib (Debian package: zlib1g-dev)" >&2
    exit 77
fi

expect 0 "gz" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/gz" --compress gz
expect 0 "gz, another plan" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/gz2" --compress gz -t 3 -b 4 --batch-tokens 100 --beam-size 1
expect 0 "gz, one thread" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/gz3" --compress gz -t 1 --batch-tokens 64
expect 0 "none" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/none" --compress none
for stem in a b; do
    check "$stem: gzip takes it" gzip -tq "$work/gz/$stem.jsonl.gz"
    check "$stem: gz holds the same" cmp <(plain "$work/zst/$stem.jsonl.zst") <(zcat "$work/gz/$stem.jsonl.gz")
    check "$stem: none holds the same" cmp <(plain "$work/zst/$stem.jsonl.zst") "$work/none/$stem.jsonl"
    check "$stem: the bytes are those of any plan" cmp "$work/gz/$stem.jsonl.gz" "$work/gz3/$stem.jsonl.gz"
done
check "nothing else is there" test "$(find "$work/gz" "$work/none" -maxdepth 1 -type f | wc -l)" = 6
check "one member, without a name or a time" test "$(head -c 8 "$work/gz/a.jsonl.gz" | od -An -tx1 | tr -d ' ')" = 1f8b080000000000

for out in gz none; do
    expect 0 "$out: verify" verify "$work/$out" --inputs "$work/a.jsonl" "$work/b.txt"
    expect 0 "$out: status" status "$work/$out"
    expect 0 "$out: a second run" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/$out" --compress $out
    expect 2 "$out: with another compression" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/$out"
    says "$out: with another compression" "run.json:compress: the directory belongs to another run: it has \"$out\" there"
    expect 0 "$out: a run over it" run "$model" "$work/$out" -q -o "$work/over-$out" --field-prefix again. --compress $out --strict
done
check "runs over them give the same" cmp <(zcat "$work/over-gz/a.jsonl.gz") "$work/over-none/a.jsonl"

# What is written otherwise than the manifest says is told.
cp -r "$work/gz" "$work/bent"
zcat "$work/gz/a.jsonl.gz" | gzip -9n >"$work/bent/a.jsonl.gz"
expect 1 "other bytes" verify "$work/bent"
says "other bytes" "a.jsonl.gz:output_xxh64: the XXH64 is"
{
    head -n 10 "$work/none/a.jsonl" | gzip -n
    tail -n +11 "$work/none/a.jsonl" | gzip -n
} >"$work/bent/a.jsonl.gz"
expect 1 "two members" verify "$work/bent"
says "two members" "a.jsonl.gz: is not one gzip member, as grus writes it"
head -c 5000 "$work/gz/a.jsonl.gz" >"$work/bent/a.jsonl.gz"
expect 1 "a cut one" verify "$work/bent"
says "a cut one" "a.jsonl.gz:byte 5000: the gzip member that began at byte 0 is cut short"
rm "$work/bent/.grus/done/a.json"
expect 0 "it is done again" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/bent" --compress gz
check "and is as it was" cmp "$work/gz/a.jsonl.gz" "$work/bent/a.jsonl.gz"
expect 0 "and verified" verify "$work/bent"

# Killed between the output and its manifest: what is there stays.
cp -r "$work/gz" "$work/left"
rm "$work/left/.grus/done/a.json"
inode=$(stat -c %i "$work/left/a.jsonl.gz")
expect 0 "an output without a manifest" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/left" --compress gz
check "it stays" test "$(stat -c %i "$work/left/a.jsonl.gz")" = "$inode"
check "its manifest is as it was" cmp <(anonymous "$work/gz/.grus/done/a.json") <(anonymous "$work/left/.grus/done/a.json")

# Killed with a checkpoint on the disk, at any place.
for _ in {1..20}; do
    rm -rf "$work/killed"
    "$GRUS" run "$model" "$work/a.jsonl" "$work/b.txt" -q -t 2 -b 8 -o "$work/killed" --checkpoint-records 50 --compress gz 2>"$work/err" &
    child=$!
    for _ in {1..1000}; do
        bytes=$(cat "$work"/killed/.grus/partial/*+journal 2>/dev/null | wc -c)
        [[ $bytes -gt 2000 || -e $work/killed/a.jsonl.gz ]] && break
        sleep 0.01
    done
    kill -KILL $child 2>/dev/null || true
    { wait $child || true; } 2>/dev/null
    [[ -e $work/killed/a.jsonl.gz ]] || break
done
expect 0 "undisturbed" run "$model" "$work/a.jsonl" "$work/b.txt" -q -b 8 -o "$work/alone" --compress gz
expect 0 "gone on with" run "$model" "$work/a.jsonl" "$work/b.txt" -q -b 8 -o "$work/killed" --compress gz
check "the shard is the same" cmp "$work/alone/a.jsonl.gz" "$work/killed/a.jsonl.gz"
check "not from the beginning" grep -qE '"records_resumed": [1-9]' "$work/killed/report.json"
check "nothing is left" test -z "$(ls "$work/killed/.grus/partial")"

# Other formats, levels, and what does not go together.
expect 0 "txt" run "$model" "$work/b.txt" -q -o "$work/txt" --format txt --compress gz --level 9
check "txt: 50 lines" test "$(zcat "$work/txt/b.txt.gz" | wc -l)" = 50
expect 0 "level 1" run "$model" "$work/a.jsonl" -q -o "$work/l1" --compress gz --level 1
expect 0 "level 9" run "$model" "$work/a.jsonl" -q -o "$work/l9" --compress gz --level 9
check "a higher level is smaller" test "$(stat -c %s "$work/l9/a.jsonl.gz")" -lt "$(stat -c %s "$work/l1/a.jsonl.gz")"
expect 2 "level 10" run "$model" "$work/a.jsonl" -q -o "$work/o" --compress gz --level 10
says "level 10" "grus: --level: 10 is not between 1 and 9, the levels of gz"
expect 2 "another word" run "$model" "$work/a.jsonl" -q -o "$work/o" --compress bz2
expect 2 "standard output" run "$model" - -q -o - --compress gz
says "standard output" "--compress: standard output is not compressed"
embedder=$golden/features-encoder/model
"$builddir/tests/support/feature_shard" F32 offsets 10 3 "$work/f"
for compress in zst gz none; do
    expect 0 "embeddings, $compress" run "$embedder" "$work/f.safetensors" -q -o "$work/e-$compress" --task embed --format safetensors --compress $compress
    expect 0 "embeddings, $compress: verify" verify "$work/e-$compress"
done
check "embeddings in gz" cmp <(plain "$work/e-zst/f.safetensors.zst") <(zcat "$work/e-gz/f.safetensors.gz")
check "embeddings, plain" cmp <(plain "$work/e-zst/f.safetensors.zst") "$work/e-none/f.safetensors"
expect 2 "npy" run "$embedder" "$work/f.safetensors" -q -o "$work/o" --task embed --format npy --compress gz
says "npy" "--compress: npy is not compressed"
check "nothing is made" test ! -e "$work/o"

finish
