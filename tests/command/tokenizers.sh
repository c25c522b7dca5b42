#!/usr/bin/env bash
# bpe and sentencepiece on lines whose ids and text were written by the tools that define them; see tests/support/files/README.md.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
tokenize=${builddir:-.}/tests/support/tokenize
files=$srcdir/tests/support/files/tokenizers
cp "$srcdir/tests/support/files/squares.sentencepiece" "$files"/* "$work"

# agrees WHAT IDS TEXT ARGUMENT...: lines to ids and ids to text.
agrees() {
    local what=$1 ids=$files/$2 text=$files/$3
    shift 3
    check "$what to ids" "$tokenize" "$work" "$@" <"$files/lines" >"$work/found"
    check "$what: the ids" cmp "$ids" "$work/found"
    check "$what to text" "$tokenize" --decode "$work" "$@" <"$ids" >"$work/found"
    check "$what: the text" cmp "$text" "$work/found"
}

agrees "bpe, codes 0.2" bpe.ids bpe.text bpe bpe.vocab bpe.codes
agrees "bpe, codes 0.1" bpe-old.ids bpe-old.text bpe bpe-old.vocab bpe-old.codes
if [[ -n ${SENTENCEPIECE-} ]]; then
    agrees "sentencepiece" sentencepiece.ids sentencepiece.text sentencepiece squares.sentencepiece
else
    echo "left out: sentencepiece, which this build does not have"
fi

# Detokenisation is the inverse: a line comes back with one space between its words.
grep -v '@@' "$files/lines" | tr '\t\v\f\r' ' ' | sed -E 's/ +/ /g; s/^ //; s/ $//' >"$work/words"
for codes in bpe bpe-old; do
    "$tokenize" "$work" bpe $codes.vocab $codes.codes <"$work/words" >"$work/ids"
    "$tokenize" --decode "$work" bpe $codes.vocab $codes.codes <"$work/ids" >"$work/found"
    check "$codes and back" cmp "$work/words" "$work/found"
done
tr ' ' '\n' <"$work/words" | sort -u | grep -v '^$' >"$work/words.vocab"
"$tokenize" "$work" whitespace words.vocab <"$work/words" >"$work/ids"
"$tokenize" --decode "$work" whitespace words.vocab <"$work/ids" >"$work/found"
check "whitespace and back" cmp "$work/words" "$work/found"
finish
