#!/usr/bin/env bash
# What inputs may hold besides what is asked of them: tensors that nothing needs, files that are no shards, a field "error".
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

# ---- tensors that nothing needs ----

# with_tensor FROM TO NAME DTYPE COUNT BYTES: the safetensors file FROM with one more tensor, of zeros, behind the others.
with_tensor() {
    local from=$1 to=$2 length data header
    length=$(od -An -tu8 -N8 "$from" | tr -d ' ')
    data=$(($(stat -c %s "$from") - 8 - length))
    header=$(tail -c +9 "$from" | head -c "$length" | sed 's/ *$//')
    header="${header%\}}, \"$3\": {\"dtype\": \"$4\", \"shape\": [$5], \"data_offsets\": [$data, $((data + $6))]}}"
    printf '%b' "$(printf '%016x' "${#header}" | sed 's/\(..\)/\\x\1 /g' | tr ' ' '\n' | tac | tr -d '\n')" >"$to"
    printf '%s' "$header" >>"$to"
    tail -c "$data" "$from" >>"$to"
    truncate -s +"$6" "$to"
}

model=$golden/bahdanau/model
words 20 1 | to_jsonl >"$work/a.jsonl"
expect 0 "a model" run "$model" "$work/a.jsonl" -q -o "$work/reference"
while read -r dtype count bytes; do
    rm -rf "$work/model" "$work/o"
    cp -r "$model" "$work/model"
    chmod -R u+w "$work/model"
    with_tensor "$model/model.safetensors" "$work/model/model.safetensors" spare "$dtype" "$count" "$bytes"
    expect 0 "a model with a tensor of $dtype" run "$work/model" "$work/a.jsonl" -q -o "$work/o"
    says "a model with a tensor of $dtype" "model.safetensors:spare: the configuration does not use this tensor"
    check "$dtype: the output is the same" cmp "$work/reference/a.jsonl.zst" "$work/o/a.jsonl.zst"
    expect 3 "$dtype, --strict" run "$work/model" "$work/a.jsonl" -q -o "$work/o2" --strict
    expect 0 "$dtype, inspect" inspect "$work/model"
    check "$dtype is shown" grep -q "spare.*$dtype\|$dtype.*spare" "$work/out"
done <<EOF
BOOL 3 3
I8 5 5
U8 5 5
I16 1 2
U16 1 2
I32 2 8
U32 2 8
I64 2 16
U64 2 16
F64 1 8
F8_E4M3 7 7
F8_E5M2 7 7
C64 1 8
F4 6 3
EOF
rm -rf "$work/o"
with_tensor "$model/model.safetensors" "$work/model/model.safetensors" spare X9 1 1
expect 3 "a type that there is not" run "$work/model" "$work/a.jsonl" -q -o "$work/o"
says "a type that there is not" "dtype X9 is none that safetensors has"

# A feature shard with them, before and behind what it is read for.
features=$golden/features-encoder/model
"$builddir/tests/support/feature_shard" F32 offsets 40 3 "$work/f"
expect 0 "a feature shard" run "$features" "$work/f.safetensors" -q -o "$work/f-reference"
mkdir "$work/spare"
with_tensor "$work/f.safetensors" "$work/spare/once.safetensors" labels I32 2 8
with_tensor "$work/spare/once.safetensors" "$work/spare/f.safetensors" mask BOOL 3 3
expect 0 "a feature shard with other tensors" run "$features" "$work/spare/f.safetensors" -o "$work/f-spare"
check "nothing is said of them" test "$(grep -c warning "$work/err")" = 0
check "the output is the same" cmp "$work/f-reference/f.jsonl.zst" "$work/f-spare/f.jsonl.zst"

# A gigabyte that nothing needs takes no memory, in a model or in a shard. Holes are read as zeros.
number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1" | head -n 1
}
with_tensor "$model/model.safetensors" "$work/model/model.safetensors" spare F32 268435456 1073741824
expect 0 "a model with a gigabyte unused" run "$work/model" "$work/a.jsonl" -q -o "$work/big" --max-memory 300M
check "the output is the same" cmp "$work/reference/a.jsonl.zst" "$work/big/a.jsonl.zst"
rm "$work/model/model.safetensors"
with_tensor "$work/f.safetensors" "$work/spare/f.safetensors" spare U8 1073741824 1073741824
expect 0 "a shard with a gigabyte unused" run "$features" "$work/spare/f.safetensors" -q -o "$work/f-big" --max-memory 500M
check "the output is the same" cmp "$work/f-reference/f.jsonl.zst" "$work/f-big/f.jsonl.zst"
rm "$work/spare/f.safetensors"
for out in big f-big; do
    peak=$(number "$work/$out/report.json" peak_memory)
    check "$out: $peak bytes are taken of 300 MiB" test "$peak" -le $((300 << 20))
done

# The compressor of level 22 is counted, and is not made to be counted.
expect 2 "level 22 in 300 MB" run "$model" "$work/a.jsonl" -q -o "$work/o22" --level 22 --max-memory 300M
says "level 22 in 300 MB" "--max-memory"
check "nothing is made" test ! -e "$work/o22"

# ---- windows of zstd ----

# window LOG NAME: standard input in one frame that asks for 2^LOG bytes: by zstd itself, which is not told how much comes.
window() {
    zstd -q --long="$1" -c >"$work/$2"
}
for log in 28 31; do
    window $log "w$log.jsonl.zst" <"$work/a.jsonl"
    expect 1 "a window of 2^$log" run "$model" "$work/w$log.jsonl.zst" -q -o "$work/w$log"
    says "a window of 2^$log" "window of $((1 << log)) bytes, of which 134217728 are granted; --long $log grants as many"
    expect 1 "a window of 2^$log, less" run "$model" "$work/w$log.jsonl.zst" -q -o "$work/w$log" --long $((log - 1))
    expect 0 "a window of 2^$log, --long" run "$model" "$work/w$log.jsonl.zst" -q -o "$work/w$log" --long "$log"
    check "the output is the same" cmp "$work/reference/a.jsonl.zst" "$work/w$log/w$log.jsonl.zst"
    expect 0 "a window of 2^$log, inspect" inspect "$work/w$log.jsonl.zst"
    check "it is told" grep -q "^window  *$((1 << log)) bytes" "$work/out"
done
zstd -q -3 -c <"$work/a.jsonl" >"$work/w21.jsonl.zst"
expect 1 "an ordinary window, and less" run "$model" "$work/w21.jsonl.zst" -q -o "$work/w21" --long 20
says "an ordinary window, and less" "window of 2097152 bytes, of which 1048576 are granted; --long 21 grants as many"
expect 0 "an ordinary window" run "$model" "$work/w21.jsonl.zst" -q -o "$work/w21" --long 21
expect 0 "an ordinary window, inspect" inspect "$work/w21.jsonl.zst"
check "nothing is told" test "$(grep -c ^window "$work/out")" = 0
window 29 f.safetensors.zst <"$work/f.safetensors"
expect 1 "features" run "$features" "$work/f.safetensors.zst" -q -o "$work/f29"
says "features" "--long 29"
expect 0 "features, --long" run "$features" "$work/f.safetensors.zst" -q -o "$work/f29" --long 29
check "the output is the same" cmp "$work/f-reference/f.jsonl.zst" "$work/f29/f.jsonl.zst"
window 30 in30.jsonl.zst <"$work/a.jsonl"
"$GRUS" run "$model" - -q -o - --long 30 <"$work/in30.jsonl.zst" >"$work/piped" 2>"$work/err" || fail "standard input: exit $?"
check "standard input gives the same" cmp <(plain "$work/reference/a.jsonl.zst") "$work/piped"
# The window is counted once, in every figure.
for log in 27 30; do
    expect 0 "announced at $log" run "$model" "$work/a.jsonl" -q -o "$work/announced$log" --long "$log"
done
more=$(($(number "$work/announced30/report.json" predicted_memory) - $(number "$work/announced27/report.json" predicted_memory)))
check "$more bytes more" test "$more" = $(((1 << 30) - (1 << 27)))
expect 2 "2^31 in 1 GB" run "$model" "$work/w31.jsonl.zst" -q -o "$work/less" --long 31 --max-memory 1G
says "2^31 in 1 GB" "--max-memory"
for log in 9 32 -1 x; do
    expect 2 "--long $log" run "$model" "$work/a.jsonl" -q -o "$work/o" --long "$log"
done

# ---- a directory with other files ----

mkdir -p "$work/in/inner"
for name in a.jsonl b.jsonl.xz c.csv ._a.jsonl; do
    cp "$work/a.jsonl" "$work/in/$name"
done
expect 0 "a directory with others" run "$model" "$work/in" -q -o "$work/others"
says "a directory with others" "grus: warning: 4 files are no shards by their names: ._a.jsonl, b.jsonl.xz, c.csv, inner/"
check "told in one line" test "$(grep -c "no shards" "$work/err")" = 1
check "the shard is done" cmp "$work/reference/a.jsonl.zst" "$work/others/a.jsonl.zst"
expect 2 "a directory with others, --strict" run "$model" "$work/in" -q -o "$work/others2" --strict
says "a directory with others, --strict" "grus: 4 files are no shards by their names: ._a.jsonl"
check "nothing is made" test ! -e "$work/others2"
expect 0 "a directory with shards alone" run "$model" "$work/others" -q -o "$work/chained" --strict --dry-run

# ---- names ----

# What a name may be besides .jsonl, in any case of its letters; each shard gives the same.
mkdir "$work/names"
for name in one.json two.ndjson THREE.JSONL Four.NDJson; do
    cp "$work/a.jsonl" "$work/names/$name"
done
zstd -q -c "$work/a.jsonl" >"$work/names/five.Json.ZST"
zstd -q -c "$work/a.jsonl" >"$work/names/SIX.JSONL.zst"
expect 0 "other names" run "$model" "$work/names" -q -o "$work/named" --strict
for stem in one two THREE Four five SIX; do
    check "$stem: the output is the same" cmp "$work/reference/a.jsonl.zst" "$work/named/$stem.jsonl.zst"
done
check "no other output" test "$(find "$work/named" -name '*.zst' | wc -l)" = 6
expect 0 "other names: verify" verify "$work/named" --inputs "$work/names"
cp "$work/a.jsonl" "$work/one.ndjson"
expect 2 "two shards of one stem" run "$model" "$work/names" "$work/one.ndjson" -q -o "$work/o4"
says "two shards of one stem" "would be written to the same output shard, one, as $work/names/one.json; give the directory above both with --recursive"
expect 0 "inspect" inspect "$work/names/THREE.JSONL"

# A .json that is one array, also on one line that is longer than a record may be.
printf '\n  [{"text": "og"},\n{"text": "og"}]\n' >"$work/array.json"
printf '[{"text": "%s"}]' "$(head -c 3000 /dev/zero | tr '\0' a)" | zstd -q -c >"$work/long.JSON.zst"
expect 1 "arrays" run "$model" "$work/array.json" "$work/long.JSON.zst" "$work/a.jsonl" -q -o "$work/arrays" --max-record 2K
says "an array" "grus: $work/array.json: is one JSON array and not a JSON object a line"
says "an array on one long line" "grus: $work/long.JSON.zst: is one JSON array"
check "the other shard is done" cmp "$work/reference/a.jsonl.zst" "$work/arrays/a.jsonl.zst"
check "nothing of the arrays is" test "$(find "$work/arrays" -name '*.zst' | wc -l)" = 1
expect 4 "inspect an array" inspect "$work/array.json"
says "inspect an array" "$work/array.json: is one JSON array"
cp "$work/array.json" "$work/array.jsonl"
expect 1 "a .jsonl that begins as one has records in error" run "$model" "$work/array.jsonl" -q -o "$work/arrays2"
check "three of them" grep -q '"records_failed": 3' "$work/arrays2/report.json"

# ---- a field "error" in a record ----

{
    echo '{"id": 7, "text": 5, "error": "of an earlier run"}'
    echo '{"id": 8, "text": "og", "error": null}'
    echo '{"id": 9, "text": 5}'
    echo '{"error": 1, "text": 5, "grus_error": 2}'
} >"$work/errors.jsonl"
expect 0 "records with an error" run "$model" "$work/errors.jsonl" -q -o "$work/errors"
plain "$work/errors/errors.jsonl.zst" >"$work/lines"
# line N PATTERN
line() {
    check "line $1 is $2" grep -qE -- "$2" <(sed -n "$1p" "$work/lines")
}
line 1 '^\{"id": 7, "text": 5, "error": "of an earlier run", "grus_error": "field \\"text\\" is not a string"\}$'
line 2 '^\{"id": 8, "text": "og", "error": null, "output": "[^"]*", "score": [-0-9.e]+, "logprob": [-0-9.e]+\}$'
line 3 '^\{"id": 9, "text": 5, "error": "field \\"text\\" is not a string"\}$'
line 4 '^\{"error": 1, "text": 5, "grus_error": 2, "grus_error": "field \\"text\\" is not a string"\}$'
grep -q '"records_failed": 3' "$work/errors/report.json" || fail "three records are in error"

# ---- lines of vocabularies and labels ----

# spoiled WHAT FILE LINE WORDS COMMAND...: the tagger's FILE made by COMMAND of the sound one is warned of, and with --strict
# refused.
spoiled() {
    local what=$1 file=$2 place=$3 words=$4
    shift 4
    rm -rf "$work/model" "$work/o"
    cp -r "$golden/tagger/model" "$work/model"
    chmod -R u+w "$work/model"
    "$@" <"$golden/tagger/model/$file" >"$work/model/$file"
    expect 0 "$what" run "$work/model" "$work/a.jsonl" -q -o "$work/o"
    says "$what" "grus: warning: $work/model/$file:line $place: $words"
    expect 3 "$what, --strict" run "$work/model" "$work/a.jsonl" -q -o "$work/o2" --strict
    says "$what, --strict" "grus: $work/model/$file:line $place: $words"
}
vocab=$(sed -n 's/.*"vocab": *"\([^"]*\)".*/\1/p' "$golden/tagger/model/config.json" | head -n 1)
labels=$(sed -n 's/.*"labels": *"\([^"]*\)".*/\1/p' "$golden/tagger/model/config.json" | head -n 1)
expect 0 "a sound model, --strict" run "$golden/tagger/model" "$work/a.jsonl" -q -o "$work/o3" --strict
spoiled "carriage returns" "$vocab" 1 'ends with a carriage return (\r): no token of this tokenizer is like that (and 3 lines more)' \
    sed '1,4s/$/\r/'
spoiled "counts" "$vocab" 2 "holds white space" sed '2,4s/$/ 17/'
spoiled "an empty line" "$vocab" 3 "is empty" sed '3s/.*//'
spoiled "a line again" "$vocab" 4 "is the same as an earlier line" awk 'NR == 2 { two = $0 } NR == 4 { $0 = two } { print }'
spoiled "a token with a NUL" "$vocab" 2 "holds a NUL" sed '2s/$/\x00/'
spoiled "labels with carriage returns" "$labels" 1 'ends with a carriage return (\r): no label is like that' sed 's/$/\r/'
spoiled "an empty label" "$labels" 4 "is empty" sed '4s/.*//'

finish
