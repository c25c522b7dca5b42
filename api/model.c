// model.c: what can be asked of a loaded model. A description of all of it is describe.c's.
#include "config.h"

#include "grus.h"

#include "base/error.h"
#include "base/text.h"
#include "scheduler/limits.h"
#include "scheduler/model.h"

grus_task grus_model_task(const grus_model *model)
{
    const grus_config *config = &model->config;
    size_t on_token = 0;
    for (size_t i = 0; i < config->n_heads; i++)
        on_token += config->heads[i].on_token;
    if (config->seq2seq)
        return GRUS_TASK_TRANSLATE;
    if (config->n_heads == 0)
        return GRUS_TASK_EMBED;
    if (on_token == 0)
        return GRUS_TASK_CLASSIFY;
    return on_token == config->n_heads ? GRUS_TASK_TAG : GRUS_TASK_OWN;
}

grus_compute_type grus_model_compute_type(const grus_model *model)
{
    return model->compute_type;
}

const char *grus_model_kernel_name(const grus_model *model)
{
    return model->facts.kernel;
}

// ---- heads ----

size_t grus_model_heads(const grus_model *model)
{
    return model->config.n_heads;
}

const char *grus_model_head_name(const grus_model *model, size_t head)
{
    return head < model->config.n_heads ? model->config.heads[head].name : NULL;
}

bool grus_model_head_is_on_token(const grus_model *model, size_t head)
{
    return head < model->config.n_heads && model->config.heads[head].on_token;
}

size_t grus_model_labels(const grus_model *model, size_t head)
{
    return head < model->config.n_heads && model->labels[head] ? model->config.heads[head].n_labels : 0;
}

const char *grus_model_label(const grus_model *model, size_t head, size_t label, size_t *length)
{
    *length = 0;
    return label < grus_model_labels(model, head) ? grus_vocab_token(model->labels[head], (uint32_t)label, length)
                                                  : NULL;
}

// ---- vocabularies ----

size_t grus_model_tokens(const grus_model *model, grus_side side)
{
    if (side == GRUS_SIDE_SOURCE)
        return model->source ? model->facts.source_vocab : 0;
    return side == GRUS_SIDE_TARGET && model->target ? model->facts.target_vocab : 0;
}

grus_status grus_model_token(const grus_model *model, grus_side side, size_t id, grus_text *token, grus_error *error)
{
    grus_buffer text = {0};
    *token = (grus_text){0};
    if (id >= grus_model_tokens(model, side))
        return grus_fail(error, GRUS_E_USAGE, model->dir, NULL, "%zu is the id of no token", id);
    grus_tokenizer_token(side == GRUS_SIDE_SOURCE ? model->source : model->target, (uint32_t)id, &text);
    return grus_text_take(token, &text, error);
}

size_t grus_model_feature_dim(const grus_model *model)
{
    return model->config.features ? model->config.feature_dim : 0;
}

// ---- limits and names ----

size_t grus_model_limit(const grus_model *model, grus_limit limit)
{
    (void)model;
    switch (limit) {
    case GRUS_LIMIT_POSITIONS:
        return GRUS_RECORD_POSITIONS;
    case GRUS_LIMIT_CELLS:
        return GRUS_RECORD_CELLS;
    }
    return 0;
}

bool grus_model_prefix(const grus_model *model, size_t i, const char **own, const char **in_file)
{
    if (i >= model->config.n_renames)
        return false;
    *own = model->config.renames[i].from;
    *in_file = model->config.renames[i].to;
    return true;
}
