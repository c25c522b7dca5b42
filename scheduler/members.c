// members.c: what members have in common, item by item.
#include "config.h"

#include "scheduler/members.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/positions.h"

static grus_status refuse(const grus_model *other, const char *why, grus_error *error)
{
    return grus_fail(error, GRUS_E_USAGE, other->dir, "run.ensemble", "%s", why);
}

// The token of an id, in a buffer that is cleared.
static void put_token(const grus_tokenizer *tokenizer, size_t id, grus_buffer *text)
{
    grus_buffer_clear(text);
    grus_tokenizer_token(tokenizer, (uint32_t)id, text);
}

// The first of n ids whose tokens differ, or n.
static size_t find_difference(const grus_tokenizer *a, const grus_tokenizer *b, size_t n, grus_buffer texts[2])
{
    for (size_t id = 0; id < n; id++) {
        put_token(a, id, &texts[0]);
        put_token(b, id, &texts[1]);
        if (texts[0].failed || texts[1].failed || texts[0].size != texts[1].size ||
            (texts[0].size && memcmp(texts[0].data, texts[1].data, texts[0].size) != 0))
            return id;
    }
    return n;
}

static grus_status compare_tokens(const grus_model *first, const grus_model *other, bool of_target, grus_error *error)
{
    const char *side = of_target ? "target" : "source";
    const grus_tokenizer *a = of_target ? first->target : first->source, *b = of_target ? other->target : other->source;
    size_t n = of_target ? first->facts.target_vocab : first->facts.source_vocab;
    size_t its = of_target ? other->facts.target_vocab : other->facts.source_vocab;
    grus_buffer texts[2] = {{0}};
    grus_status status = GRUS_OK;
    if (n != its)
        return grus_fail(error, GRUS_E_USAGE, other->dir, "run.ensemble",
                         "has %zu %s tokens, and the first model has %zu", its, side, n);
    size_t id = find_difference(a, b, n, texts);
    if (texts[0].failed || texts[1].failed)
        status = grus_fail_memory(error, texts[0].size);
    else if (id < n)
        status = grus_fail(error, GRUS_E_USAGE, other->dir, "run.ensemble",
                           "its %s token %zu is \"%.*s\", and the first model's is \"%.*s\"", side, id,
                           (int)grus_min(texts[1].size, 64), texts[1].size ? texts[1].data : "",
                           (int)grus_min(texts[0].size, 64), texts[0].size ? texts[0].data : "");
    grus_buffer_free(&texts[0]);
    grus_buffer_free(&texts[1]);
    return status;
}

static bool are_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool cut_alike(const grus_tokenizer_config *a, const grus_tokenizer_config *b)
{
    return a->kind == b->kind && a->lowercase == b->lowercase && are_equal(a->bos, b->bos) && are_equal(a->eos, b->eos);
}

static grus_status compare_sources(const grus_model *first, const grus_model *other, grus_error *error)
{
    const grus_config *a = &first->config, *b = &other->config;
    if (a->features != b->features)
        return refuse(other,
                      b->features ? "its source is features, and the first model's is tokens"
                                  : "its source is tokens, and the first model's is features",
                      error);
    if (a->features && a->feature_dim != b->feature_dim)
        return grus_fail(error, GRUS_E_USAGE, other->dir, "run.ensemble",
                         "reads %zu features a position, and the first model reads %zu", b->feature_dim,
                         a->feature_dim);
    if (a->features)
        return GRUS_OK;
    if (!cut_alike(&a->tokenizer, &b->tokenizer))
        return refuse(other, "its source tokenizer is another than the first model's", error);
    return compare_tokens(first, other, false, error);
}

static grus_status compare_targets(const grus_model *first, const grus_model *other, grus_error *error)
{
    const grus_decoder_config *a = &first->config.decoder, *b = &other->config.decoder;
    if (!cut_alike(&a->tokenizer, &b->tokenizer))
        return refuse(other, "its target tokenizer is another than the first model's", error);
    grus_status status = compare_tokens(first, other, true, error);
    if (status != GRUS_OK)
        return status;
    if (a->eos != b->eos)
        return refuse(other, "its end token is another than the first model's", error);
    if (a->no_bos != b->no_bos || (!a->no_bos && a->bos != b->bos))
        return refuse(other, "its first step reads another token than the first model's", error);
    return GRUS_OK;
}

// The next layer from `at` on whose windows are of more than one position.
static size_t next_window(const grus_config *config, size_t at)
{
    while (at < config->n_front && config->front[at].kernel == 1 && config->front[at].stride == 1 &&
           config->front[at].padding == 0)
        at++;
    return at;
}

static bool is_same_window(const grus_front_layer_config *a, const grus_front_layer_config *b)
{
    return a->kernel == b->kernel && a->stride == b->stride && a->padding == b->padding && a->dilation == b->dilation;
}

// Whether a source has the same positions behind both fronts.
static bool have_equal_positions(const grus_config *a, const grus_config *b)
{
    if (grus_positions_are_kept(a) && grus_positions_are_kept(b))
        return true;
    size_t i = next_window(a, 0), j = next_window(b, 0);
    while (i < a->n_front && j < b->n_front && is_same_window(a->front + i, b->front + j)) {
        i = next_window(a, i + 1);
        j = next_window(b, j + 1);
    }
    return i == a->n_front && j == b->n_front;
}

static grus_status compare(const grus_model *first, const grus_model *other, bool attends, grus_error *error)
{
    if (!other->config.seq2seq)
        return refuse(other, "has no decoder", error);
    if (other->compute_type != first->compute_type)
        return grus_fail(error, GRUS_E_USAGE, other->dir, "run.ensemble",
                         "was loaded for %s, and the first model for %s", grus_compute_names[other->compute_type],
                         grus_compute_names[first->compute_type]);
    grus_status status = compare_sources(first, other, error);
    if (status == GRUS_OK)
        status = compare_targets(first, other, error);
    if (status != GRUS_OK)
        return status;
    if (!have_equal_positions(&first->config, &other->config))
        return refuse(other, "its front makes other positions of a source than the first model's", error);
    if (attends && other->config.decoder.query == GRUS_QUERY_NONE)
        return refuse(other, "its decoder has no attention, which is asked for", error);
    return GRUS_OK;
}

grus_status grus_members_check(const grus_model *first, const grus_model *const *others, size_t n, bool attends,
                               grus_error *error)
{
    grus_status status = GRUS_OK;
    if (n > GRUS_OTHERS_MOST)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.ensemble", "%zu models are more than %d", n, GRUS_OTHERS_MOST);
    for (size_t i = 0; i < n && status == GRUS_OK; i++)
        status = compare(first, others[i], attends, error);
    return status;
}
