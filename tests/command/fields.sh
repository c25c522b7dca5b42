#!/usr/bin/env bash
# --output-key and --field-prefix: what the fields of a result are called, so that runs can be chained.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
words 60 4 | awk '{printf "{\"id\": %d, \"text\": \"%s\", \"target\": \"b a\"}\n", NR, $0}' >"$work/a.jsonl"
number=0

# renamed MODEL SCRIPT OPTION... -- OPTION...: what the first options give, with the names changed by the sed script, is what
# all of them give.
renamed() {
    local model=$golden/$1/model script=$2 plain_options=()
    shift 2
    while [[ $1 != -- ]]; do
        plain_options+=("$1")
        shift
    done
    shift
    number=$((number + 1))
    expect 0 "plain $number" run "$model" "$work/a.jsonl" -q -o "$work/plain$number" "${plain_options[@]}"
    expect 0 "renamed $number" run "$model" "$work/a.jsonl" -q -o "$work/named$number" "${plain_options[@]}" "$@"
    plain "$work/plain$number/a.jsonl.zst" | sed "$script" >"$work/expected"
    check "names change something: $script" test "$(plain "$work/plain$number/a.jsonl.zst" | cmp - "$work/expected" | wc -l)" = 1
    check "$number: $*" cmp "$work/expected" <(plain "$work/named$number/a.jsonl.zst")
}

# The first field of a name is the record's own; those in "nbest" come behind it and keep theirs.
all='s/"output": /"de_output": /; s/"score": /"de_score": /; s/"logprob": /"de_logprob": /; s/"nbest": /"de_nbest": /'
renamed bahdanau 's/"output": /"german": /' -b 3 -- --output-key german
renamed bahdanau "$all" -b 3 --n-best 3 -- --field-prefix de_
renamed bahdanau "s/\"output\": /\"german\": /; $all; s/de_output/output/" -b 3 --n-best 3 -- --field-prefix de_ --output-key german
renamed bahdanau "$all; s/\"attention\": /\"de_attention\": /" --attention soft -- --field-prefix de_
renamed bahdanau "$all; s/\"alignment\": /\"de_alignment\": /" --attention hard -- --field-prefix de_
renamed bahdanau "$all; s/\"truncated\": /\"de_truncated\": /" --max-length 3 --mark-truncated -- --field-prefix de_
renamed bahdanau 's/"score": /"p": /' --task score -- --output-key p
renamed bahdanau 's/"\(logprob\|score\|token_logprobs\)": /"p.\1": /g' --task score --token-scores -- --field-prefix p.
renamed two-tasks 's/"intent": /"x intent": /; s/"slots": /"x slots": /' -- --field-prefix "x "
renamed two-tasks 's/"intent": /"kind": /' --task classify -- --output-key kind
renamed two-tasks 's/"slots": /"marks": /' --task tag -- --output-key marks
renamed two-tasks 's/"embedding": /"vector": /; s/"attention": /"1attention": /' --task embed --attention soft -- --output-key vector --field-prefix 1
renamed bahdanau 's/"output": /"\\"ü\\\\\\u0001": /' -- --output-key $'"ü\\\x01'
check "a name that JSON escapes" grep -qF '"\"ü\\\u0001": ' <(plain "$work/named$number/a.jsonl.zst")

# A second run over the first one's records: its results are those of the same texts elsewhere, and what was there stays.
model=$golden/bahdanau/model
expect 0 "a second run" run "$model" "$work/named1" -q -o "$work/second" --text-key german --field-prefix back_ --output-key english
plain "$work/named1/a.jsonl.zst" >"$work/first"
sed 's/.*"german": "\([^"]*\)".*/{"text": "\1"}/' "$work/first" >"$work/alone.jsonl"
expect 0 "the same texts elsewhere" run "$model" "$work/alone.jsonl" -q -o "$work/alone"
plain "$work/alone/alone.jsonl.zst" |
    sed 's/^{"text": "[^"]*"//; s/"output": /"english": /; s/"score": /"back_score": /; s/"logprob": /"back_logprob": /' |
    paste -d '' <(sed 's/}$//' "$work/first") - >"$work/expected"
check "chained" cmp "$work/expected" <(plain "$work/second/a.jsonl.zst")

# A field that is there is told with the options; of names that JSON escapes too.
taken() { # NAME RECORDS OPTION...
    local name=$1 records=$2
    shift 2
    rm -rf "$work/taken"
    { cat "$records" && echo '{"text": "og"}' && echo '{"source": "og"}'; } >"$work/t.jsonl"
    expect 0 "a field that is taken: $*" run "$model" "$work/t.jsonl" -q -o "$work/taken" "$@"
    check "$name is told" grep -qF "\"error\": \"field \\\"$name\\\" is there already, and is the result's name (--output-key, --field-prefix)\"" \
        <(plain "$work/taken/t.jsonl.zst" | head -n 1)
}
echo '{"text": "og", "output": 1}' >"$work/output.jsonl"
taken output "$work/output.jsonl"
echo '{"source": "og", "text": 1}' >"$work/source.jsonl"
taken text "$work/source.jsonl" --text-key source --output-key text
echo '{"text": "og", "p\u005foutput": 1}' >"$work/escaped.jsonl"
taken p_output "$work/escaped.jsonl" --field-prefix p_
expect 0 "another name" run "$model" "$work/output.jsonl" -q -o "$work/o" --output-key other
expect 0 "a prefix" run "$model" "$work/output.jsonl" -q -o "$work/o2" --field-prefix p_

# ---- where the text is ----

# What stands at the end of a path gives what the same text gives elsewhere; which of two it is, the output tells.
model=$golden/bahdanau/model
words 20 7 >"$work/texts"
to_jsonl <"$work/texts" >"$work/flat.jsonl"
expect 0 "a text" run "$model" "$work/flat.jsonl" -q -o "$work/flat"
# leads WHAT BEFORE BEHIND KEY: texts between BEFORE and BEHIND are found by KEY.
leads() {
    awk -v before="$2" -v behind="$3" '{ print before $0 behind }' "$work/texts" >"$work/deep.jsonl"
    rm -rf "$work/deep"
    expect 0 "$1" run "$model" "$work/deep.jsonl" -q -o "$work/deep" --text-key "$4"
    check "$1" cmp <(plain "$work/flat/flat.jsonl.zst" | sed 's/.*", "output"/"output"/') \
        <(plain "$work/deep/deep.jsonl.zst" | sed 's/.*, "output"/"output"/')
}
leads "a member of an object" '{"meta": {"x": 1, "text": "' '"}, "text": "q"}' meta.text
leads "three levels" '{"a": {"b": {"c": "' '"}, "c": "q"}}' a.b.c
leads "the whole name goes before" '{"a.b": "' '", "a": {"b": "q"}}' a.b
leads "the whole name goes before, behind" '{"a": {"b": "q"}, "a.b": "' '"}' a.b
leads "the whole name inside" '{"a": {"b": {"c": "q"}, "b.c": "' '"}}' a.b.c
leads "the last object of the name" '{"a": {"b": "q"}, "a": {"b": "' '"}}' a.b
leads "names by escapes" '{"m\\u0065ta": {"te\\u0078t": "' '"}}' meta.text
leads "a name that begins another" '{"metal": {"text": "q"}, "meta": {"text": "' '", "textual": "q"}}' meta.text
for record in '{"meta": "og"}' '{"meta": {"txt": "og"}}' '{"meta": {"text": "og"}, "meta": 1}' '{"meta": null, "text": "og"}' '{"meta": [{"text": "og"}]}'; do
    { echo "$record" && echo '{"meta": {"text": "og"}}'; } >"$work/none.jsonl"
    rm -rf "$work/none"
    expect 0 "$record" run "$model" "$work/none.jsonl" -q -o "$work/none" --text-key meta.text
    check "$record" grep -q '"error": "field \\"meta.text\\" is missing"}$' <(plain "$work/none/none.jsonl.zst" | head -n 1)
done
sed 's/"text": "\([^"]*\)", "target": "\([^"]*\)"/"in": {"s": "\1", "t": "\2"}/' "$work/a.jsonl" >"$work/pairs.jsonl"
expect 0 "forced" run "$model" "$work/a.jsonl" -q -o "$work/forced" --task score
expect 0 "forced, by paths" run "$model" "$work/pairs.jsonl" -q -o "$work/pairs" --task score --text-key in.s --target-key in.t
check "forced, by paths" cmp <(plain "$work/forced/a.jsonl.zst" | sed 's/.*"logprob"//') <(plain "$work/pairs/pairs.jsonl.zst" | sed 's/.*"logprob"//')

# Lines of text.
echo og >"$work/lines.txt"
expect 0 "lines" run "$model" "$work/lines.txt" -q -o "$work/lines" --field-prefix p_
check "the number keeps its name" grep -q '^{"id": 1, "p_output": "' <(plain "$work/lines/lines.jsonl.zst")

# What is refused.
refused() { # WORDS MODEL OPTION...
    local words=$1 model=$golden/$2/model
    shift 2
    expect 2 "$*" run "$model" "$work/a.jsonl" -q -o "$work/refused" "$@"
    says "$*" "$words"
    check "nothing is made" test ! -e "$work/refused"
}
refused '--output-key: "score" is a field that grus writes itself' bahdanau --output-key score
refused '--output-key: "id" is a field that grus writes itself' bahdanau --output-key id
refused '--output-key: "error" is a field that grus writes itself' bahdanau --output-key error
refused '--output-key: "grus_error" is a field that grus writes itself' bahdanau --output-key grus_error
refused '--field-prefix: "p_score" is a field that grus writes itself' bahdanau --field-prefix p_ --id-key p_score
refused '--output-key: names one head and the task selects 2' two-tasks --output-key x
refused '--output-key: names fields, and --format txt has none' bahdanau --output-key x --format txt
refused '--field-prefix: names fields, and --format npy has none' two-tasks --field-prefix x --format npy --task embed
refused '--output-key: must be UTF-8' bahdanau --output-key $'\xff'
refused '--field-prefix: must be UTF-8' bahdanau --field-prefix $'a\xc3'

# They are options of the run.
expect 2 "another name than the run's" run "$model" "$work/a.jsonl" -q -o "$work/named1" -b 3
expect 2 "another name than the run's" run "$model" "$work/a.jsonl" -q -o "$work/named1" -b 3 --output-key deutsch
expect 0 "the run's" run "$model" "$work/a.jsonl" -q -o "$work/named1" -b 3 --output-key german
expect 0 "bench takes them" bench "$model" "$work/output.jsonl" --seconds 0.01 --field-prefix p_
finish
