#!/usr/bin/env bash
# --prefix-key: hypotheses that begin with what the record says. What is said of them is held against runs without a prefix,
# and against forced decoding of the outputs.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/bahdanau/model
field() { sed -E "s/.*\"$1\": (\"[^\"]*\"|[^,}]*)[,}].*/\1/" "$2"; }

# One record in three has none.
prefixes=('rere' 'tümi quzenmi' '<unk> rere reве' 'no such word' 'istnunu istnunu istnunu istnunu istnunu istnunu')
words 300 4 >"$work/texts"
awk -v list="$(IFS='|' && echo "${prefixes[*]}")" 'BEGIN { n = split(list, prefix, "|") }
    { printf "{\"id\": %d, \"text\": \"%s\"%s}\n", NR, $0, NR % 3 ? ", \"p\": \"" prefix[NR % n + 1] "\"" : "" }' \
    "$work/texts" >"$work/a.jsonl"
sed 's/, "p": "[^"]*"//' "$work/a.jsonl" >"$work/none.jsonl"

for search in "-b 1" "-b 4 --n-best 3" "-b 3 --n-best 2 --no-repeat-ngram-size 1 --disable-unk"; do
    read -r -a options <<<"$search --max-length 12 --max-length-factor 9"
    expect 0 "prefixes, $search" run "$model" "$work/a.jsonl" -q -o "$work/o" "${options[@]}" --prefix-key p
    expect 0 "none, $search" run "$model" "$work/none.jsonl" -q -o "$work/n" "${options[@]}"
    plain "$work/o/a.jsonl.zst" >"$work/found"
    plain "$work/n/none.jsonl.zst" >"$work/without"
    check "records without a prefix are as ever, $search" cmp <(grep -v '"p": ' "$work/found") <(awk 'NR % 3 == 0' "$work/without")
    check "prefixes change outputs, $search" test "$(sed 's/, "p": "[^"]*"//' "$work/found" | cmp -l - "$work/without" 2>/dev/null | wc -l)" -gt 200
    awk '{
        p = o = $0
        if (!sub(/.*"p": "/, "", p)) next
        sub(/".*/, "", p)
        gsub(/no such word/, "<unk> <unk> <unk>", p)
        while (match(o, /"output": "[^"]*"/)) {
            if (index(substr(o, RSTART + 11, RLENGTH - 12) " ", p " ") != 1) print
            o = substr(o, RSTART + RLENGTH)
        }
    }' "$work/found" >"$work/wrong"
    check "every hypothesis begins with its prefix, $search" test ! -s "$work/wrong"
    for more in "-t 1 --batch-tokens 1" "-t 3 --batch-tokens 37" "--compute-type float32 --checkpoint-records 7"; do
        rm -rf "$work/again"
        # shellcheck disable=SC2086
        expect 0 "$more" run "$model" "$work/a.jsonl" -q -o "$work/again" "${options[@]}" --prefix-key p $more
        check "the same bytes, $search $more" cmp "$work/o/a.jsonl.zst" "$work/again/a.jsonl.zst"
    done

    # An output that ended, as a target.
    sed 's/, "nbest".*/}/' "$work/found" |
        awk '{ o = $0; sub(/.*"output": "/, "", o); sub(/".*/, "", o); if (split(o, word, " ") < 12) print }' >"$work/ended"
    check "some with a prefix end, $search" test "$(grep -c '"p": ' "$work/ended")" -gt 20
    paste -d '|' <(field text "$work/ended") <(sed 's/.*"output": //; s/, "score.*//' "$work/ended") |
        sed 's/\(.*\)|\(.*\)/{"text": \1, "target": \2}/' >"$work/f.jsonl"
    expect 0 "forced, $search" run "$model" "$work/f.jsonl" -q -o "$work/forced" --task score -b "${options[1]}"
    check "log-probabilities are those of forced decoding, $search" cmp <(sed -E 's/.*"logprob": ([^,}]*).*/\1/' "$work/ended") \
        <(plain "$work/forced/f.jsonl.zst" | sed -E 's/.*"logprob": ([^,}]*).*/\1/')
    rm -rf "$work/o" "$work/n" "$work/forced"
done

# Cut at the limit: one hypothesis, not ended, with a row of attention for each token.
printf '%s\n' '{"text": "og", "in": {"p": "rere tümi rere tümi"}}' '{"text": "og", "in": {"p": "rere"}}' '{"text": "", "in": {}}' '{"text": "og", "in": {"p": ""}}' >"$work/cut.jsonl"
expect 0 "cut" run "$model" "$work/cut.jsonl" -q -o "$work/cut" --prefix-key in.p -b 4 --n-best 4 --max-length 3 --attention soft --mark-truncated
plain "$work/cut/cut.jsonl.zst" >"$work/found"
head -n 1 "$work/found" >"$work/first"
check "the tokens within the limit" grep -q '"output": "rere tümi rere", .*"truncated": true' "$work/first"
check "one hypothesis" test "$(grep -o '"output"' "$work/first" | wc -l)" = 2
check "rows of attention" test "$(sed 's/.*"attention": //' "$work/first" | grep -o '\[[0-9]' | wc -l)" = 3
check "several hypotheses behind a short one" test "$(sed -n 2p "$work/found" | grep -o '"output": "rere' | wc -l)" -gt 2

# Drawn ones begin with it as well, each by itself; what is cut is one.
for batch in 1 1000; do
    expect 0 "drawn" run "$model" "$work/cut.jsonl" -q -o "$work/drawn-$batch" --prefix-key in.p --n-best 3 --sampling-topk 0 --max-length 3 --seed 7 --batch-tokens "$batch"
done
plain "$work/drawn-1/cut.jsonl.zst" >"$work/found"
check "drawn in any batch" cmp <(plain "$work/drawn-1000/cut.jsonl.zst") "$work/found"
check "one drawn hypothesis" grep -q '"output": "rere tümi rere"' <(head -n 1 "$work/found")
check "one drawn hypothesis alone" test "$(head -n 1 "$work/found" | grep -o '"output"' | wc -l)" = 2
check "drawn behind a prefix" test "$(sed -n 2p "$work/found" | grep -o '"output": "rere' | wc -l)" = 4
check "the cut one's log-probability" test "$(head -n 1 "$work/found" | sed -E 's/.*"nbest".*"logprob": ([^,}]*).*/\1/')" = \
    "$(sed -E 's/.*"nbest".*"logprob": ([^,}]*).*/\1/' "$work/first")"

# Records in error, and those that are not.
printf '%s\n' '{"text": "og", "p": 1}' '{"text": "og", "p": null}' '{"text": "og", "p": "rere </s>"}' '{"text": "og"}' '{"text": "og", "p": ["rere"]}' '{"text": "og", "p": "<s>"}' >"$work/bad.jsonl"
expect 0 "bad prefixes" run "$model" "$work/bad.jsonl" -q -o "$work/bad" --prefix-key p
plain "$work/bad/bad.jsonl.zst" >"$work/found"
check "which are in error" test "$(grep -n '"error"' "$work/found" | cut -d : -f 1 | tr '\n' ' ')" = "1 2 3 5 "
check "no text" grep -q 'field \\"p\\" is not a string' "$work/found"
check "the end token" grep -q 'field \\"p\\" holds the end token' "$work/found"
cp -r "$model" "$work/strict"
sed -i 's/^<unk>$/other/' "$work/strict/target.vocab"
echo '{"text": "og", "p": "rere nothing"}' >"$work/unknown.jsonl"
expect 1 "unknown tokens" run "$work/strict" "$work/unknown.jsonl" -q -o "$work/unknown" --prefix-key p
check "an unknown token" grep -q 'unknown token.*nothing' <(plain "$work/unknown/unknown.jsonl.zst")

# What does not go with it, and what the run remembers.
expect 2 "forced" run "$model" "$work/a.jsonl" -q -o "$work/x" --task score --prefix-key p
says "forced" "--prefix-key: goes with --task translate"
expect 2 "an encoder" run "$golden/tagger/model" "$work/a.jsonl" -q -o "$work/x" --prefix-key p
echo og >"$work/b.txt"
expect 2 "lines of text" run "$model" "$work/a.jsonl" "$work/b.txt" -q -o "$work/x" --prefix-key p
says "lines of text" "b.txt: holds no fields, of which --prefix-key names one"
expect 2 "another run" run "$model" "$work/bad.jsonl" -q -o "$work/bad"
expect 0 "the same run" run "$model" "$work/bad.jsonl" -q -o "$work/bad" --prefix-key p
finish
