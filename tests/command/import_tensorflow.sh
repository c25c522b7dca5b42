#!/usr/bin/env bash
# tools/import_tensorflow.py: checkpoints of both formats and graphs give the numbers that the formulas of TensorFlow's cells give;
# what the file does not tell is asked for, and what cannot be computed exactly is refused by name.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python "torch" "PyTorch (Debian package: python3-torch)"
"$python" "$srcdir/tests/support/tensorflow_models.py" make "$work"
cd "$work"
# shellcheck source=tests/support/importing.sh
. "$srcdir/tests/support/importing.sh"
import_coprocess import_tensorflow

# lacks FILE TEXT: no line of the file has the text.
lacks() {
    ! grep -qF -- "$2" "$1"
}

# gives NAME TASK WORD...: the imported model's records have the numbers that are expected.
gives() {
    local name=$1 task=$2
    shift 2
    import_model 0 "$@" -o "$name.model"
    cp said "$name.said"
    expect 0 "$name loads" inspect "$name.model" --strict
    expect 0 "$name: $task" run "$name.model" "$name.jsonl" -q -o "$name.out" --task "$task" --head-output probs
    plain "$name.out/$name.jsonl.zst" >"$name.got"
    check "$name: the numbers" "$python" "$srcdir/tests/support/tensorflow_models.py" check "$name.expected" "$name.got"
}

gives bidirectional tag bidirectional.ckpt --head tag=token,proj:softmax
check "the embeddings, found" grep -q '^embeddings/words -> embeddings of 9 tokens, size 4' bidirectional.said
check "the reset, told" grep -q '^cells: 4 GRU -> reset before, activation tanh, which the file does not tell' bidirectional.said
gives frozen classify frozen.pb --front Variable+Variable_1:relu --pooling last --head kind=sequence,dense:tanh,dense_1:softmax
check "the forget bias, found" grep -q 'forget_bias 0.7, as the graph has it' said
gives apart tag apart.ckpt --forget-bias 1 --head tag=token,softmax_w+softmax_b:sigmoid
check "directions apart" grep -q 'directions that are stacked apart' apart.said
gives cudnn classify cudnn.ckpt --pooling mean --head next=sequence,out:none
check "its reset is after" lacks cudnn.model/config.json before
gives custom classify custom.ckpt --cell gru=my --pooling max --head kind=sequence,w:softmax
check "the graph's activation" grep -q '"activation": "relu"' custom.model/config.json
import_model 0 bidirectional.ckpt -o bare
expect 0 "without a head" inspect bare --strict
check "what was left is told" grep -q '^    proj/kernel \[6, 3\]$' said
check "but no slots" lacks said Adam

# refused TEXT WORD...: with this text.
refused() {
    local text=$1
    shift
    import_model 1 "$@" -o none
    check "$*: it says '$text', not '$(cat said)'" grep -qF -- "$text" said
}

refused "rnn/lstm_cell (LSTM): the file does not tell its forget_bias" plain.ckpt
refused "several embeddings of 3 values: embed_a, embed_b; --embedding names one" plain.ckpt --forget-bias 1
refused "--pooling last|mean|max" plain.ckpt --forget-bias 1 --embedding none --head k=sequence,out:softmax
refused "no variable foo, and none of a layer foo" plain.ckpt --forget-bias 1 --embedding embed_a --head k=token,foo:softmax
refused "expected SCOPE:ACTIVATION" plain.ckpt --forget-bias 1 --embedding embed_a --head k=token,out
refused "has peepholes (w_f_diag)" peepholes.ckpt
refused "has a projection of its outputs" projection.ckpt
refused "normalises its gates" normalised.ckpt
refused "no cells under the names of TensorFlow's classes" unknown.ckpt
refused "gru/recurrent_kernel is one of Keras: save the model as .h5 or .keras for tools/import_keras.py" of-keras.ckpt
refused "reads 5 values, and the layer before it, rnn/lstm_cell, gives 4" widths.ckpt --forget-bias 1
refused "cells of two kinds" mixed.ckpt
refused "cut.ckpt.index: is cut off, or damaged" cut.ckpt
refused "the graph's activation is Relu: an LSTM has tanh" relu.pb
refused "--forget-bias 1, and the graph adds 0.7" frozen.pb --forget-bias 1
refused "its candidate reads no [x, r h] in the graph" custom.ckpt other.meta --cell gru=my
head -c 900 frozen.pb >cut.pb
refused "cut.pb: damaged, or not what its name says" cut.pb
refused "no variables; give the checkpoint too" other.meta
check "nothing was written" test ! -e none
finish
