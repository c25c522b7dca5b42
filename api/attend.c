// attend.c: grus_attend_text: one record through the model, and its attention with a word for each row and column.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/philox.h"
#include "base/positions.h"
#include "scheduler/output_text.h"
#include "scheduler/parse.h"
#include "scheduler/run_options.h"

#define MAP_BLOCK ((size_t)16 << 10)

// What the caller has, and where it lies.
typedef struct attention_map {
    grus_attention_map map;
    grus_arena *arena;
} attention_map;

typedef struct attending {
    const grus_model *model;
    grus_run_settings settings;
    grus_job job;
    grus_parsed parsed;
    grus_arena *results; // of the engine
    grus_result result;
    grus_arena *arena; // becomes the map's
    grus_attention_map *map;
    grus_buffer scratch;
    grus_output_scratch output;
} attending;

// ---- the record ----

static grus_status check_model(const grus_model *model, grus_error *error)
{
    const grus_config *config = &model->config;
    if (config->seq2seq ? config->decoder.query != GRUS_QUERY_NONE : config->pooling.kind == GRUS_POOL_ATTENTION)
        return GRUS_OK;
    return grus_fail(error, GRUS_E_USAGE, model->dir, NULL,
                     config->seq2seq
                         ? "this model has no attention: its decoder has none"
                         : "this model has no attention: it has neither a decoder nor a pooling by attention");
}

// A text is a line of a .txt shard, features are those of a JSONL record.
static grus_status pack(attending *state, const char *text, size_t length, grus_error *error)
{
    bool features = state->model->config.features;
    const char *line = text;
    if (length > state->job.options->max_record)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "the text is longer than %zu bytes",
                         state->job.options->max_record);
    if (features) {
        grus_buffer_text(&state->scratch, "{\"features\": ");
        grus_buffer_append(&state->scratch, text, length);
        grus_buffer_byte(&state->scratch, '}');
        if (state->scratch.failed)
            return grus_fail_memory(error, length);
        line = state->scratch.data;
        length = state->scratch.size;
    }
    grus_raw_line raw = {features ? GRUS_SHARD_JSONL : GRUS_SHARD_TXT, 1, line, length, false};
    grus_status status = grus_parse_line(&state->job, &raw, &state->parsed, error);
    if (status == GRUS_OK && state->parsed.entry.error)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "%s", state->parsed.entry.error);
    return status;
}

static grus_status infer(attending *state, grus_error *error)
{
    const grus_slot_entry *entry = &state->parsed.entry;
    grus_infer_stats stats = {0};
    state->results = grus_arena_new(0);
    if (!state->results)
        return grus_fail_memory(error, sizeof(void *));
    const uint64_t key = grus_philox(0, 0, 1);
    grus_batch batch = {
        .n = 1,
        .keys = &key,
        .length = &entry->n_positions,
        .ids = state->model->config.features ? NULL : entry->ids,
        .features = state->model->config.features ? entry->features : NULL,
    };
    grus_work work = {state->results, NULL, &stats, error};
    grus_status status = grus_infer(state->model->engine, &batch, &state->job.infer, &work, &state->result);
    if (status == GRUS_OK && !state->result.finite)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "the model's result is not finite");
    return status;
}

// ---- the map ----

// What is in scratch, as a string of the map; NULL when memory is short.
static const char *take_string(attending *state)
{
    const grus_buffer *from = &state->scratch;
    return from->failed ? NULL : grus_arena_string(state->arena, from->data, from->size);
}

static const char *copy_string(attending *state, const char *text, size_t length)
{
    grus_buffer_clear(&state->scratch);
    grus_buffer_append(&state->scratch, text, length);
    return take_string(state);
}

// The tokens of ids (n); all "" without a tokenizer. NULL when memory is short.
static const char *const *take_tokens(attending *state, const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n)
{
    const char **tokens = grus_arena_alloc(state->arena, grus_max(n, 1), sizeof *tokens);
    for (size_t i = 0; tokens && i < n; i++) {
        grus_buffer_clear(&state->scratch);
        if (tokenizer)
            grus_tokenizer_token(tokenizer, ids[i], &state->scratch);
        tokens[i] = take_string(state);
        if (!tokens[i])
            return NULL;
    }
    return tokens;
}

static const float *copy_floats(attending *state, const float *values, size_t n)
{
    float *copy = grus_arena_alloc(state->arena, grus_max(n, 1), sizeof *copy);
    if (copy && n)
        memcpy(copy, values, n * sizeof *copy);
    return copy;
}

// From (rows, attention heads, columns), or (rows, columns) of an attention without heads.
static bool fill_weights(attending *state, const float *from, grus_attention_map *map)
{
    size_t heads = grus_config_attention(&state->model->config)->heads, cells = map->rows * map->columns;
    if (heads == 0)
        return (map->weights = copy_floats(state, from, cells)) != NULL;
    float *mean = grus_arena_alloc(state->arena, grus_max(cells, 1), sizeof *mean);
    float *each = grus_arena_alloc(state->arena, grus_max(grus_mul_sat(heads, cells), 1), sizeof *each);
    if (!mean || !each)
        return false;
    for (size_t i = 0; i < cells; i++) {
        const float *first = from + i / map->columns * heads * map->columns + i % map->columns;
        float sum = 0;
        for (size_t head = 0; head < heads; head++) {
            each[head * cells + i] = first[head * map->columns];
            sum += first[head * map->columns];
        }
        mean[i] = sum / (float)heads;
    }
    map->weights = mean;
    map->n_attention_heads = heads;
    map->head_weights = each;
    return true;
}

static bool fill_decoded(attending *state, grus_attention_map *map)
{
    const grus_hypothesis *best = &state->result.hypotheses[0];
    const grus_tokenizer *target = state->model->target;
    map->rows = best->length;
    map->row_tokens = take_tokens(state, target, best->tokens, best->length);
    bool weighted = fill_weights(state, best->attention, map);
    grus_buffer_clear(&state->scratch);
    grus_output_text(&state->job, &state->parsed.entry, best, &state->output, &state->scratch);
    map->output = take_string(state);
    map->score = best->score;
    map->logprob = best->logprob;
    return map->row_tokens && weighted && map->output;
}

static bool fill_head(attending *state, size_t i, grus_attention_head *head)
{
    const grus_head_config *config = &state->model->config.heads[i];
    const grus_prediction *prediction = &state->result.predictions[i];
    const char **labels = grus_arena_alloc(state->arena, grus_max(prediction->n, 1), sizeof *labels);
    for (size_t j = 0; labels && j < prediction->n; j++) {
        size_t length;
        const char *label = grus_vocab_token(state->model->labels[i], prediction->label[j], &length);
        labels[j] = copy_string(state, label, length);
        if (!labels[j])
            return false;
    }
    *head = (grus_attention_head){
        .size = sizeof *head,
        .name = copy_string(state, config->name, strlen(config->name)),
        .on_token = config->on_token,
        .n = prediction->n,
        .labels = labels,
        .probs = copy_floats(state, prediction->prob, prediction->n),
    };
    return head->name && head->labels && head->probs;
}

// Those that say a label with its probability, which paths do not have; *n is how many.
static const grus_attention_head *const *take_heads(attending *state, size_t *n)
{
    const grus_config *config = &state->model->config;
    grus_attention_head *heads = grus_arena_alloc(state->arena, grus_max(config->n_heads, 1), sizeof *heads);
    const grus_attention_head **list = grus_arena_alloc(state->arena, grus_max(config->n_heads, 1), sizeof *list);
    for (size_t i = 0; heads && list && i < config->n_heads; i++) {
        if (grus_job_head_form(&state->job, i) != GRUS_FORM_LABEL || !state->result.predictions[i].prob)
            continue;
        if (!fill_head(state, i, &heads[*n]))
            return NULL;
        list[*n] = &heads[*n];
        (*n)++;
    }
    return heads ? list : NULL;
}

static bool fill_pooled(attending *state, grus_attention_map *map)
{
    static const uint32_t none = 0;
    map->rows = 1;
    map->row_tokens = take_tokens(state, NULL, &none, 1);
    bool weighted = fill_weights(state, state->result.attention, map);
    map->heads = take_heads(state, &map->n_heads);
    return map->row_tokens && weighted && map->heads;
}

// The map is the first thing in its own arena.
static grus_status make_map(attending *state, grus_error *error)
{
    const grus_model *model = state->model;
    state->arena = grus_arena_new(MAP_BLOCK);
    attention_map *made = state->arena ? grus_arena_alloc(state->arena, 1, sizeof *made) : NULL;
    if (!made)
        return grus_fail_memory(error, MAP_BLOCK);
    *made = (attention_map){.map.size = sizeof made->map, .arena = state->arena};
    grus_attention_map *map = &made->map;
    map->columns = state->result.length;
    map->column_tokens = take_tokens(state, grus_positions_are_kept(&model->config) ? model->source : NULL,
                                     state->parsed.ids.data, map->columns);
    bool filled = map->column_tokens && (model->config.seq2seq ? fill_decoded(state, map) : fill_pooled(state, map));
    state->map = map;
    return filled ? GRUS_OK : grus_fail_memory(error, grus_arena_bytes(state->arena));
}

// ---- the call ----

static void free_state(attending *state)
{
    grus_job_free(&state->job);
    grus_arena_free(state->results);
    grus_arena_free(state->arena);
    grus_parsed_free(&state->parsed);
    grus_buffer_free(&state->scratch);
    grus_output_scratch_free(&state->output);
    free(state);
}

static grus_status settle(attending *state, const grus_search *search, grus_error *error)
{
    const grus_model *model = state->model;
    grus_run_options options;
    grus_run_options_init(&options, sizeof options);
    options.search = model->config.seq2seq ? search : NULL;
    options.attention = GRUS_ATTENTION_SOFT;
    options.attention_heads = grus_config_attention(&model->config)->heads > 0;
    grus_status status = check_model(model, error);
    if (status == GRUS_OK)
        status = grus_run_settings_read(&state->settings, model, &options, error);
    return status == GRUS_OK ? grus_job_settle(&state->job, model, &state->settings.run, error) : status;
}

grus_status grus_attend_text(const grus_model *model, const char *text, size_t length, const grus_search *search,
                             grus_attention_map **map, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *map = NULL;
    attending *state = calloc(1, sizeof *state);
    if (!state)
        return grus_fail_memory(error, sizeof *state);
    state->model = model;
    grus_status status = settle(state, search, error);
    if (status == GRUS_OK)
        status = pack(state, text, length, error);
    if (status == GRUS_OK)
        status = infer(state, error);
    if (status == GRUS_OK)
        status = make_map(state, error);
    if (status == GRUS_OK) {
        *map = state->map;
        state->arena = NULL;
    }
    free_state(state);
    return status;
}

void grus_attention_map_free(grus_attention_map *map)
{
    if (map)
        grus_arena_free(((attention_map *)map)->arena);
}
