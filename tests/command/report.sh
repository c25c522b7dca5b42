#!/usr/bin/env bash
# What `grus report` says of a run, by a parser of HTML and a reader of outputs that are not grus's (report_page.py): of every
# task, of several ranks, of a run that is not finished or is damaged; and that no record can break out of its page.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python html.parser "Python"
model=$golden/bahdanau/model page=$work/page.html
: "${MODELS:=$srcdir/models}"

# report WHAT OUTDIR [OPTION]...: writes the page.
report() {
    local what=$1 outdir=$2
    shift 2
    expect 0 "$what" report "$outdir" --html "$page" "$@"
}
parsed() {
    "$python" "$srcdir/tests/support/report_page.py" "$@"
}
# read_page WHAT: the page's numbers to $work/facts and its text to $work/text, where those are not of this page yet.
read_page() {
    [[ $work/text -nt $page ]] || {
        rm -f "$work/facts" "$work/text"
        parsed read "$page" "$work/facts" "$work/text" || fail "$1: the page is not sound"
    }
}
# says_page WHAT FACT...: lines of what the page's numbers are.
says_page() {
    local what=$1 fact
    shift
    read_page "$what"
    for fact; do
        check "$what: the page says $fact" grep -qx "$fact" "$work/facts"
    done
}
# holds WHAT TEXT: the page's text, as a reader sees it, has this.
holds() {
    read_page "$1"
    check "$1: the page has $2" grep -qF -- "$2" "$work/text"
}
# equals WHAT HEADS OUTPUT...: the page's charts are those of the outputs.
equals() {
    local what=$1
    shift
    checks=$((checks + 1))
    parsed compare "$page" "$@" >"$work/compared" 2>&1 || {
        fail "$what: the page differs from the outputs"
        sed 's/^/    /' "$work/compared" >&2
    }
}
# total KEY: of the manifests of a run.
total() {
    sed -E 's/.*"'"$1"'": ([0-9]+).*/\1/' "$work/run/.grus/done"/*.json | awk '{n += $1} END {print n}'
}

# ---- what is no run, and how it is asked ----

mkdir "$work/empty" "$work/in"
expect 5 "nowhere" report "$work/nowhere" --html "$page"
expect 5 "an empty directory" report "$work/empty" --html "$page"
says "an empty directory" ".grus/run.json"
expect 2 "no page" report "$work/empty"
says "no page" "--html"
expect 2 "two directories" report "$work/empty" "$work/in" --html "$page"
expect 0 "--help" report --help
check "no page was left" test ! -e "$page"

# ---- several ranks, and records that would break out ----

for i in 0 1 2 3; do
    words $((30 + 5 * i)) "$i" | to_jsonl >"$work/in/s$i.jsonl"
done
cat >"$work/in/hostile.jsonl" <<'END'
{"text": "</script><script>alert(1)</script>", "id": "</dd></dl>"}
{"text": "\"'><img src=x onerror=alert(1)>"}
{"text": "&lt;b&gt; &amp; & < >"}
{"text": "<!-- --> ]]> <![CDATA[ </title></style></svg>"}
{"text": "a\u0000b\u0001c\u001b[31m\u007fd\u0085e"}
{"text": "line\u2028sep\u2029end"}
{"text": "\u202Eevil\u202C \u2066iso\u2069 \u200f"}
{"text": "\ufffe\uffff\ufdd0\ud83f\udffe"}
{"text": ["<b>"]}
{"text": 7, "error": "<i>own</i>"}
{"error": "own"}
not <u>json</u>

{"text": "", "nbest": [], "score": "own"}
END
printf '{"text": "\xff<b>"}\n' >>"$work/in/hostile.jsonl"
for rank in 0 1; do
    expect 0 "rank $rank of 3" run "$model" "$work/in" -q -o "$work/run" --attention soft --rank $rank --world-size 3
done
report "two of three ranks" "$work/run"
says_page "two of three ranks" "shards-done 4" "shards 5" "shards-missing-now 1" "records $(total records_out)" \
    "records-failed $(total records_failed)"
holds "two of three ranks" unfinished
holds "two of three ranks" "s1.jsonl"
expect 0 "rank 2 of 3" run "$model" "$work/in" -q -o "$work/run" --attention soft --rank 2 --world-size 3
report "all ranks" "$work/run" --samples 1000
says_page "all ranks" "shards-done 5" "shards 5" "records $(total records_out)" "records-failed $(total records_failed)"
holds "all ranks" finished
equals "all ranks" - "$work/run"/*.jsonl.zst
outputs=$(for output in "$work/run"/*.jsonl.zst; do plain "$output"; done)
check "records by wc" grep -qx "records $(wc -l <<<"$outputs")" "$work/facts"
if command -v jq >/dev/null; then
    check "failed by jq" grep -qx "records-failed $(jq -s 'map(select((keys_unsorted | .[-1] == "error" or .[-1] == "grus_error")
        or keys_unsorted == ["error", "line"])) | length' <<<"$outputs")" "$work/facts"
fi
for text in '</script><script>alert(1)</script>' "\"'><img src=x onerror=alert(1)>" '&lt;b&gt; &amp; & < >' \
    '<!-- --> ]]> <![CDATA[ </title></style></svg>' 'a␀b␁c␛[31m␡d‹U+0085›e' 'line‹U+2028›sep‹U+2029›end' \
    '‹U+202E›evil‹U+202C› ‹U+2066›iso‹U+2069› ‹U+200F›' '‹U+FFFE›‹U+FFFF›‹U+FDD0›‹U+1FFFE›' '["<b>"]' 'is not a string'; do
    holds "a hostile record" "$text"
done
check "every record with a source has its attention" \
    test "$(grep -c 'class="map"' "$page")" = "$(grep -cE '"attention": \[\[[0-9]' <<<"$outputs")"
check "a word's letters stand at its columns" grep -qE '<title>.* from (a|e|l) \([0-9]+\): [01]\.[0-9]{6}</title>' "$page"

# The model's own attention is the one that the run kept.
cp "$page" "$work/kept.html"
weights() {
    sed -nE 's/.*class="cell".*: ([01]\.[0-9]{6})<.title>.*/\1/p' "$1"
}
expect 0 "without attention" run "$model" "$work/in" -q -o "$work/without"
report "without attention" "$work/without" --samples 1000
check "without attention there is none" test "$(grep -c 'class="map"' "$page")" = 0
report "by the model" "$work/without" --samples 1000 --model "$model"
check "the model's attention" cmp <(weights "$work/kept.html") <(weights "$page")
check "there are weights" test "$(weights "$page" | wc -l)" -gt 1000
check "the model is named" grep -q "model <bdi id=\"model-name\">model</bdi> <code>[0-9a-f]\{16\}</code>" "$page"
report "by another model" "$work/without" --samples 1000 --model "$golden/luong-input-feeding/model"
check "another model has none" test "$(grep -c 'class="map"' "$page")" = 0
expect 3 "no model" report "$work/without" --model "$work/in" --html "$page"
expect 0 "several models" run "$model" "$work/in" -q -o "$work/ensemble" --ensemble "$model"
report "several models" "$work/ensemble"
expect 2 "one model of several" report "$work/ensemble" --model "$model" --html "$work/none.html"
says "one model of several" "the run is of several models (--ensemble)"
check "no page is made" test ! -e "$work/none.html"

# Of heads the mean, as the run without --attention-heads has it.
for heads in "" --attention-heads; do
    # shellcheck disable=SC2086 # no word at all where it is empty
    expect 0 "several heads" run "$golden/multihead/model" "$work/in/s3.jsonl" -q -o "$work/mean$heads" --attention soft $heads
    report "several heads" "$work/mean$heads"
    weights "$page" >"$work/weights$heads"
done
check "heads have weights" test "$(wc -l <"$work/weights")" -gt 100
check "the mean of the heads" awk '{d = $1 - $2; if (d > 2e-6 || d < -2e-6) exit 1} END {if (NR == 0) exit 1}' \
    <(paste "$work/weights" "$work/weights--attention-heads")

cp "$work/kept.html" "$page"
cp "$page" "$work/first.html"
report "again" "$work/run" --samples 1000
check "the same page again" cmp "$work/first.html" "$page"
expect 0 "on standard output" report "$work/run" --samples 1000 --html -
check "the same page on standard output" cmp "$page" "$work/out"
if [[ -e /dev/full ]]; then
    expect 5 "no room" report "$work/run" --html /dev/full
fi
expect 5 "no such folder" report "$work/run" --html "$work/none/page.html"
check "nothing is left beside it" test "$(find "$work" -name '*.partial')" = ""

report "two records of each" "$work/run" --records 2 --samples 3
holds "two records of each" "10 records of the finished outputs were read"
check "three samples, and one in error" test "$(grep -c '<article' "$page")" -le 4
report "no records" "$work/run" --records 0
says_page "no records" "records $(total records_out)" "records-failed $(total records_failed)"

# ---- damage ----

cp -r "$work/run" "$work/damaged"
output=$work/damaged/s2.jsonl.zst
head -c $(($(wc -c <"$output") - 9)) "$output" >"$work/cut"
cat "$work/cut" <(printf '%09d' 0) >"$output"
expect 1 "a damaged output" report "$work/damaged" --html "$page"
says "a damaged output" "$output"
holds "a damaged output" "unreadable"
says_page "a damaged output" "shards-done 5"

# ---- each task ----

# job NAME HEADS MODEL INPUT [OPTION]...: a run, and its page against its output.
job() {
    local name=$1 heads=$2 model=$3 input=$4
    shift 4
    expect 0 "$name" run "$model" "$input" -q -o "$work/$name" "$@"
    report "$name" "$work/$name"
    equals "$name" "$heads" "$work/$name"/*.jsonl.zst
    says_page "$name" "shards-done 1" "records $(plain "$work/$name"/*.jsonl.zst | wc -l)"
}
awk '{printf "{\"text\": \"%s\", \"target\": \"%s\"}\n", $0, $0}' < <(words 40 9) >"$work/pairs.jsonl"
plain "$MODELS/snips-en/demo.jsonl.zst" | head -n 120 >"$work/commands.jsonl"
plain "$MODELS/mnist-rows/demo.jsonl.zst" | head -n 20 >"$work/digits.jsonl"
job translated - "$model" "$work/pairs.jsonl" -b 3 --n-best 2 --attention hard
job scored - "$model" "$work/pairs.jsonl" --task score --token-scores
job commands intent,slots "$MODELS/snips-en" "$work/commands.jsonl"
job classified intent "$MODELS/snips-en" "$work/commands.jsonl" --task classify
job tagged slots "$MODELS/snips-en" "$work/commands.jsonl" --task tag
job digits digit "$MODELS/mnist-rows" "$work/digits.jsonl" --attention soft
check "digits have pictures" test "$(grep -c 'class="map"' "$page")" = 12
job embedded - "$MODELS/snips-en" "$work/commands.jsonl" --task embed
check "embeddings have strips" test "$(grep -c 'class="strip"' "$page")" = 12
expect 0 "renamed fields" run "$model" "$work/pairs.jsonl" -q -o "$work/renamed" --output-key german --field-prefix mt_
report "renamed fields" "$work/renamed"
holds "renamed fields" "Score of the output"
holds "renamed fields" "Output"

expect 0 "gzip" run "$model" "$work/pairs.jsonl" -q -o "$work/gzip" --compress gz
report "gzip" "$work/gzip"
says_page "gzip" "records 40"
holds "gzip" "Score of the output"

expect 0 "text" run "$model" "$work/pairs.jsonl" -q -o "$work/lines" --format txt
report "text" "$work/lines"
says_page "text" "records 40"
for format in npy safetensors; do
    expect 0 "$format" run "$MODELS/snips-en" "$work/commands.jsonl" -q -o "$work/$format" --task embed --format "$format"
    report "$format" "$work/$format"
    holds "$format" "arrays of numbers"
done

# ---- memory ----

# A run by hand: an output of 300 MB, in less.
mkdir -p "$work/large/.grus/done"
yes '{"id": 1, "text": "some words, and some more of them", "output": "ein paar", "score": -0.25, "logprob": -0.5}' |
    head -n 2000000 | zstd -q >"$work/large/a.jsonl.zst"
echo '{"world_size": 1, "format": "jsonl", "task": "translate", "inputs": ["a.jsonl"]}' >"$work/large/.grus/run.json"
echo '{"input": "a.jsonl", "input_bytes": 1, "input_xxh64": "0000000000000000", "records_in": 2000000, "records_out": 2000000,
    "records_failed": 0, "output_bytes": '"$(wc -c <"$work/large/a.jsonl.zst")"', "output_xxh64": "0000000000000000"}' \
    >"$work/large/.grus/done/a.json"
if ! grep -qE '^S\["(asan|ubsan|tsan|SANITIZED)_?.*"\]="?yes' "$builddir/config.status" 2>/dev/null; then
    (ulimit -v 180000 && failed=0 && report "a large output" "$work/large" && exit "$failed") || fail "a large output in little memory"
    says_page "a large output" "records 2000000"
fi

finish
