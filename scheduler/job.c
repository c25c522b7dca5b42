// job.c: options, checked and turned into what the threads of a run need.
#include "config.h"

#include "scheduler/job.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/positions.h"
#include "engine/search_rules.h"
#include "io/shard/codec.h"
#include "scheduler/members.h"

static grus_status refuse(grus_error *error, const char *field, const char *why)
{
    return grus_fail(error, GRUS_E_USAGE, NULL, field, "%s", why);
}

// ---- what the model is asked for ----

static size_t select_heads(grus_job *job, bool sequence, bool token)
{
    const grus_config *config = &job->model->config;
    size_t n = 0;
    for (size_t i = 0; i < config->n_heads; i++) {
        n += job->heads[i] = config->heads[i].on_token ? token : sequence;
        job->infer.heads |= (uint32_t)job->heads[i] << i;
    }
    return n;
}

static grus_status settle_encoder(grus_job *job, grus_task task, grus_error *error)
{
    const grus_config *config = &job->model->config;
    switch (task) {
    case GRUS_TASK_OWN:
        job->embedding = select_heads(job, true, true) == 0;
        break;
    case GRUS_TASK_EMBED:
        job->embedding = true;
        break;
    case GRUS_TASK_CLASSIFY:
        if (select_heads(job, true, false) == 0)
            return refuse(error, "run.task", "classify needs a model with a head on sequences");
        break;
    case GRUS_TASK_TAG:
        if (select_heads(job, false, true) == 0)
            return refuse(error, "run.task", "tag needs a model with a head on tokens");
        break;
    case GRUS_TASK_STATES: // is not asked here
        break;
    case GRUS_TASK_TRANSLATE:
    case GRUS_TASK_SCORE:
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.task", "%s needs a model with a decoder",
                         grus_task_names[task]);
    }
    if (job->embedding && config->pooling.kind == GRUS_POOL_NONE)
        return refuse(error, "run.task", "embed needs a model with pooling");
    if (job->options->attention == GRUS_ATTENTION_HARD)
        return refuse(error, "run.attention", "hard needs a model with a decoder");
    if (job->options->attention == GRUS_ATTENTION_SOFT && config->pooling.kind != GRUS_POOL_ATTENTION)
        return refuse(error, "run.attention", "soft needs a decoder or a pooling by attention");
    return GRUS_OK;
}

static grus_status settle_decoder(grus_job *job, grus_task task, grus_error *error)
{
    if (task != GRUS_TASK_OWN && task != GRUS_TASK_TRANSLATE && task != GRUS_TASK_SCORE)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.task", "%s needs an encoder model; this one has a decoder",
                         grus_task_names[task]);
    if (job->options->attention != GRUS_ATTENTION_NONE && job->model->config.decoder.query == GRUS_QUERY_NONE)
        return refuse(error, "run.attention", "needs a model with attention; this one's decoder has none");
    job->hypotheses = true;
    job->infer.force = task == GRUS_TASK_SCORE;
    return GRUS_OK;
}

// What the encoder gives is asked of every model alike.
static grus_status settle_states(grus_job *job, grus_error *error)
{
    job->states = job->infer.states = true;
    if (job->options->attention != GRUS_ATTENTION_NONE)
        return refuse(error, "run.attention", "run.task states gives no attention");
    return GRUS_OK;
}

static grus_status settle_task(grus_job *job, grus_error *error)
{
    grus_task task = job->options->task;
    if (task == GRUS_TASK_STATES)
        return settle_states(job, error);
    return job->model->config.seq2seq ? settle_decoder(job, task, error) : settle_encoder(job, task, error);
}

// The head whose numbers are all of the result, or the number of heads.
static size_t find_numbers_head(const grus_job *job)
{
    size_t n_heads = job->model->config.n_heads, found = n_heads;
    for (size_t i = 0; i < n_heads; i++) {
        if (!job->heads[i])
            continue;
        if (found < n_heads || grus_job_head_form(job, i) != GRUS_FORM_NUMBERS)
            return n_heads;
        found = i;
    }
    return found;
}

static grus_status settle_safetensors(grus_job *job, grus_error *error)
{
    const grus_config *config = &job->model->config;
    size_t head = find_numbers_head(job);
    if (!job->embedding && !job->states && head == config->n_heads)
        return refuse(error, "run.format",
                      "safetensors takes the numbers of run.task embed or states, or of one head (run.head_output)");
    if (job->options->attention != GRUS_ATTENTION_NONE)
        return refuse(error, "run.format", "safetensors has no room for attention");
    bool of_head = head < config->n_heads;
    size_t vector = job->embedding ? grus_config_pooled_size(config) : grus_config_output_size(config);
    job->columns = of_head ? config->heads[head].n_labels : vector;
    return GRUS_OK;
}

static grus_status settle_npy(grus_job *job, grus_error *error)
{
    const grus_config *config = &job->model->config;
    size_t head = find_numbers_head(job);
    if (!job->embedding && (head == config->n_heads || config->heads[head].on_token))
        return refuse(
            error, "run.format",
            "npy takes the vectors of run.task embed, or the numbers of one head on sequences (run.head_output)");
    if (job->options->attention != GRUS_ATTENTION_NONE)
        return refuse(error, "run.format", "npy has no room for attention");
    job->columns = job->embedding ? grus_config_pooled_size(config) : config->heads[head].n_labels;
    return GRUS_OK;
}

static grus_status settle_compression(grus_job *job, grus_error *error)
{
    const grus_run_options *options = job->options;
    job->suffix = grus_output_suffix(options->format, options->compress);
    if (options->compress != GRUS_COMPRESS_GZ)
        return GRUS_OK;
    if (options->format == GRUS_FORMAT_NPY)
        return refuse(error, "run.compress", "npy is not compressed");
    const grus_codec *codec = grus_codec_of_name(job->suffix);
    int least, most;
    if (!codec->compressor)
        return refuse(error, "run.compress", "this grus was built without zlib (Debian package: zlib1g-dev)");
    codec->levels(&least, &most);
    return options->level >= least && options->level <= most
               ? GRUS_OK
               : grus_fail(error, GRUS_E_USAGE, NULL, "run.level", "%d is not between %d and %d, the levels of gz",
                           options->level, least, most);
}

// txt has room for one result a line.
static grus_status settle_format(grus_job *job, grus_error *error)
{
    const grus_run_options *options = job->options;
    grus_status status = settle_compression(job, error);
    if (status != GRUS_OK || options->format == GRUS_FORMAT_JSONL)
        return status;
    if (options->format == GRUS_FORMAT_SAFETENSORS)
        return settle_safetensors(job, error);
    if (options->format == GRUS_FORMAT_NPY)
        return settle_npy(job, error);
    if (job->states)
        return refuse(error, "run.format", "txt has no room for the states of many positions");
    if (options->attention != GRUS_ATTENTION_NONE)
        return refuse(error, "run.format", "txt has no room for attention");
    if (options->token_scores)
        return refuse(error, "run.format", "txt has no room for token scores");
    if (options->mark_truncated)
        return refuse(error, "run.format", "txt has no room for run.mark_truncated");
    size_t heads = 0;
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        heads += job->heads[i];
    if (heads > 1)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.format",
                         "txt has room for one head and the task selects %zu; choose with run.task", heads);
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i] && job->model->config.heads[i].on_token && grus_job_head_form(job, i) >= GRUS_FORM_SUBSET)
            return refuse(error, "run.format", "txt has no room for lists of each position");
    return GRUS_OK;
}

// ---- names of the result ----

static void add_field(grus_job *job, size_t field)
{
    job->result_fields[job->record.n_result_fields++] = job->names.list[field];
}

// The fields that are printed, in the order in which a record that has one of them is told.
static void list_fields(grus_job *job)
{
    const grus_run_options *options = job->options;
    job->record.result_fields = job->result_fields;
    if (options->attention != GRUS_ATTENTION_NONE)
        add_field(job, options->attention == GRUS_ATTENTION_SOFT ? GRUS_RESULT_ATTENTION : GRUS_RESULT_ALIGNMENT);
    if (job->embedding)
        add_field(job, GRUS_RESULT_EMBEDDING);
    if (job->states)
        add_field(job, GRUS_RESULT_STATES);
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i])
            add_field(job, GRUS_N_RESULTS + i);
    if (!job->hypotheses)
        return;
    add_field(job, GRUS_RESULT_LOGPROB);
    add_field(job, GRUS_RESULT_SCORE);
    if (!job->infer.force)
        add_field(job, GRUS_RESULT_OUTPUT);
    if (!job->infer.force && options->search->n_best > 1)
        add_field(job, GRUS_RESULT_NBEST);
    if (options->token_scores)
        add_field(job, GRUS_RESULT_TOKEN_LOGPROBS);
    if (options->mark_truncated)
        add_field(job, GRUS_RESULT_TRUNCATED);
}

// The field that run.output_key names: what txt would print.
static grus_status name_main_result(grus_job *job, grus_error *error)
{
    size_t main = job->states ? GRUS_RESULT_STATES : GRUS_RESULT_EMBEDDING, heads = 0;
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i]) {
            main = GRUS_N_RESULTS + i;
            heads++;
        }
    if (heads > 1)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.output_key",
                         "names one head and the task selects %zu; choose with run.task, or take run.field_prefix",
                         heads);
    if (job->hypotheses)
        main = job->infer.force ? GRUS_RESULT_SCORE : GRUS_RESULT_OUTPUT;
    job->names.list[main] = job->options->output_key;
    return GRUS_OK;
}

// A field of a record's frame, or one of the result twice.
static grus_status check_names(const grus_job *job, grus_error *error)
{
    const grus_run_options *options = job->options;
    const char *const frame[] = {options->id_key, "error", "grus_error"};
    const char *field = options->output_key     ? "run.output_key"
                        : options->field_prefix ? "run.field_prefix"
                                                : "run.format";
    for (size_t i = 0; i < job->record.n_result_fields; i++) {
        const char *name = job->result_fields[i];
        bool taken = false;
        for (size_t j = 0; j < sizeof frame / sizeof *frame; j++)
            taken = taken || strcmp(name, frame[j]) == 0;
        for (size_t j = 0; j < i; j++)
            taken = taken || strcmp(name, job->result_fields[j]) == 0;
        if (taken)
            return grus_fail(
                error, GRUS_E_USAGE, NULL, field,
                "\"%s\" is a field that grus writes itself, too; run.output_key and run.field_prefix name results",
                name);
    }
    return GRUS_OK;
}

static grus_status name_results(grus_job *job, grus_error *error)
{
    const grus_run_options *options = job->options;
    bool renamed = options->output_key || options->field_prefix;
    if (options->format != GRUS_FORMAT_JSONL)
        return renamed
                   ? grus_fail(error, GRUS_E_USAGE, NULL, options->output_key ? "run.output_key" : "run.field_prefix",
                               "names fields, and run.format %s has none", grus_format_names[options->format])
                   : GRUS_OK;
    grus_status status = grus_result_names_make(&job->names, &job->model->config, options, error);
    if (status == GRUS_OK && options->output_key)
        status = name_main_result(job, error);
    if (status != GRUS_OK)
        return status;
    list_fields(job);
    return check_names(job, error);
}

static void describe_records(grus_job *job)
{
    const grus_run_options *options = job->options;
    const grus_model *model = job->model;
    job->record = (grus_record_format){
        .text_key = options->text_key,
        .id_key = options->id_key,
        .target_key = job->prefixed ? options->prefix_key : options->target_key,
        .text_column = options->text_column,
        .target_column = options->target_column,
        .want_target = job->infer.force || job->prefixed,
        .target_optional = job->prefixed,
        .want_ids = model->source && grus_tokenizer_takes_ids(model->source),
        .want_target_ids = (job->infer.force || job->prefixed) && grus_tokenizer_takes_ids(model->target),
        .want_features = model->config.features,
        .feature_dim = model->config.features ? model->config.feature_dim : 0,
    };
}

// The first of the rules on tokens that is not at its default, or NULL.
static const char *rule_on_tokens(const grus_search *search)
{
    if (search->disable_unk)
        return "search.disable_unk";
    if (search->replace_unk)
        return "search.replace_unk";
    if (search->no_repeat_ngram_size)
        return "search.no_repeat_ngram_size";
    if (search->repetition_penalty != 1)
        return "search.repetition_penalty";
    if (search->sampling_topk != 1)
        return "search.sampling_topk";
    return search->sampling_temperature != 1 ? "search.sampling_temperature" : NULL;
}

// An <unk> becomes the source token that its step looked at most: there are such tokens, and a step looks at them.
static grus_status settle_replacing(grus_job *job, grus_error *error)
{
    static const char field[] = "search.replace_unk";
    const grus_config *config = &job->model->config;
    if (!job->infer.search.replace_unk)
        return GRUS_OK;
    if (config->decoder.query == GRUS_QUERY_NONE)
        return refuse(error, field, "needs a model with attention; this one's decoder has none");
    if (config->features)
        return refuse(error, field, "needs a source of tokens; this model's is features");
    if (!grus_positions_are_kept(config))
        return refuse(error, field, "needs a position for each source token; this model's front moves them");
    if (grus_tokenizer_takes_ids(job->model->target))
        return refuse(error, field, "needs a target of text; this model's is ids");
    job->infer.marks_before = config->tokenizer.bos != NULL;
    job->infer.marks_behind = config->tokenizer.eos != NULL;
    return GRUS_OK;
}

// An encoder model searches for nothing but what a ctc head says.
static grus_status check_search(const grus_job *job, grus_error *error)
{
    const grus_search *search = job->options->search;
    const char *rule = rule_on_tokens(search);
    bool ctc = false;
    if (rule && (!job->hypotheses || job->infer.force))
        return refuse(error, rule, "goes with run.task translate");
    if (job->model->config.seq2seq && search->sampling_topk > job->model->facts.target_vocab)
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.sampling_topk",
                         "%zu is more than the tokens of the target, %zu", search->sampling_topk,
                         job->model->facts.target_vocab);
    if (job->model->config.seq2seq)
        return GRUS_OK;
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        ctc = ctc || (job->heads[i] && job->model->config.heads[i].decode == GRUS_HEAD_CTC);
    if (search->n_best > 1)
        return refuse(error, "search.n_best", "goes with a model that has a decoder");
    if (search->length_norm != GRUS_NORM_NONE)
        return refuse(error, "search.length_norm", "goes with a model that has a decoder");
    if (search->beam_size > 1 && !ctc)
        return refuse(error, "search.beam_size", "goes with a model that has a decoder, or a task with a ctc head");
    return GRUS_OK;
}

static grus_status settle_ensemble(grus_job *job, grus_error *error)
{
    const grus_run_options *options = job->options;
    if (options->n_ensemble == 0)
        return GRUS_OK;
    if (!job->hypotheses)
        return refuse(error, "run.ensemble", "goes with run.task translate and score");
    if (options->attention_heads)
        return refuse(error, "run.attention_heads", "goes with one model; heads of several have no mean");
    bool attends = job->infer.attention || job->infer.search.replace_unk;
    grus_status status = grus_members_check(job->model, options->ensemble, options->n_ensemble, attends, error);
    if (status != GRUS_OK)
        return status;
    job->infer.n_others = options->n_ensemble;
    for (size_t i = 0; i < options->n_ensemble; i++)
        job->infer.others[i] = options->ensemble[i]->engine;
    return GRUS_OK;
}

grus_status grus_job_settle(grus_job *job, const grus_model *model, const grus_run_options *options, grus_error *error)
{
    *job = (grus_job){.model = model, .options = options};
    grus_status status = settle_task(job, error);
    if (status != GRUS_OK)
        return status;
    if (options->token_scores && !job->infer.force)
        return refuse(error, "run.token_scores", "goes with run.task score");
    if (options->mark_truncated && (!job->hypotheses || job->infer.force))
        return refuse(error, "run.mark_truncated", "goes with run.task translate");
    if (options->prefix_key && (!job->hypotheses || job->infer.force))
        return refuse(error, "run.prefix_key", "goes with run.task translate");
    job->prefixed = options->prefix_key;
    if (options->attention_heads && options->attention != GRUS_ATTENTION_SOFT)
        return refuse(error, "run.attention_heads", "goes with run.attention soft");
    if (options->attention_heads && !grus_config_attention(&model->config)->heads)
        return refuse(error, "run.attention_heads", "needs a model whose attention has heads");
    if (job->hypotheses && options->search->unique_nbest && (job->infer.force || options->search->n_best == 1))
        return refuse(error, "search.unique_nbest", "goes with run.task translate and search.n_best above 1");
    if (options->head_output != GRUS_HEAD_LABELS && !job->infer.heads)
        return refuse(error, "run.head_output", "goes with a task that selects heads");
    job->infer.head_output = (grus_head_output)options->head_output;
    job->infer.attention = options->attention != GRUS_ATTENTION_NONE;
    job->infer.attention_heads = options->attention_heads;
    job->infer.token_scores = options->token_scores;
    job->infer.search = *options->search;
    status = check_search(job, error);
    if (status == GRUS_OK)
        status = settle_replacing(job, error);
    if (status == GRUS_OK)
        status = settle_ensemble(job, error);
    if (status != GRUS_OK)
        return status;
    describe_records(job);
    status = settle_format(job, error);
    return status == GRUS_OK ? name_results(job, error) : status;
}

void grus_job_free(grus_job *job)
{
    grus_result_names_free(&job->names);
}

grus_head_form grus_job_head_form(const grus_job *job, size_t head)
{
    static const grus_head_form forms[] = {[GRUS_HEAD_SOFTMAX] = GRUS_FORM_LABEL,
                                           [GRUS_HEAD_SIGMOID] = GRUS_FORM_SUBSET,
                                           [GRUS_HEAD_NUMBERS] = GRUS_FORM_NUMBERS};
    const grus_head_config *config = job->model->config.heads + head;
    if (job->infer.head_output != GRUS_HEAD_LABELS)
        return GRUS_FORM_NUMBERS;
    return config->decode == GRUS_HEAD_CTC ? GRUS_FORM_OUTPUT : forms[config->activation];
}

// ---- sizes ----

size_t grus_job_most_positions(const grus_job *job, size_t positions, size_t records)
{
    return grus_positions_most(&job->model->config, positions, records);
}

// positions are those behind the front.
static size_t cells_of(const grus_job *job, size_t positions, size_t targets)
{
    if (!job->infer.attention)
        return 0;
    size_t rows = 1;
    if (job->infer.force)
        rows = targets + 1;
    else if (job->hypotheses)
        rows = grus_search_limit(&job->infer.search, positions);
    rows = grus_mul_sat(rows, grus_config_attention_rows(&job->model->config, job->infer.attention_heads));
    return grus_mul_sat(positions, rows);
}

size_t grus_job_cells(const grus_job *job, size_t positions, size_t targets)
{
    return cells_of(job, grus_positions_of(&job->model->config, positions), targets);
}

size_t grus_job_most_cells(const grus_job *job, size_t positions, size_t records)
{
    const grus_config *config = &job->model->config;
    // A forced target takes its positions from the same sum: the product is greatest where both have half.
    size_t half = positions / 2 + 1;
    if (job->infer.force && config->n_front == 0)
        return cells_of(job, half, half);
    return cells_of(job, grus_job_most_positions(job, positions, records), positions);
}
