#!/usr/bin/env bash
# The example in C prints what the command prints; grus(3) has every function of grus.h, and no other.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}"

# same MODEL TEXTS: the example against the command.
same() {
    expect 0 "the command with $1" run "$1" "$2" -q -o "$work/out-of-run" --format txt
    check "the example with $1" "$builddir/share/grus/examples/lines" "$1" <"$2" >"$work/found"
    check "the same of $1" cmp "$work/found" <(plain "$work/out-of-run/$(basename "$2" .txt).txt.zst")
    rm -rf "$work/out-of-run"
}
words 60 1 >"$work/words.txt"
plain "$MODELS/multi30k-en-de/demo.jsonl.zst" | head -n 30 | sed 's/.*"text": "\([^"]*\)".*/\1/' >"$work/captions.txt"
echo >>"$work/words.txt" # an empty one
for name in bahdanau bpe tagger; do
    same "$golden/$name/model" "$work/words.txt"
done
# several MODEL: of a model with a head on sequences and one on tokens, in this order, a column for each.
several() {
    expect 0 "one head of $1" run "$golden/$1/model" "$work/words.txt" -q -o "$work/out-of-run" --format txt --task classify
    expect 0 "the other head of $1" run "$golden/$1/model" "$work/words.txt" -q -o "$work/out-of-other" --format txt --task tag
    check "the example with $1" "$builddir/share/grus/examples/lines" "$golden/$1/model" <"$work/words.txt" >"$work/found"
    check "the same of both heads of $1" cmp "$work/found" \
        <(paste <(plain "$work/out-of-run/words.txt.zst") <(plain "$work/out-of-other/words.txt.zst"))
    rm -rf "$work/out-of-run" "$work/out-of-other"
}
for name in max crf ctc-beam-wide head-logits; do
    several "$name"
done
same "$MODELS/multi30k-en-de" "$work/captions.txt"

printf 'a\n\377\nb\n' >"$work/bad.txt"
check "a line in error is left out" "$builddir/share/grus/examples/lines" "$golden/last/model" <"$work/bad.txt" \
    >"$work/found" 2>"$work/err"
says "a line in error is told" "line 2: byte 1 of the text is not UTF-8"
check "three lines" test "$(wc -l <"$work/found")" = 3
code=0
"$builddir/share/grus/examples/lines" "$work" </dev/null 2>"$work/err" || code=$?
check "no model" test "$code" = 3
says "no model" "config.json"

# Every function is in the manual page, and nothing else.
tr '\n' ' ' <"$srcdir/include/grus.h" | grep -oE 'GRUS_API [^;(]*\(' | grep -oE 'grus_[a-z0-9_]+\($' | tr -d '(' | sort -u >"$work/declared"
sed -n 's/^\.F[no] "\{0,1\}\(grus_[a-z0-9_]*\).*/\1/p' "$srcdir/doc/grus.3" | sort -u >"$work/told"
check "grus(3) has the functions of grus.h" diff "$work/declared" "$work/told"

finish
