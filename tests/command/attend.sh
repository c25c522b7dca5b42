#!/usr/bin/env bash
# grus attend: rows and columns, weights against those of grus run, pooling, heads, features, an empty text, labels that
# would do harm, every layout, the SVG file, wrong use.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${srcdir:-.}/tests/support/common.sh"
unset NO_COLOR COLUMNS
model=$MODELS/g2p-en

# attention FILE: the weights of the last line's "attention", a row a line.
attention() {
    sed -n '$s/.*"attention": \[\[\(.*\)\]\].*/\1/p' "$1" | sed 's/\], \[/\n/g'
}

# cells FILE: the weights of an SVG in order, one a line.
cells() {
    sed -n 's/^<rect class="cell".*: \([0-9.]*\)<\/title><\/rect>$/\1/p' "$1"
}

# count WHAT NUMBER PATTERN FILE: as many lines have the pattern.
count() {
    checks=$((checks + 1))
    local found
    found=$(grep -cE -- "$3" "$4" || true)
    [[ $found = "$2" ]] || fail "$1: $found lines with $3, expected $2"
}

has() {
    checks=$((checks + 1))
    grep -qF -- "$2" "$3" || fail "$1: no \"$2\""
}

# Well-formed, where there is something to tell.
well_formed() {
    if command -v xmllint >/dev/null; then
        check "$1: well-formed" xmllint --noout "$2"
    elif command -v python3 >/dev/null; then
        check "$1: well-formed" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$2"
    fi
}

# same_weights WHAT SVG RECORDS: the weights of grus run, to the six digits of the SVG; each row sums to 1.
same_weights() {
    checks=$((checks + 1))
    attention "$3" >"$work/rows"
    tr -d ' ' <"$work/rows" | tr ',' '\n' >"$work/wanted"
    cells "$2" >"$work/found"
    paste "$work/found" "$work/wanted" | awk -v width="$(head -1 "$work/rows" | tr ',' '\n' | wc -l)" '
        NF != 2 || $1 - $2 > 1e-6 || $2 - $1 > 1e-6 { wrong++ }
        { sum += $1 }
        NR % width == 0 { if (sum < 0.9999 || sum > 1.0001) wrong++; sum = 0 }
        END { exit wrong > 0 || NR == 0 || NR % width != 0 }' || fail "$1: weights differ from those of grus run"
}

# run_one MODEL LINE [OPTION]...: grus run on one record, its output in $work/run.
run_one() {
    local dir=$1 line=$2
    shift 2
    checks=$((checks + 1))
    printf '%s\n' "$line" | "$GRUS" run "$dir" - -o - --attention soft --quiet "$@" | plain_or_not >"$work/run" ||
        fail "grus run on $line"
}
plain_or_not() {
    zstd -dcfq
}

# ---- a decoder ----
expect 0 "picture" attend "$model" hello -b 5
count "rows" 5 '^ *(HH|EH|AH|L|OW|</s>) [ .:=+*#%@-]+$' "$work/out"
has "source" "h e l l o </s>" "$work/out"
has "output" "output: " "$work/out"
run_one "$model" '{"text": "hello"}' -b 5
expect 0 "svg" attend "$model" hello -b 5 --svg "$work/hello.svg"
well_formed "svg" "$work/hello.svg"
same_weights "svg" "$work/hello.svg" "$work/run"
count "source labels" 6 '<text class="source' "$work/hello.svg"
count "target labels" "$(wc -l <"$work/rows")" '<text class="target' "$work/hello.svg"
has "scale" 'linearGradient' "$work/hello.svg"
check "nothing else" test ! -s "$work/out"
check "no partial file" test "$(find "$work" -name 'hello.svg*' | wc -l)" = 1
expect 0 "svg on standard output" attend "$model" hello -b 5 --svg -
check "the same" cmp "$work/out" "$work/hello.svg"
checks=$((checks + 1))
printf 'hello\n' | "$GRUS" attend "$model" - -b 5 --svg - | cmp - "$work/hello.svg" || fail "text on standard input"

# ---- styles and layouts ----
expect 0 "color" attend "$model" hello --style color
count "256 colours" 5 $'\033\\[48;5;[0-9]+m +\033\\[0m' <(grep -vE '^weight' "$work/out")
expect 0 "blocks" attend "$model" hello --style blocks
has "blocks" "██" "$work/out"
expect 0 "ascii" attend "$model" hello --style ascii
check "ASCII alone" env LC_ALL=C bash -c "! grep -q '[^ -~]' '$work/out'"
checks=$((checks + 1))
COLUMNS=30 "$GRUS" attend "$model" internationalization >"$work/out" || fail "narrow"
count "goes on below" 2 '^source [0-9]+ to [0-9]+ of 21$' "$work/out"
check "within the width" test "$(sed 1,2d "$work/out" | wc -L)" -le 30
words=$golden/pool-dot-last-hidden
line=$(sed -n 6p "$words/input.jsonl")
text=$(sed 's/.*"text": "//; s/"}$//; s/\\[a-z]/ /g' <<<"$line")
expect 0 "across" attend "$words/model" "$text" --width 400
count "across" 1 '^weight 0' "$work/out"
across=$(wc -l <"$work/out")
expect 0 "letter below letter" attend "$words/model" "$text" --width 40
check "more lines" test "$(wc -l <"$work/out")" -gt "$across"
numbers=$golden/features-encoder
expect 0 "numbers" attend "$numbers/model" "$(sed -n '5s/.*"features": \(.*\)}$/\1/p' "$numbers/input.jsonl")"
has "numbers" "1 2 3 4 5" "$work/out"

cp -r "$words/model" "$work/long"
source=$(sed -n 's/.*"vocab": *"\([^"]*\)".*/\1/p' "$work/long/config.json" | head -1)
{ printf 'Donaudampfschifffahrtsgesellschaft\n<unk>\n' && sed 1,2d "$work/long/$source"; } >"$work/new"
cp "$work/new" "$work/long/$source"
expect 0 "long tokens" attend "$work/long" "Donaudampfschifffahrtsgesellschaft b c" --width 40
count "numbers above" 1 '^1 2 3 $' "$work/out"
has "names below" "  1 Donaudampfschiff" "$work/out"

# ---- pooling, heads, ids, features ----
for name in pool-additive-learned pool-general-learned two-tasks features-encoder; do
    case=$golden/$name
    line=$(sed -n 6p "$case/input.jsonl")
    if [[ $name = features-encoder ]]; then
        text=$(sed 's/.*"features": \(.*\)}$/\1/' <<<"$line")
    else
        text=$(sed 's/.*"text": //; s/}$//; s/^"//; s/"$//; s/\\[a-z]/ /g; s/[][,]/ /g' <<<"$line")
    fi
    run_one "$case/model" "$line"
    expect 0 "$name" attend "$case/model" "$text" --svg "$work/$name.svg"
    well_formed "$name" "$work/$name.svg"
    same_weights "$name" "$work/$name.svg" "$work/run"
    check "$name: one row" test "$(wc -l <"$work/rows")" = 1
    expect 0 "$name: picture" attend "$case/model" "$text"
    has "$name: intent" "intent: sequence-" "$work/out"
done
has "a label a token" "slots" "$work/two-tasks.svg"

# ---- a front: columns are the positions behind it ----
for name in front-strides front-beam; do
    case=$golden/$name
    line=$(tail -n 1 "$case/input.jsonl")
    text=$(sed -E 's/.*"(text|features)": //; s/\}$//; s/^"//; s/"$//' <<<"$line")
    run_one "$case/model" "$line"
    expect 0 "$name" attend "$case/model" "$text" --svg "$work/$name.svg"
    well_formed "$name" "$work/$name.svg"
    same_weights "$name" "$work/$name.svg" "$work/run"
    expect 0 "$name: picture" attend "$case/model" "$text" --width 400
    columns=$(head -1 "$work/rows" | tr ',' '\n' | wc -l)
    count "$name: numbers above $columns columns" 1 "^ *1  ?2  ?3 .*$columns ?\$" "$work/out"
done

# ---- length 0 ----
for name in bahdanau pool-additive-learned; do
    expect 0 "$name: empty text" attend "$golden/$name/model" ""
    has "$name: empty text" "There are no source positions" "$work/out"
    expect 0 "$name: empty svg" attend "$golden/$name/model" "" --svg "$work/empty.svg"
    well_formed "$name: empty text" "$work/empty.svg"
    count "$name: no cells" 0 'class="cell"' "$work/empty.svg"
done
expect 0 "nothing behind the front" attend "$golden/front-beam/model" "a"
has "nothing behind the front" "There are no source positions" "$work/out"
expect 0 "whitespace-bos-eos: empty text" attend "$golden/whitespace-bos-eos/model" "" --svg "$work/empty.svg"
count "start and end tokens" 2 'class="source' "$work/empty.svg"

# ---- labels that would do harm ----
cp -r "$golden/bahdanau/model" "$work/evil"
source=$(sed -n 's/.*"vocab": *"\([^"]*\)".*/\1/p' "$work/evil/config.json" | head -1)
printf '\033\n<&"\342\200\256\nx\001y\n \n<unk>\n' >"$work/head"
{ cat "$work/head" && sed 1,5d "$work/evil/$source"; } >"$work/new" && cp "$work/new" "$work/evil/$source"
text=$'\033 \033'
expect 0 "escapes" attend "$work/evil" "$text"
check "no escape" bash -c "! grep -q $'\033' '$work/out'"
expect 0 "escapes in svg" attend "$work/evil" "<&\"$text" --svg "$work/evil.svg"
well_formed "escapes" "$work/evil.svg"
has "escaped" '&lt;&amp;&quot;' "$work/evil.svg"

# ---- wrong use ----
expect 2 "no text" attend "$model"
says "no text" "a model and a text are needed"
expect 2 "two texts" attend "$model" a b
expect 2 "no attention" attend "$golden/mean/model" a
says "no attention" "this model has no attention"
expect 2 "no attention heads" attend "$golden/bahdanau/model" a --attention-heads --svg "$work/refused.svg"
says "no attention heads" "--attention-heads needs a model whose attention has heads"
check "no attention heads: no file" test ! -e "$work/refused.svg"
expect 2 "n-best over the beam" attend "$model" a -b 2 --n-best 3
says "n-best over the beam" "--n-best"
expect 2 "width" attend "$model" a --width 5
expect 2 "style" attend "$model" a --style neon
expect 3 "no model" attend "$work/nowhere" a
expect 1 "an id out of range" attend "$golden/pool-additive-learned/model" "1 99999"
says "an id out of range" "99999"
expect 1 "bad UTF-8" attend "$model" $'\377'
says "bad UTF-8" "UTF-8"
expect 1 "bad features" attend "$golden/features-encoder/model" "[[1, 2]]"
expect 5 "no folder" attend "$model" a --svg "$work/nowhere/a.svg"
says "no folder" "nowhere/a.svg"
if [[ -c /dev/full ]]; then
    expect 5 "full disk" attend "$model" hello --svg /dev/full
fi
expect 0 "help" attend --help
has "help" "usage: grus attend MODEL TEXT" "$work/out"
finish
