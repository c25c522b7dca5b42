#!/usr/bin/env bash
# Models of Marian and Nematus, with random weights, brought in by tools/import_marian.py: texts, log-probabilities and attention are
# those of a loop in float64 over the models' own arrays. With MARIAN_DATA=DIR also the real model that lies there, as model.npz,
# vocab.txt, spm.model, source.spm.en, beam1.nbest.zst and beam5.nbest.zst: its texts are what marian-decoder said of them.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

need_python "numpy, torch" "PyTorch (Debian package: python3-torch)"
reference=$srcdir/tests/support/marian_reference.py
import=$srcdir/tools/import_marian.py
made=$work/made
mkdir "$made"
check "models" "$python" "$reference" make "$made"

# compare_model NAME VOCABULARY: greedy, on two numbers of threads.
compare_model() {
    local threads
    check "$1: import" "$python" "$import" "$made/$1.npz" --vocabs "$made/$2" "$made/$2" -o "$work/$1"
    check "$1: vocabulary" cmp "$made/list.txt" "$work/$1/source.vocab"
    for threads in 1 3; do
        expect 0 "$1: run on $threads threads" run "$work/$1" "$made/texts.txt" -q -t "$threads" --attention soft -o "$work/$1.$threads"
    done
    check "$1: the number of threads changes nothing" cmp "$work/$1.1/texts.jsonl.zst" "$work/$1.3/texts.jsonl.zst"
    plain "$work/$1.1/texts.jsonl.zst" >"$work/said.jsonl"
    check "$1: texts" "$python" "$reference" compare "$made/$1.npz" "$made/list.txt" "$made/list.txt" "$made/texts.txt" "$work/said.jsonl"
}

compare_model tied list.txt
compare_model deep vocab.yml
compare_model uni vocab.json
compare_model nematus vocab.json
compare_model amun list.txt

# Nematus before version 0.1 scaled what dropout had been on; from then on training does.
echo '{"use_dropout": true, "model_version": 0.1}' >"$made/nematus.npz.json"
check "dropout of version 0.1" "$python" "$import" "$made/nematus.npz" --vocabs "$made/list.txt" "$made/list.txt" -o "$work/dropout"
check "dropout of version 0.1 changes no weight" cmp "$work/dropout/model.safetensors" "$work/nematus/model.safetensors"
echo '{"use_dropout": true}' >"$made/nematus.npz.json"

# SentencePiece outside of Marian: pieces stand in the model's order, and one that Marian lacks is never said.
squares=$srcdir/tests/support/files/squares.sentencepiece
check "pieces" "$python" "$import" "$made/tied.npz" --vocabs "$made/list.txt" "$made/list.txt" --pieces "$squares" "$squares" -o "$work/pieces"
if [[ -n ${SENTENCEPIECE-} ]]; then
    expect 0 "pieces: inspect" inspect "$work/pieces"
    check "pieces: the decoder is conditional" grep -q "^decoder .*conditional" "$work/out"
fi

refuse() {
    local name=$1
    shift
    check "$name is refused" bash -c '! "$@" 2>"$0"' "$work/err" "$python" "$import" "$@" -o "$work/none"
    check "$name writes nothing" test ! -e "$work/none"
}
refused() {
    refuse "$1" "$made/$1.npz"
    says "$1 is refused" "$2"
}
refused nematus "use_dropout: a model_version below 0.1 (or none) scales its weights"
refused transformer "type: expected s2s or amun or nematus, found transformer"
refused normalized "layer-normalization: expected false, found true"
refused skip "skip: expected false, found true"
refused transition "dec-cell-base-depth: expected 2, found 8"
says "transition is refused" "enc-cell-depth: expected 1, found 4"
refused lstm "dec-cell: expected gru or gru-nematus, found lstm"
refused stacked "dec-depth: expected 1, found 2"
refused factors "lemma-dim-emb: expected 0, found 8"
refused backward "right-left: expected false, found true"
refused alternating "enc-type: expected bidirectional or bi-unidirectional, found alternating"
refused more "arrays that no such model has: encoder_bi_gamma1"
refused less "decoder_b_att: no such array is in the file"
refused other "expected 'special:model.yml', or the arrays of Nematus"
squares_model=$work/squares.model
cp "$squares" "$squares_model"
refuse "pieces of another number" "$made/tied.npz" --vocabs "$squares_model" "$squares_model"
says "pieces of another number is refused" "expected 16 pieces, found"
refuse "pieces alone" "$made/tied.npz" --pieces "$squares" "$squares"
says "pieces alone is refused" "--pieces: needs --vocabs"

# ---- the real model ----

if [[ -n ${MARIAN_DATA-} ]]; then
    data=$MARIAN_DATA
    check "the real model" "$python" "$import" "$data/model.npz" --vocabs "$data/vocab.txt" "$data/vocab.txt" -o "$work/real"
    cp "$data/source.spm.en" "$work/source.txt"
    # Marian's limit is three times the source's length, grus's ten steps more: one record of the beam has its 87 by this.
    search=(--beam-size 5 --length-norm avg --length-penalty 0.6 --max-length 87)
    for beam in 1 5; do
        [[ $beam = 5 ]] || search=(--attention soft)
        expect 0 "beam $beam" run "$work/real" "$work/source.txt" -q "${search[@]}" -o "$work/real.$beam"
        plain "$work/real.$beam/source.jsonl.zst" >"$work/said.jsonl"
        plain "$data/beam$beam.nbest.zst" >"$work/nbest"
        check "beam $beam: what marian-decoder said" "$python" "$reference" marian "$work/nbest" "$work/said.jsonl"
        search=(--beam-size 5 --length-norm avg --length-penalty 0.6 --max-length 87)
    done
    "$python" - "$work" <<'END'
import json
import sys

where = sys.argv[1]
best = {}
for line in open(where + "/nbest", encoding="utf-8"):
    number, output, *_ = line.split(" ||| ")
    best.setdefault(int(number), output.strip())
with open(where + "/forced.jsonl", "w", encoding="utf-8") as f:
    for number, text in enumerate(open(where + "/source.txt", encoding="utf-8").read().splitlines()):
        f.write(json.dumps({"text": text, "target": best[number]}) + "\n")
END
    expect 0 "word scores" run "$work/real" "$work/forced.jsonl" -q --task score --token-scores -o "$work/real.forced"
    plain "$work/real.forced/forced.jsonl.zst" >"$work/said.jsonl"
    check "word scores are marian-decoder's" "$python" "$reference" marian "$work/nbest" "$work/said.jsonl"
    # SentencePiece cuts the text itself.
    sed 's/ //g; s/▁/ /g; s/^ //' "$work/source.txt" >"$work/text.txt"
    check "the real model's pieces" "$python" "$import" "$data/model.npz" --vocabs "$data/vocab.txt" "$data/vocab.txt" \
        --pieces "$data/spm.model" "$data/spm.model" -o "$work/whole"
    expect 0 "text in, text out" run "$work/whole" "$work/text.txt" -q --format txt -o "$work/real.whole"
    plain "$data/beam1.nbest.zst" | sed 's/^[0-9]* ||| //; s/ *|||.*//; s/ //g; s/▁/ /g; s/^ //' >"$work/expected.txt"
    check "text in, text out: what marian-decoder said" cmp "$work/expected.txt" <(plain "$work/real.whole/text.txt.zst")
fi
finish
