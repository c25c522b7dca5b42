#!/usr/bin/env bash
# A slice of tests/attack/faults.py, picked by SEED; `make check-faults` runs the whole.
set -eu
: "${srcdir:=.}" "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || { echo "this test needs Python 3" >&2; exit 77; }
exec "$PYTHON" "$srcdir/tests/attack/faults.py" --seed "${SEED:-1}" --seconds "${FAULTS_SECONDS:-15}"
