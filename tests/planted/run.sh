#!/usr/bin/env bash
# Mistakes made on purpose, one at a time, in a copy of the tree that is built once and then again as far as the mistake
# reaches. The patches beside this file have them; the head of each says
#
#     what is wrong
#     Caught by: tests/unit/check_NAME CASE:TEST     a test of a Check suite
#     Caught by: tests/command/NAME.sh TEXT         a check of a shell test, by the beginning of what it says
#     Caught by: tests/attack/NAME.py TEXT          a case of a slice of an attack, likewise
#
# and just that test must pass without the mistake and fail with it. A patch that does not apply is a failure too.
#
#     srcdir=. builddir=build bash tests/planted/run.sh [--dry-run] [PATCH...]
#
# With --dry-run nothing is built: every patch must apply, and name a test that there is.
set -u
: "${srcdir:?}" "${builddir:=.}" "${MAKE:=make}" "${TEST_SECONDS:=300}"
srcdir=$(cd "$srcdir" && pwd) builddir=$(cd "$builddir" && pwd)
command -v patch >/dev/null || { echo "this test needs patch (Debian package: patch)" >&2; exit 77; }
dry_run=
[[ ${1-} != --dry-run ]] || { dry_run=yes && shift; }
[[ $# -gt 0 ]] || set -- "$srcdir"/tests/planted/*.patch
mapfile -t patches < <(realpath -- "$@")
set -- "${patches[@]}"
failed=0

# Sets what, program and test from the head of a patch.
read_head() {
    { IFS= read -r what && IFS=' ' read -r _ _ program test; } <"$1"
}

# ---- the patches themselves ----

# is_script PROGRAM: not one that is built.
is_script() { [[ $1 == *.sh || $1 == *.py ]]; }

# says_why PATCH: succeeds when the head is whole and names a test that there is.
says_why() {
    [[ $(sed -n 2p "$1") == "Caught by: tests/"* ]] && read_head "$1" && [[ -n $what && -n $test ]] || return
    if is_script "$program"; then
        [[ -f $srcdir/$program ]]
    else
        [[ -f $srcdir/$program.c ]] && grep -qF "START_TEST(${test#*:})" "$srcdir/$program"*.c &&
            grep -qF "tcase_create(\"${test%%:*}\")" "$srcdir/$program"*.c
    fi
}

for patch; do
    if ! says_why "$patch"; then
        echo "$(basename "$patch"): the head does not name a test that there is"
        failed=1
    fi
    if ! patch --dry-run -s -f -F0 -p1 -d "$srcdir" <"$patch"; then
        echo "$(basename "$patch"): does not apply"
        failed=1
    fi
done
[[ $failed = 0 ]] || exit 1
if [[ $dry_run ]]; then
    echo "$# checks passed"
    exit 0
fi

# ---- the copy ----

work=$(mktemp -d "${TMPDIR:-/tmp}/grus-planted-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/build"
(cd "$srcdir" && find . '(' -path "./${builddir##*/}" -o -name .git -o -name 'build*' -type d ! -name build-aux ')' -prune -o -type f -print0 |
    tar -cf - --null -T -) | tar -xf - -C "$work/src"
cd "$work/build" || exit 1

# build PROGRAM...: grus, what shell tests use of programs, and these.
build() {
    "$MAKE" -j2 grus tests/support/compare_records tests/support/caller_cut tests/support/caller_first tests/support/make_model \
        tests/support/tokenize tests/attack/counted tests/cases/stamp "$@" >"$work/log" 2>&1
}

programs=()
for patch; do
    read_head "$patch"
    is_script "$program" || [[ " ${programs[*]-} " == *" $program "* ]] || programs+=("$program")
done
if ! eval "../src/configure $("$builddir/config.status" --config) --disable-werror --disable-static" >"$work/log" 2>&1 ||
    ! build ${programs[@]+"${programs[@]}"}; then
    tail -n 20 "$work/log"
    echo "the copy cannot be built" >&2
    exit 1
fi

# ---- the tests ----

# run_test PROGRAM TEST: its exit code; what it says is in $work/log.
run_test() {
    local command=("./$1")
    case $1 in
    *.sh) command=(bash "$work/src/$1") ;;
    *.py) command=(bash "$work/src/tests/support/slice.sh" "$work/src/$1") ;;
    esac
    GRUS=$work/build/grus srcdir=$work/src builddir=$work/build MODELS=$work/src/models CK_RUN_CASE=${2%%:*} CK_VERBOSITY=normal \
        CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-120}" \
        timeout "$TEST_SECONDS" "${command[@]}" >"$work/log" 2>&1 </dev/null
}

# has_failed PROGRAM TEST: what is in $work/log tells of just this test's failure.
has_failed() {
    if is_script "$1"; then
        grep -iF "failed: $2" "$work/log"
    else
        grep -E ":[FE]:$2:" "$work/log"
    fi >/dev/null
}

# judge PATCH: sets verdict; succeeds when the mistake is caught by the test that is named.
judge() {
    local targets=()
    is_script "$program" || targets=("$program")
    if ! build ${targets[@]+"${targets[@]}"}; then
        verdict="cannot be built"
    elif run_test "$program" "$test"; then
        verdict="NOT caught by $program $test"
    elif ! has_failed "$program" "$test"; then
        verdict="NOT caught by $program $test, but something else fails"
    else
        verdict="$program $test"
        return 0
    fi
    tail -n 5 "$work/log" >&2
    return 1
}

for patch; do
    read_head "$patch"
    echo "$program $test"
done | sort -u >"$work/tests"
while read -r program test; do
    if ! run_test "$program" "$test"; then
        tail -n 20 "$work/log"
        echo "$program $test fails without any mistake"
        failed=1
    fi
done <"$work/tests"

caught=0
for patch; do
    read_head "$patch"
    patch -s -f -F0 -p1 -d "$work/src" <"$patch"
    if judge; then
        caught=$((caught + 1))
    else
        failed=1
    fi
    printf '%-24s %-58s %s\n' "$(basename "$patch" .patch)" "$verdict" "$what"
    patch -s -f -R -p1 -d "$work/src" <"$patch"
done
echo "$caught of $# mistakes are caught in $SECONDS s"
exit "$failed"
