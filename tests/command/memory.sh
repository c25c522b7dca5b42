#!/usr/bin/env bash
# Memory: what a run takes at most (the system's count) stays below what was printed before it began, and that below
# --max-memory, whatever the input. FULL=1: at full size, minutes instead of seconds.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
full=${FULL-}

# Sanitizers take memory of their own.
if grep -qE '^S\["(asan|ubsan|tsan|SANITIZED)_?.*"\]="?yes' "${builddir:-.}/config.status" 2>/dev/null ||
    { command -v nm >/dev/null && nm -D "$builddir/.libs/grus" 2>/dev/null | grep -q __asan_init; }; then
    echo "memory is not measured in a build with sanitizers" >&2
    exit 77
fi

number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1" | head -n 1
}

# bounded WHAT CODE MODEL INPUT LIMIT OPTION...: the run ends with this code and keeps its bound.
bounded() {
    local what=$1 code=$2 model=$3 input=$4 limit=$5 peak predicted
    shift 5
    rm -rf "$work/o"
    expect "$code" "$what" run "$golden/$model/model" "$input" -o "$work/o" -q --max-memory "$limit" "$@"
    peak=$(number "$work/o/report.json" peak_memory) predicted=$(number "$work/o/report.json" predicted_memory)
    echo "$what: $model: $((peak >> 20)) MiB of $((predicted >> 20)) MiB, limit $((limit >> 20)) MiB"
    check "$what: $predicted bytes are predicted, $limit allowed" test "$predicted" -le "$limit"
    check "$what: $peak bytes are taken, $predicted predicted" test "$((peak * 100))" -le "$((predicted * 105))"
}

M=$((1 << 20))
small=$((350 * M)) large=$((600 * M))

# One record of almost 16 MB: one word; many words; numbers; all escapes.
record() {
    printf '{"id": 1, "text": "%s"}\n' "$1"
}
n=16770000
{ printf '{"id": 1, "text": "' && head -c $n /dev/zero | tr '\0' 'l' && printf '"}\n'; } >"$work/word.jsonl"
{ printf '{"id": 1, "text": "' && yes 'low lower' | head -c $n | tr '\n' ' ' && printf '"}\n'; } >"$work/words.jsonl"
{ printf '{"id": 1, "text": "' && yes '\u00e4\n' | tr -d '\n' | head -c $((n / 8 * 8)) && printf '"}\n'; } >"$work/escapes.jsonl"
for input in word words escapes; do
    for model in bpe bahdanau bpe-old; do
        bounded "a record of 16 MB ($input)" 1 $model "$work/$input.jsonl" $small -t 2
    done
done

# SentencePiece is given 128 KiB at most: what is longer is in error, with its neighbours as they are. The longest text
# that it takes, each character of which becomes eighteen, keeps the bound.
if [ -n "${SENTENCEPIECE-}" ]; then
    { echo '{"id": 0, "text": "lo"}' && cat "$work/word.jsonl" && echo '{"id": 2, "text": "lo"}'; } >"$work/giant.jsonl"
    bounded "a giant text for SentencePiece" 0 sentencepiece "$work/giant.jsonl" $large -t 2
    check "its neighbours have results" test "$(zstd -dcq "$work/o/giant.jsonl.zst" | grep -c '"output"')" = 2
    check "it has the cause" test "$(number "$work/o/report.json" too_long)" = 1
    printf '{"text": "%s"}\n' "$(yes $'\xef\xb7\xba' | head -n 43690 | tr -d '\n')" >"$work/salla.jsonl"
    bounded "the longest text for SentencePiece" 1 sentencepiece "$work/salla.jsonl" $large -t 2
fi

# Many records of one byte.
yes l | head -n $((${full:+9800000} + 200000)) >"$work/bytes.txt"
bounded "records of one byte" 0 mean "$work/bytes.txt" $small -t 2
bounded "records of one byte, with checkpoints" 0 mean "$work/bytes.txt" $small -t 2 --checkpoint-records 50000

# Numbers of every position, and the outputs of every layer.
yes 'low lower lowest' | head -n 20000 >"$work/positions.txt"
bounded "logits" 0 head-logits "$work/positions.txt" $small -t 2
bounded "inputs from every layer" 0 head-inputs "$work/positions.txt" $small -t 2 --head-output probs
bounded "states of records of one byte" 0 mean "$work/bytes.txt" $small -t 2 --task states
bounded "a shard of features of them" 0 mean "$work/bytes.txt" $small -t 2 --task states --format safetensors

# A frame that asks for a window of 2 GB is refused with its name, before a byte of it is taken: magic, no flags, window
# descriptor 2^31, a last raw block of one byte.
printf '\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x' >"$work/window.jsonl.zst"
bounded "a window of 2 GB" 1 mean "$work/window.jsonl.zst" $small -t 1
says "a window of 2 GB" "window of 2147483648 bytes, of which 134217728 are granted; --long 31 grants as many"

# A frame with the largest window that is taken, and one that grows 30,000 times: one line without end, then records.
if zstd --help 2>&1 | grep -q -- --long; then
    { yes '{"text": "lo"}' | head -n 30000 && head -c $((${full:+900} + 100))M /dev/zero && echo &&
        yes '{"text": "lo"}' | head -n 1000; } >"$work/plain"
    zstd -q --long=27 -19 --ultra -T1 <"$work/plain" >"$work/bomb.jsonl.zst"
    echo "the bomb: $(stat -c %s "$work/plain") bytes in $(stat -c %s "$work/bomb.jsonl.zst")"
    rm "$work/plain"
    bounded "a bomb" 0 mean "$work/bomb.jsonl.zst" $small -t 2
fi

# Scores of all positions of a record, and prefixes: the longest record among short ones.
{ yes 'wj?5' | head -n 4096 | tr -d '\n' && echo && yes '5' | head -n 20000; } >"$work/paths.txt"
bounded "the longest path" 0 crf "$work/paths.txt" $small -t 2 --task tag
bounded "the longest search for prefixes" 0 ctc "$work/paths.txt" $small -t 2 -b 64

# Too little is told before the start, with what would do.
expect 2 "too little" run "$golden/mean/model" "$work/bytes.txt" -o "$work/less" --max-memory 20M
says "too little" "--max-memory"
finish
