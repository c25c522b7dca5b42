#!/usr/bin/env bash
# A slice of tests/attack/redone.py, picked by SEED; `make check-crash` runs the whole.
set -eu
: "${srcdir:=.}" "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || { echo "this test needs Python 3" >&2; exit 77; }
exec "$PYTHON" "$srcdir/tests/attack/redone.py" --seed "${SEED:-1}" --seconds "${REDONE_SECONDS:-8}"
