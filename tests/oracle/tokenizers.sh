#!/usr/bin/env bash
# bpe and sentencepiece against the tools that define them: subword-nmt's apply_bpe, and spm_encode and spm_decode.
#
#   tokenizers.sh [DIRECTORY]     DIRECTORY: texts, one sentence a line, plain or .gz; else the project's own manuals
#
# Compared are all those lines, 10,000 lines of random Unicode, empty and blank ones. Where Python's subword_nmt is not
# installed, formats.py cuts by the same rules (see bpe_cases.py). Debian's sentencepiece, or grus built without it, is
# left out where it is missing, and said so. Finds the program tests/support/tokenize in $TOKENIZE or $builddir, Python in
# $PYTHON.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tokenize=${TOKENIZE:-${builddir:-build}/tests/support/tokenize}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8
passed=0 failed=0 left_out=0

# Everything that a record could hold, as lines: whole scripts, and short words of few letters.
random_lines() {
    "$python" - <<'END'
import random
import sys

draw = random.Random(20161)
alphabets = [
    list(range(0x00, 0x0A)) + list(range(0x0B, 0x80)), list(range(0xA0, 0x250)), list(range(0x300, 0x370)),
    list(range(0x370, 0x530)), list(range(0x590, 0x700)), list(range(0xE00, 0xE80)), list(range(0x1E00, 0x2070)),
    list(range(0x3040, 0x3100)), list(range(0x4E00, 0x4F00)), list(range(0xAC00, 0xAD00)), list(range(0xFB00, 0xFEFF)),
    list(range(0xFF00, 0xFFF0)), list(range(0x1F300, 0x1F700)), [ord(c) for c in "ab@</w>\u2581 "],
    [ord(c) for c in "etaoin shrdlu"], [0x20, 0x09, 0x0B, 0x0C, 0x0D, 0x85, 0xA0, 0x2003, 0x2028, 0x3000, 0x61, 0x62],
]
for _ in range(10000):
    mix = [draw.choice(alphabets) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.05:
        mix = [[c for c in (draw.randrange(1, 0x110000) for _ in range(40)) if c != 0x0A and not 0xD800 <= c < 0xE000]]
    size = draw.choice([1, 3, 10, 40, 40, 120])
    sys.stdout.write("".join(chr(draw.choice(draw.choice(mix))) for _ in range(size)) + "\n")
END
}

compare() { # WHAT EXPECTED FOUND
    local lines
    lines=$(wc -l <"$2")
    if cmp -s "$2" "$3"; then
        echo "agree: $1, $lines lines"
        passed=$((passed + 1))
        return
    fi
    echo "DIFFER: $1, at line $(cmp "$2" "$3" 2>&1 | sed -n 's/.*line \([0-9]*\).*/\1/p') of $lines"
    failed=$((failed + 1))
}

leave_out() {
    echo "left out: $1"
    left_out=$((left_out + 1))
}

texts() {
    if (($# > 0)); then
        find "$1" -type f -print0 | sort -z | xargs -0 zcat -f --
    else
        cat doc/*.1 doc/*.1.in
    fi
}

texts "$@" | tr -d '\000' >"$work/texts"
{
    cat "$work/texts"
    random_lines
    printf '\n \n   \n\t\n \t \v \f \r\n\r\n\xC2\xA0\n\xE3\x80\x80\n@@\n@@ \na@@ b@@\n</w>\na</w>\n  two   words  \n'
} >"$work/lines"

# ---- bpe ------------------------------------------------------------------------------------------------------

"$python" tests/oracle/bpe_cases.py "$work" >"$work/cases"
reference=$(<"$work/reference")
while read -r name; do
    "$tokenize" "$work" bpe "$name.vocab" "$name.codes" <"$work/$name.lines" >"$work/found"
    compare "bpe ($reference), $name codes, to ids" "$work/$name.expected" "$work/found"
    "$tokenize" --decode "$work" bpe "$name.vocab" "$name.codes" <"$work/$name.expected" >"$work/found"
    compare "bpe ($reference), $name codes, to text" "$work/$name.text" "$work/found"
done <"$work/cases"

# ---- sentencepiece --------------------------------------------------------------------------------------------

sentencepiece() { # NAME OPTIONS...
    local name=$1
    shift
    spm_train --input="$work/texts" --model_prefix="$work/$name" --num_threads=1 --minloglevel=2 --hard_vocab_limit=false \
        "$@" >/dev/null 2>&1
    spm_encode --model="$work/$name.model" --output_format=id <"$work/lines" >"$work/expected" 2>/dev/null
    "$tokenize" "$work" sentencepiece "$name.model" <"$work/lines" >"$work/found"
    compare "sentencepiece, $name, to ids" "$work/expected" "$work/found"
    spm_decode --model="$work/$name.model" --input_format=id <"$work/expected" >"$work/text" 2>/dev/null
    "$tokenize" --decode "$work" sentencepiece "$name.model" <"$work/expected" >"$work/found"
    compare "sentencepiece, $name, to text" "$work/text" "$work/found"
    # Ids in any order, as a decoder might write them.
    tr ' ' '\n' <"$work/expected" | shuf --random-source=<(yes) | paste -d ' ' - - - - - - - >"$work/shuffled"
    spm_decode --model="$work/$name.model" --input_format=id <"$work/shuffled" >"$work/text" 2>/dev/null
    "$tokenize" --decode "$work" sentencepiece "$name.model" <"$work/shuffled" >"$work/found"
    compare "sentencepiece, $name, shuffled ids to text" "$work/text" "$work/found"
}

if [[ $("$tokenize" "$work" sentencepiece none 2>&1 </dev/null) == *'has no sentencepiece'* ]]; then
    leave_out "sentencepiece: grus was built without it"
elif ! command -v spm_train >/dev/null || ! command -v spm_encode >/dev/null || ! command -v spm_decode >/dev/null; then
    leave_out "sentencepiece: no spm_train, spm_encode, spm_decode (Debian package: sentencepiece)"
else
    sentencepiece unigram --vocab_size=3000
    sentencepiece bpe-bytes --model_type=bpe --byte_fallback --vocab_size=2000
    sentencepiece char --model_type=char --normalization_rule_name=identity --vocab_size=300
    sentencepiece word --model_type=word --vocab_size=2000
    sentencepiece spaces --remove_extra_whitespaces=false --add_dummy_prefix=false --user_defined_symbols='<x>,@@' \
        --normalization_rule_name=nmt_nfkc_cf --vocab_size=1500
fi

echo "tokenizers: $passed agree, $failed differ, $left_out left out"
((failed == 0))
