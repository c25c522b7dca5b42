#!/usr/bin/env bash
# --replace-unk: for <unk> stands the source token that its step looked at most. What that is, is found from the attention of
# the same hypotheses, scored as targets.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python json "Python"
replaced() { "$python" "$srcdir/tests/support/replaced.py" "$@"; }

# with_unknown CASE: a copy of its model in which the word that it says most is <unk>.
with_unknown() {
    local model=$work/$1
    cp -r "$golden/$1/model" "$model"
    chmod -R u+w "$model"
    "$python" - "$model" "$work/words.jsonl" "$GRUS" <<'EOF'
import collections, json, re, subprocess, sys
model, words, grus = sys.argv[1:]
config = json.load(open(model + "/config.json"))
path = model + "/" + config["decoder"]["vocab"]
lines = open(path, encoding="utf-8").read().split("\n")
out = subprocess.run([grus, "run", model, "-", "-o", "-", "-q", "--min-length", "3"], stdin=open(words), stdout=subprocess.PIPE, check=True).stdout
said = collections.Counter()
for record in out.decode().splitlines():
    text = json.loads(record)["output"]
    said.update(text.split() if config["decoder"]["tokenizer"]["type"] == "whitespace" else re.findall("<unk>|.", text))
most = next(token for token, _ in said.most_common() if token != "<unk>")
old, new = lines.index("<unk>"), lines.index(most)
lines[old], lines[new] = lines[new], lines[old]
open(path, "w", encoding="utf-8").write("\n".join(lines))
EOF
}

# Rare letters, so that many source tokens are unknown too; capitals for the model that knows none.
{ words 60 3 && printf '%s\n' '' '☃' '☃ ☃☃ \"\\ ☃' 'Ünd So WEITER☃' '<unk> a <unk>'; } | to_jsonl >"$work/words.jsonl"

searches=("-b 1 --n-best 1" "-b 4 --n-best 3" "-b 1 --n-best 2 --sampling-topk 0 --seed 3" "-b 3 --n-best 3 --compute-type int8")
for case in repetition-penalty whitespace-bos-eos lowercase conditional dot-state; do
    with_unknown "$case"
    model=$work/$case
    for search in "${searches[@]}"; do
        # What is drawn has special tokens, too, which a target of code points cannot say.
        [[ $case != dot-state || $search != *sampling* ]] || continue
        read -ra options <<<"$search --min-length 2 --length-norm none"
        compute=float32
        [[ $search != *int8* ]] || compute=int8
        rm -rf "$work"/{found,with,scored}
        expect 0 "$case, $search" run "$model" "$work/words.jsonl" -q -o "$work/found" "${options[@]}"
        plain "$work/found/words.jsonl.zst" >"$work/found.jsonl"
        replaced targets "$model/config.json" "$work/found.jsonl" >"$work/targets.jsonl"
        expect 0 "$case, scored" run "$model" "$work/targets.jsonl" -q -o "$work/scored" --task score -b "${options[1]}" --attention soft --compute-type "$compute"
        plain "$work/scored/targets.jsonl.zst" >"$work/scored.jsonl"
        replaced outputs "$model/config.json" "$work/found.jsonl" "$work/scored.jsonl" >"$work/expected"
        expect 0 "$case, $search, replaced" run "$model" "$work/words.jsonl" -q -o "$work/with" "${options[@]}" --replace-unk -t 1
        plain "$work/with/words.jsonl.zst" >"$work/with.jsonl"
        "$python" -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    items = [item["output"] for item in record.get("nbest", [record])]
    assert items[0] == record["output"]
    print(json.dumps(items, ensure_ascii=False))' "$work/with.jsonl" >"$work/outputs"
        check "$case, $search: the outputs" cmp "$work/expected" "$work/outputs"
        check "$case, $search: outputs had <unk>" test "$(grep -c '<unk>' "$work/found.jsonl")" -gt 15
        numbers() { grep -oE '"(score|logprob)": [^,}]*' "$1"; }
        check "$case, $search: scores stay" cmp <(numbers "$work/found.jsonl") <(numbers "$work/with.jsonl")

        expect 0 "$case, $search, small batches" run "$model" "$work/words.jsonl" -q -o "$work/with-small" "${options[@]}" --replace-unk -t 3 --batch-tokens 7
        check "$case, $search: the same bytes whatever the batch" cmp "$work/with/words.jsonl.zst" "$work/with-small/words.jsonl.zst"
        rm -rf "$work/with-small"
        expect 2 "$case, $search: another run" run "$model" "$work/words.jsonl" -q -o "$work/with" "${options[@]}"
        expect 0 "$case, $search: goes on" run "$model" "$work/words.jsonl" -q -o "$work/with" "${options[@]}" --replace-unk
    done
done

# What attention says stays; a text is as its JSON.
model=$work/lowercase
for attention in soft hard; do
    expect 0 "attention" run "$model" "$work/words.jsonl" -q -o "$work/$attention" -b 3 --attention "$attention"
    expect 0 "attention, replaced" run "$model" "$work/words.jsonl" -q -o "$work/$attention-with" -b 3 --attention "$attention" --replace-unk
    weights() { plain "$1/words.jsonl.zst" | sed 's/"output": "[^"]*"//'; }
    check "attention $attention stays" cmp <(weights "$work/$attention") <(weights "$work/$attention-with")
done
# The weights of several heads, told each, change nothing: their mean decides.
with_unknown multihead-luong
expect 0 "heads" run "$work/multihead-luong" "$work/words.jsonl" -q -o "$work/heads" -b 3 --n-best 2 --min-length 2 --attention soft --attention-heads --replace-unk
expect 0 "their mean" run "$work/multihead-luong" "$work/words.jsonl" -q -o "$work/mean" -b 3 --n-best 2 --min-length 2 --replace-unk
check "heads" cmp <(plain "$work/heads/words.jsonl.zst" | sed 's/, "attention": .*/}/') <(plain "$work/mean/words.jsonl.zst")
check "heads put tokens in" test "$(plain "$work/mean/words.jsonl.zst" | grep -c '"output": "[^"]*<unk>')" -lt 4

expect 0 "text" run "$model" "$work/words.jsonl" -q -o "$work/text" -b 3 --format txt --replace-unk
check "text" cmp <(plain "$work/soft-with/words.jsonl.zst" | sed -E 's/.*"output": "([^"]*)".*/\1/; s/\\\\/\\/g') <(plain "$work/text/words.txt.zst")

# Equal texts are those with what was put in.
printf '{"text": "☃"}\n' >"$work/one.jsonl"
expect 0 "unique" run "$work/repetition-penalty" "$work/one.jsonl" -q -o "$work/unique" -b 8 --n-best 8 --unique-nbest --replace-unk
plain "$work/unique/one.jsonl.zst" | grep -oE '\{"output": "[^"]*"' >"$work/items"
check "no text twice" test "$(sort "$work/items" | uniq -d | wc -l)" = 0
check "unique ones have it" grep -q ☃ "$work/items"

# Words of a prefix that the model does not know are <unk> too.
printf '{"text": "☃", "p": "no such"}\n' >"$work/p.jsonl"
expect 0 "prefix" run "$work/repetition-penalty" "$work/p.jsonl" -q -o "$work/prefix" --prefix-key p --replace-unk
check "a prefix" grep -q '"output": "☃ ☃' <(plain "$work/prefix/p.jsonl.zst")

# Of 256 bytes of JSON, quotes included, a token is put in, of more it stays.
a=$(printf '☃%.0s' {1..84})
printf '{"text": "%s"}\n' "${a}ab" "${a}abc" '' >"$work/long.jsonl"
sed 's/"char"/"whitespace"/' "$golden/repetition-penalty/model/config.json" >"$work/repetition-penalty/config.json"
expect 0 "long" run "$work/repetition-penalty" "$work/long.jsonl" -q -o "$work/long" --replace-unk --min-length 3 --repetition-penalty 1
plain "$work/long/long.jsonl.zst" >"$work/lines"
check "254 bytes" grep -q "\"output\": \"[^\"]*${a}ab" "$work/lines"
check "255 bytes" grep -q '"output": "[^☃]*<unk>' <(sed -n 2p "$work/lines")
check "an empty source" grep -q '"output": "[^"]*<unk>' <(sed -n 3p "$work/lines")

# Pieces of words join as the target's do: of "b☃ ☃" the pieces are b@@, ☃ and ☃.
cp -r "$golden/bpe/model" "$work/bpe"
chmod -R u+w "$work/bpe"
vocab=$work/bpe/target.vocab
sed -i 's/^<unk>$/KEPT/; s/^ac$/<unk>/' "$vocab"
printf '{"text": "b☃ ☃"}\n{"text": "ab☃c"}\n' >"$work/pieces.jsonl"
expect 0 "bpe" run "$work/bpe" "$work/pieces.jsonl" -q -o "$work/joined" --replace-unk --attention hard --min-length 6
python_tokens='import json, sys
pieces = [["b@@", "☃", "☃"], ["ab@@", "☃@@", "c"]]
for own, line in zip(pieces, open(sys.argv[1], encoding="utf-8")):
    record = json.loads(line)
    tokens = record["output"].split()
    looks = [int(pair.split("-")[0]) for pair in record["alignment"].split()]
    assert "<unk>" in tokens
    text = " ".join(own[looks[i]] if token == "<unk>" else token for i, token in enumerate(tokens)).replace("@@ ", "")
    print(text[:-2] if text.endswith("@@") else text)'
sed -i '/"decoder"/,$ s/"bpe"/"whitespace"/; /"decoder"/,$ { /"codes"/d; s/"whitespace",/"whitespace"/ }' "$work/bpe/config.json"
expect 0 "bpe, its pieces" run "$work/bpe" "$work/pieces.jsonl" -q -o "$work/cut" --attention hard --min-length 6
check "bpe" cmp <("$python" -c "$python_tokens" <(plain "$work/cut/pieces.jsonl.zst")) <(plain "$work/joined/pieces.jsonl.zst" | sed -E 's/.*"output": "([^"]*)".*/\1/')

# Of SentencePiece on both sides, with a bias under which all that is said is <unk>, an output is the pieces looked at.
if [[ -n ${SENTENCEPIECE-} ]]; then
    cp -r "$golden/sentencepiece/model" "$work/pieces"
    chmod -R u+w "$work/pieces"
    "$python" - "$work/pieces/model.safetensors" <<'EOF'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", data[:8])[0]
bias = json.loads(data[8:start])["decoder.output.bias"]
assert bias["dtype"] == "F16"
struct.pack_into("<e", data, start + bias["data_offsets"][0], 50)
open(sys.argv[1], "wb").write(data)
EOF
    printf '%s\n' 'The Two five' 'nought seven' 'seven nine two' 'seventy-One hundred' >"$work/numbers.txt"
    expect 0 "sentencepiece" run "$work/pieces" "$work/numbers.txt" -q -o "$work/numbers" --attention hard --min-length 4 --max-length 9 --replace-unk
    plain "$work/numbers/numbers.jsonl.zst" >"$work/lines"
    "$builddir/tests/support/tokenize" "$work/pieces" sentencepiece squares.model <"$work/numbers.txt" >"$work/ids"
    paste -d '|' "$work/ids" <(sed -E 's/.*"alignment": "([^"]*)".*/\1/' "$work/lines") | awk -F '|' '{
        split($1, id, " ")
        for (i = 1; i <= split($2, pair, " "); i++)
            printf "%s%s", id[int(pair[i]) + 1], i < split($2, pair, " ") ? " " : "\n"
    }' | "$builddir/tests/support/tokenize" --decode "$work/pieces" sentencepiece squares.model >"$work/expected"
    check "sentencepiece" cmp "$work/expected" <(sed -E 's/.*"output": "([^"]*)".*/\1/' "$work/lines")
fi

expect 0 "attend" attend "$work/lowercase" "XY☃" --min-length 4 --replace-unk
check "attend" grep -q '^output: .*☃' "$work/out"

# What it needs.
refused() { # WHAT CASE TEXT OPTION...
    expect 2 "$1" run "$golden/$2/model" "$work/one.jsonl" -q -o "$work/refused" --replace-unk "${@:4}"
    says "$1" "--replace-unk: $3"
    check "$1: no output is made" test ! -e "$work/refused"
}
refused "a target" bahdanau "goes with --task translate" --task score
refused "an encoder" crf "goes with --task translate"
refused "no attention" no-attention "needs a model with attention"
refused "features" features "needs a source of tokens"
refused "a front" front-beam "needs a position for each source token"
refused "ids" score-ids "needs a target of text"
finish
