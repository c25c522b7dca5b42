#!/usr/bin/env bash
# A slice of tests/attack/threads.py: runs on 1, 2, 3, 8 and 16 threads under a watchdog; `make check-threads' runs the whole.
set -eu
: "${srcdir:=.}" "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || { echo "this test needs Python 3" >&2; exit 77; }
exec "$PYTHON" "$srcdir/tests/attack/threads.py" --only repeat --seed "${SEED:-1}" --seconds "${THREADS_SECONDS:-12}"
