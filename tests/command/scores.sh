#!/usr/bin/env bash
# The scorers of summaries and of boxes, by their own examples and against a second way of computing; and what makes the scenes of
# digits: their boxes hold all the ink, and their features give the pixels back.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python "numpy" "NumPy (Debian package: python3-numpy)"

for tool in score_rouge score_detection; do
    "$python" "$srcdir/tools/$tool.py" --self-test >"$work/out" 2>&1 || fail "$tool: $(<"$work/out")"
    check "$tool: no self-test" grep -q passed "$work/out"
done
"$python" "$srcdir/tests/support/second_scores.py" >"$work/out" || fail "the scorers: $(head -3 "$work/out")"
"$python" "$srcdir/tests/support/scene_checks.py" "$work" >"$work/out" || fail "scenes: $(head -3 "$work/out")"

# The summaries that the card promises, of the whole demo shard.
model=${MODELS:=$srcdir/models}/debian-summaries
expect 0 "debian-summaries" run "$model" "$model/demo.jsonl.zst" -q -o "$work/summaries"
"$python" "$srcdir/tools/score_rouge.py" "$work/summaries/demo.jsonl.zst" "$model/demo.jsonl.zst" --min-rouge-l 38.8 >"$work/out" ||
    fail "debian-summaries: $(<"$work/out")"

# The boxes that the card promises; a second run gives the probabilities that they are ranked by.
model=$MODELS/digit-scenes
expect 0 "digit-scenes" run "$model" "$model/demo.jsonl.zst" -q -o "$work/scenes" --output-key output --field-prefix search_
expect 0 "digit-scenes, scored" run "$model" "$work/scenes" -q -o "$work/boxes" --task score --target-key output --token-scores
"$python" "$srcdir/tools/score_detection.py" "$work/boxes/demo.jsonl.zst" "$model/demo.jsonl.zst" --min-map 0.84 >"$work/out" ||
    fail "digit-scenes: $(<"$work/out")"

# The commands, on files.
printf '%s\n' '{"output": "a b c d e"}' '{"output": ""}' >"$work/found.jsonl"
printf '%s\n' '{"expected": {"output": "b c"}}' '{"expected": {"output": "x"}}' >"$work/wanted.jsonl"
"$python" "$srcdir/tools/score_rouge.py" "$work/found.jsonl" "$work/wanted.jsonl" >"$work/out"
check "score_rouge: $(<"$work/out")" grep -qF 'ROUGE-1 = 28.57, ROUGE-2 = 20.00, ROUGE-L = 28.57 (n=2,' "$work/out"
echo '{"truth": [{"class": "7", "box": [0, 0, 10, 10]}], "output": "y0 x0 y10 x8 7 y0 x0 y10 x10 3", "token_logprobs": [0, 0, 0, 0, -1, 0, 0, 0, 0, 0]}' >"$work/boxes.jsonl"
"$python" "$srcdir/tools/score_detection.py" "$work/boxes.jsonl" "$work/boxes.jsonl" >"$work/out"
check "score_detection: $(<"$work/out")" grep -qxF 'mAP@0.5 = 1.0000, mAP@[.5:.95] = 0.7000 (scenes=1, true=1, found=2)' "$work/out"
finish
