// remarks.c: the warnings, in words.
#include "config.h"

#include "scheduler/remarks.h"

#include <inttypes.h>

grus_status grus_remark_others(grus_shared *shared, grus_error *error)
{
    char text[sizeof(grus_error)];
    if (grus_shards_others(shared->shards, error) == GRUS_OK)
        return GRUS_OK;
    if (shared->job->options->strict)
        return error->status;
    grus_shared_warning(shared, grus_error_text(error, text, sizeof text));
    return GRUS_OK;
}

// Of the tokens of texts: what a model puts around each is in every vocabulary.
static void remark_unknown(grus_shared *shared, const grus_figures *figures)
{
    const grus_tokenizer *tokenizer = shared->job->model->source;
    uint64_t marks = tokenizer ? grus_tokenizer_marks(tokenizer) * (figures->records - figures->records_failed) : 0;
    uint64_t tokens = figures->tokens_in > marks ? figures->tokens_in - marks : 0;
    if (figures->tokens_unknown <= tokens / 2)
        return;
    char text[256];
    snprintf(text, sizeof text,
             "%" PRIu64 " of %" PRIu64 " source tokens, more than half, are unknown to the model's vocabulary",
             figures->tokens_unknown, tokens);
    grus_shared_warning(shared, text);
}

static void remark_lines(grus_shared *shared, const grus_figures *figures)
{
    uint64_t lines = figures->causes[GRUS_CAUSE_BAD_JSON];
    if (shared->job->options->input_type != GRUS_INPUT_JSONL || lines <= figures->records / 2 ||
        !grus_shard_is_stdin(&shared->shards->list[0]))
        return;
    char text[256];
    snprintf(text, sizeof text,
             "%" PRIu64 " of %" PRIu64
             " lines are no JSON: standard input is JSONL; run.input_type txt takes lines of text",
             lines, figures->records);
    grus_shared_warning(shared, text);
}

// Most often the texts are there, under another name.
static void remark_fields(grus_shared *shared, const grus_figures *figures)
{
    const grus_run_options *options = shared->job->options;
    uint64_t lacking = figures->causes[GRUS_CAUSE_NO_TEXT];
    for (size_t i = 0; i < shared->shards->n; i++)
        if (shared->shards->list[i].kind == GRUS_SHARD_TSV)
            return; // a column may be what is lacking
    if (lacking <= figures->records / 2)
        return;
    char text[512];
    snprintf(text, sizeof text,
             "%" PRIu64 " of %" PRIu64 " records have no field \"%.200s\"; run.text_key names that of the text",
             lacking, figures->records, options->text_key);
    grus_shared_warning(shared, text);
}

void grus_remark_figures(grus_shared *shared)
{
    grus_figures figures;
    grus_shared_account(shared, NULL, &figures);
    remark_unknown(shared, &figures);
    remark_lines(shared, &figures);
    remark_fields(shared, &figures);
}
