#!/usr/bin/env bash
# Builds grus with one mistake at a time (the patches beside this file) in a copy of the tree, and runs the test that each
# patch names: it must pass before, and fail with the mistake.
#
#     srcdir=. builddir=build bash tests/planted/run.sh [PATCH...]
set -u
: "${srcdir:?}" "${builddir:?}" "${MAKE:=make}"
srcdir=$(cd "$srcdir" && pwd) builddir=$(cd "$builddir" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/grus-planted-XXXXXX")
trap 'rm -rf "$work"' EXIT
[[ $# -gt 0 ]] || set -- "$srcdir"/tests/planted/*.patch

mkdir "$work/src" "$work/build"
(cd "$srcdir" && find . '(' -path "./${builddir##*/}" -o -name .git -o -name 'build*' -type d ! -name build-aux ')' -prune -o -type f -print0 |
    tar -cf - --null -T -) | tar -xf - -C "$work/src"
cd "$work/build" || exit 1
if ! { eval "../src/configure $("$builddir/config.status" --config) --disable-werror" && "$MAKE" -j2; } >"$work/log" 2>&1; then
    tail -n 20 "$work/log"
    echo "the copy cannot be built" >&2
    exit 1
fi

# caught COMMAND...: the test `tests/NAME.sh` or `tests/NAME SUITE...`; succeeds when it fails.
caught() {
    local program=$1 suite
    shift
    if [[ $program = *.sh ]]; then
        ! "$MAKE" check TESTS="$program" >"$work/log" 2>&1
        return
    fi
    "$MAKE" "$program" >"$work/log" 2>&1 || return 1
    for suite in "${@:-all}"; do
        (
            [[ $suite = all ]] || export CK_RUN_SUITE=$suite
            srcdir=$work/src CK_DEFAULT_TIMEOUT=120 timeout 600 "./$program" >"$work/log" 2>&1
        ) || return 0
    done
    return 1
}

failed=0
for patch; do
    name=$(basename "$patch" .patch)
    read -r -a command <<<"$(sed -n 's/^Caught by: //p' "$patch")"
    if ! patch -s -p1 -d "$work/src" <"$patch"; then
        echo "$name: does not apply"
        failed=1
        continue
    fi
    if ! "$MAKE" -j2 >"$work/log" 2>&1; then
        verdict="cannot be built"
        failed=1
    elif caught "${command[@]}"; then
        verdict="caught by ${command[*]}"
    else
        verdict="NOT caught by ${command[*]}"
        failed=1
    fi
    printf '%-26s %-40s %s\n' "$name" "$verdict" "$(head -n 1 "$patch")"
    patch -s -R -p1 -d "$work/src" <"$patch"
done
"$MAKE" -j2 >"$work/log" 2>&1
for patch; do
    read -r -a command <<<"$(sed -n 's/^Caught by: //p' "$patch")"
    echo "${command[*]}"
done | sort -u | {
    while read -r -a command; do
        if caught "${command[@]}"; then
            echo "${command[*]} fails without any mistake"
            failed=1
        fi
    done
    exit $failed
}
