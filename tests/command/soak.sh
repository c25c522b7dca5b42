#!/usr/bin/env bash
# A slice of tests/soak/soak.py, without kills: jobs in one process, one after the other; `make check-soak` runs the whole.
set -eu
: "${srcdir:=.}" "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null || { echo "this test needs Python 3.7" >&2; exit 77; }
command -v zstd >/dev/null || { echo "this test needs zstd (Debian package: zstd)" >&2; exit 77; }
exec "$PYTHON" "$srcdir/tests/soak/soak.py" --library --seed "${SEED:-1}" --minutes "${SOAK_MINUTES:-0.2}"
