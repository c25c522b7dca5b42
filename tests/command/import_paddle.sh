#!/usr/bin/env bash
# tools/import_paddle.py: programs and parameters as Paddle saves them give what loops over its definitions give; what grus cannot
# compute, and tensors that do not tell how they are used, are refused by name.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python "torch" "PyTorch (Debian package: python3-torch)"
"$python" "$srcdir/tests/support/paddle_models.py" "$work/in"
cd "$work/in"
# shellcheck source=tests/support/importing.sh
. "$srcdir/tests/support/importing.sh"
import_coprocess import_paddle

for list in *.inputs; do
    name=${list%.inputs}
    mapfile -t inputs <"$list"
    if [[ $name = bad-* ]]; then
        import_model 1 "${inputs[@]}" -o "$name"
        checks=$((checks + 1))
        grep -qF -- "$(cat "$name.says")" said || fail "$name: expected \"$(cat "$name.says")\", found \"$(tail -n 1 said)\""
        check "$name: a directory is left" test ! -e "$name"
        continue
    fi
    import_model 0 "${inputs[@]}" -o "$name"
    expect 0 "$name: loads" inspect "$name" --strict
    expect 0 "$name: runs" run "$name" "$name.jsonl" -q -o "$name-out"
    plain "$name-out/$name.jsonl.zst" >found
    check "$name: other results" "$builddir/tests/support/compare_records" "$name.expected" found
done
models=(*-out) refusals=(bad-*.says)
check "models that are run and refused" test "${#models[@]} ${#refusals[@]}" = "6 9"
finish
