#!/usr/bin/env bash
# What `grus inspect` says of models, against arithmetic by hand. A matrix of m rows and n columns takes 2mn operations a
# vector; a layer of the GRU has 3H rows on its input and 3H on its state. The first layer's product with an embedding is
# looked up, and counts nothing.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

# tells CASE LINE: the table of this golden case's model has the line, spaces squeezed.
tells() {
    [[ $1 == "${last-}" ]] || expect 0 "inspect $1" inspect "$golden/$1/model"
    last=$1
    check "$1: $2" grep -qxF -- "$2" <(tr -s ' ' <"$work/out")
}

gru() { # HIDDEN INPUT: weights and both biases of one layer and direction
    echo $((3 * $1 * ($2 + $1) + 6 * $1))
}

# Char source of 11 tokens, embedding of 4; two layers of 7 both ways; general attention of 14 x 14; a target of 11 tokens,
# embedding of 5; two layers of 14 on embedding and readout; a readout of 6 from 28 without bias; output with bias.
encoder=$((11 * 4 + 2 * $(gru 7 4) + 2 * $(gru 7 14)))
decoder=$((14 * 14 + 11 * 5 + $(gru 14 11) + $(gru 14 14) + 6 * 28 + 11 * 6 + 11))
positions=$((2 * (2 * 21 * 7) + 2 * (2 * 21 * (14 + 7))))
step=$((2 * 42 * (6 + 14) + 2 * 42 * (14 + 14) + 2 * 6 * 28 + 2 * 11 * 6))
tells luong-input-feeding "source char, 11 tokens, embedding of 4"
tells luong-input-feeding "encoder GRU, 2 layers of 7 units, both directions"
tells luong-input-feeding "attention general, query state"
tells luong-input-feeding "target whitespace, 11 tokens, embedding of 5"
tells luong-input-feeding "decoder GRU, 2 layers of 14 units on embedding + readout; bridge last"
tells luong-input-feeding "readout context + state, size 6, tanh"
tells luong-input-feeding "FLOPs $positions a source position, $step a generated token and hypothesis, both without attention"
check "luong-input-feeding: $((encoder + decoder)) parameters" \
    grep -qE "^parameters +$((encoder + decoder))," "$work/out"
# A lane of the search holds two states, two contexts and two readouts at the least, and the logits; the rest is the
# products' and depends on the kernel.
lane=$(sed -nE 's/^memory .* ([0-9]+) a lane, .*/\1/p' "$work/out")
least=$((4 * (2 * (2 * 14 + 14 + 6) + 11)))
check "luong-input-feeding: $lane bytes a lane, at least $least" test "$lane" -ge "$least"
check "luong-input-feeding: $lane bytes a lane, at most 8 times $least" test "$lane" -le $((8 * least))

# A cell tells what of it is no default.
tells reset-before-greedy "encoder GRU, reset before, 1 layer of 7 units, both directions"
tells reset-before-greedy "decoder GRU, reset before, 2 layers of 8 units on embedding + context; bridge linear_tanh"
tells relu-candidate "decoder GRU, reset before, relu, 1 layer of 8 units on embedding + context; bridge linear_tanh"
tells no-candidate-activation "encoder GRU, reset before, hard_sigmoid, activation none, 1 layer of 7 units, both directions"
tells no-candidate-activation "decoder GRU, hard_sigmoid, activation none, 1 layer of 14 units on embedding + readout; bridge last"

# Features of 3, one layer of 7 both ways: nothing is looked up. An encoder's lane is the state of one direction.
tells features-encoder "source features of 3 values"
tells features-encoder "FLOPs $((2 * 2 * 21 * (3 + 7))) a source position without pooling and heads"
check "features-encoder: 28 bytes a lane" grep -qE ' 28 a lane, ' "$work/out"
check "features-encoder: parameters" grep -qE "^parameters +$((2 * $(gru 7 3) + 14 * 14 + 14 + 5 * 14 + 5))," "$work/out"

# 100 units in two layers, F16: the same numbers, and half the bytes in the file.
tells h100 "FLOPs $((2 * 300 * 100 + 2 * 300 * 200)) a source position, $((2 * 300 * (6 + 100) + 2 * 6 * 200 + 2 * 11 * 6)) a generated token and hypothesis, both without attention"
check "h100: two bytes a weight" grep -qE '^encoder.rnn.weight_hh_l0 +F16 +60000 +\[300, 100\]$' "$work/out"
finish
