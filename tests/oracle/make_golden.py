#!/usr/bin/env python3
"""Writes the golden cases of tests/golden, and its README.md: small models and what PyTorch makes of them.

    make_golden.py --out tests/golden [--only NAME]

Each case is searched by counting up its seed until nothing in it hangs by a thread: every decision of PyTorch (tokens
taken, hypotheses kept, labels, greatest weights) has a margin above 1e-3, float32 and float64 agree, and the outputs of a
decoder end at different lengths. The first table below is the list of cases; README.md is written from it.
"""
import argparse
import json
import os
import platform
import shutil
import sys

import numpy as np
import torch

import formats
import golden_case
import make_cases
import random_models
import sweep
import task
from model import Model

MARGIN = 1e-3
SHORT = [0, 1, 2, 3, 5, 9]
SMALL = {"decoder_attention": True, "attention_heads": False, "conditional": False, "no_bos": False, "suppress": False, "dtype": "F32", "rename": {}, "features": False, "lowercase": False, "source_bos": False, "source_eos": False,
         "source_vocab": 11, "target_vocab": 11, "source_embedding": 4, "target_embedding": 5, "attention_size": 7,
         "dec_hidden": 8, "readout_size": 6, "tied": False, "normalize": False, "encoder_bias": "both", "decoder_bias": "both",
         "output_bias": True, "source_type": "char", "target_type": "whitespace", "generation": {}, "target_unk": True,
         "source_unk": True, "feature_dim": 3, "labels": 5, "ids_vocab": False, "encoder_cell": {}, "decoder_cell": {}, "direction": None,
         "initial_state": None, "head_keys": {}, "front": []}

BEAM = "--beam-size 5 --n-best 3 --length-norm avg --attention soft"
GREEDY = "--task translate --attention soft"
HARD = "--beam-size 3 --length-norm gnmt --attention hard"
FORCED = "--task score --token-scores --attention soft"
LINES = [GREEDY, BEAM, FORCED, HARD]


def seq2seq_grid():
    """Six scores, three queries; bridges, inputs, readouts, sizes and tasks go round."""
    hidden, cases = [7, 1, 5, 12, 3, 33], []
    for k, (score, query) in enumerate((s, q) for s in random_models.SCORES for q in random_models.QUERIES):
        bi = k % 2 == 0 and score not in random_models.SAME_SIZE or k % 5 == 1
        readout = random_models.READOUTS[k % 8]
        want = {"score": score, "query": query, "bridge": random_models.BRIDGES[(k + k // 4) % 4], "input": random_models.INPUTS[k % 9],
                "readout": readout, "readout_sized": k % 3 != 1, "activation": ["tanh", None, "none"][k // 2 % 3],
                "hidden": 7 if hidden[k % 6] == 33 and k > 6 else hidden[k % 6], "layers": [1, 2, 1, 3][k % 4] if hidden[k % 6] < 12 else 1,
                "bidirectional": bi, "dec_layers": [1, 2, 1][k % 3], "source_type": ["char", "whitespace", "ids"][k % 3],
                "target_type": ["whitespace", "char", "whitespace", "ids"][k % 4],
                "encoder_bias": ["both", "both", "none", "ih", "both", "hh"][k % 6], "decoder_bias": ["both", "hh", "none"][k // 3 % 3]}
        lengths = SHORT + ([40] if k % 6 == 4 else [])
        cases.append((f"{score}-{query}".replace("_", "-"), "score × query; the rest in turn", {"kind": "seq2seq", **want}, LINES[(k + k // 4) % 4], lengths))
    return cases


def encoder_grid():
    """Six scores, both queries of the pooling; heads and options go round."""
    cases = []
    lines = ["--task embed --attention soft", "--attention soft", "--attention soft", "--task embed", "--task classify --attention soft"]
    for k, (score, query) in enumerate((s, q) for s in random_models.SCORES for q in ["last_hidden", "learned"]):
        heads = [["sequence"], ["sequence", "token"], ["token"], [], ["sequence", "token"]][k % 5]
        want = {"score": score, "pool_query": query, "pooling": "attention", "heads": heads, "hidden": [7, 1, 16, 33, 5][k % 5],
                "layers": [2, 1, 1, 1, 3][k % 5], "bidirectional": k % 3 != 0, "head_inputs": [["state", "pooled"], None, ["pooled", "state"]][k % 3],
                "source_type": ["whitespace", "char", "ids"][k % 3], "normalize": k % 4 == 3}
        cases.append((f"pool-{score}-{query}".replace("_", "-"), "pooling score × query; the rest in turn", {"kind": "encoder", **want}, lines[k % 5], SHORT + [30]))
    return cases


def zero(name):
    def change(case):
        case.tensors[name][:] = 0
    return change


def equal_outputs(case):
    """All tokens are equally likely at every step: only the rules for ties decide."""
    case.tensors["decoder.output.weight"][:] = 0
    case.tensors["decoder.output.bias"][:] = 0.25


def equal_outputs_low_end(case):
    """The same with the end token on line 1, so that hypotheses end by ties too."""
    equal_outputs(case)
    tokens = [t for t in case.target_tokens if t != "</s>"]
    case.target_tokens = tokens[:1] + ["</s>"] + tokens[1:]
    case.files["target.vocab"] = "".join(t + "\n" for t in case.target_tokens)


def equal_labels(case):
    for name, x in case.tensors.items():
        if name.startswith("heads."):
            x[:] = 0


def equal_paths(case):
    """Whole numbers alone, so that sums are exact and many are equal."""
    equal_labels(case)
    rs = np.random.RandomState(case.seed)
    for name, x in case.tensors.items():
        if name.startswith("heads.") and not name.endswith("weight"):
            x[:] = rs.randint(-1, 1, x.shape)


def huge_scores(case):
    case.tensors["attention.context"] *= np.float32(2e4 / np.abs(case.tensors["attention.context"]).sum())


def unused(case):
    case.tensors["decoder.dropout.mask"] = np.ones((2, 3), np.float32)


def mixed(case):
    case.dtype = {case_name: ["F32", "F16", "BF16"][i % 3] for i, case_name in enumerate(case.tensors)}


SEQ2SEQ = {"kind": "seq2seq", "hidden": 7, "layers": 1, "bidirectional": True, "dec_layers": 1}
ENCODER = {"kind": "encoder", "hidden": 7, "layers": 1}
LUONG = {**SEQ2SEQ, "score": "general", "query": "state", "input": ["embedding", "readout"], "readout": ["context", "state"],
         "readout_sized": True, "activation": "tanh"}
BAHDANAU = {**SEQ2SEQ, "score": "additive", "query": "previous_state", "input": ["embedding", "context"],
            "readout": ["state", "context", "embedding"], "bridge": "linear_tanh", "readout_sized": False}
RENAME = random_models.RENAMES[3]
BEFORE = {"reset": "before"}
LSTM = {"cell": "lstm"}
PLAIN = {"decoder_attention": False, "input": ["embedding"], "readout": ["state"], "readout_sized": False}
KERAS = {"reset": "before", "gate_activation": "hard_sigmoid"}


def decoder_cases():
    return [
        ("luong-input-feeding", "Luong's decoder: the readout feeds the next step", {**LUONG, "bridge": "last", "layers": 2, "dec_layers": 2},
         "--beam-size 4 --n-best 4 --length-norm avg --length-penalty 0.6 --attention soft", SHORT + [25]),
        ("bahdanau", "Bahdanau's decoder as in the PyTorch tutorials", BAHDANAU, GREEDY, SHORT + [25]),
        ("last-fewer-layers", "three encoder layers, one decoder layer: starts from the top one",
         {**LUONG, "layers": 3, "bidirectional": False, "bridge": "last", "dec_layers": 1}, GREEDY, SHORT),
        ("last-two-of-three", "three encoder layers, two decoder layers: starts from the top two",
         {**LUONG, "layers": 3, "bidirectional": True, "hidden": 3, "bridge": "last", "dec_layers": 2}, FORCED, SHORT),
        ("linear-three-layers", "three decoder layers from one bridge", {**BAHDANAU, "dec_layers": 3}, HARD, SHORT),
        ("mean-length-0", "the mean of nothing is zero", {**BAHDANAU, "bridge": "mean_tanh", "bridge_bias": True}, BEAM, [0, 1, 4, 2]),
        ("tied", "output weight is the embedding, with bias", {**LUONG, "bridge": "zeros", "tied": True}, BEAM, SHORT),
        ("tied-no-bias", "the same without bias, no readout projection",
         {**SEQ2SEQ, "score": "dot", "query": "embedding", "bridge": "linear_tanh", "input": ["context", "embedding"], "readout": ["embedding"],
          "readout_sized": False, "tied": True, "output_bias": False, "hidden": 4, "target_type": "char"}, GREEDY, SHORT),
        ("readout-only", "the readout is the only input", {**LUONG, "bridge": "mean_tanh", "input": ["readout"]}, GREEDY, SHORT),
        ("context-only", "the context is the only input and the only readout",
         {**SEQ2SEQ, "score": "cosine", "query": "previous_state", "bridge": "last", "input": ["context"], "readout": ["context"], "hidden": 5,
          "readout_sized": False, "temperature": True}, GREEDY, SHORT),
        ("context-of-state", "with query `state` the context that enters is the previous step's",
         {**LUONG, "bridge": "last", "input": ["context", "readout", "embedding"]}, FORCED, SHORT),
        ("features", "vectors in, text out", {**BAHDANAU, "features": True}, BEAM, SHORT + [33]),
        ("no-biases", "no bias anywhere", {**BAHDANAU, "encoder_bias": "none", "decoder_bias": "none", "output_bias": False, "bridge_bias": False,
                                           "bias_key": False, "bias_query": False, "bias_energy": False}, GREEDY, SHORT),
    ]


def search_cases():
    return [
        ("norm-none", "n-best without length normalisation", {**BAHDANAU, "tune": {"beam_size": 4}},
         "--beam-size 4 --n-best 4 --length-norm none", SHORT),
        ("norm-avg", "n-best, mean log-probability", BAHDANAU, "--beam-size 6 --n-best 3 --length-norm avg", SHORT),
        ("norm-gnmt", "n-best, GNMT's penalty", LUONG | {"bridge": "last"}, "--beam-size 4 --n-best 2 --length-norm gnmt --length-penalty 0.8", SHORT),
        ("min-length", "no end token among the first four", BAHDANAU, "--beam-size 3 --n-best 2 --min-length 4 --length-norm avg", SHORT),
        ("limits", "cut by max_length and by the factor", {**LUONG, "bridge": "last"},
         "--beam-size 2 --max-length 14 --max-length-factor 0.7 --attention hard", SHORT + [20]),
        ("wide-beam", "more hypotheses than tokens", {**BAHDANAU, "target_vocab": 4, "target_unk": False},
         "--beam-size 12 --n-best 6 --length-norm avg --max-length 6", [0, 1, 2, 5]),
        ("generation-defaults", "search options from config.json", {**BAHDANAU, "generation": {
            "beam_size": 3, "n_best": 2, "length_norm": "gnmt", "length_penalty": 0.5, "max_length_factor": 1.5, "max_length": 25, "min_length": 1}},
         "", SHORT),
        ("generation-overridden", "the command line wins over config.json", {**BAHDANAU, "generation": {
            "beam_size": 3, "n_best": 3, "length_norm": "gnmt", "min_length": 2}}, "-b 4 --n-best 1 --length-norm none --min-length 0", SHORT),
        ("exact-ties", "all tokens equal: lower id, then earlier hypothesis", {**BAHDANAU, "change": equal_outputs, "ties": True, "target_type": "char"},
         "--beam-size 3 --n-best 3 --max-length 7 --length-norm avg", [0, 1, 4]),
        ("exact-ties-end", "the same, the end token has id 1", {**BAHDANAU, "change": equal_outputs_low_end, "ties": True, "target_type": "char"},
         "--beam-size 3 --n-best 3 --max-length 7", [0, 1, 4]),
    ]


def forced_cases():
    return [
        ("score-normalised", "score of the target, GNMT's penalty", {**LUONG, "bridge": "last"},
         "--task score --length-norm gnmt --length-penalty 0.7 --attention hard", SHORT),
        ("score-ids", "ids in, ids as targets", {**BAHDANAU, "source_type": "ids", "target_type": "ids"}, "--task score --token-scores --length-norm avg", SHORT),
    ]


def file_cases():
    return [
        ("whitespace-bos-eos", "source with start and end tokens: an empty text has length 2",
         {**BAHDANAU, "source_type": "whitespace", "source_bos": True, "source_eos": True}, GREEDY, SHORT),
        ("lowercase", "text is lower-cased first", {**BAHDANAU, "source_type": "char", "lowercase": True, "source_vocab": 40}, GREEDY, SHORT),
        ("bpe", "subword-nmt codes 0.2 on both sides", {**BAHDANAU, "source_type": "bpe", "target_type": "bpe", "bpe_version": "0.2"}, BEAM, SHORT),
        ("bpe-old", "codes 0.1, forced targets", {**BAHDANAU, "source_type": "bpe", "target_type": "bpe", "bpe_version": "0.1"}, FORCED, SHORT),
        ("f16", "weights in F16", {**LUONG, "bridge": "last", "dtype": "F16"}, BEAM, SHORT),
        ("bf16", "weights in BF16", {**BAHDANAU, "dtype": "BF16"}, BEAM, SHORT),
        ("mixed-dtypes", "F32, F16 and BF16 in one file, and a tensor that nothing uses",
         {**BAHDANAU, "change": lambda case: (unused(case), mixed(case))}, GREEDY, SHORT),
        ("renamed", "prefixes renamed, the longest fits", {**BAHDANAU, "rename": RENAME}, GREEDY, SHORT),
        ("equal-scores", "all scores equal: attention is uniform", {**BAHDANAU, "change": zero("attention.energy.weight")}, GREEDY, SHORT),
        ("h100", "two layers of 100, F16", {**LUONG, "hidden": 100, "layers": 2, "bidirectional": False, "bridge": "last", "dtype": "F16",
                                                      "dec_layers": 1}, BEAM, SHORT + [17]),
    ]


def encoder_cases():
    return [
        ("mean", "mean of the outputs, two heads on sequences", {**ENCODER, "pooling": "mean", "heads": ["sequence", "sequence"], "bidirectional": True}, "", SHORT + [200]),
        ("max", "maximum of the outputs", {**ENCODER, "pooling": "max", "heads": ["sequence", "token"], "bidirectional": True,
                                           "head_inputs": ["state", "pooled"]}, "", SHORT + [200]),
        ("last", "final states of every prefix: the output at each position", {**ENCODER, "pooling": "last", "heads": [], "bidirectional": False, "layers": 3,
                                                                              "prefixes": 14}, "", []),
        ("last-bidirectional", "final states, both directions, normalised", {**ENCODER, "pooling": "last", "heads": ["sequence"], "bidirectional": True, "layers": 2,
                                                                             "normalize": True}, "--task embed", SHORT + [200]),
        ("tagger", "no pooling, one head on tokens", {**ENCODER, "pooling": None, "heads": ["token"], "bidirectional": True, "source_type": "whitespace",
                                                      "head_inputs": None, "source_eos": True}, "--task tag", SHORT + [200]),
        ("two-tasks", "classify leaves the token heads out", {**ENCODER, "pooling": "attention", "score": "additive", "pool_query": "learned", "source_bos": True,
                                                              "heads": ["sequence", "token"], "bidirectional": True}, "--task classify --attention soft", SHORT),
        ("one-label", "a head with one label and no bias", {**ENCODER, "pooling": "mean", "heads": ["sequence"], "labels": 1, "head_bias": False,
                                                                     "bidirectional": False}, "", [0, 1, 6]),
        ("features-encoder", "vectors in, attention pooling", {**ENCODER, "features": True, "pooling": "attention", "score": "general", "pool_query": "learned",
                                                               "heads": ["sequence"], "bidirectional": True}, "--attention soft", SHORT + [60]),
        ("huge-scores", "scores in the thousands: finite weights that sum to 1",
         {**ENCODER, "pooling": "attention", "score": "dot", "pool_query": "learned", "heads": [], "bidirectional": True, "temperature": False,
          "change": huge_scores}, "--attention soft", SHORT),
        ("long", "lengths up to 200", {**ENCODER, "hidden": 16, "pooling": "attention", "score": "scaled_dot", "pool_query": "last_hidden", "heads": ["token"],
                                      "bidirectional": True, "head_inputs": ["state"], "temperature": True}, "--attention soft", [200, 1, 128, 0, 65, 199]),
        ("h384", "384 units, F16, features", {**ENCODER, "hidden": 384, "bidirectional": False, "features": True, "feature_dim": 8, "pooling": "attention",
                                              "score": "dot", "pool_query": "last_hidden", "heads": [], "dtype": "F16", "temperature": True},
         "--attention soft", [0, 1, 2, 20]),
        ("h65-bf16", "65 units both ways, BF16", {**ENCODER, "hidden": 65, "bidirectional": True, "pooling": "attention", "score": "euclidean", "heads": [],
                                                 "pool_query": "learned", "dtype": "BF16", "source_type": "whitespace"}, "--attention soft", SHORT),
    ]


def later_cases():
    """Behind all others, so that their seeds stay."""
    return [
        ("sentencepiece", "pieces of SentencePiece on both sides; left out where grus is built without it",
         {**BAHDANAU, "source_type": "sentencepiece", "target_type": "sentencepiece", "dtype": "F16", "readout_sized": True}, BEAM, SHORT),
        ("reset-before-tagger", "the reset gate before the recurrent product, as in Keras, TensorFlow and Paddle",
         {**ENCODER, "hidden": 33, "bidirectional": True, "pooling": "attention", "score": "additive", "pool_query": "learned",
          "heads": ["sequence", "token"], "head_inputs": ["state"], "encoder_cell": {"reset": "before"}}, "--attention soft", SHORT + [60]),
        ("reset-before-greedy", "the same on both sides", {**BAHDANAU, "encoder_cell": BEFORE, "decoder_cell": BEFORE, "dec_layers": 2},
         GREEDY, SHORT + [25]),
        ("reset-before-beam", "the decoder's alone, hypotheses with one past, folded contexts",
         {**LUONG, "bridge": "last", "hidden": 17, "decoder_cell": BEFORE}, BEAM, SHORT + [25]),
        ("reset-before-score", "forced, with Keras's gates of old", {**BAHDANAU, "hidden": 12, "encoder_cell": KERAS, "decoder_cell": KERAS}, FORCED, SHORT),
        ("hard-gates", "hard_sigmoid with the reset after", {**BAHDANAU, "encoder_cell": {"gate_activation": "hard_sigmoid"},
                                                             "decoder_cell": {"cell": "gru", "gate_activation": "hard_sigmoid"}}, BEAM, SHORT),
        ("relu-candidate", "candidates without a bound above", {**BAHDANAU, "encoder_cell": {"activation": "relu"},
                                                                "decoder_cell": {"reset": "before", "activation": "relu"}}, GREEDY, SHORT),
        ("no-candidate-activation", "no activation, hard gates, both resets",
         {**LUONG, "bridge": "last", "encoder_cell": {**KERAS, "activation": "none"},
          "decoder_cell": {"gate_activation": "hard_sigmoid", "activation": "none"}}, HARD, SHORT),
        ("int8-tagger", "weights in I8 with scales, some of them -128",
         {**ENCODER, "hidden": 33, "bidirectional": True, "pooling": "attention", "score": "additive", "pool_query": "learned", "dtype": "I8",
          "heads": ["sequence", "token"], "head_inputs": ["state", "pooled"]}, "--attention soft", SHORT + [60]),
        ("int8-tied", "the same, the output weight is the embedding, and prefixes are renamed",
         {**BAHDANAU, "readout_sized": True, "tied": True, "dtype": "I8", "rename": RENAME}, BEAM, SHORT + [25]),
        ("int8-reset-before", "the same, general scores with folded contexts, gates of which some are read apart",
         {**LUONG, "bridge": "last", "hidden": 17, "layers": 2, "dec_layers": 2, "decoder_cell": BEFORE, "dtype": "I8"}, HARD, SHORT + [25]),
        ("lstm-tagger", "nn.LSTM, both directions", {**ENCODER, "hidden": 33, "bidirectional": True, "pooling": "attention", "score": "additive",
                                                     "pool_query": "last_hidden", "heads": ["sequence", "token"], "head_inputs": ["state"],
                                                     "encoder_cell": LSTM}, "--attention soft", SHORT + [60]),
        ("lstm-greedy", "on both sides, `last` hands c over", {**LUONG, "bridge": "last", "layers": 2, "dec_layers": 2, "encoder_cell": LSTM,
                                                               "decoder_cell": LSTM}, GREEDY, SHORT + [25]),
        ("lstm-beam", "behind GRUs, so that c begins with zeros; hypotheses with one past",
         {**LUONG, "bridge": "last", "hidden": 17, "decoder_cell": LSTM}, BEAM, SHORT + [25]),
        ("lstm-previous-state", "on both sides, a bridge that maps h alone", {**BAHDANAU, "encoder_cell": LSTM, "decoder_cell": LSTM, "dec_layers": 2},
         HARD, SHORT),
        ("lstm-score", "GRUs behind an LSTM take its h", {**LUONG, "bridge": "last", "hidden": 12, "encoder_cell": LSTM}, FORCED, SHORT),
        ("backward", "a backward layer alone: its final state is at the first position", {**BAHDANAU, "direction": "backward"}, GREEDY, SHORT + [25]),
        ("directions", "a direction for each layer, of different widths", {**ENCODER, "pooling": "last", "heads": ["sequence", "token"], "layers": 4,
                                                                          "head_inputs": ["state", "pooled"],
                                                                          "direction": ["backward", "both", "forward", "backward"]}, "", SHORT + [60]),
        ("learned-states", "learned initial states, zeros at length 0", {**BAHDANAU, "layers": 2, "bridge": "mean_tanh", "initial_state": "learned"},
         BEAM, SHORT),
        ("learned-states-lstm", "the same of h and c, in layers of all directions",
         {**LUONG, "bridge": "last", "hidden": 9, "layers": 3, "dec_layers": 1, "direction": ["both", "backward", "both"], "encoder_cell": LSTM,
          "decoder_cell": LSTM, "initial_state": "learned"}, GREEDY, SHORT),
        ("states", "the outputs of every position, start and end token among them",
         {**ENCODER, "layers": 2, "bidirectional": True, "pooling": None, "heads": ["token"], "head_inputs": None, "source_bos": True,
          "source_eos": True}, "--task states", SHORT + [60]),
        ("states-features", "the same of LSTMs that read vectors, the outputs of a layer as wide as it is",
         {**ENCODER, "layers": 2, "direction": ["both", "backward"], "pooling": "mean", "heads": [], "features": True, "encoder_cell": LSTM},
         "--task states", SHORT + [40]),
        ("states-decoder", "of a model with a decoder, which does not run", {**BAHDANAU, "layers": 2}, "--task states", SHORT),
    ]


def conditional_cases():
    marian = {**SEQ2SEQ, "conditional": True, "score": "additive", "query": "state", "bridge": "mean_tanh", "input": ["embedding"],
              "readout": ["embedding", "state", "context"], "readout_sized": True, "activation": "tanh"}
    return [
        ("conditional", "Nematus and Marian: a second cell reads the context", {**marian, "no_bos": True, "tied": True, "source_eos": True},
         GREEDY, SHORT + [25]),
        ("conditional-beam", "folded contexts, hypotheses with one past", {**marian, "hidden": 17, "dec_hidden": 33, "suppress": True}, BEAM, SHORT + [25]),
        ("conditional-hard", "the reset before the product, the readout feeds the next step, weights of 8 bits",
         {**marian, "score": "general", "bridge": "last", "input": ["readout", "embedding"], "decoder_cell": BEFORE, "dtype": "I8"}, HARD, SHORT),
        ("conditional-score", "forced, without a readout's weights", {**marian, "readout": ["state", "context"], "readout_sized": False, "target_type": "bpe"},
         FORCED, SHORT),
    ]


def head_cases():
    both = {**ENCODER, "pooling": "mean", "heads": ["sequence", "token"], "bidirectional": True, "layers": 2}
    deep = {"hidden": [{"size": 9, "activation": "relu"}, {"size": 6, "activation": "tanh"}, {"size": 7}]}
    return [
        ("head-hidden", "hidden layers in front of the last", {**both, "head_keys": {"sequence": deep, "token": {**deep, "inputs": ["pooled", "state"]}}},
         "--attention none", SHORT + [60]),
        ("head-inputs", "what enters the encoder, and all its layers, of different widths",
         {**both, "layers": 4, "direction": ["backward", "both", "forward", "both"],
          "head_keys": {"token": {"inputs": ["layer2", "source", "state", "layer0", "pooled", "layer1"],
                                  "hidden": [{"size": 11, "activation": "silu"}]}}}, "", SHORT + [60]),
        ("head-sigmoid", "each label for itself, the labels at or above a threshold",
         {**both, "head_keys": {"sequence": {"activation": "sigmoid", "threshold": 0.3},
                                "token": {"activation": "sigmoid", "hidden": [{"size": 5, "activation": "sigmoid"}]}}}, "", SHORT + [40]),
        ("head-numbers", "numbers, of labels and of a size", {**both, "features": True, "head_keys": {
            "sequence": {"activation": "none"}, "token": {"activation": "none", "inputs": ["source", "state"]}}}, "", SHORT + [40]),
        ("head-logits", "what the last linear layers give", {**both, "head_keys": {
            "sequence": {"activation": "sigmoid"}, "token": deep}}, "--head-output logits", SHORT + [40]),
        ("head-probs", "probabilities of all labels", {**both, "head_keys": {"sequence": deep, "token": {"inputs": ["layer0"]}}},
         "--head-output probs", SHORT + [40]),
        ("int8-heads", "weights in I8: parts and hidden layers of both scales",
         {**both, "dtype": "I8", "head_keys": {"sequence": deep, "token": {**deep, "inputs": ["layer0", "source", "state"]}}}, "", SHORT + [60]),
    ]


def plain_decoder_cases():
    return [
        ("no-attention", "a decoder without attention", {**SEQ2SEQ, **PLAIN, "bridge": "last", "layers": 2, "dec_layers": 2, "suppress": False},
         "--beam-size 4 --n-best 2 --length-norm avg", SHORT + [25]),
        ("no-attention-score", "forced, from nothing: no start token", {**SEQ2SEQ, **PLAIN, "bridge": "linear_tanh", "no_bos": True},
         "--task score --token-scores", SHORT + [25]),
        ("no-start-token", "the first embedding is zeros: as query, input and readout",
         {**SEQ2SEQ, "score": "additive", "query": "embedding", "bridge": "mean_tanh", "input": ["embedding", "context"],
          "readout": ["embedding", "state", "context"], "readout_sized": True, "no_bos": True}, BEAM, SHORT),
        ("suppress", "tokens that are no candidates", {**BAHDANAU, "suppress": True, "target_unk": True},
         "--beam-size 5 --n-best 5 --length-norm avg --min-length 2 --attention soft", SHORT),
    ]


def rule_cases():
    return [
        ("no-repeat-ngram", "no two tokens in a row twice, and no <unk>", {**BAHDANAU, "target_unk": True, "target_vocab": 7},
         "--beam-size 4 --n-best 4 --no-repeat-ngram-size 2 --disable-unk --length-norm avg --max-length 25", SHORT),
        ("no-repeat-token", "no token twice, greedy", {**BAHDANAU, "target_vocab": 9},
         "--no-repeat-ngram-size 1 --min-length 2 --attention soft", SHORT),
        ("repetition-penalty", "logits of tokens that have been", {**BAHDANAU, "target_vocab": 7},
         "--beam-size 5 --n-best 3 --repetition-penalty 1.3 --no-repeat-ngram-size 3 --length-norm avg --attention soft", SHORT),
        ("repetition-reward", "a penalty below 1, greedy", {**LUONG, "bridge": "last"}, "--repetition-penalty 0.7 --max-length 30", SHORT),
    ]


def path_cases():
    return [
        ("crf", "the best path, with scores of the first and the last label",
         {**ENCODER, "hidden": 17, "bidirectional": True, "pooling": "mean", "heads": ["sequence", "token"], "head_inputs": ["state", "pooled"], "labels": 9,
          "head_keys": {"token": {"decode": "crf"}}, "crf_ends": True}, "", SHORT + [60]),
        ("crf-hidden", "the best path behind hidden layers, without such scores", {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None,
         "labels": 20, "head_keys": {"token": {"decode": "crf", "hidden": [{"size": 9, "activation": "tanh"}]}}, "crf_ends": False}, "--task tag", SHORT + [30]),
        ("crf-ties", "paths of equal scores: from the last position back, the lower label",
         {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None, "labels": 6, "head_keys": {"token": {"decode": "crf"}}, "crf_ends": True,
          "change": equal_paths, "ties": True}, "", SHORT + [30]),
        ("crf-probs", "the softmax of each position, whatever the path", {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None,
         "head_keys": {"token": {"decode": "crf"}}}, "--head-output probs", SHORT),
        ("ctc", "the best label of each position, repeats merged, blanks dropped",
         {**ENCODER, "hidden": 17, "bidirectional": True, "pooling": None, "heads": ["token"], "head_inputs": None, "labels": 5,
          "head_keys": {"token": {"decode": "ctc"}}}, "", SHORT + [60]),
        ("ctc-beam", "a beam of prefixes, the blank among the labels", {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None, "labels": 6,
         "head_keys": {"token": {"decode": "ctc", "blank": 3, "join": " + "}}}, "--beam-size 4", SHORT + [25]),
        ("ctc-beam-wide", "more prefixes than labels, of one head of two", {**ENCODER, "pooling": "max", "heads": ["sequence", "token"], "labels": 4,
         "head_inputs": None, "head_keys": {"token": {"decode": "ctc", "blank": 1}}}, "--beam-size 12", [0, 1, 2, 3, 5, 8]),
        ("ctc-ties", "all labels equally likely: the lower sequence, a prefix first",
         {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None, "labels": 4, "head_bias": True,
          "head_keys": {"token": {"decode": "ctc", "blank": 2}}, "change": equal_labels, "ties": True}, "--beam-size 5", SHORT + [14]),
        ("ctc-logits", "the linear outputs, the blank's included", {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None,
         "head_keys": {"token": {"decode": "ctc"}}}, "--head-output logits", SHORT),
    ]


def front_cases():
    conv = {"type": "conv1d", "channels": 9, "kernel": 3}
    return [
        ("front-same", "a convolution that keeps the positions, a label for each of them",
         {**ENCODER, "pooling": None, "heads": ["token"], "head_inputs": None, "bidirectional": True, "source_eos": True,
          "front": [{**conv, "padding": 1, "activation": "relu"}]}, "--task tag", SHORT + [60]),
        ("front-strides", "vectors in, fewer positions out, none of short sequences",
         {**ENCODER, "features": True, "feature_dim": 8, "bidirectional": True, "pooling": "attention", "score": "additive", "pool_query": "learned",
          "heads": ["sequence", "token"], "head_inputs": ["state", "pooled"],
          "front": [{**conv, "kernel": 5, "stride": 2}, {"type": "max_pool", "size": 3, "stride": 2, "padding": 1},
                    {"type": "linear", "size": 6, "activation": "silu"}]}, "--attention soft", SHORT + [4, 30, 61]),
        ("front-grows", "padding that makes sequences longer, dilated, poolings that overlap",
         {**ENCODER, "pooling": "max", "heads": ["sequence"],
          "front": [{**conv, "dilation": 3, "padding": 6, "activation": "tanh"}, {"type": "max_pool", "size": 4, "stride": 1, "padding": 2},
                    {**conv, "channels": 5, "padding": 2, "activation": "sigmoid"}]}, "", SHORT + [40]),
        ("front-beam", "columns and limits are those behind the front",
         {**LUONG, "bridge": "last", "front": [{**conv, "padding": 1}, {"type": "max_pool", "size": 2}]}, BEAM, SHORT + [25]),
        ("front-score", "alignments too; a linear layer on embeddings", {**BAHDANAU, "front": [
            {"type": "linear", "size": 7, "activation": "tanh"}, {**conv, "kernel": 2, "stride": 2, "padding": 1}]}, FORCED.replace("soft", "hard"), SHORT + [25]),
        ("front-int8", "weights of a convolution in I8, a scale for each channel",
         {**ENCODER, "hidden": 12, "features": True, "feature_dim": 8, "pooling": "mean", "heads": ["sequence"], "dtype": "I8",
          "front": [{**conv, "padding": 1, "activation": "tanh"}, {**conv, "channels": 6, "kernel": 4, "stride": 3}]}, "", SHORT + [40]),
    ]


def prefix_cases():
    return [
        ("prefix-greedy", "outputs that begin with a prefix, or with none", {**BAHDANAU, "has_prefix": True}, "--prefix-key prefix --attention soft", SHORT),
        ("prefix-beam", "prefixes and a beam, cut at the limit too", {**LUONG, "bridge": "last", "has_prefix": True},
         "--prefix-key prefix --beam-size 4 --n-best 3 --length-norm avg --max-length 7 --attention hard", SHORT),
        ("prefix-min-length", "tokens of a prefix count; some that are unknown, and that are suppressed",
         {**BAHDANAU, "has_prefix": True, "suppress": 2}, "--prefix-key prefix --beam-size 3 --n-best 2 --min-length 4 --length-norm gnmt", SHORT),
        ("prefix-ids", "lists of ids", {**BAHDANAU, "has_prefix": True, "source_type": "ids", "target_type": "ids"}, "--prefix-key prefix -b 2", SHORT),
    ]


def multihead_cases():
    heads = {"score": "scaled_dot", "temperature": True}
    every = {f"bias_{part}": True for part in ("query", "key", "value", "output")}
    return [
        ("multihead", "torch.nn.MultiheadAttention, contexts of another size than its own, each head's weights",
         {**BAHDANAU, **heads, **every, "attention_heads": {"heads": 4, "size": 20, "context_dim": 9}}, BEAM + " --attention-heads", SHORT + [25]),
        ("multihead-luong", "queries of states, heads of two sizes of panels, their mean", {**LUONG, **heads, **every, "bridge": "last",
         "attention_heads": {"heads": 3, "size": 51}}, GREEDY, SHORT + [25]),
        ("multihead-score", "forced, queries of embeddings, one head, no biases", {**SEQ2SEQ, **heads, "query": "embedding", "bridge": "zeros", "input": ["embedding", "context"],
         "readout": ["context"], "readout_sized": False, **{name: False for name in every}, "attention_heads": {"heads": 1, "size": 6}}, FORCED + " --attention-heads", SHORT + [25]),
        ("multihead-pooling", "a pooled vector of its own size, in heads on sequences and on tokens",
         {**ENCODER, **heads, **every, "hidden": 17, "bidirectional": True, "pooling": "attention", "pool_query": "last_hidden", "heads": ["sequence", "token"],
          "head_inputs": ["state", "pooled"], "attention_heads": {"heads": 4, "size": 12, "context_dim": 5}}, "--attention soft --attention-heads", SHORT + [60]),
        ("multihead-embed", "a learned query goes through its projection; weights in I8", {**ENCODER, **heads, **every, "pooling": "attention", "pool_query": "learned", "heads": [],
         "dtype": "I8", "normalize": True, "attention_heads": {"heads": 2, "size": 16}}, "--attention soft", SHORT + [60]),
    ]


def special():
    return decoder_cases() + search_cases() + forced_cases() + file_cases() + encoder_cases() + later_cases() + plain_decoder_cases() + head_cases() + path_cases() + \
        front_cases() + conditional_cases() + rule_cases() + prefix_cases() + multihead_cases()


def agree(a, b):
    """Float32 and float64 give the same texts and the same numbers."""
    return not task.compare(json.loads(formats.dumps(a.fields)), json.loads(formats.dumps(b.fields)),
                            lambda field, x: 2e-6 + 2e-6 * abs(x))


def attempt(seed, want, line, lengths, scratch):
    """-> (case, records, smallest margin) or None"""
    case = random_models.Draw(seed, want)
    if not case.stable:
        return None
    ties = want.get("ties", False)
    if "change" in want:
        want["change"](case)
    case.write(scratch)
    nets, options = [Model.load(scratch, dtype) for dtype in (torch.float32, torch.float64)], task.parse_options(line.split())
    records, results, turns = [], [], 0
    if "prefixes" in want:
        longest = case.record("", want["prefixes"])
        key = "features" if case.source_tokens is None else "text"
        tries = [[{"id": n, key: longest[key][:n]}] for n in range(want["prefixes"] + 1)]
    else:
        tries = [[case.record(i, n, [0, 1, 3, 6, 2, 12, 5][i % 7] if options.task == "score" else None) for _ in range(25)]
                 for i, n in enumerate(lengths)]
    for several in tries:
        for record in several:
            if want.get("has_prefix") and (len(records) % 4 or not records):
                record["prefix"] = case.prefix([2, 0, 1, 3, 8, 5][len(records) % 6])
            a, b = (task.process(net, record, options) for net in nets)
            if ties or a.margin > MARGIN and agree(a, b):
                records.append(record)
                results.append(a)
                break
            turns += 1
        else:
            return None
    steps = [r.detail["steps"] for r in results if "steps" in r.detail]
    if steps and not ties and (len(set(steps)) < 3 or sum(s > 1 for s in steps) < len(steps) / 2):
        return None
    outputs = {json.dumps(r.fields.get("output")) for r in results}
    if steps and not ties and len(outputs) < min(4, len(records)):
        return None
    for head in getattr(nets[0], "heads", {}):
        spec = nets[0].heads[head]
        if spec.get("activation", "softmax") != "softmax" or options.head_output != "labels" or ties:
            continue
        if spec.get("decode") == "ctc" and sum(len(set(r.fields[head]["output"])) > 1 for r in results if head in r.fields) < len(results) / 2:
            return None
        labels = {json.dumps(r.fields[head]["output"] if spec.get("decode") == "ctc" else r.fields[head]["label"] if isinstance(r.fields[head], dict) else label)
                  for r in results if head in r.fields for label in (r.fields[head] if isinstance(r.fields[head], list) else [0])}
        if labels and len(labels) < min(2, len(nets[0].heads[head]["names"])):
            return None
    return case, records, min((r.margin for r in results), default=float("inf"))


README = """# Golden cases

A case is two files: `NAME.safetensors`, the weights of a model, and `NAME.case`, all that is text. In that each file stands
behind a line `==> FILE <==`: the options of one `grus run` (one line, may be empty); the model's `config.json`, vocabularies,
codes and labels; the shard `input.jsonl`; and in `expected.jsonl` the records that must come out: the input's own fields, then
the result's. Texts and labels must be the same; numbers within 1e-5 + 1e-5 |x| (written so that a NaN fails). Numbers are
float32 with nine significant digits. A line `==> FILE = PATH <==` stands for a file that lies elsewhere.

`make tests/cases/stamp` (which `make check` does) unpacks them by `tests/support/unpack_golden.sh`, so that
`tests/cases/NAME/model` in the directory of the build is a model directory; the tests of the command and the attacks work on these.
`tests/command/golden.sh [NAME...]` runs cases and compares.

The expected results are PyTorch's, float32, computed by `tests/oracle`; nothing of grus took part. They were written by

    python3 tests/oracle/make_golden.py --out tests/golden

with Python {python}, PyTorch {torch}, NumPy {numpy}. Weights are random, of the seed in the table (which was counted up
until the case was a good one): scaled so that attention is not flat and outputs end at different lengths. No decision in a
case is close: the smallest difference between what PyTorch took and what it left is the column "margin" (above {margin:g};
"inf" where nothing is decided, 0 in `exact-ties…`, where the rules for ties decide). Float64 gives the same within 2e-6.

`int8.expected` has what the reference of int8 makes of the same cases (`tests/oracle/int8_expected.py CASES FILE` writes it);
`tests/command/int8.sh` compares it.

`make_cases.py --case tests/golden/NAME.case` shows what lies behind a case's numbers: encoder outputs, pooled vectors,
probabilities, attention, token ids. "lengths" are those of the sources, in tokens (bpe: words), without start and end tokens.
The whole directory has {size} kB.

| case | what it is there for | model | options | lengths | seed | margin |
|---|---|---|---|---|---|---|
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", help="one case, by name, and its row of the README")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows, scratch = [], os.path.join(args.out, ".scratch")
    cases = seq2seq_grid() + encoder_grid() + special()
    for n, (name, about, want, line, lengths) in enumerate(cases):
        if args.only not in (None, name):
            continue
        full = {**SMALL, "tune": tune(line), **want}
        for seed in range(1000 * (n + 1), 1000 * (n + 1) + 300):
            shutil.rmtree(scratch, ignore_errors=True)
            found = attempt(seed, dict(full), line, lengths, scratch)
            if found:
                break
        else:
            print(f"{name}: no good seed", file=sys.stderr)
            continue
        case, records, margin = found
        where = os.path.join(scratch, name)
        case.write(os.path.join(where, "model"))
        make_cases.write_case(where, records, line.split(), detail=False)
        golden_case.pack(where, args.out)
        lengths = "0 to %d" % want["prefixes"] if "prefixes" in want else " ".join(map(str, lengths))
        rows.append(f"| `{name}` | {about} | {sweep.describe(case.config)} | `{line or ' '}` | {lengths} | {seed} | {margin:.1g} |\n")
        print(f"{name}: seed {seed}, margin {margin:.2g}", flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    write_readme(args.out, [name for name, *_ in cases], rows)


def row_name(row):
    return row.split("`")[1]


def write_readme(out, names, rows):
    """The table in the order of the cases; rows that are not new stay as they were."""
    path, size = os.path.join(out, "README.md"), sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files) // 1000
    if os.path.exists(path):
        new = set(map(row_name, rows))
        rows = rows + [line for line in open(path, encoding="utf-8") if line.startswith("| `") and row_name(line) not in new]
    with open(path, "w", encoding="utf-8") as f:
        f.write(README.format(python=platform.python_version(), torch=torch.__version__, numpy=np.__version__, margin=MARGIN, size=size) +
                "".join(sorted(rows, key=lambda row: names.index(row_name(row)))))


def tune(line):
    """Search settings of a command line, for the choice of the end token's bias."""
    options = task.parse_options(line.split())
    return {key: getattr(options, key) for key in ("beam_size", "length_norm", "length_penalty", "max_length_factor", "min_length")
            if getattr(options, key) is not None and options.task != "score"}


if __name__ == "__main__":
    main()
