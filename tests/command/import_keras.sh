#!/usr/bin/env bash
# tools/import_keras.py: models as Keras 2 and 3 save them give the numbers that Keras's formulas give; what cannot be computed
# exactly, and what the file does not tell, is refused by name.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python "h5py, torch" "h5py and PyTorch (Debian packages: python3-h5py, python3-torch)"
"$python" "$srcdir/tests/support/keras_models.py" make "$work"
cd "$work"
# shellcheck source=tests/support/importing.sh
. "$srcdir/tests/support/importing.sh"
import_coprocess import_keras

# lacks FILE TEXT: no line of the file has the text.
lacks() {
    ! grep -qF -- "$2" "$1"
}

# gives NAME: the model's records have the numbers that are expected.
gives() {
    expect 0 "$1 loads" inspect "$1.model" --strict
    for task in classify tag; do
        grep -q "\"on\": \"$([[ $task = tag ]] && echo token || echo sequence)\"" "$1.model/config.json" || continue
        expect 0 "$1: $task" run "$1.model" "$1.jsonl" -q -o "$1.$task" --task "$task" --head-output probs
        plain "$1.$task/$1.jsonl.zst" >"$1.$task.jsonl"
    done
    check "$1: the numbers" "$python" "$srcdir/tests/support/keras_models.py" check "$1.expected" "$1".*.jsonl
}

for name in before after outputs front turned cudnn-gru cudnn-lstm tfjs; do
    files=("$name".h5 "$name".keras "$name".json)
    for file in "${!files[@]}"; do
        [[ -e ${files[file]} ]] || unset "files[$file]"
    done
    import_model 0 "${files[@]}" -o "$name.model"
    cp said "$name.said"
    gives "$name"
done
check "which cell it took" grep -qxF 'gru (GRU): 5 outputs -> layer 0 of the encoder, forward, reset before, gate_activation hard_sigmoid' before.said
check "padding without a mask" grep -q '^warning: no Masking and no mask_zero' turned.said
check "and none with one" lacks before.said warning:

# What the file does not tell: labels, tokens, names.
printf '%s\n' pad {a..h} >words.txt
printf '%s\n' B I O >tags.txt
import_model 0 before.h5 -o named --vocab words.txt --labels tag=tags.txt --head-name timedistributed=tag --dtype f16
check "embeddings without a token" grep -q 'warning: words.txt has 9 lines for 11 embeddings' said
printf '{"text": "a c h"}\n' >text.jsonl
expect 0 "by words" run named text.jsonl -q -o named.out
check "labels" grep -q '"tag": *\["[BIO]", *"[BIO]", *"[BIO]"\]' <(plain named.out/text.jsonl.zst)
printf '%s\n' B I >tags.txt
import_model 1 before.h5 -o none --labels timedistributed=tags.txt
check "too few labels" grep -q 'tags.txt: 2 labels, and head timedistributed has 3' said
import_model 1 before.h5 -o none --labels tag=tags.txt
check "no such head" grep -q 'labels tag: no such head; there are timedistributed' said

# says_of NAME TEXT: the model is refused with this text.
says_of() {
    import_model 1 "$1.h5" -o none
    check "$1: it says '$2', not '$(cat said)'" grep -qF -- "$2" said
}

says_of hard "lstm (LSTM): recurrent_activation 'hard_sigmoid'"
says_of stateful "gru (GRU): stateful"
says_of mul "bidirectional (Bidirectional): merge_mode 'mul'"
says_of strided "conv1d (Conv1D): padding 'same' with kernel 3 and stride 2"
says_of two-cells "an encoder has one cell"
says_of activation "gru (GRU): activation 'swish'"
says_of reversed "reversed order (go_backwards)"
says_of lambda "lambda (Lambda): no such layer here"
says_of between "dense (Dense): a dense layer with an activation between recurrent layers"
says_of none "no recurrent layer among input (InputLayer), dense (Dense)"
says_of weights "holds weights and no configuration; give the model's JSON"
says_of peephole "found 4 arrays: peepholes or projections?"
says_of other-reset "reset_after is False, and the bias has the shape [2, 12]"
says_of branch "concatenate (Concatenate): only what enters the encoder"
# Files that are cut, or something else.
head -c 3000 after.keras >cut.keras
head -c 3000 before.h5 >cut.h5
echo '{"class_name": "Sequential", "config": {"layers": [{"class_name": "GRU"}]}}' >poor.json
for files in cut.keras cut.h5 "weights.h5 poor.json" before.jsonl none.txt; do
    # shellcheck disable=SC2086 # two files are two words
    import_model 1 $files -o none
    check "$files: a message of one line" test "$(grep -c '^import_keras: ' said)" = 1
done
check "nothing was written" test ! -e none

# A part of a model; one without a head has the encoder's outputs.
import_model 0 before.h5 -o part --input embedding --output-layer gru
expect 0 "a part of a model" inspect part --strict
check "its features" grep -q '"feature_dim": 4' part/config.json
import_model 1 before.h5 -o none --output-layer gru_1
check "what layers there are" grep -q 'no layer gru_1; there are input (InputLayer), embedding (Embedding)' said

# A GRU without biases tells its reset by the configuration alone, hard_sigmoid by the version: else they are asked for.
says_of version "hard_sigmoid is another function in Keras 3 than before, and the file does not tell: --keras-version 2|3"
import_model 0 version.h5 -o version2 --keras-version 2
import_model 0 version.h5 -o version3 --keras-version 3
check "two functions" test "$(cmp -s version2/model.safetensors version3/model.safetensors; echo $?)" = 1
says_of reset "neither its configuration nor a bias tells"
for reset in before after; do
    import_model 0 reset.h5 -o "reset-$reset" --reset "$reset"
    expect 0 "reset $reset" inspect "reset-$reset"
done
check "which reset" grep -q '"reset": "before"' reset-before/config.json
check "the other" lacks reset-after/config.json reset
finish
