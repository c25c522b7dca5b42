// load.c: a model directory to a grus_model, and its end. What can be asked of it is model.c's.
#include "config.h"

#include "grus.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/sized.h"
#include "io/file.h"
#include "io/json/json_write.h"
#include "io/model/model_dir.h"
#include "io/model/safetensors.h"
#include "scheduler/model.h"

#define HASH_BLOCK ((size_t)64 << 10)

// ---- hash ----

static grus_status hash_file(const char *path, XXH64_state_t *state, grus_error *error)
{
    int file = grus_fd_open(path, GRUS_E_MODEL, error);
    if (file < 0)
        return GRUS_E_MODEL;
    char *block = malloc(HASH_BLOCK);
    grus_status status = block ? GRUS_OK : grus_fail_memory(error, HASH_BLOCK);
    uint64_t size = 0;
    for (size_t got = 1; status == GRUS_OK && got > 0; size += got) {
        if (!grus_fd_read(file, block, HASH_BLOCK, &got))
            status = grus_fail_errno(error, GRUS_E_MODEL, path, "cannot be read");
        XXH64_update(state, block, got);
    }
    // The size keeps two files from being taken for one of both lengths.
    XXH64_update(state, &size, sizeof size);
    free(block);
    close(file);
    return status;
}

// A file of the model directory, where the configuration names one.
static grus_status hash_member(const grus_model *model, const char *name, XXH64_state_t *state, grus_error *error)
{
    if (!name || !*name)
        return GRUS_OK;
    char *path = grus_path_join(model->dir, name);
    if (!path)
        return grus_fail_memory(error, strlen(name) + 1);
    grus_status status = hash_file(path, state, error);
    free(path);
    return status;
}

static grus_status hash_model(grus_model *model, const grus_safetensors *file, grus_error *error)
{
    const grus_config *config = &model->config;
    const grus_tokenizer_config *source = &config->tokenizer, *target = &config->decoder.tokenizer;
    const char *names[] = {"config.json", source->vocab, source->codes, source->model,
                           target->vocab, target->codes, target->model};
    XXH64_state_t *state = XXH64_createState();
    if (!state)
        return grus_fail_memory(error, sizeof(XXH64_state_t *));
    uint64_t weights = 0;
    grus_status status = grus_safetensors_hash(file, &weights, error);
    XXH64_reset(state, 0);
    XXH64_update(state, &weights, sizeof weights);
    for (size_t i = 0; i < sizeof names / sizeof *names && status == GRUS_OK; i++)
        status = hash_member(model, names[i], state, error);
    for (size_t i = 0; i < config->n_heads && status == GRUS_OK; i++)
        status = hash_member(model, config->heads[i].labels, state, error);
    model->hash = XXH64_digest(state);
    XXH64_freeState(state);
    return status;
}

// An error, or where it is allowed a warning.
static grus_status object(bool allowed, const grus_error *found, const grus_load_options *options, grus_error *error)
{
    if (!allowed) {
        *error = *found;
        return error->status;
    }
    char text[sizeof(grus_error)];
    if (options->on_warning)
        options->on_warning(options->context, grus_error_text(found, text, sizeof text));
    return GRUS_OK;
}

// ---- vocabularies ----

// A line that cannot be a token makes every word of it unknown without a word.
static grus_status report_lines(const grus_vocab *vocab, grus_vocab_use use, const char *path,
                                const grus_load_options *options, grus_error *error)
{
    grus_vocab_fault faults[GRUS_VOCAB_FAULTS];
    size_t n = vocab ? grus_vocab_faults(vocab, use, faults) : 0;
    for (size_t i = 0; i < n; i++) {
        grus_error found;
        char place[40], more[60] = "";
        snprintf(place, sizeof place, "line %zu", faults[i].line);
        if (faults[i].n > 1)
            snprintf(more, sizeof more, " (and %zu lines more)", faults[i].n - 1);
        grus_fail(&found, GRUS_E_MODEL, path, place, "%s: no %s is like that%s", faults[i].reason,
                  use == GRUS_VOCAB_LABELS ? "label" : "token of this tokenizer", more);
        grus_status status = object(!options->strict, &found, options, error);
        if (status != GRUS_OK)
            return status;
    }
    return GRUS_OK;
}

static grus_status report_tokens(const grus_model *model, const grus_tokenizer *tokenizer,
                                 const grus_tokenizer_config *config, const grus_load_options *options,
                                 grus_error *error)
{
    if (!grus_tokenizer_vocab(tokenizer))
        return GRUS_OK;
    char *path = grus_path_join(model->dir, config->vocab);
    if (!path)
        return grus_fail_memory(error, strlen(config->vocab));
    grus_vocab_use use = config->kind == GRUS_TOKENIZER_CHAR ? GRUS_VOCAB_POINTS : GRUS_VOCAB_WORDS;
    grus_status status = report_lines(grus_tokenizer_vocab(tokenizer), use, path, options, error);
    free(path);
    return status;
}

// Adds to *all, unless NULL, what it takes in a list.
static grus_status json_length(const char *text, size_t length, grus_buffer *scratch, size_t *longest, size_t *all,
                               grus_error *error)
{
    grus_buffer_clear(scratch);
    grus_json_string(scratch, text, length);
    if (scratch->failed)
        return grus_fail_memory(error, length);
    *longest = grus_max(*longest, scratch->size);
    if (all)
        *all += scratch->size + strlen(", ");
    return GRUS_OK;
}

static grus_status refuse_head(const grus_model *model, size_t head, const char *key, grus_error *error)
{
    const grus_head_config *config = &model->config.heads[head];
    char file[sizeof error->file], place[sizeof error->place];
    snprintf(file, sizeof file, "%s/config.json", model->dir);
    snprintf(place, sizeof place, "heads.%s.%s", config->name, key);
    if (strcmp(key, "size") == 0)
        return grus_fail(error, GRUS_E_MODEL, file, place, "expected the number of its labels, %zu, found %zu",
                         grus_vocab_size(model->labels[head]), config->n_labels);
    return grus_fail(error, GRUS_E_MODEL, file, place, "expected the line of a label, below %zu, found %zu",
                     config->n_labels, config->blank);
}

static grus_status take_labels(grus_model *model, size_t head, grus_error *error)
{
    grus_head_config *config = &model->config.heads[head];
    size_t n = grus_vocab_size(model->labels[head]);
    if (config->n_labels && config->n_labels != n)
        return refuse_head(model, head, "size", error);
    config->n_labels = n;
    if (config->decode == GRUS_HEAD_CTC && config->blank >= n)
        return refuse_head(model, head, "blank", error);
    grus_status status = GRUS_OK;
    grus_buffer scratch = {0};
    for (size_t i = 0; i < n && status == GRUS_OK; i++) {
        size_t length;
        const char *label = grus_vocab_token(model->labels[head], (uint32_t)i, &length);
        status = json_length(label, length, &scratch, &model->longest_label[head], &model->all_labels[head], error);
    }
    grus_buffer_free(&scratch);
    return status;
}

static grus_status load_labels(grus_model *model, const grus_load_options *options, grus_error *error)
{
    grus_config *config = &model->config;
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < config->n_heads && status == GRUS_OK; i++) {
        if (!*config->heads[i].labels)
            continue;
        char *path = grus_path_join(model->dir, config->heads[i].labels);
        if (!path)
            return grus_fail_memory(error, strlen(config->heads[i].labels));
        status = grus_vocab_read(path, &model->labels[i], error);
        if (status == GRUS_OK)
            status = report_lines(model->labels[i], GRUS_VOCAB_LABELS, path, options, error);
        free(path);
        if (status == GRUS_OK)
            status = take_labels(model, i, error);
    }
    return status;
}

static grus_status load_source(grus_model *model, const grus_load_options *options, grus_error *error)
{
    grus_config *config = &model->config;
    if (config->features)
        return GRUS_OK;
    grus_status status = grus_tokenizer_open(model->dir, &config->tokenizer, &model->source, error);
    if (status != GRUS_OK)
        return status;
    config->source_vocab_size = grus_tokenizer_size(model->source);
    return report_tokens(model, model->source, &config->tokenizer, options, error);
}

static grus_status find_special(const grus_model *model, const char *key, const char *token, size_t *id,
                                grus_error *error)
{
    uint32_t found = token ? grus_tokenizer_special(model->target, token) : GRUS_NO_ID;
    if (found == GRUS_NO_ID) {
        char file[sizeof error->file];
        snprintf(file, sizeof file, "%s/config.json", model->dir);
        return grus_fail(error, GRUS_E_MODEL, file, key, "expected a token of the decoder's vocabulary, found \"%s\"",
                         token ? token : "");
    }
    *id = found;
    return GRUS_OK;
}

static grus_status find_suppressed(const grus_model *model, grus_decoder_config *decoder, grus_error *error)
{
    if (decoder->n_suppressed == 0)
        return GRUS_OK;
    decoder->suppressed_id = calloc(decoder->n_suppressed, sizeof *decoder->suppressed_id);
    if (!decoder->suppressed_id)
        return grus_fail_memory(error, decoder->n_suppressed * sizeof *decoder->suppressed_id);
    for (size_t i = 0; i < decoder->n_suppressed; i++) {
        size_t id = 0;
        grus_status status = find_special(model, "generation.suppress", decoder->suppressed[i], &id, error);
        if (status != GRUS_OK)
            return status;
        decoder->suppressed_id[i] = (uint32_t)id;
    }
    return GRUS_OK;
}

static grus_status load_target(grus_model *model, const grus_load_options *options, grus_error *error)
{
    grus_decoder_config *decoder = &model->config.decoder;
    if (!model->config.seq2seq)
        return GRUS_OK;
    // A forced target is encoded without bos and end token: the engine puts them in their places.
    grus_tokenizer_config bare = decoder->tokenizer;
    bare.bos = bare.eos = NULL;
    grus_status status = grus_tokenizer_open(model->dir, &bare, &model->target, error);
    if (status != GRUS_OK)
        return status;
    decoder->vocab_size = grus_tokenizer_size(model->target);
    status = report_tokens(model, model->target, &decoder->tokenizer, options, error);
    if (status == GRUS_OK && !decoder->no_bos)
        status = find_special(model, "decoder.bos", decoder->tokenizer.bos, &decoder->bos, error);
    if (status == GRUS_OK)
        status = find_special(model, "decoder.eos", decoder->tokenizer.eos, &decoder->eos, error);
    uint32_t unk = grus_tokenizer_unknown(model->target);
    decoder->has_unk = unk != GRUS_NO_ID;
    decoder->unk = decoder->has_unk ? unk : 0;
    return status == GRUS_OK ? find_suppressed(model, decoder, error) : status;
}

// Once the engine has told the sizes.
static grus_status settle_sizes(grus_model *model, grus_error *error)
{
    model->facts = grus_engine_describe(model->engine);
    if (model->source && grus_tokenizer_size(model->source) == 0)
        grus_tokenizer_set_size(model->source, model->facts.source_vocab);
    if (!model->target)
        return GRUS_OK;
    const grus_decoder_config *decoder = &model->config.decoder;
    if (grus_tokenizer_size(model->target) == 0)
        grus_tokenizer_set_size(model->target, model->facts.target_vocab);
    if ((decoder->bos >= model->facts.target_vocab && !decoder->no_bos) || decoder->eos >= model->facts.target_vocab)
        return grus_fail(error, GRUS_E_MODEL, model->dir, "decoder",
                         "bos %zu or eos %zu is not below the %zu rows of the embedding", decoder->bos, decoder->eos,
                         model->facts.target_vocab);
    grus_buffer text = {0}, scratch = {0};
    grus_status status = GRUS_OK;
    if (grus_tokenizer_takes_ids(model->target))
        model->longest_token = sizeof "4294967295";
    else
        for (uint32_t id = 0; id < model->facts.target_vocab && status == GRUS_OK; id++) {
            grus_buffer_clear(&text);
            grus_tokenizer_decode(model->target, &id, 1, &text);
            status = json_length(text.data ? text.data : "", text.size, &scratch, &model->longest_token, NULL, error);
        }
    grus_buffer_free(&text);
    grus_buffer_free(&scratch);
    return status;
}

// ---- tensors ----

static grus_status list_tensors(grus_model *model, const grus_safetensors *file, grus_error *error)
{
    size_t n = grus_safetensors_count(file);
    model->tensors = calloc(grus_max(n, 1), sizeof *model->tensors);
    if (!model->tensors)
        return grus_fail_memory(error, n * sizeof *model->tensors);
    for (size_t i = 0; i < n; i++) {
        grus_tensor tensor;
        grus_tensor_line *line = &model->tensors[i];
        grus_safetensors_get(file, i, &tensor, &line->used);
        line->name = line->owned = strdup(tensor.name);
        if (!line->name)
            return grus_fail_memory(error, strlen(tensor.name) + 1);
        model->n_tensors = i + 1;
        line->dtype = grus_dtype_name(tensor.dtype);
        line->rank = tensor.rank;
        for (size_t k = 0; k < tensor.rank; k++)
            line->shape[k] = tensor.shape[k];
        grus_dtype_bytes(tensor.dtype, tensor.count, &line->bytes);
    }
    return GRUS_OK;
}

static grus_status report_unused(const grus_model *model, const char *path, const grus_load_options *options,
                                 grus_error *error)
{
    for (size_t i = 0; i < model->n_tensors; i++) {
        const grus_tensor_line *line = &model->tensors[i];
        if (line->used)
            continue;
        grus_error found;
        grus_fail(&found, GRUS_E_MODEL, path, line->name, "the configuration does not use this tensor");
        grus_status status = object(!options->strict, &found, options, error);
        if (status != GRUS_OK)
            return status;
    }
    return GRUS_OK;
}

// NAME[row, column] of element number `at`.
static void element_name(const grus_tensor *tensor, size_t at, char *text, size_t size)
{
    size_t index[GRUS_TENSOR_RANK], used = (size_t)snprintf(text, size, "%.150s[", tensor->name);
    for (size_t k = tensor->rank; k-- > 0; at /= tensor->shape[k])
        index[k] = at % tensor->shape[k];
    for (size_t k = 0; k < tensor->rank && used < size; k++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", k ? ", " : "", index[k]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

static grus_status report_nonfinite(const grus_safetensors *file, const char *path, const grus_load_options *options,
                                    grus_error *error)
{
    for (size_t i = 0; i < grus_safetensors_count(file); i++) {
        grus_tensor tensor;
        bool used;
        grus_safetensors_get(file, i, &tensor, &used);
        // A scale stands for itself; what is found in its weights then is a product that is too large.
        bool read = used && (grus_dtype_is_float(tensor.dtype) ||
                             (tensor.scale && grus_tensor_find_nonfinite(tensor.scale) == tensor.scale->count));
        size_t at = read ? grus_tensor_find_nonfinite(&tensor) : tensor.count;
        if (at == tensor.count)
            continue;
        grus_error found;
        char place[sizeof found.place];
        element_name(&tensor, at, place, sizeof place);
        grus_fail(&found, GRUS_E_MODEL, path, place, "is not a finite number; load.allow_nonfinite takes such weights");
        grus_status status = object(options->allow_nonfinite, &found, options, error);
        if (status != GRUS_OK)
            return status;
    }
    return GRUS_OK;
}

static grus_status load_tensors(grus_model *model, const grus_load_options *options, grus_error *error)
{
    char *path = grus_path_join(model->dir, "model.safetensors");
    if (!path)
        return grus_fail_memory(error, strlen(model->dir));
    grus_safetensors *file = NULL;
    grus_status status = grus_safetensors_open(path, model->config.renames, model->config.n_renames, &file, error);
    if (status != GRUS_OK)
        goto no_file;
    grus_tensors tensors = grus_safetensors_tensors(file);
    status = grus_engine_build(&model->config, &tensors, model->compute_type, &model->engine, error);
    if (status != GRUS_OK)
        grus_error_in_file(error, path);
    if (grus_safetensors_failure(file, error) != GRUS_OK)
        status = error->status;
    if (status == GRUS_OK)
        status = list_tensors(model, file, error);
    if (status == GRUS_OK)
        status = report_unused(model, path, options, error);
    if (status == GRUS_OK)
        status = report_nonfinite(file, path, options, error);
    if (status == GRUS_OK)
        status = hash_model(model, file, error);
    grus_safetensors_close(file);
no_file:
    free(path);
    return status;
}

// ---- the model ----

_Static_assert(sizeof(grus_load_options) == offsetof(grus_load_options, reserved) + 5, "padding");

static const grus_load_options load_defaults;

void grus_load_options_init(grus_load_options *options, size_t size)
{
    grus_sized_init(options, size, &load_defaults, sizeof load_defaults);
}

static grus_status load(grus_model *model, const char *dir, const grus_load_options *options, grus_error *error)
{
    model->dir = strdup(dir);
    grus_status status = model->dir ? GRUS_OK : grus_fail_memory(error, strlen(dir) + 1);
    if (status == GRUS_OK)
        status = grus_config_read(dir, &model->config, error);
    if (status == GRUS_OK)
        status = load_source(model, options, error);
    if (status == GRUS_OK)
        status = load_target(model, options, error);
    if (status == GRUS_OK)
        status = load_labels(model, options, error);
    if (status == GRUS_OK)
        status = load_tensors(model, options, error);
    return status == GRUS_OK ? settle_sizes(model, error) : status;
}

grus_status grus_model_load(const char *dir, const grus_load_options *options, grus_model **loaded, grus_error *error)
{
    grus_error unseen;
    grus_load_options whole = load_defaults;
    if (!error)
        error = &unseen;
    *loaded = NULL;
    grus_status status = options ? grus_sized_read(&whole, sizeof whole, options, "load", error) : GRUS_OK;
    if (status != GRUS_OK)
        return status;
    if (whole.compute_type > GRUS_COMPUTE_INT8)
        return grus_fail(error, GRUS_E_USAGE, "load.compute_type", NULL, "is a grus_compute_type, found %d",
                         whole.compute_type);
    grus_model *model = calloc(1, sizeof *model);
    if (!model)
        return grus_fail_memory(error, sizeof *model);
    model->compute_type = (grus_compute_type)whole.compute_type;
    status = load(model, dir, &whole, error);
    if (status != GRUS_OK) {
        grus_model_free(model);
        return status;
    }
    *loaded = model;
    return GRUS_OK;
}

void grus_model_free(grus_model *model)
{
    if (!model)
        return;
    grus_engine_free(model->engine);
    for (size_t i = 0; i < model->n_tensors; i++)
        free(model->tensors[i].owned);
    free(model->tensors);
    for (size_t i = 0; i < GRUS_MAX_HEADS; i++)
        if (model->labels[i])
            grus_vocab_free(model->labels[i]);
    if (model->target)
        grus_tokenizer_close(model->target);
    if (model->source)
        grus_tokenizer_close(model->source);
    grus_config_free(&model->config);
    free(model->dir);
    free(model);
}
