#!/usr/bin/env bash
# Rules of a search on tokens: what goes with them, the same bytes whatever the batch, runs that are others. What they do is
# the golden cases', and the engine's tests'.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
words 120 8 | to_jsonl >"$work/a.jsonl"
model=$golden/repetition-penalty/model

refused() { # WHAT CASE TEXT OPTION...
    expect 2 "$1" run "$golden/$2/model" "$work/a.jsonl" -q -o "$work/refused" "${@:4}"
    says "$1" "$3"
    check "$1: no output is made" test ! -e "$work/refused"
}
for option in --disable-unk "--no-repeat-ngram-size 2" "--repetition-penalty 1.5"; do
    read -ra words <<<"$option"
    refused "${words[0]} of a target" bahdanau "${words[0]}: goes with --task translate" --task score "${words[@]}"
    refused "${words[0]} of states" bahdanau "${words[0]}: goes with --task translate" --task states "${words[@]}"
    refused "${words[0]} of an encoder" crf "${words[0]}: goes with --task translate" "${words[@]}"
done
for penalty in 0 -1 0.0001 1001 nan; do
    refused "penalty $penalty" bahdanau "--repetition-penalty" --repetition-penalty "$penalty"
done

# ---- other bytes, and the same ----

default=$work/default
expect 0 "no rules" run "$model" "$work/a.jsonl" -q -o "$default" -b 3 --min-length 8 -t 1
expect 0 "rules that are none" run "$model" "$work/a.jsonl" -q -o "$default" -b 3 --min-length 8 -t 2 --no-repeat-ngram-size 0 --repetition-penalty 1
number=0
for rule in --disable-unk "--no-repeat-ngram-size 1" "--no-repeat-ngram-size 2" "--repetition-penalty 1.4" "--repetition-penalty 0.6 --no-repeat-ngram-size 3"; do
    number=$((number + 1)) out=$work/o$number
    read -ra words <<<"$rule"
    expect 0 "$rule" run "$model" "$work/a.jsonl" -q -o "$out" -b 3 --n-best 2 --min-length 8 -t 1 "${words[@]}"
    expect 0 "$rule, small batches" run "$model" "$work/a.jsonl" -q -o "$out-small" -b 3 --n-best 2 --min-length 8 -t 3 --batch-tokens 20 "${words[@]}"
    check "$rule: the same bytes whatever the batch" cmp "$out/a.jsonl.zst" "$out-small/a.jsonl.zst"
    expect 2 "$rule: another run" run "$model" "$work/a.jsonl" -q -o "$default" -b 3 --min-length 8 "${words[@]}"
    says "$rule: another run" "the directory belongs to another run"
    expect 0 "$rule: goes on" run "$model" "$work/a.jsonl" -q -o "$out" -b 3 --n-best 2 --min-length 8 "${words[@]}"
done
check "an output has <unk>" grep -q '<unk>' <(plain "$default/a.jsonl.zst")
check "with --disable-unk none has" test "$(plain "$work/o1/a.jsonl.zst" | grep -c '<unk>')" = 0
twice() { # FILE N: outputs that have N words in a row twice
    plain "$1" | sed -E 's/.*"output": "([^"]*)".*/\1/' | awk -v n="$2" '{
        split("", seen)
        for (i = 1; i + n - 1 <= NF; i++) {
            words = ""
            for (j = 0; j < n; j++)
                words = words " " $(i + j)
            if (seen[words]++) {
                count++
                break
            }
        }
    }
    END { print count + 0 }'
}
check "without a rule words come back" test "$(twice "$default/a.jsonl.zst" 2)" -gt 5
check "no word comes back" test "$(twice "$work/o2/a.jsonl.zst" 1)" = 0
check "no two words come back" test "$(twice "$work/o3/a.jsonl.zst" 2)" = 0
check "single ones do" test "$(twice "$work/o3/a.jsonl.zst" 1)" -gt 5

# Every token but the end token once, and then nothing may follow.
expect 0 "until none is left" run "$model" "$work/a.jsonl" -q -o "$work/all" --no-repeat-ngram-size 1 --min-length 100 --max-length-factor 100 --mark-truncated
sed -n '/"decoder"/,$p' "$model/config.json" >"$work/decoder"
tokens=$(wc -l <"$model/$(grep -o '"vocab": "[^"]*"' "$work/decoder" | head -1 | cut -d '"' -f 4)")
check "all $tokens tokens but one" test "$(plain "$work/all/a.jsonl.zst" | sed -E 's/.*"output": "([^"]*)".*/\1/' | awk '{print NF}' | sort -u)" = $((tokens - 1))
check "each such output is cut" test "$(plain "$work/all/a.jsonl.zst" | grep -c '"truncated": true')" = 120

expect 0 "attend" attend "$model" "og" --no-repeat-ngram-size 1 --disable-unk --repetition-penalty 2

finish
