#!/usr/bin/env bash
# The package grus: its own tests against the command, the example in Python, and a wheel that holds the package and no more.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python numpy "python3 with numpy (Debian packages: python3 python3-numpy)"
library=$builddir/.libs/libgrus.so.0
if [[ ! -f $library ]] || nm -D "$library" | grep -qE ' U __(a|t|ub)san_'; then
    echo "this test needs a shared library without sanitizers" >&2
    exit 77
fi
PYTHONPATH=$(realpath "$srcdir/python")
GRUS_LIBRARY=$(realpath "$library")
GRUS=$(realpath "$GRUS")
srcdir=$(realpath "$srcdir")
builddir=$(realpath "$builddir")
export PYTHONPATH GRUS_LIBRARY GRUS srcdir builddir PYTHONDONTWRITEBYTECODE=1

for tests in "$srcdir"/python/tests/test_*.py; do
    check "$(basename "$tests")" "$python" "$tests"
done

words 50 1 | to_jsonl >"$work/words.jsonl"
echo '{"id": 51}' >>"$work/words.jsonl"
expect 0 "the command" run "$golden/bahdanau/model" "$work/words.jsonl" -q -o "$work/run" -b 3
check "the example" "$python" "$srcdir/share/grus/examples/stream.py" "$golden/bahdanau/model" --beam-size 3 \
    <"$work/words.jsonl" >"$work/found.jsonl"
plain "$work/run/words.jsonl.zst" >"$work/expected.jsonl"
check "the example's records" "$builddir/tests/support/compare_records" "$work/expected.jsonl" "$work/found.jsonl"
check "the example without a model" test "$("$python" "$srcdir/share/grus/examples/stream.py" /nowhere 2>&1 </dev/null)" = \
    "stream.py: /nowhere/config.json: cannot be opened: No such file or directory"

version=$("$GRUS" version | awk '{print $2; exit}')
check "the package is of the library's version" grep -qx "version = \"$version\"" "$srcdir/python/pyproject.toml"
if "$python" -c 'import setuptools, wheel' 2>/dev/null; then
    cp -R "$srcdir/python" "$work/python"
    chmod -R u+w "$work/python"
    check "a wheel is made" "$python" -c "import os; os.chdir('$work/python')
from setuptools import build_meta; build_meta.build_wheel('$work')" >/dev/null 2>"$work/err"
    "$python" -m zipfile -l "$work/grus-$version-py3-none-any.whl" | awk 'NR > 1 {print $1}' | grep -v dist-info >"$work/held"
    check "the wheel has the package and no more" diff <(cd "$srcdir/python" && find grus -name '*.py' -o -name py.typed | LC_ALL=C sort) \
        <(LC_ALL=C sort "$work/held")
    check "the wheel works" env -u PYTHONPATH "$python" -c "import sys; sys.path.insert(0, '$work/grus-$version-py3-none-any.whl')
import grus; print(grus.Model('$golden/last/model').encode(['og']).shape)" >/dev/null
fi

finish
