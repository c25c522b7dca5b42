// names.c: the words of every enumeration.
#include "config.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

#include "base/model_config.h"

const char *const grus_cell_names[] = {[GRUS_CELL_GRU] = "gru", [GRUS_CELL_LSTM] = "lstm", [GRUS_CELL_LSTM + 1] = NULL};

const char *const grus_direction_names[] = {
    [GRUS_FORWARD] = "forward", [GRUS_BACKWARD] = "backward", [GRUS_BOTH] = "both", [GRUS_BOTH + 1] = NULL};

const char *const grus_reset_names[] = {
    [GRUS_RESET_AFTER] = "after", [GRUS_RESET_BEFORE] = "before", [GRUS_RESET_BEFORE + 1] = NULL};

const char *const grus_gate_activation_names[] = {
    [GRUS_GATE_SIGMOID] = "sigmoid",
    [GRUS_GATE_HARD_SIGMOID] = "hard_sigmoid",
    [GRUS_GATE_HARD_SIGMOID + 1] = NULL,
};

const char *const grus_cell_activation_names[] = {
    [GRUS_CELL_TANH] = "tanh",
    [GRUS_CELL_RELU] = "relu",
    [GRUS_CELL_LINEAR] = "none",
    [GRUS_CELL_LINEAR + 1] = NULL,
};

const char *const grus_activation_names[] = {
    [GRUS_ACTIVATION_NONE] = "none",       [GRUS_ACTIVATION_TANH] = "tanh", [GRUS_ACTIVATION_RELU] = "relu",
    [GRUS_ACTIVATION_SIGMOID] = "sigmoid", [GRUS_ACTIVATION_SILU] = "silu", [GRUS_ACTIVATION_SILU + 1] = NULL,
};

const char *const grus_front_names[] = {
    [GRUS_FRONT_CONV1D] = "conv1d",
    [GRUS_FRONT_LINEAR] = "linear",
    [GRUS_FRONT_MAX_POOL] = "max_pool",
    [GRUS_FRONT_MAX_POOL + 1] = NULL,
};

const char *const grus_score_names[] = {
    [GRUS_SCORE_DOT] = "dot",         [GRUS_SCORE_SCALED_DOT] = "scaled_dot",
    [GRUS_SCORE_COSINE] = "cosine",   [GRUS_SCORE_EUCLIDEAN] = "euclidean",
    [GRUS_SCORE_GENERAL] = "general", [GRUS_SCORE_ADDITIVE] = "additive",
    [GRUS_SCORE_ADDITIVE + 1] = NULL,
};

const char *const grus_pooling_names[] = {
    [GRUS_POOL_NONE] = "none", [GRUS_POOL_ATTENTION] = "attention", [GRUS_POOL_MEAN] = "mean",
    [GRUS_POOL_MAX] = "max",   [GRUS_POOL_LAST] = "last",           [GRUS_POOL_LAST + 1] = NULL,
};

const char *const grus_query_names[] = {
    [GRUS_QUERY_PREVIOUS_STATE] = "previous_state",
    [GRUS_QUERY_STATE] = "state",
    [GRUS_QUERY_EMBEDDING] = "embedding",
    [GRUS_QUERY_EMBEDDING + 1] = NULL,
};

const char *const grus_bridge_names[] = {
    [GRUS_BRIDGE_ZEROS] = "zeros",
    [GRUS_BRIDGE_LAST] = "last",
    [GRUS_BRIDGE_LINEAR_TANH] = "linear_tanh",
    [GRUS_BRIDGE_MEAN_TANH] = "mean_tanh",
    [GRUS_BRIDGE_MEAN_TANH + 1] = NULL,
};

const char *const grus_part_names[] = {
    [GRUS_PART_EMBEDDING] = "embedding", [GRUS_PART_CONTEXT] = "context", [GRUS_PART_READOUT] = "readout",
    [GRUS_PART_STATE] = "state",         [GRUS_PART_STATE + 1] = NULL,
};

const char *const grus_head_input_names[] = {
    [GRUS_HEAD_STATE] = "state", [GRUS_HEAD_POOLED] = "pooled", [GRUS_HEAD_SOURCE] = "source",
    [GRUS_HEAD_LAYER] = "layer", [GRUS_HEAD_LAYER + 1] = NULL,
};

const char *const grus_head_activation_names[] = {
    [GRUS_HEAD_SOFTMAX] = "softmax",
    [GRUS_HEAD_SIGMOID] = "sigmoid",
    [GRUS_HEAD_NUMBERS] = "none",
    [GRUS_HEAD_NUMBERS + 1] = NULL,
};

const char *const grus_head_decode_names[] = {
    [GRUS_HEAD_ARGMAX] = "argmax",
    [GRUS_HEAD_CRF] = "crf",
    [GRUS_HEAD_CTC] = "ctc",
    [GRUS_HEAD_CTC + 1] = NULL,
};

const char *const grus_tokenizer_names[] = {
    [GRUS_TOKENIZER_CHAR] = "char", [GRUS_TOKENIZER_WHITESPACE] = "whitespace",
    [GRUS_TOKENIZER_BPE] = "bpe",   [GRUS_TOKENIZER_SENTENCEPIECE] = "sentencepiece",
    [GRUS_TOKENIZER_IDS] = "ids",   [GRUS_N_TOKENIZERS] = NULL,
};

const grus_tokenizer_files grus_tokenizer_files_of[] = {
    [GRUS_TOKENIZER_CHAR] = {'+', '-', '-'}, [GRUS_TOKENIZER_WHITESPACE] = {'+', '-', '-'},
    [GRUS_TOKENIZER_BPE] = {'+', '+', '-'},  [GRUS_TOKENIZER_SENTENCEPIECE] = {'-', '-', '+'},
    [GRUS_TOKENIZER_IDS] = {'?', '-', '-'},
};

const char *const grus_task_names[] = {
    [GRUS_TASK_OWN] = "own",       [GRUS_TASK_EMBED] = "embed",         [GRUS_TASK_CLASSIFY] = "classify",
    [GRUS_TASK_TAG] = "tag",       [GRUS_TASK_TRANSLATE] = "translate", [GRUS_TASK_SCORE] = "score",
    [GRUS_TASK_STATES] = "states", [GRUS_TASK_STATES + 1] = NULL,
};

const char *const grus_norm_names[] = {
    [GRUS_NORM_NONE] = "none",
    [GRUS_NORM_AVG] = "avg",
    [GRUS_NORM_GNMT] = "gnmt",
    [GRUS_NORM_GNMT + 1] = NULL,
};

const char *const grus_attention_names[] = {
    [GRUS_ATTENTION_NONE] = "none",
    [GRUS_ATTENTION_SOFT] = "soft",
    [GRUS_ATTENTION_HARD] = "hard",
    [GRUS_ATTENTION_HARD + 1] = NULL,
};

const char *const grus_format_names[] = {
    [GRUS_FORMAT_JSONL] = "jsonl",
    [GRUS_FORMAT_TXT] = "txt",
    [GRUS_FORMAT_NPY] = "npy",
    [GRUS_FORMAT_SAFETENSORS] = "safetensors",
    [GRUS_FORMAT_SAFETENSORS + 1] = NULL,
};

const char *const grus_state_names[] = {
    [GRUS_STATE_DONE] = "done",       [GRUS_STATE_PARTIAL] = "partial", [GRUS_STATE_BROKEN] = "broken",
    [GRUS_STATE_MISSING] = "missing", [GRUS_STATE_MISSING + 1] = NULL,
};

const char *const grus_compute_names[] = {
    [GRUS_COMPUTE_FLOAT32] = "float32",
    [GRUS_COMPUTE_INT8] = "int8",
    [GRUS_COMPUTE_INT8 + 1] = NULL,
};

const char *const grus_output_names[] = {
    [GRUS_HEAD_LABELS] = "labels",
    [GRUS_HEAD_PROBS] = "probs",
    [GRUS_HEAD_LOGITS] = "logits",
    [GRUS_HEAD_LOGITS + 1] = NULL,
};

const char *const grus_result_own_names[] = {
    [GRUS_RESULT_ATTENTION] = "attention",
    [GRUS_RESULT_ALIGNMENT] = "alignment",
    [GRUS_RESULT_EMBEDDING] = "embedding",
    [GRUS_RESULT_LOGPROB] = "logprob",
    [GRUS_RESULT_SCORE] = "score",
    [GRUS_RESULT_OUTPUT] = "output",
    [GRUS_RESULT_NBEST] = "nbest",
    [GRUS_RESULT_TOKEN_LOGPROBS] = "token_logprobs",
    [GRUS_RESULT_TRUNCATED] = "truncated",
    [GRUS_RESULT_STATES] = "states",
    [GRUS_N_RESULTS] = NULL,
};

const char *const grus_compress_names[] = {
    [GRUS_COMPRESS_ZST] = "zst",
    [GRUS_COMPRESS_GZ] = "gz",
    [GRUS_COMPRESS_NONE] = "none",
    [GRUS_COMPRESS_NONE + 1] = NULL,
};

const char *grus_output_suffix(size_t format, size_t compress)
{
    static const char *const suffixes[][GRUS_COMPRESS_NONE + 1] = {
        [GRUS_FORMAT_JSONL] = {".jsonl.zst", ".jsonl.gz", ".jsonl"},
        [GRUS_FORMAT_TXT] = {".txt.zst", ".txt.gz", ".txt"},
        [GRUS_FORMAT_NPY] = {".npy", ".npy", ".npy"},
        [GRUS_FORMAT_SAFETENSORS] = {".safetensors.zst", ".safetensors.gz", ".safetensors"},
    };
    return suffixes[format][compress];
}

const char *grus_head_input_name(size_t input, char text[GRUS_HEAD_INPUT_NAME])
{
    if (input < GRUS_HEAD_LAYER)
        return grus_head_input_names[input];
    snprintf(text, GRUS_HEAD_INPUT_NAME, "%s%zu", grus_head_input_names[GRUS_HEAD_LAYER], input - GRUS_HEAD_LAYER);
    return text;
}

bool grus_name_find(const char *const names[], const char *word, size_t *index)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], word) == 0) {
            *index = i;
            return true;
        }
    return false;
}
