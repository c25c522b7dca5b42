// model_dir.c: config.json: its sections in the order of the contract; front, encoder and heads are in config_front.c,
// config_encoder.c and config_heads.c, those that only seq2seq models have in config_decoder.c.
#include "config.h"

#include "io/model/model_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/names.h"
#include "base/path.h"
#include "io/file.h"
#include "io/model/config_parts.h"

#define CONFIG_MAX ((size_t)16 << 20) // bytes

// ---- source ----

static void read_source(const grus_json_object *root, grus_config *config)
{
    static const char *const keys[] = {"input", "tokenizer", "embedding_dim", "feature_dim", NULL};
    static const char *const inputs[] = {"tokens", "features", NULL};
    grus_json_object object = grus_json_child(root, "source", GRUS_REQUIRED);
    grus_json_allow(&object, keys);
    config->features = grus_json_choice(&object, "input", GRUS_OPTIONAL, 0, inputs) == 1;
    if (config->features) {
        config->feature_dim = grus_json_size(&object, "feature_dim", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
        grus_json_forbid(&object, "tokenizer", "the input is \"features\"");
        grus_json_forbid(&object, "embedding_dim", "the input is \"features\"");
        return;
    }
    grus_json_forbid(&object, "feature_dim", "the input is \"tokens\"");
    config->embedding_dim = grus_json_size(&object, "embedding_dim", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    grus_json_object tokenizer = grus_json_child(&object, "tokenizer", GRUS_REQUIRED);
    grus_config_read_tokenizer(&tokenizer, &tokenizer, &config->tokenizer);
    config->tokenizer.bos = grus_json_text(&tokenizer, "bos", GRUS_OPTIONAL);
    config->tokenizer.eos = grus_json_text(&tokenizer, "eos", GRUS_OPTIONAL);
}

// ---- pooling ----

static void read_pooling_attention(const grus_json_object *object, grus_pooling_config *pooling)
{
    static const char *const attention_keys[] = {GRUS_ATTENTION_KEYS, "query"};
    static const char *const queries[] = {"last_hidden", "learned", NULL};
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        grus_config_read_attention(object, &pooling->attention);
        pooling->learned_query = grus_json_choice(object, "query", GRUS_REQUIRED, 0, queries) == 1;
        return;
    }
    for (size_t i = 0; i < sizeof attention_keys / sizeof *attention_keys; i++)
        grus_json_forbid(object, attention_keys[i], "only the type \"attention\" has it");
}

static void read_pooling(const grus_json_object *root, grus_pooling_config *pooling)
{
    static const char *const keys[] = {"type", GRUS_ATTENTION_KEYS, "query", "normalize", NULL};
    const char *const *types = grus_pooling_names + GRUS_POOL_NONE + 1; // "none" is said by leaving the section out
    grus_json_object object = grus_json_child(root, "pooling", GRUS_OPTIONAL);
    if (!object.json)
        return;
    grus_json_allow(&object, keys);
    pooling->kind =
        (grus_pooling_kind)(GRUS_POOL_NONE + 1 + grus_json_choice(&object, "type", GRUS_REQUIRED, 0, types));
    read_pooling_attention(&object, pooling);
    pooling->normalize = grus_json_bool(&object, "normalize", false);
}

// ---- the whole ----

static void read_renames(const grus_json_object *root, grus_config *config)
{
    const char *from;
    json_t *value;
    grus_json_object object = grus_json_child(root, "tensors", GRUS_OPTIONAL);
    json_object_foreach(object.json, from, value)
    {
        if (config->n_renames == GRUS_MAX_RENAMES) {
            grus_json_refuse(&object, from, "expected at most %d prefixes, found more", GRUS_MAX_RENAMES);
            return;
        }
        grus_rename *rename = &config->renames[config->n_renames++];
        rename->to = grus_json_text(&object, from, GRUS_REQUIRED);
        rename->from = strdup(from);
        if (!rename->from)
            object.reader->status = grus_fail_memory(object.reader->error, strlen(from));
        else if (*from == '\0' || (rename->to && *rename->to == '\0'))
            grus_json_refuse(&object, from, "expected a prefix of tensor names on both sides, found \"\"");
    }
}

static void forbid_sections(const grus_json_object *root, const char *const keys[], const char *type)
{
    for (size_t i = 0; keys[i]; i++)
        grus_json_forbid(root, keys[i], "the model_type is \"%s\"", type);
}

static void read_sections(const grus_json_object *root, grus_config *config)
{
    static const char *const keys[] = {"model_type", "source",  "front",      "encoder", "pooling", "heads",
                                       "attention",  "decoder", "generation", "tensors", NULL};
    static const char *const types[] = {"encoder", "seq2seq", NULL};
    static const char *const for_encoder[] = {"pooling", "heads", NULL};
    static const char *const for_seq2seq[] = {"attention", "decoder", "generation", NULL};
    grus_json_allow(root, keys);
    config->seq2seq = grus_json_choice(root, "model_type", GRUS_REQUIRED, 0, types) == 1;
    forbid_sections(root, config->seq2seq ? for_encoder : for_seq2seq, types[config->seq2seq]);
    read_source(root, config);
    grus_config_read_front(root, config);
    grus_config_read_encoder(root, config);
    grus_config_read_generation(root, config);
    if (config->seq2seq) {
        grus_config_read_decoder(root, config);
    } else {
        read_pooling(root, &config->pooling);
        grus_config_read_heads(root, config);
        if (config->n_heads == 0 && config->pooling.kind == GRUS_POOL_NONE)
            grus_json_refuse(root, "pooling", "is missing; only a model whose heads are all on tokens can do without");
    }
    read_renames(root, config);
}

grus_status grus_config_read(const char *dir, grus_config *config, grus_error *error)
{
    *config = (grus_config){0};
    char *path = grus_path_join(dir, "config.json");
    if (!path)
        return grus_fail_memory(error, strlen(dir));
    grus_error own; // the caller's may be NULL
    grus_json_reader reader = {.file = path, .error = error ? error : &own};
    grus_buffer text = {0};
    reader.status = grus_file_read(path, CONFIG_MAX, GRUS_E_MODEL, &text, reader.error);
    if (reader.status == GRUS_OK) {
        grus_json_object root;
        grus_json_open(&reader, text.data, text.size, &root);
        if (reader.status == GRUS_OK)
            read_sections(&root, config);
        json_decref(root.json);
    }
    grus_buffer_free(&text);
    free(path);
    return reader.status;
}

static void free_tokenizer(grus_tokenizer_config *tokenizer)
{
    free(tokenizer->vocab);
    free(tokenizer->codes);
    free(tokenizer->model);
    free(tokenizer->bos);
    free(tokenizer->eos);
}

void grus_config_free(grus_config *config)
{
    free_tokenizer(&config->tokenizer);
    free_tokenizer(&config->decoder.tokenizer);
    free(config->front);
    free(config->encoder.directions);
    for (size_t i = 0; i < config->decoder.n_suppressed; i++)
        free(config->decoder.suppressed[i]);
    free(config->decoder.suppressed);
    free(config->decoder.suppressed_id);
    for (size_t i = 0; i < config->n_heads; i++) {
        free(config->heads[i].name);
        free(config->heads[i].labels);
        free(config->heads[i].join);
    }
    for (size_t i = 0; i < config->n_renames; i++) {
        free(config->renames[i].from);
        free(config->renames[i].to);
    }
    *config = (grus_config){0};
}
