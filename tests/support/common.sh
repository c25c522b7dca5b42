# shellcheck shell=bash disable=SC2034
# common.sh: what the shell tests of the command share. Sourced by them, not run.
set -eu
: "${GRUS:=./grus}" "${srcdir:=.}" "${builddir:=.}"
golden=$builddir/tests/cases
if [[ ! -e $golden/stamp ]]; then
    echo "the golden cases are not unpacked: make tests/cases/stamp" >&2
    exit 1
fi

if ! command -v zstd >/dev/null; then
    echo "this test needs zstd (Debian package: zstd)" >&2
    exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/grus-run-XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
checks=0

fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# check WHAT COMMAND...: the command must succeed.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    "$@" || fail "$what"
}

# expect CODE WHAT ARGUMENT...: grus with these arguments must exit with this code. What it says is in $work/out and
# $work/err.
expect() {
    local code=0 wanted=$1 what=$2
    shift 2
    checks=$((checks + 1))
    "$GRUS" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    if [[ $code != "$wanted" ]]; then
        fail "$what: exit $code, expected $wanted: grus $*"
        sed 's/^/    /' "$work/err" >&2
    fi
}

# says WHAT TEXT: the last command's standard error has this text.
says() {
    checks=$((checks + 1))
    if ! grep -qF -- "$2" "$work/err"; then
        fail "$1: standard error lacks \"$2\""
        sed 's/^/    /' "$work/err" >&2
    fi
}

plain() {
    zstd -dcq "$1"
}

# anonymous FILE: run.json or a manifest without the identity of its run, which no two runs share.
anonymous() {
    sed -E '/^ *"run": "[0-9a-f]{16}",$/d; s/, "run": "[0-9a-f]{16}"//' "$1"
}

# words N SEED: N words, some of several letters outside ASCII, some of two parts.
words() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        split("a b c d e f g h i k l m n o p q r s t u v w x y z ö 字 я 7 -", letter, " ")
        for (i = 0; i < n; i++) {
            word = ""
            length_of_word = int(rand() * rand() * 24) + 1
            for (j = 0; j < length_of_word; j++)
                word = word (rand() < 0.04 ? " " : letter[int(rand() * 30) + 1])
            print word
        }
    }'
}

# need_python MODULES WORDS: sets python to one that has the modules; without one the test is left out, for it needs WORDS.
need_python() {
    for python in "${PYTHON:-python3}" /usr/bin/python3; do
        ! "$python" -c "import $1" 2>/dev/null || return 0
    done
    echo "this test needs $2" >&2
    exit 77
}

# Lines of text to JSONL records.
to_jsonl() {
    awk '{printf "{\"id\": %d, \"text\": \"%s\"}\n", NR, $0}'
}

finish() {
    if [[ $failed = 0 ]]; then
        echo "$checks checks passed"
    fi
    exit "$failed"
}
