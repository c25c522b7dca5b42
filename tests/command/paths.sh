#!/usr/bin/env bash
# Heads whose positions decide together, crf and ctc: what goes with them and what does not, their forms, the same bytes
# whatever the batch, models that are refused. Their labels are the golden cases'.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

words 80 12 | awk '{printf "{\"id\": %d, \"text\": \"%s\"}\n", NR, $0}' >"$work/a.jsonl"
echo '{"id": 81, "text": ""}' >>"$work/a.jsonl"

# ---- options ----

refused() { # WHAT CASE TEXT OPTION...
    expect 2 "$1" run "$golden/$2/model" "$work/a.jsonl" -q -o "$work/refused" "${@:4}"
    says "$1" "$3"
    check "$1: no output is made" test ! -e "$work/refused"
}
refused "a beam without a ctc head" crf "--beam-size" --beam-size 2
refused "a beam without a head" last "--beam-size" -b 2
refused "a beam where the ctc head is not asked for" ctc-beam-wide "--beam-size" --task classify -b 2
refused "n-best with a ctc head" ctc "--n-best" -b 3 --n-best 2
refused "a norm with a ctc head" ctc "--length-norm" --length-norm avg
refused "two heads as text" crf "--format" --format txt
refused "numbers of each position as text" ctc "--format" --format txt --head-output probs
expect 0 "a beam of a decoder's model that gives states" run "$golden/bahdanau/model" "$work/a.jsonl" -q -o "$work/states" --task states -b 3 --n-best 2

# ---- forms ----

expect 0 "inspect crf" inspect "$golden/crf/model"
check "inspect says crf" grep -q '^head  *slots, 9 labels on tokens.*, crf$' "$work/out"
expect 0 "inspect ctc" inspect "$golden/ctc-beam/model" --json
check "inspect says ctc" grep -q '"decode": "ctc"' "$work/out"

# as_text CASE SCRIPT OPTION...: the lines of text are what the sed script makes of the records.
as_text() {
    expect 0 "$1 as records" run "$golden/$1/model" "$work/a.jsonl" -q -o "$work/json-$1" "${@:3}"
    expect 0 "$1 as text" run "$golden/$1/model" "$work/a.jsonl" -q -o "$work/txt-$1" --format txt "${@:3}"
    plain "$work/json-$1/a.jsonl.zst" | sed -E "$2" >"$work/expected"
    check "$1: text" cmp "$work/expected" <(plain "$work/txt-$1/a.txt.zst")
}
as_text crf 's/.*"slots": \[(.*)\].*/\1/; s/", "/ /g; s/"//g' --task tag
as_text ctc-beam 's/.*"output": "(.*)", "score.*/\1/' -b 3
check "labels are joined" grep -q ' + ' "$work/expected"
check "no line but the last is empty" test "$(grep -c . "$work/expected")" -ge 60
check "nothing has the probability 1" grep -q '"id": 81, .*"output": "", "score": 0}' <(plain "$work/json-ctc-beam/a.jsonl.zst")

# Greedy is the default, and a search finds a labelling that is no less likely.
for beam in 1 2 16; do
    expect 0 "a beam of $beam" run "$golden/ctc/model" "$work/a.jsonl" -q -o "$work/beam$beam" -b $beam
    plain "$work/beam$beam/a.jsonl.zst" >"$work/beam$beam.jsonl"
done
expect 0 "the default" run "$golden/ctc/model" "$work/a.jsonl" -q -o "$work/default"
check "greedy is the default" cmp "$work/beam1.jsonl" <(plain "$work/default/a.jsonl.zst")
sed -E 's/.*"score": ([^}]*)\}.*/\1/' "$work/beam1.jsonl" >"$work/greedy"
sed -E 's/.*"score": ([^}]*)\}.*/\1/' "$work/beam16.jsonl" >"$work/searched"
check "a wide search is likelier than the greedy path" \
    awk 'NR == FNR { greedy[NR] = $1; next } $1 < greedy[FNR] - 1e-4 { bad = 1 } $1 > greedy[FNR] { more++ } END { exit bad || more < 40 }' \
    "$work/greedy" "$work/searched"

# ---- the same bytes ----

for case in crf crf-hidden ctc ctc-beam; do
    options=()
    [[ $case != ctc-beam ]] || options=(-b 4)
    for type in float32 int8; do
        for how in "-t 1" "-t 3 --batch-tokens 1" "-t 2 --batch-tokens 37"; do
            read -r -a more <<<"$how"
            expect 0 "$case, $type, $how" run "$golden/$case/model" "$work/a.jsonl" -q -o "$work/d" --compute-type $type ${options[@]+"${options[@]}"} "${more[@]}"
            plain "$work/d/a.jsonl.zst" >"$work/found"
            [[ $how != "-t 1" ]] || cp "$work/found" "$work/first"
            check "$case, $type, $how: the same bytes" cmp "$work/first" "$work/found"
            rm -rf "$work/d"
        done
    done
done

# ---- models ----

# broken WHAT CASE FILE SCRIPT TEXT: the model with FILE changed by the sed script is refused.
broken() {
    rm -rf "$work/broken"
    cp -r "$golden/$2/model" "$work/broken"
    LC_ALL=C sed -i "$4" "$work/broken/$3"
    check "$1: the script changes something" test "$(cmp -s "$golden/$2/model/$3" "$work/broken/$3" || echo changed)" = changed
    expect 3 "$1" run "$work/broken" "$work/a.jsonl" -q -o "$work/refused"
    says "$1" "$5"
}
broken "no transitions" crf model.safetensors 's/"heads.slots.transitions"/"heads.slots.transitionz"/' "heads.slots.transitions: no such tensor"
broken "transitions of another shape" crf model.safetensors 's/\("heads.slots.transitions":{"dtype":"F32","shape":\)\[9,9\]/\1[81 ]/' \
    "heads.slots.transitions: expected the shape [9, 9], found [81]"
broken "a blank that is no label" ctc-beam config.json 's/"blank": 3/"blank": 6/' "heads.slots.blank"
broken "a blank of a crf" crf config.json 's/"decode": "crf"/"decode": "crf", "blank": 1/' "blank"
broken "an unknown decode" crf config.json 's/"decode": "crf"/"decode": "crff"/' "decode"
broken "a crf of sigmoid" crf config.json 's/"decode": "crf"/"decode": "crf", "activation": "sigmoid"/' "decode"

# A transition that no path has to take may be infinite where that is allowed; a record that has no other is in error.
rm -rf "$work/broken"
cp -r "$golden/crf/model" "$work/broken"
weights=$work/broken/model.safetensors
header=$(head -c 8 "$weights" | od -An -tu8 | tr -d ' ')
begin=$(head -c $((8 + header)) "$weights" | tail -c +9 | sed -E 's/.*"heads.slots.end":[^}]*"data_offsets":\[([0-9]+),.*/\1/')
for ((i = 0; i < 9; i++)); do
    printf '\x00\x00\x80\xff' | dd of="$weights" bs=1 seek=$((8 + header + begin + 4 * i)) conv=notrunc status=none
done
expect 3 "an end that is not finite" run "$work/broken" "$work/a.jsonl" -q -o "$work/refused"
says "an end that is not finite" "heads.slots.end"
expect 0 "ends that no path may have" run "$work/broken" "$work/a.jsonl" -q -o "$work/infinite" --allow-nonfinite --task tag
check "all but the empty record are in error" test "$(plain "$work/infinite/a.jsonl.zst" | grep -c '"error"')" = 80
finish
