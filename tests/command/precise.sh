#!/usr/bin/env bash
# A wake word of Mycroft Precise, brought in by tools/import_keras.py as doc/import.md says: the probabilities are those of Keras's
# formulas in float64 over the file itself. PRECISE is hey-mycroft.net of the repository precise-data.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${PRECISE:=}"
if [[ ! -e $PRECISE ]]; then
    echo "this test needs PRECISE=.../hey-mycroft.net, out of MycroftAI's repository precise-data" >&2
    exit 77
fi
need_python "h5py, torch" "h5py and PyTorch (Debian packages: python3-h5py, python3-torch)"

echo hey-mycroft >"$work/wake.labels"
check "import" "$python" "$srcdir/tools/import_keras.py" "$PRECISE" -o "$work/precise" --head-name dense_1=wake \
    --labels "wake=$work/wake.labels" >"$work/said" 2>&1
check "what it was taken for" grep -q 'reset before, gate_activation hard_sigmoid, activation none$' "$work/said"
expect 0 "inspect" inspect "$work/precise" --strict
"$python" "$srcdir/tests/support/precise_reference.py" make "$work/windows.jsonl"
for threads in 1 2; do
    expect 0 "run on $threads threads" run "$work/precise" "$work/windows.jsonl" -q -t "$threads" -o "$work/out.$threads"
done
check "the number of threads changes nothing" cmp "$work/out.1/windows.jsonl.zst" "$work/out.2/windows.jsonl.zst"
plain "$work/out.1/windows.jsonl.zst" >"$work/found"
check "the probabilities" "$python" "$srcdir/tests/support/precise_reference.py" check "$PRECISE" "$work/found"
finish
