#!/usr/bin/env bash
# tests/support/compare_builds.py can tell: this build makes what it makes itself, and one that compresses in another way, or
# says something else, is found out.
set -eu
: "${GRUS:=./grus}" "${srcdir:=.}" "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || { echo "this test needs Python 3.8" >&2; exit 77; }
command -v zstd >/dev/null || { echo "this test needs zstd (Debian package: zstd)" >&2; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/grus-compare-XXXXXX")
trap 'rm -rf "$work"' EXIT

# compare EXIT PART NEW
compare() {
    local code=0
    "$PYTHON" "$srcdir/tests/support/compare_builds.py" "$GRUS" "$3" --quick --only "$2" >"$work/said" 2>&1 || code=$?
    if [[ $code != "$1" ]]; then
        echo "FAILED: $2: exit $code, expected $1"
        tail -n 20 "$work/said"
        exit 1
    fi
}

# tells TEXT: the last comparison said so.
tells() {
    grep -q "$1" "$work/said" || { echo "FAILED: it does not say $1" && tail -n 20 "$work/said" && exit 1; }
}

# other NAME COMMAND: a build that does something else.
other() {
    printf '#!/bin/sh\ngrus=%s\n%s\n' "'$(realpath "$GRUS")'" "$2" >"$work/$1"
    chmod +x "$work/$1"
}
# shellcheck disable=SC2016
other level 'if [ "$1" = run ]; then exec "$grus" "$@" --level 4; fi; exec "$grus" "$@"'
# shellcheck disable=SC2016
other words '"$grus" "$@" 2>"$0.$$"; code=$?; sed "s/unknown/strange/" "$0.$$" >&2; exit $code'
compare 0 golden "$GRUS"
compare 1 golden "$work/level"
tells "DIFFERS golden: "
compare 1 wrong "$work/words"
tells "OLD .*unknown"
echo "5 checks passed"
