#!/usr/bin/env bash
# A fresh clone on a bare Debian: ./quickstart, then ./quickstart check, in a root with nothing but Debian's smallest system. Both must
# pass, nothing may be skipped, and what is left out for want of a package is what is said here. Needs root, debootstrap and a mirror.
set -euo pipefail
: "${srcdir:?}" "${builddir:?}"
NAME=bare needs="unshare git"
# shellcheck source=tests/install/common.sh
. "$srcdir/tests/install/common.sh"

make_root
mkdir "$root/grus"
if [[ -e $srcdir/.git ]]; then # as a clone has it, with what is not committed yet
    git -C "$srcdir" ls-files -z | tar -C "$srcdir" --null --ignore-failed-read -T - -c | tar -C "$root/grus" -x
else
    version=$(sed -n '1s/.*(\(.*\)-.*).*/\1/p' "$srcdir/debian/changelog")
    tar -C "$root/grus" --strip-components=1 -xf "$builddir/grus-$version.tar.gz"
fi
! inside sh -c 'command -v cc python3' >/dev/null || fail "the root is not bare"

# newcomer NAME COMMAND...: what it says goes to the terminal too.
newcomer() {
    local began=$SECONDS log=$work/$1.log
    shift
    inside sh -c 'cd /grus && exec "$@"' sh "$@" 2>&1 </dev/null | tee "$log" || fail "$*: exit ${PIPESTATUS[0]}"
    echo "$*: $((SECONDS - began)) s"
}

newcomer run ./quickstart
inside /grus/build/grus verify /grus/quickstart-out >/dev/null || fail "no results"
newcomer check ./quickstart check
wanted='^[0-9]{4,} passed, 0 failed; 7 tests left out without python3-torch, 1 without python3-jieba$'
tail -n 1 "$work/check.log" | grep -Eq "$wanted" || fail "the last line is not $wanted"
! grep -E '^(# SKIP: +[1-9]|skipped|SKIP)' "$work/check.log" || fail "tests are skipped"
