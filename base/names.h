// names.h: the words of every enumeration, once. config.json, the command line, descriptions and run.json all read them
// here. Each list is in the order of its enumeration and ends with NULL.
#ifndef GRUS_BASE_NAMES_H
#define GRUS_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

// Of model_config.h.
extern const char *const grus_cell_names[];            // grus_cell_kind
extern const char *const grus_direction_names[];       // grus_direction
extern const char *const grus_reset_names[];           // grus_cell_reset
extern const char *const grus_gate_activation_names[]; // grus_gate_activation
extern const char *const grus_cell_activation_names[]; // grus_cell_activation
extern const char *const grus_activation_names[];      // grus_activation
extern const char *const grus_front_names[];           // grus_front_kind
extern const char *const grus_score_names[];           // grus_score_kind
extern const char *const grus_pooling_names[];         // grus_pooling_kind
extern const char *const grus_query_names[];           // grus_query_kind
extern const char *const grus_bridge_names[];          // grus_bridge_kind
extern const char *const grus_part_names[];            // grus_part
extern const char *const grus_head_input_names[];      // grus_head_input; of layers, the word before the number
extern const char *const grus_head_activation_names[]; // grus_head_activation
extern const char *const grus_head_decode_names[];     // grus_head_decode
extern const char *const grus_tokenizer_names[];       // grus_tokenizer_kind

// Which files a tokenizer must have (+), may have (?), or has no use for (-); a row for each grus_tokenizer_kind.
typedef struct grus_tokenizer_files {
    char vocab, codes, model;
} grus_tokenizer_files;
extern const grus_tokenizer_files grus_tokenizer_files_of[];

// Of grus.h.
extern const char *const grus_task_names[];      // grus_task
extern const char *const grus_norm_names[];      // grus_length_norm
extern const char *const grus_attention_names[]; // grus_attention_output
extern const char *const grus_format_names[];    // grus_format
extern const char *const grus_state_names[];     // grus_shard_state
extern const char *const grus_compute_names[];   // grus_compute_type
extern const char *const grus_output_names[];    // grus_head_output
extern const char *const grus_compress_names[];  // grus_compress

// What stands behind the stems of outputs of a grus_format and a grus_compress.
const char *grus_output_suffix(size_t format, size_t compress);

// The fields of a record's result.
typedef enum grus_result_field {
    GRUS_RESULT_ATTENTION,
    GRUS_RESULT_ALIGNMENT,
    GRUS_RESULT_EMBEDDING,
    GRUS_RESULT_LOGPROB,
    GRUS_RESULT_SCORE,
    GRUS_RESULT_OUTPUT,
    GRUS_RESULT_NBEST,
    GRUS_RESULT_TOKEN_LOGPROBS,
    GRUS_RESULT_TRUNCATED,
    GRUS_RESULT_STATES,
    GRUS_N_RESULTS, // and behind them the heads, of which each has a name
} grus_result_field;
// Their own names, as an item of "nbest" has them whatever options call the others.
extern const char *const grus_result_own_names[]; // grus_result_field

// The word for a head's input (grus_head_input), in text where it is a layer's.
#define GRUS_HEAD_INPUT_NAME 32
const char *grus_head_input_name(size_t input, char text[GRUS_HEAD_INPUT_NAME]);

// The index of word among names; false where it is none of them.
bool grus_name_find(const char *const names[], const char *word, size_t *index);

#endif
