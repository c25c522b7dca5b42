// config_parts.c: what several sections of config.json share: file names, tokenizers, attention scores.
#include "config.h"

#include "io/model/config_parts.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"

// Those of torch.nn.MultiheadAttention.
static void read_heads(const grus_json_object *object, grus_attention_config *attention)
{
    if (attention->score != GRUS_SCORE_SCALED_DOT)
        grus_json_refuse(object, "heads", "only the score \"scaled_dot\" has heads: found \"%s\"",
                         grus_score_names[attention->score]);
    attention->heads = grus_json_size(object, "heads", GRUS_REQUIRED, 1, 1, GRUS_CONFIG_SIZE_MAX);
    attention->size = grus_json_size(object, "size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    attention->context_dim =
        grus_json_size(object, "context_dim", GRUS_OPTIONAL, attention->size, 1, GRUS_CONFIG_SIZE_MAX);
    if (attention->heads && attention->size % attention->heads)
        grus_json_refuse(object, "size", "is shared out among the heads: expected a multiple of %zu, found %zu",
                         attention->heads, attention->size);
}

void grus_config_read_attention(const grus_json_object *object, grus_attention_config *attention)
{
    attention->score = (grus_score_kind)grus_json_choice(object, "score", GRUS_REQUIRED, 0, grus_score_names);
    if (grus_json_has(object, "heads"))
        read_heads(object, attention);
    else
        grus_json_forbid(object, "context_dim", "only attention with \"heads\" has it");
    if (attention->score == GRUS_SCORE_ADDITIVE)
        attention->size = grus_json_size(object, "size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    else if (!attention->heads)
        grus_json_forbid(object, "size", "only the score \"additive\" and attention with \"heads\" have a size");
    attention->temperature = grus_json_number(object, "temperature", 1);
    if (!(attention->temperature >= (double)FLT_MIN && attention->temperature <= (double)FLT_MAX))
        grus_json_wrong(object, "temperature", "a finite number above 0");
}

// A key that an LSTM has not may have its default alone, which is the first.
static void refuse_of_lstm(const grus_json_object *object, const char *key, const char *const names[], size_t found)
{
    if (found != 0)
        grus_json_refuse(object, key, "is not of an \"lstm\": expected \"%s\" or no such key, found \"%s\"", names[0],
                         names[found]);
}

void grus_config_read_cell(const grus_json_object *object, grus_cell_config *cell)
{
    cell->kind = (grus_cell_kind)grus_json_choice(object, "cell", GRUS_OPTIONAL, GRUS_CELL_GRU, grus_cell_names);
    cell->reset = (grus_cell_reset)grus_json_choice(object, "reset", GRUS_OPTIONAL, GRUS_RESET_AFTER, grus_reset_names);
    cell->gate_activation = (grus_gate_activation)grus_json_choice(object, "gate_activation", GRUS_OPTIONAL,
                                                                   GRUS_GATE_SIGMOID, grus_gate_activation_names);
    cell->activation = (grus_cell_activation)grus_json_choice(object, "activation", GRUS_OPTIONAL, GRUS_CELL_TANH,
                                                              grus_cell_activation_names);
    if (cell->kind != GRUS_CELL_LSTM)
        return;
    refuse_of_lstm(object, "reset", grus_reset_names, cell->reset);
    refuse_of_lstm(object, "gate_activation", grus_gate_activation_names, cell->gate_activation);
    refuse_of_lstm(object, "activation", grus_cell_activation_names, cell->activation);
}

grus_activation grus_config_read_activation(const grus_json_object *object)
{
    return (grus_activation)grus_json_choice(object, "activation", GRUS_OPTIONAL, GRUS_ACTIVATION_NONE,
                                             grus_activation_names);
}

// Relative, and no part of it is "..".
static bool stays_inside(const char *path)
{
    if (*path == '\0' || *path == '/')
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

char *grus_config_read_path(const grus_json_object *object, const char *key, bool required)
{
    char *path = grus_json_text(object, key, required);
    if (path && !stays_inside(path))
        grus_json_wrong(object, key, "the name of a file inside the model directory");
    if (path || object->reader->status)
        return path;
    path = strdup("");
    if (!path)
        object->reader->status = grus_fail_memory(object->reader->error, 1);
    return path;
}

static char *read_file(const grus_json_object *object, const char *key, char rule, const char *kind)
{
    if (rule == '-')
        grus_json_forbid(object, key, "a tokenizer of type \"%s\" uses none", kind);
    return grus_config_read_path(object, key, rule == '+');
}

void grus_config_read_tokenizer(const grus_json_object *object, const grus_json_object *vocab_from,
                                grus_tokenizer_config *tokenizer)
{
    static const char *const own_keys[] = {"type", "vocab", "codes", "model", "lowercase", "bos", "eos", NULL};
    static const char *const decoder_keys[] = {"type", "codes", "model", "lowercase", NULL};
    grus_json_allow(object, vocab_from == object ? own_keys : decoder_keys);
    tokenizer->kind = (grus_tokenizer_kind)grus_json_choice(object, "type", GRUS_REQUIRED, 0, grus_tokenizer_names);
    const grus_tokenizer_files *files = &grus_tokenizer_files_of[tokenizer->kind];
    const char *name = grus_tokenizer_names[tokenizer->kind];
    tokenizer->vocab = read_file(vocab_from, "vocab", files->vocab, name);
    tokenizer->codes = read_file(object, "codes", files->codes, name);
    tokenizer->model = read_file(object, "model", files->model, name);
    tokenizer->lowercase = grus_json_bool(object, "lowercase", false);
    if (tokenizer->lowercase && tokenizer->kind == GRUS_TOKENIZER_IDS)
        grus_json_refuse(object, "lowercase", "has no meaning here: ids are numbers; expected false, found true");
}
