#!/usr/bin/env bash
# Shards of features in safetensors: the results are those of the same features in JSONL; a damaged shard has its error.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${builddir:=.}"
model=$golden/features-encoder/model
make_shard() {
    "$builddir/tests/support/feature_shard" "$@"
}

# results FILE: what grus has added to the records of an output shard.
results() {
    plain "$1" | sed -E 's/^\{"(id": [0-9]+|features": [^"]*), //'
}

# ---- the same results as JSONL ----

mkdir "$work/in" "$work/text"
for dtype in F32 F16 BF16; do
    for first in offsets features; do
        make_shard "$dtype" "$first" 300 7 "$work/in/$dtype-$first"
        mv "$work/in/$dtype-$first.jsonl" "$work/text"
    done
done
for stem in F32-offsets F16-features; do
    zstd -q --rm -B4096 "$work/in/$stem.safetensors"
done
make_shard F32 offsets 0 1 "$work/in/none"
make_shard F32 features 1 3 "$work/in/one"
mv "$work"/in/*.jsonl "$work/text"
expect 0 "features in JSONL" run "$model" "$work/text" -q -o "$work/expected" --attention soft
expect 0 "features in safetensors" run "$model" "$work/in" -q -t 1 -o "$work/found" --attention soft
for path in "$work"/expected/*.jsonl.zst; do
    stem=$(basename "$path" .jsonl.zst)
    results "$path" >"$work/a"
    results "$work/found/$stem.jsonl.zst" >"$work/b"
    check "$stem: other results than JSONL" cmp "$work/a" "$work/b"
    check "$stem: records are numbered from 0" cmp <(awk '{print NR - 1}' "$work/a") \
        <(plain "$work/found/$stem.jsonl.zst" | sed -E 's/^\{"id": ([0-9]+).*/\1/')
    check "$stem: records in error are counted" cmp \
        <(grep -oE '"records_[a-z]*": [0-9]+' "$work/expected/.grus/done/$stem.json") \
        <(grep -oE '"records_[a-z]*": [0-9]+' "$work/found/.grus/done/$stem.json")
done
check "a sequence that is too long" grep -q '^{"id": 57, "error": "17000 positions; .*"}$' \
    <(plain "$work/found/F32-offsets.jsonl.zst")
if command -v xxhsum >/dev/null; then
    for name in F32-offsets.safetensors.zst F32-features.safetensors; do
        hash=$(xxhsum -H1 "$work/in/$name")
        check "$name: its hash in the manifest" grep -q "\"input_xxh64\": \"${hash%% *}\"" \
            "$work/found/.grus/done/${name%%.*}.json"
    done
fi

for options in "-t 2" "-t 3" "-t 3 --batch-tokens 1" "-t 2 --batch-tokens 300" "-t 8 --max-memory 700M"; do
    rm -rf "$work/other"
    # shellcheck disable=SC2086
    expect 0 "$options" run "$model" "$work/in" -q -o "$work/other" --attention soft $options
    for path in "$work"/found/*.zst; do
        check "$options: $(basename "$path") has other bytes" cmp "$path" "$work/other/$(basename "$path")"
    done
done

expect 0 "a decoder, from JSONL" run "$golden/features/model" "$work/text/F16-offsets.jsonl" -q -b 3 -o "$work/decoded.a"
expect 0 "a decoder" run "$golden/features/model" "$work/in/F16-offsets.safetensors" -q -b 3 -o "$work/decoded.b"
check "a decoder: other results than JSONL" cmp <(results "$work/decoded.a/F16-offsets.jsonl.zst") \
    <(results "$work/decoded.b/F16-offsets.jsonl.zst")
expect 0 "vectors" run "$model" "$work/in" -q -o "$work/vectors" --task embed --format npy
expect 0 "another name of the number" run "$model" "$work/in/one.safetensors" -q -o "$work/key" --id-key number
check "another name of the number" grep -q '^{"number": 0, "intent"' <(plain "$work/key/one.jsonl.zst")

# ---- records in error ----

shard=$work/bad.safetensors
# poke OFFSET BYTES: a fresh shard, offsets (51) before features, with these bytes there.
poke() {
    cp "$work/base.safetensors" "$shard"
    # shellcheck disable=SC2059
    printf "$2" | dd of="$shard" bs=1 seek="$1" conv=notrunc status=none
}
make_shard F32 offsets 50 5 "$work/base"
data=$((512 + 51 * 8))
second=$(awk '/\[\[/ {print NR - 1; exit}' "$work/base.jsonl")

poke "$data" '\0\0\300\177'
expect 0 "a NaN" run "$model" "$shard" -q -o "$work/nan"
check "a NaN: its record is in error" grep -qF \
    "{\"id\": $second, \"error\": \"value 0 in row 0 of \\\"features\\\" is not a finite number\"}" \
    <(plain "$work/nan/bad.jsonl.zst")
check "a NaN: no other record is" grep -q '"records_failed": 1\b' "$work/nan/.grus/done/bad.json"
check "a NaN: its cause" grep -q '"bad_features": 1$' "$work/nan/report.json"
poke $((data + 4)) '\0\0\200\377'
expect 1 "an infinity, --on-error fail" run "$model" "$shard" -q -o "$work/fail" --on-error fail
says "an infinity, --on-error fail" "bad.safetensors:sequence $second: value 1 in row 0"
expect 0 "records over --max-record" run "$model" "$work/base.safetensors" -q -o "$work/small" --max-record 200
check "records over --max-record" grep -q '"too_big": [1-9]' "$work/small/report.json"

# ---- shards that fail ----

# refused WHAT TEXT: the shard fails, the good one beside it does not.
cp "$work/base.safetensors" "$work/good.safetensors"
refused() {
    rm -rf "$work/some"
    expect 1 "$1" run "$model" "$shard" "$work/good.safetensors" -q -o "$work/some"
    says "$1" "grus: $shard:"
    says "$1" "$2"
    check "$1: the good shard is done" test -e "$work/some/good.jsonl.zst"
    check "$1: nothing of the bad one is there" test ! -e "$work/some/bad.jsonl.zst" -a ! -e "$work/some/.grus/done/bad.json"
    expect 4 "$1, inspect" inspect "$shard"
}
poke 512 '\1'
refused "offsets that begin above 0" "offsets[0]: is 1, not 0"
poke $((512 + 20 * 8)) '\377\377\377\377\377\377\377\377'
refused "a negative offset" "offsets[20]: is -1, which is none of the"
poke $((512 + 20 * 8)) '\0\0\0\0\0\0\0\1'
refused "an offset behind the end" "offsets[20]: is 72057594037927936, which is none of the"
poke $((512 + 20 * 8)) '\0\0\0\0\0\0\0\0'
refused "offsets that fall" "offsets[20]: is 0, less than the"
poke $((512 + 50 * 8)) '\377\1'
refused "offsets that end elsewhere" "offsets[50]: is "
poke 0 '\377\377\377\377\377\377\377\177'
refused "a header of 2^63 bytes" "header: is said to have 9223372036854775807 bytes; at most 1048576"
poke 8 '['
refused "a header that is no object" "header: does not begin with {"
head -c $(($(wc -c <"$work/base.safetensors") - 1)) "$work/base.safetensors" >"$shard"
refused "a shard that is cut short" "ends before the tensors"
head -c 4 "$work/base.safetensors" >"$shard"
refused "a shard of four bytes" "fewer than 8 bytes"
{ cat "$work/base.safetensors" && echo; } >"$shard"
refused "bytes behind the end" "has bytes behind the last tensor"
for change in 's/"features":/"feature":/:features: the tensor is missing' 's/"offsets":/"offset_":/:offsets: the tensor is missing' \
    's/"dtype":"I64"/"dtype":"F16"/:offsets: data_offsets span' 's/\[51\]/[0]/:offsets: data_offsets span' \
    's/,3\],/,4],/:features: data_offsets span' 's/\[51\]/[3,17]/:offsets: is not a list' \
    's/\(\[[0-9]*\),3\],/\1,1,3],/:features: has 3 dimensions' 's/\(\[[0-9]*\),3\],/\1,1],/:features: data_offsets span' \
    's/"dtype":"F32"/"dtype":"I32"/:dtype is I32, not F32' 's/"shape":\[51\]/"shape":51/:offsets: shape is not a list'; do
    # The header keeps its length: sed may take from its padding, or add to it.
    LC_ALL=C sed "${change%%/:*}/" "$work/base.safetensors" >"$shard"
    more=$(($(wc -c <"$shard") - $(wc -c <"$work/base.safetensors")))
    if ((more > 0)); then
        LC_ALL=C sed -i "s/}}$(printf ' %.0s' $(seq "$more"))/}}/" "$shard"
    elif ((more < 0)); then
        LC_ALL=C sed -i "s/}}/}}$(printf ' %.0s' $(seq $((-more))))/" "$shard"
    fi
    refused "a header with ${change%%/:*}/" "${change#*/:}"
done
LC_ALL=C sed 's/\[\([0-9]*\),3\],/[3,\1],/' "$work/base.safetensors" >"$shard"
expect 1 "rows of another width" run "$model" "$shard" -q -o "$work/width"
says "rows of another width" "values; the model reads rows of 3"
zstd -q "$work/base.safetensors" -o "$work/whole.zst"
shard=$work/bad.safetensors.zst
head -c 3000 "$work/whole.zst" >"$shard"
refused "a truncated frame" "byte 3000"
cp "$work/base.safetensors" "$shard"
refused "a shard that is not what its name says" "does not begin with a zstd frame"
shard=$work/bad.safetensors
mkfifo "$shard.pipe"
rm "$shard"
mv "$shard.pipe" "$shard"
refused "a pipe" "is not a regular file"
rm "$shard"

expect 1 "a model of tokens" run "$golden/two-tasks/model" "$work/good.safetensors" -q -o "$work/tokens"
says "a model of tokens" "holds features; the model reads tokens"
expect 1 "no targets" run "$golden/features/model" "$work/good.safetensors" -q -o "$work/score" --task score
says "no targets" "holds no targets"

# ---- inspect ----

expect 0 "inspect" inspect "$work/in/F32-offsets.safetensors.zst"
check "inspect: records" grep -qE '^records +300, [1-9][0-9]* of them empty$' "$work/out"
check "inspect: the longest" grep -qE '^longest +17000 rows of 3 values$' "$work/out"
check "inspect: frames" grep -qE '^frames +1 of zstd' "$work/out"
check "inspect: tensors" grep -qE '^offsets +I64 +2408  \[301\]$' "$work/out"
finish
