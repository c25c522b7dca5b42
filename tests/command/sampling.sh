#!/usr/bin/env bash
# Hypotheses that are drawn: what goes with them, that a record's draws hang on the seed, its shard's name and its number
# alone, and that their scores are those of forced decoding. How often a token is drawn is the engine's tests'.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
mkdir -p "$work/in" "$work/zst" "$work/other"
words 400 8 | to_jsonl >"$work/in/a.jsonl"
draw=(--sampling-topk 0 --seed 7)

refused() { # WHAT CASE TEXT OPTION...
    expect 2 "$1" run "$golden/$2/model" "$work/in/a.jsonl" -q -o "$work/refused" "${@:4}"
    says "$1" "$3"
    check "$1: no output is made" test ! -e "$work/refused"
}
refused "a beam" bahdanau "--sampling-topk: goes with a --beam-size of 1" -b 2 --sampling-topk 5
refused "more than all" bahdanau "--sampling-topk: 1000 is more than the tokens of the target" --sampling-topk 1000
refused "a target" bahdanau "--sampling-topk: goes with --task translate" --task score --sampling-topk 0
refused "a target's temperature" bahdanau "--sampling-temperature: goes with --task translate" --task score --sampling-temperature 2
refused "an encoder" crf "--sampling-topk: goes with --task translate" --sampling-topk 0
refused "a temperature" bahdanau "--sampling-temperature: 0.0001 is neither 0 nor between 0.001 and 1000" --sampling-temperature 0.0001
refused "several of the likeliest" bahdanau "--n-best: 2 is more than the beam size" --n-best 2 --sampling-topk 1
refused "several without a temperature" bahdanau "--n-best: 2 is more than the beam size" --n-best 2 --sampling-topk 0 --sampling-temperature 0

# ---- what is drawn ----

# sample OUTDIR INPUT OPTION...: must succeed.
sample() {
    expect 0 "$*" run "$model" "$2" -q -o "$work/$1" "${@:3}"
}
same() { # WHAT OUTDIR OUTDIR
    check "$1" cmp "$work/$2/a.jsonl.zst" "$work/$3/a.jsonl.zst"
}
sample greedy "$work/in/a.jsonl"
sample cold "$work/in/a.jsonl" --sampling-topk 0 --sampling-temperature 0
sample one "$work/in/a.jsonl" --sampling-topk 1 --sampling-temperature 3
same "a temperature of 0 takes the likeliest" greedy cold
same "so does one of the best" greedy one

sample drawn "$work/in/a.jsonl" "${draw[@]}" --mark-truncated -t 1
for n in 2 3 8; do
    sample "threads$n" "$work/in/a.jsonl" "${draw[@]}" --mark-truncated -t "$n" --batch-tokens $((40 * n))
    same "$n threads" drawn "threads$n"
done
check "draws are not the likeliest" test "$(plain "$work/drawn/a.jsonl.zst" | cmp - <(plain "$work/greedy/a.jsonl.zst") | wc -l)" = 1
sample seed "$work/in/a.jsonl" "${draw[@]}" --mark-truncated --seed 8
check "another seed draws others" test "$(cmp "$work/drawn/a.jsonl.zst" "$work/seed/a.jsonl.zst" | wc -l)" = 1
expect 2 "another seed is another run" run "$model" "$work/in/a.jsonl" -q -o "$work/drawn" "${draw[@]}" --mark-truncated --seed 8
says "another seed is another run" "run.json:seed"
expect 2 "another temperature is another run" run "$model" "$work/in/a.jsonl" -q -o "$work/drawn" "${draw[@]}" --mark-truncated --sampling-temperature 2

# The name and the number alone: the shard compressed, and line 300 among others.
zstd -q "$work/in/a.jsonl" -o "$work/zst/a.jsonl.zst"
sample compressed "$work/zst/a.jsonl.zst" "${draw[@]}" --mark-truncated
same "a compressed shard" drawn compressed
awk 'NR != 300 {print NR % 7 ? "no JSON" : "{\"text\": \"og\"}"} NR == 300' "$work/in/a.jsonl" >"$work/other/a.jsonl"
sample company "$work/other/a.jsonl" "${draw[@]}" --mark-truncated
check "other company" cmp <(plain "$work/drawn/a.jsonl.zst" | sed -n 300p) <(plain "$work/company/a.jsonl.zst" | sed -n 300p)
cp "$work/in/a.jsonl" "$work/other/b.jsonl"
sample name "$work/other/b.jsonl" "${draw[@]}" --mark-truncated
check "another name draws others" test "$(cmp "$work/drawn/a.jsonl.zst" "$work/name/b.jsonl.zst" | wc -l)" = 1

# What is drawn first is drawn whatever comes behind it; the best by score comes first.
sample several "$work/in/a.jsonl" "${draw[@]}" --mark-truncated --n-best 4
plain "$work/several/a.jsonl.zst" >"$work/several.jsonl"
check "four each" test "$(grep -o '{"output"' "$work/several.jsonl" | wc -l)" = 1600
missing=0
while IFS=$'\t' read -r score list; do
    [[ $list == *"$score"* ]] || missing=$((missing + 1))
done < <(paste <(plain "$work/drawn/a.jsonl.zst" | grep -o '"output": .*, "logprob": [-0-9.e]*') <(sed 's/.*"nbest": //' "$work/several.jsonl"))
check "the first draw is one of four" test "$missing" = 0
check "by score" test "$(sed 's/.*"nbest": //' "$work/several.jsonl" | grep -n -o '"score": [-0-9.e]*' |
    awk -F '[: ]+' '$1 == line && $3 > last {wrong++} {line = $1; last = $3} END {print wrong + 0}')" = 0

# ---- their scores ----

sample named "$work/in/a.jsonl" --sampling-topk 4 --sampling-temperature 1.5 --mark-truncated --field-prefix s. --output-key target
plain "$work/named/a.jsonl.zst" | grep -v truncated >"$work/ended.jsonl"
check "most end" test "$(wc -l <"$work/ended.jsonl")" -gt 50
expect 0 "forced" run "$model" "$work/ended.jsonl" -q -o "$work/forced" --task score
check "scores of forced decoding" cmp <(plain "$work/forced/ended.jsonl.zst" | grep -o '"s.logprob": [-0-9.e]*' | cut -d ' ' -f 2) \
    <(plain "$work/forced/ended.jsonl.zst" | grep -o '"logprob": [-0-9.e]*' | cut -d ' ' -f 2)

# ---- stopped and resumed ----

words 6000 9 | to_jsonl >"$work/s.jsonl"
sample whole "$work/s.jsonl" "${draw[@]}" --n-best 2
for _ in {1..20}; do
    rm -rf "$work/stopped" && code=0
    timeout -s KILL 0.4 "$GRUS" run "$model" "$work/s.jsonl" -q -o "$work/stopped" "${draw[@]}" --n-best 2 --checkpoint-records 50 2>"$work/err" || code=$?
    [[ $code != 0 ]] && [[ $(cat "$work"/stopped/.grus/partial/*+journal 2>/dev/null | wc -c) -gt 2000 ]] && break
done
sample stopped "$work/s.jsonl" "${draw[@]}" --n-best 2 -t 1 --batch-tokens 50
check "gone on with" cmp "$work/whole/s.jsonl.zst" "$work/stopped/s.jsonl.zst"

finish
