#!/usr/bin/env bash
# slice.sh SCRIPT: a slice of an attack or of the soak, of some seconds, picked by SEED. The whole is a make target of its own:
# check-crash, check-faults, check-soak, check-threads. SLICE_SECONDS changes how long it takes.
set -eu
: "${PYTHON:=python3}" "${SEED:=1}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || { echo "this test needs Python 3.8" >&2; exit 77; }
command -v zstd >/dev/null || { echo "this test needs zstd (Debian package: zstd)" >&2; exit 77; }
seconds=15 options=()
case $1 in
*/redone.py) seconds=8 ;;
*/takeover.py) seconds=6 ;;
*/threads.py) seconds=12 options=(--only repeat) ;;
*/soak.py) seconds=12 options=(--library) ;; # jobs in one process, one after the other, without kills
esac
exec "$PYTHON" "$1" --seed "$SEED" --seconds "${SLICE_SECONDS:-$seconds}" ${options[@]+"${options[@]}"}
