#!/usr/bin/env bash
# What is counted of records that went well, and told: hypotheses that were cut at their limit, tokens that the vocabulary has
# not; and hypotheses whose texts are equal.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

# number OUTDIR NAME: a number of its report.
number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1/report.json" | head -n 1
}

# ---- hypotheses that were cut ----

# A hypothesis of n tokens was cut where its limit is n: with an end token it has n - 1 words and fewer. The words of this
# target are printed with one space between two.
model=$golden/bahdanau/model
limit=6
words 400 3 | to_jsonl | sed '9s/.*/{"id": 9}/' >"$work/a.jsonl"
for n_best in 1 4; do
    search=(-b 4 --n-best "$n_best" --max-length "$limit" --max-length-factor 9)
    out=$work/marked$n_best
    expect 0 "without marks, $n_best" run "$model" "$work/a.jsonl" -o "$work/unmarked$n_best" "${search[@]}"
    cp "$work/err" "$work/summary"
    expect 0 "marked, $n_best" run "$model" "$work/a.jsonl" -q -o "$out" "${search[@]}" --mark-truncated
    plain "$out/a.jsonl.zst" >"$work/marked"
    plain "$work/unmarked$n_best/a.jsonl.zst" >"$work/unmarked"
    awk -v limit=$limit '{
        rest = $0
        line = ""
        while (match(rest, /"output": "[^"]*", "score": [^,]*, "logprob": [^,}]*/)) {
            item = substr(rest, RSTART, RLENGTH)
            split(item, part, "\"")
            cut = part[4] == "" ? 0 : split(part[4], word, " ")
            line = line substr(rest, 1, RSTART + RLENGTH - 1) (cut == limit ? ", \"truncated\": true" : "")
            rest = substr(rest, RSTART + RLENGTH)
        }
        print line rest
    }' "$work/unmarked" >"$work/expected"
    check "marks of cut hypotheses, $n_best" cmp "$work/expected" "$work/marked"
    items=$(grep -o '"truncated": true' "$work/expected" | wc -l)
    best=$(sed 's/, "nbest".*//' "$work/expected" | grep -c '"truncated": true')
    check "$best of 400 are cut, and $items items" test "$best" -gt 20 -a "$best" -lt 380 -a "$items" -ge "$best"
    for dir in "$out" "$work/unmarked$n_best"; do
        check "the report counts them" test "$(number "$dir" records_truncated)" = "$best"
    done
    check "the summary tells them" grep -q "done; 1 record in error; $best cut at the limit; results" "$work/summary"
    expect 0 "small batches" run "$model" "$work/a.jsonl" -q -o "$work/batches$n_best" "${search[@]}" --mark-truncated -t 3 --batch-tokens 20
    check "marks do not depend on batches" cmp "$out/a.jsonl.zst" "$work/batches$n_best/a.jsonl.zst"
done

# What does not go with it, and what the run remembers.
expect 2 "an encoder" run "$golden/tagger/model" "$work/a.jsonl" -q -o "$work/o" --mark-truncated
says "an encoder" "--mark-truncated: goes with --task translate"
expect 2 "forced" run "$model" "$work/a.jsonl" -q -o "$work/o" --mark-truncated --task score
expect 2 "lines of text" run "$model" "$work/a.jsonl" -q -o "$work/o" --mark-truncated --format txt
says "lines of text" "txt has no room for --mark-truncated"
expect 2 "another run" run "$model" "$work/a.jsonl" -q -o "$work/marked1" -b 4 --max-length "$limit" --max-length-factor 9
echo '{"text": "og", "truncated": 1}' >"$work/taken.jsonl"
echo '{"text": "og"}' >>"$work/taken.jsonl"
expect 0 "a field of that name" run "$model" "$work/taken.jsonl" -q -o "$work/taken" --mark-truncated
check "it is in error" grep -q '"truncated": 1, "error": "field \\"truncated\\" is there already' <(plain "$work/taken/taken.jsonl.zst")

# ---- hypotheses with one text ----

# unique: of the items of each "nbest" those whose "output" is no earlier one's.
unique() {
    awk '{
        at = index($0, ", \"nbest\": [")
        line = substr($0, 1, at - 1)
        rest = substr($0, at)
        separator = ", \"nbest\": ["
        split("", seen)
        while (match(rest, /\{"output": "([^"\\]|\\.)*", [^}]*\}/)) {
            item = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            text = item
            sub(/", "score".*/, "", text)
            if (text in seen)
                continue
            seen[text] = 1
            line = line separator item
            separator = ", "
        }
        print line "]}"
    }'
}
# Subwords: one text can be cut in two ways.
model=${MODELS:=$srcdir/models}/multi30k-en-de
plain "$model/demo.jsonl.zst" | sed -n 1,150p >"$work/b.jsonl"
search=(-b 5 --n-best 5)
expect 0 "n-best" run "$model" "$work/b.jsonl" -q -o "$work/nbest" "${search[@]}"
expect 0 "n-best, unique" run "$model" "$work/b.jsonl" -q -o "$work/unique" "${search[@]}" --unique-nbest
plain "$work/nbest/b.jsonl.zst" >"$work/all"
plain "$work/nbest/b.jsonl.zst" | unique >"$work/expected"
items=$(grep -o '{"output"' "$work/all" | wc -l)
left=$(grep -o '{"output"' "$work/expected" | wc -l)
check "of $items items $left have texts of their own" test "$left" -lt "$items" -a "$left" -gt 700
check "the first of equal texts are left" cmp "$work/expected" <(plain "$work/unique/b.jsonl.zst")
expect 0 "small batches" run "$model" "$work/b.jsonl" -q -o "$work/unique3" "${search[@]}" --unique-nbest -t 3 --batch-tokens 20
check "they do not depend on batches" cmp "$work/unique/b.jsonl.zst" "$work/unique3/b.jsonl.zst"
expect 0 "with marks" run "$model" "$work/b.jsonl" -q -o "$work/uniquem" "${search[@]}" --unique-nbest --mark-truncated
check "marks beside it" cmp "$work/expected" <(plain "$work/uniquem/b.jsonl.zst" | sed 's/, "truncated": true//g')
expect 2 "one hypothesis" run "$model" "$work/b.jsonl" -q -o "$work/o" -b 6 --unique-nbest
says "one hypothesis" "--unique-nbest: goes with --task translate and --n-best above 1"
expect 2 "forced" run "$model" "$work/b.jsonl" -q -o "$work/o" "${search[@]}" --unique-nbest --task score
expect 2 "another run" run "$model" "$work/b.jsonl" -q -o "$work/unique" "${search[@]}"

# ---- tokens that the vocabulary has not ----

# unknown WHAT MODEL FILE UNKNOWN TOKENS: so many tokens of so many, bos and eos left out, are unknown. Told in one warning
# where it is more than half.
unknown() {
    local what=$1 out=$work/counted
    rm -rf "$out"
    expect 0 "$what" run "$2" "$3" -o "$out"
    check "$what: the report says $(number "$out" tokens_unknown), not $4" test "$(number "$out" tokens_unknown)" = "$4"
    if [[ $4 = 0 ]]; then
        check "$what: nothing is said" test "$(grep -c unknown "$work/err")" = 0
    else
        check "$what: the summary tells them" grep -q "tokens in ($4 unknown)" <(sed 's/,//g' "$work/err")
    fi
    if [[ $4 -gt $(($5 / 2)) ]]; then
        check "$what: a warning" grep -q "^grus: warning: $4 of $5 source tokens, more than half, are unknown" "$work/err"
        check "$what: one" test "$(grep -c warning "$work/err")" = 1
    else
        check "$what: no warning" test "$(grep -c warning "$work/err")" = 0
    fi
}
model=$golden/whitespace-bos-eos/model
known=$(grep -v '^<' "$model/source.vocab" | head -n 1)
text() {
    printf '{"text": "%s"}\n' "$@"
}
text "$known" "$known $known" >"$work/u.jsonl"
unknown "known words" "$model" "$work/u.jsonl" 0 3
text "$known Qq" "Qq" "$known" >"$work/u.jsonl"
unknown "half of the words" "$model" "$work/u.jsonl" 2 4
text "Qq $known" "Qq" >"$work/u.jsonl"
unknown "more than half, bos and eos not counted" "$model" "$work/u.jsonl" 2 3
text "Qq" "" "Ww Ww Ww" >"$work/u.jsonl"
echo '{"id": 3}' >>"$work/u.jsonl"
unknown "all, beside an empty text and a record in error" "$model" "$work/u.jsonl" 4 4
# Of a wordlist in two shards, by a count of its own.
mkdir "$work/two"
words 300 5 | sed 's/ /z/g' | to_jsonl >"$work/two/a.jsonl"
words 300 6 | sed 's/ /z/g' | to_jsonl >"$work/two/b.jsonl"
model=$golden/bahdanau/model
sed 's/.*"text": "//; s/"}$//' "$work"/two/*.jsonl | grep -o . >"$work/letters"
letters=$(wc -l <"$work/letters")
strange=$(grep -cvxFf <(grep -v '^<' "$model/source.vocab") "$work/letters")
check "$strange of $letters are strange" test "$strange" -gt 100
unknown "characters" "$model" "$work/two" "$strange" "$letters"
finish
