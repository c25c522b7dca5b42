#!/usr/bin/env bash
# Bad shards, bad records, bad models, bad command lines: each has its error with file and place, its exit code, and no
# effect on what is not bad.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
files=$srcdir/tests/support/files

words 30 1 | to_jsonl >"$work/good.jsonl"
expect 0 "good input" run "$model" "$work/good.jsonl" -q -o "$work/reference"
check "good input: nothing is said, but of the vocabulary" test "$(grep -vc "are unknown to the model" "$work/err")" = 0

# ---- inputs that cannot be opened, or not to their end ----

expect 4 "missing file" run "$model" "$work/missing.jsonl" -q -o "$work/o1"
says "missing file" "grus: $work/missing.jsonl: No such file"
mkdir "$work/dir.jsonl" "$work/nothing"
expect 4 "a directory in place of a file" run "$model" "$work/dir.jsonl" -q -o "$work/o1"
says "a directory in place of a file" "$work/dir.jsonl"
expect 4 "a directory without shards" run "$model" "$work/nothing" -q -o "$work/o1"
expect 4 "nothing can be opened" run "$model" "$work/missing.jsonl" "$work/gone.txt" -q -o "$work/o1"
says "nothing can be opened" "gone.txt"
check "without input nothing is made" test ! -e "$work/o1"
cp "$work/good.jsonl" "$work/good.csv"
expect 2 "a file of unknown type" run "$model" "$work/good.csv" -q -o "$work/o1"
says "a file of unknown type" "$work/good.csv"
expect 2 "two inputs of one stem" run "$model" "$work/good.jsonl" "$work/in/../good.jsonl" -q -o "$work/o1"

# alone STEM: of the last run into $work/some only the good shard is there, and as it should be.
alone() {
    check "$1: the good shard is done" cmp "$work/reference/good.jsonl.zst" "$work/some/good.jsonl.zst"
    check "$1: nothing of the bad one is there" test ! -e "$work/some/$2.jsonl.zst" -a ! -e "$work/some/.grus/done/$2.json"
    check "$1: no partial file is left" test -z "$(ls "$work/some/.grus/partial")"
    rm -rf "$work/some"
}
expect 1 "one of two is missing" run "$model" "$work/missing.jsonl" "$work/good.jsonl" -q -o "$work/some"
says "one of two is missing" "$work/missing.jsonl: No such file"
says "one of two is missing" "1 of 2 shards failed"
alone "one of two is missing" missing

words 4000 2 | to_jsonl | zstd -q >"$work/whole.jsonl.zst"
head -c 20000 "$work/whole.jsonl.zst" >"$work/cut.jsonl.zst"
expect 1 "a truncated frame" run "$model" "$work/cut.jsonl.zst" "$work/good.jsonl" -q -o "$work/some"
says "a truncated frame" "$work/cut.jsonl.zst:byte 20000"
alone "a truncated frame" cut
expect 1 "a wrong checksum" run "$model" "$files/bad-checksum.jsonl.zst" "$work/good.jsonl" -q -o "$work/some"
says "a wrong checksum" "bad-checksum.jsonl.zst:byte "
alone "a wrong checksum" bad-checksum

# zstd writes 9 bytes at least; a plain file of none is a shard without records.
: >"$work/empty.jsonl.zst"
: >"$work/nothing.jsonl"
expect 1 "a .zst of no bytes" run "$model" "$work/empty.jsonl.zst" "$work/good.jsonl" "$work/nothing.jsonl" -q -o "$work/some"
says "a .zst of no bytes" "$work/empty.jsonl.zst:byte 0: is named .zst and has no bytes"
check "a plain file of no bytes is done" test -e "$work/some/nothing.jsonl.zst" -a -z "$(plain "$work/some/nothing.jsonl.zst")"
alone "a .zst of no bytes" empty

# The same command once the shard is repaired: the other is not done again.
cp "$work/cut.jsonl.zst" "$work/mended.jsonl.zst"
expect 1 "before the repair" run "$model" "$work/mended.jsonl.zst" "$work/good.jsonl" -q -o "$work/some"
cp "$work/whole.jsonl.zst" "$work/mended.jsonl.zst"
expect 0 "after the repair" run "$model" "$work/mended.jsonl.zst" "$work/good.jsonl" -o "$work/some"
says "after the repair" "4,000 records"
rm -rf "$work/some"

# ---- records in error ----

big=$work/big.txt
head -c 20000000 /dev/zero | tr '\0' x >"$big"
{
    echo '{"id": 1, "text": "og"}'
    echo '{"id": 2, "text": "og"'
    printf '{"id": 3, "text": "o\xff"}\n'
    echo '{"id": 4, "body": "og"}'
    echo '{"id": 5, "text": ""}'
    printf '{"id": 6, "text": "%s"}\n' "$(<"$big")"
    echo
    echo '{"id": 8, "text": 7}'
    echo '[9]'
    echo '{"id": 10, "text": "og", "output": "mine"}'
    printf '{"id": 11, "text": "%s"}\n' "$(printf 'o%.0s' {1..17000})"
    echo '{"id": 12, "text": "\ud800"}'
    echo '{"id": 13, "text": "og", "score": null}'
    printf '{"id": 14, "text": "og"}'
} >"$work/bad.jsonl"
expect 0 "bad records" run "$model" "$work/bad.jsonl" -q -o "$work/bad"
plain "$work/bad/bad.jsonl.zst" >"$work/lines"
check "bad records: as many out as in" test "$(wc -l <"$work/lines")" = 14

# line N PATTERN: line N of the output.
line() {
    check "bad records: line $1 is not $2" grep -qE -- "$2" <(sed -n "$1p" "$work/lines")
}
result='"output": "[^"]*", "score": [^,]*, "logprob": [^,]*\}$'
line 1 "^\{\"id\": 1, \"text\": \"og\", $result"
line 2 '^\{"error": ".*", "line": 2\}$'
line 3 '^\{"error": ".*", "line": 3\}$'
line 4 '^\{"id": 4, "body": "og", "error": ".*text.*"\}$'
line 5 "^\{\"id\": 5, \"text\": \"\", $result"
line 6 '^\{"error": ".*", "line": 6\}$'
line 7 '^\{"error": ".*", "line": 7\}$'
line 8 '^\{"id": 8, "text": 7, "error": ".*text.*"\}$'
line 9 '^\{"error": ".*", "line": 9\}$'
line 10 '^\{"id": 10, "text": "og", "output": "mine", "error": ".*output.*"\}$'
line 11 '^\{"id": 11, "text": "o+", "error": ".*17000 positions.*"\}$'
line 12 '^\{"error": ".*", "line": 12\}$'
line 13 '^\{"id": 13, "text": "og", "score": null, "error": ".*score.*"\}$'
line 14 "^\{\"id\": 14, \"text\": \"og\", $result"
check "neighbours are not disturbed" test "$(sed -n '1s/.*"output"//p' "$work/lines")" = "$(sed -n '14s/.*"output"//p' "$work/lines")"
check "records in error are counted" grep -q '"records_failed": 11,' "$work/bad/report.json"
for cause in '"bad_json": 3' '"bad_utf8": 1' '"no_text": 1' '"too_big": 1' '"blank": 1' '"bad_text": 1' '"result_field": 2' \
    '"too_long": 1'; do
    check "the report counts $cause" grep -q "$cause" "$work/bad/report.json"
done

# With --on-error fail the shard fails at its first bad record, the others do not.
expect 1 "--on-error fail" run "$model" "$work/bad.jsonl" "$work/good.jsonl" -q -o "$work/some" --on-error fail
says "--on-error fail" "grus: $work/bad.jsonl:line 2: "
alone "--on-error fail" bad

# Text shards.
printf 'og\no\xff\n\nog' >"$work/lines.txt"
expect 0 "bad text" run "$model" "$work/lines.txt" -q -o "$work/text"
plain "$work/text/lines.jsonl.zst" >"$work/lines"
line 1 "^\{\"id\": 1, $result"
line 2 '^\{"error": ".*", "line": 2\}$'
line 3 "^\{\"id\": 3, $result"
line 4 "^\{\"id\": 4, $result"
expect 0 "bad text as text" run "$model" "$work/lines.txt" -q -o "$work/astext" --format txt
check "a record in error is an empty line" test "$(plain "$work/astext/lines.txt.zst" | sed -n 2p)" = ""
check "a line is a line" test "$(plain "$work/astext/lines.txt.zst" | wc -l)" = 4
printf 'a\tog\nb\n' >"$work/table.tsv"
expect 0 "a missing column" run "$model" "$work/table.tsv" -q -o "$work/table" --text-column 2
plain "$work/table/table.jsonl.zst" >"$work/lines"
line 1 "^\{\"id\": 1, $result"
line 2 '^\{"error": ".*column 2.*", "line": 2\}$'

# A vocabulary without <unk>.
cp -r "$model" "$work/no-unk"
sed -i 's/^<unk>$/q/' "$work/no-unk/source.vocab"
printf '{"text": "o"}\n{"text": "oz"}\n{"text": "q"}\n' >"$work/unknown.jsonl"
expect 0 "a vocabulary without <unk>" run "$work/no-unk" "$work/unknown.jsonl" -q -o "$work/unknown"
plain "$work/unknown/unknown.jsonl.zst" >"$work/lines"
line 1 "^\{\"text\": \"o\", $result"
line 2 '^\{"text": "oz", "error": ".*z.*"\}$'
line 3 "^\{\"text\": \"q\", $result"
check "unknown tokens are counted" grep -q '"unknown_token": 1' "$work/unknown/report.json"

# ---- models ----

# broken WHAT TEXT FILE SCRIPT: a copy of the model whose FILE went through this sed script is refused with exit 3 and TEXT.
broken() {
    rm -rf "$work/broken"
    cp -r "$model" "$work/broken"
    LC_ALL=C sed -i "$4" "$work/broken/$3"
    check "$1: the script changes something" test "$(cmp -s "$model/$3" "$work/broken/$3" || echo changed)" = changed
    expect 3 "$1" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3"
    says "$1" "grus: $work/broken/$3"
    says "$1" "$2"
    check "$1: no output is made" test ! -e "$work/o3"
}
broken "overlapping tensors" encoder.rnn.weight_ih_l0 model.safetensors 's/\[176,512\]/[172,508]/'
broken "a wrong dtype" encoder.embedding.weight model.safetensors 's/"encoder.embedding.weight":{"dtype":"F32"/"encoder.embedding.weight":{"dtype":"I64"/'
broken "an unknown dtype" encoder.embedding.weight model.safetensors 's/"encoder.embedding.weight":{"dtype":"F32"/"encoder.embedding.weight":{"dtype":"X32"/'
broken "a wrong shape" decoder.embedding.weight model.safetensors 's/\("decoder.embedding.weight":{"dtype":"F32","shape":\)\[11,5\]/\1[5,11]/'
broken "a missing tensor" bridge.weight model.safetensors 's/"bridge.weight"/"bridge.weighs"/'
broken "an unknown key" hidden_sise config.json 's/"hidden_size": 7/"hidden_sise": 7/'
broken "a negative size" hidden_size config.json 's/"hidden_size": 7/"hidden_size": -7/'
broken "no JSON" "config.json:11:2: expected a key in double quotes" config.json 's/"encoder"/encoder/'
rm -rf "$work/broken"
cp -r "$model" "$work/broken"
printf '\377\377\377\377\377\377\377\177' | dd of="$work/broken/model.safetensors" conv=notrunc status=none
expect 3 "a header that is too long" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3"
says "a header that is too long" "grus: $work/broken/model.safetensors"
head -c 4000 "$model/model.safetensors" >"$work/broken/model.safetensors"
expect 3 "a truncated model" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3"
for file in model.safetensors source.vocab config.json; do
    rm "$work/broken/$file"
    expect 3 "a model without $file" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3"
    says "a model without $file" "$work/broken/$file"
    cp "$model/$file" "$work/broken/$file"
done
# Weights that are no numbers. The file begins with the length of its header, and offsets count from the header's end.
rm -rf "$work/broken"
cp -r "$model" "$work/broken"
weights=$work/broken/model.safetensors
header=$(head -c 8 "$weights" | od -An -tu8 | tr -d ' ')
begin=$(head -c $((8 + header)) "$weights" | tail -c +9 | sed -E 's/.*"bridge.weight":[^}]*"data_offsets":\[([0-9]+),.*/\1/')
# bridge.weight is [8, 14]; row 3, column 5 of F32.
at=$((8 + header + begin + (3 * 14 + 5) * 4))
for bits in '\x00\x00\xc0\x7f' '\x00\x00\x80\x7f' '\x00\x00\x80\xff' '\x01\x00\x80\xff'; do
    # shellcheck disable=SC2059
    printf "$bits" | dd of="$weights" bs=1 seek="$at" conv=notrunc status=none
    expect 3 "a weight of $bits" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3"
    says "a weight of $bits" "grus: $weights:bridge.weight[3, 5]: "
    expect 3 "inspect a weight of $bits" inspect "$work/broken"
done
expect 1 "a NaN, allowed" run "$work/broken" "$work/good.jsonl" -q -o "$work/nan" --allow-nonfinite
says "a NaN, allowed" "grus: warning: $weights:bridge.weight[3, 5]: "
says "a NaN, allowed" "records are in error"
expect 0 "inspect a NaN, allowed" inspect "$work/broken" --allow-nonfinite
expect 3 "bench a NaN" bench "$work/broken" --records 1 --seconds 0
expect 0 "bench a NaN, allowed" bench "$work/broken" --records 1 --seconds 0 --allow-nonfinite
expect 3 "attend a NaN" attend "$work/broken" a
expect 1 "attend a NaN, allowed" attend "$work/broken" a --allow-nonfinite
says "attend a NaN, allowed" "the model's result is not finite"
# The greatest finite number is one.
printf '\xff\xff\x7f\x7f' | dd of="$weights" bs=1 seek="$at" conv=notrunc status=none
expect 0 "a great weight" run "$work/broken" "$work/good.jsonl" -q -o "$work/great"
# A scale that is no number, and one whose products are too large. tests/cases/int8-tagger has no other names.
rm -rf "$work/quantised"
cp -r "${model%/*/*}/int8-tagger/model" "$work/quantised"
weights=$work/quantised/model.safetensors
header=$(head -c 8 "$weights" | od -An -tu8 | tr -d ' ')
begin=$(head -c $((8 + header)) "$weights" | tail -c +9 |
    sed -E 's/.*"attention.key.weight_scale":[^}]*"data_offsets":\[([0-9]+),.*/\1/')
at=$((8 + header + begin + 2 * 4))
for bits in '\x00\x00\xc0\x7f _scale[2]' '\x00\x00\x80\xff _scale[2]' '\xff\xff\x7f\x7f [2, '; do
    # shellcheck disable=SC2059
    printf "${bits%% *}" | dd of="$weights" bs=1 seek="$at" conv=notrunc status=none
    expect 3 "a scale of $bits" inspect "$work/quantised"
    says "a scale of $bits" "grus: $weights:attention.key.weight${bits#* }"
done
expect 3 "no model" run "$work/nowhere" "$work/good.jsonl" -q -o "$work/o3"
expect 3 "a file in place of a model" run "$work/good.jsonl" "$work/good.jsonl" -q -o "$work/o3"
LC_ALL=C sed -i 's/"decoder.output.bias"/"decoder.output.bios"/' "$work/broken/model.safetensors"
expect 0 "a tensor that nothing uses" run "$work/broken" "$work/good.jsonl" -q -o "$work/unused"
says "a tensor that nothing uses" decoder.output.bios
expect 3 "a tensor that nothing uses, --strict" run "$work/broken" "$work/good.jsonl" -q -o "$work/o3" --strict
says "a tensor that nothing uses, --strict" decoder.output.bios

# ---- command lines ----

usage() {
    local what="usage: $*"
    expect 2 "$what" "$@"
    says "$what" "grus: "
    check "$what: no output is made" test ! -e "$work/o2"
}
run() {
    usage run "$model" "$work/good.jsonl" -o "$work/o2" "$@"
}
usage
usage sing
usage run
usage run "$model" -o "$work/o2"
usage run "$model" "$work/good.jsonl"
usage status
usage status "$work/o2" "$work/o2"
usage verify
usage verify "$work/o2" "$work/good.jsonl"
usage verify "$work/o2" --inputs
usage inspect
run --no-such-option
run --threads
run --threads=0
run --threads two
run --threads 99999999999999999999
run --batch-tokens -1
run --max-memory 4X
run --max-memory 1K
run --max-record 0
run --level 99
run --task sing
run --task embed
run --task tag
run --n-best 2
run --n-best 3 --beam-size 2
run --length-penalty nan
run --length-penalty -1e308
run --length-penalty 16.5
run --max-length-factor -1
run --max-length-factor 1e300
run --token-scores
run --format npy
run --format txt --attention soft
run --rank 1
run --rank 3 --world-size 3
run --checkpoint-records ten
run --quiet=yes
usage run "$golden/two-tasks/model" "$work/good.jsonl" -o "$work/o2" --attention hard
usage run "$golden/two-tasks/model" "$work/good.jsonl" -o "$work/o2" --task translate
usage run "$golden/two-tasks/model" "$work/good.jsonl" -o "$work/o2" --format txt
OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=2 run

# What a launcher says is taken where the command line says nothing.
SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=3 SLURM_PROCID=0 SLURM_NTASKS=9 \
    expect 0 "a job array" run "$model" "$work/good.jsonl" "$work/lines.txt" "$work/table.tsv" -q -o "$work/array"
check "task 1 of 3 has shard 1" test -e "$work/array/lines.jsonl.zst" -a ! -e "$work/array/good.jsonl.zst" -a \
    ! -e "$work/array/table.jsonl.zst"

# ---- inspect ----

expect 0 "inspect a model" inspect "$model"
check "inspect a model: its tensors" grep -q 'bridge.weight .*\[8, 14\]' "$work/out"
expect 0 "inspect a shard" inspect "$work/whole.jsonl.zst"
check "inspect a shard: its records" grep -q '^records *4000' "$work/out"
expect 4 "inspect a missing shard" inspect "$work/missing.jsonl"
expect 4 "inspect a cut shard" inspect "$work/cut.jsonl.zst"
says "inspect a cut shard" "byte 20000"
expect 3 "inspect a broken model" inspect "$work/nothing"
expect 0 "--version" --version
expect 0 "--help" --help
finish
