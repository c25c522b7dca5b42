#!/usr/bin/env bash
# tools/import_onnx.py: graphs with GRU and LSTM nodes, written by PyTorch's exporter and node by node, give what PyTorch and loops
# over the operators' definitions give; what grus cannot compute is refused by name.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python "torch" "PyTorch (Debian package: python3-torch)"
"$python" "$srcdir/tests/support/onnx_models.py" "$work/in"
cd "$work/in"
# shellcheck source=tests/support/importing.sh
. "$srcdir/tests/support/importing.sh"
import_coprocess import_onnx

for graph in *.onnx; do
    name=${graph%.onnx}
    options=()
    [[ ! -e $name.options ]] || mapfile -t options <"$name.options"
    if [[ $name = bad-* ]]; then
        import_model 1 "$graph" -o "$name" "${options[@]}"
        checks=$((checks + 1))
        grep -qF -- "$(cat "$name.says")" said || fail "$name: expected \"$(cat "$name.says")\", found \"$(tail -n 1 said)\""
        check "$name: a directory is left" test ! -e "$name"
        continue
    fi
    import_model 0 "$graph" -o "$name" "${options[@]}"
    expect 0 "$name: loads" inspect "$name" --strict
    running=()
    [[ ! -e $name.run ]] || mapfile -t running <"$name.run"
    expect 0 "$name: runs" run "$name" "$name.jsonl" -q -o "$name-out" "${running[@]}"
    plain "$name-out/$name.jsonl.zst" >found
    check "$name: other results" "$builddir/tests/support/compare_records" "$name.expected" found
done
for graph in damaged/*.onnx; do
    import_model any "$graph" -o "$graph-out"
done
graphs=(*-out) refusals=(bad-*.says)
check "graphs that are run and refused" test "${#graphs[@]} ${#refusals[@]}" = "16 22"
finish
