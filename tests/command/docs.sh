#!/usr/bin/env bash
# The documents keep up with what they speak of: commands and their options in the manual pages, models that ship, kinds of
# shards, the number of golden cases, the key of the picture.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

expect 0 "help" help
sed -n 's/^  grus \([a-z]*\) .*[A-Z].*/\1/p' "$work/out" | grep -vx 'help\|version' >"$work/commands"
check "commands were found" test "$(wc -l <"$work/commands")" -ge 6
while read -r command; do
    check "grus(1) has $command in its synopsis" grep -qx ".Cm $command" <(sed '/^.Sh DESCRIPTION/q' "$builddir/doc/grus.1")
    check "grus(1) tells of $command" grep -qx ".It Cm $command" "$builddir/doc/grus.1"
    check "grus(1) sends to grus-$command(1)" grep -q "^.Xr grus-$command 1" <(sed -n '/^.Sh SEE ALSO/,$p' "$builddir/doc/grus.1")
    expect 0 "help $command" help "$command"
    grep -oE '^  (-.,|   ) --[a-z0-9-]+' "$work/out" | sed 's/.*--//' | grep -vx help >"$work/options"
    while read -r option; do
        check "grus-$command(1) has --$option" grep -qE "(Fl|,) -$option( |$)" "$srcdir/doc/grus-$command.1"
    done <"$work/options"
done <"$work/commands"
prefix=$(sed -n 's/^prefix=//p' "$builddir/grus.pc")
check "grus(1) names the models' directory below $prefix" grep -qx ".It Pa $prefix/share/grus/models" "$builddir/doc/grus.1"
for suffix in jsonl txt tsv safetensors zst; do
    check "run --help names .$suffix" grep -q "\.$suffix" <("$GRUS" run --help)
done

for model in "$srcdir"/models/*/; do
    name=$(basename "$model")
    check "grus(1) names $name" grep -qx ".It Pa $name" "$builddir/doc/grus.1"
    for file in "$model"*; do
        check "$name/$(basename "$file") is installed" grep -qE "models/$name/$(basename "$file")( \\\\)?$" "$srcdir/models/local.am"
    done
done

cases=$(find "$srcdir/tests/golden" -name '*.case' | wc -l)
check "the README counts $cases golden cases" grep -q "^| $cases golden configurations" "$srcdir/README.md"
for line in "FLOPs at the FMA rate" "the same with padding"; do
    check "the picture says which line is \"$line\"" grep -qF "$line" "$srcdir/bench/scaling.svg"
done
# What the README shows is what comes out, on every machine.
: "${MODELS:=$srcdir/models}"
plain "$MODELS/g2p-en/demo.jsonl.zst" | head -n 3 >"$work/three.jsonl"
expect 0 "the README's first records" run "$MODELS/g2p-en" "$work/three.jsonl" -q -o "$work/three"
plain "$work/three/three.jsonl.zst" >"$work/shown"
printf '%s\n' '{"id": 7, "text": "Attention"}' |
    "$GRUS" run "$MODELS/g2p-en" - -o - -q --beam-size 5 --n-best 2 >>"$work/shown"
while read -r line; do
    check "README.md lacks $line" grep -qxF "    $line" "$srcdir/README.md"
done <"$work/shown"


# The pictures of README.md are what the programs draw.
expect 0 "README's attention" attend "$srcdir/models/multi30k-en-de" "a black dog and a brown dog play with a red ball in the snow ." --svg "$work/attention.svg"
check "README's attention is that of the model" cmp "$srcdir/doc/pictures/attention.svg" "$work/attention.svg"
if command -v python3 >/dev/null; then
    python3 "$srcdir/bench/peers/bars.py" "$srcdir/bench/RESULTS.md" >"$work/peers.svg"
    check "README's bars are those of the results" cmp "$srcdir/doc/pictures/peers.svg" "$work/peers.svg"
fi
finish
