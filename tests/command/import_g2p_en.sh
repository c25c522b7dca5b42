#!/usr/bin/env bash
# g2p_en's checkpoint, with random weights, brought in by tools/import_g2p_en.py: the phonemes and log-probabilities are those of
# a loop in float64 over the checkpoint's own arrays.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

need_python "numpy, torch" "PyTorch (Debian package: python3-torch)"
reference=$srcdir/tests/support/g2p_en_reference.py
import=$srcdir/tools/import_g2p_en.py

printf '%s\n' a grus Hello phoneme QUEUE x mnemonic strengths "" antidisestablishmentarianism zz "don't" >"$work/words.txt"
check "a checkpoint" "$python" "$reference" make "$work/checkpoint.npz"
check "import" "$python" "$import" "$work/checkpoint.npz" -o "$work/model"
expect 0 "inspect" inspect "$work/model"
check "no attention is told" bash -c '! grep -q ^attention "$1"' - "$work/out"
for threads in 1 3; do
    expect 0 "run on $threads threads" run "$work/model" "$work/words.txt" -q -t "$threads" -o "$work/out.$threads"
done
check "the number of threads changes nothing" cmp "$work/out.1/words.jsonl.zst" "$work/out.3/words.jsonl.zst"
plain "$work/out.1/words.jsonl.zst" >"$work/said.jsonl"
check "phonemes" "$python" "$reference" compare "$work/checkpoint.npz" "$work/words.txt" "$work/said.jsonl"

expect 2 "no attention to print" run "$work/model" "$work/words.txt" --attention soft -o "$work/none"
says "no attention to print" "grus: --attention: needs a model with attention; this one's decoder has none"
expect 2 "no attention to draw" attend "$work/model" word
says "no attention to draw" "this model has no attention: its decoder has none"

"$python" - "$work" <<'END'
import sys

import numpy as np

arrays = dict(np.load(sys.argv[1] + "/checkpoint.npz"))
del arrays["dec_b_hh"]
np.savez(sys.argv[1] + "/less.npz", **arrays)
END
check "an array is missing" bash -c '! "$1" "$2" "$3/less.npz" -o "$3/less" 2>"$3/err"' - "$python" "$import" "$work"
says "an array is missing" "missing dec_b_hh, not known none"
finish
