#!/usr/bin/env bash
# The house keeps its shape: which folder includes which, and what libgrus shows to the outside.
set -u
: "${srcdir:?}" "${builddir:?}"
failed=0

# may FOLDER ALLOWED...: every "folder/file.h" that FOLDER includes is its own or begins with one of ALLOWED.
may() {
    local folder=$1 wrong
    shift
    wrong=$(cd "$srcdir" && grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[a-z]+/' "$folder"/*.[ch] 2>/dev/null |
        grep -vE "\"($(IFS='|' && echo "$folder/|$*"))")
    if [[ -n $wrong ]]; then
        printf '%s/ may include %s only:\n%s\n' "$folder" "${*:-nothing}" "$wrong"
        failed=1
    fi
}
may base
may engine base/
may io base/
may scheduler base/ engine/ io/
may cli base/grus.h

# BLIS has one door.
wrong=$(cd "$srcdir" && grep -lE 'GRUS_BLIS_HEADER|[^a-z_]bli_[a-z]' base/*.[ch] engine/*.[ch] io/*.[ch] scheduler/*.[ch] cli/*.[ch] \
    2>/dev/null | grep -v '^engine/kernel\.c$')
if [[ -n $wrong ]]; then
    printf 'BLIS is used outside engine/kernel.c:\n%s\n' "$wrong"
    failed=1
fi

# The public symbols are those that grus.h declares.
library=$builddir/.libs/libgrus.so
if [[ -f $library ]]; then
    declared=$(tr '\n' ' ' <"$srcdir/base/grus.h" | grep -oE 'GRUS_API [^;(]*\(' | grep -oE 'grus_[a-z0-9_]+\($' |
        tr -d '(' | sort -u)
    exported=$(nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ && $3 !~ /^_(init|fini)$/ && $3 !~ /^__/ {print $3}' |
        sort -u)
    if [[ $declared != "$exported" ]]; then
        echo "declared in grus.h (<) and exported by libgrus (>) differ:"
        diff <(echo "$declared") <(echo "$exported")
        failed=1
    fi
fi
exit $failed
