// check_engine_memory.c: what an arena takes for a batch stays below what is announced for any batch within the bounds,
// and comes near it where a batch is as large as they allow.
#include "config.h"

#include "base/memory.h"
#include "base/positions.h"
#include "engine/engine.h"
#include "engine/search_rules.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define VOCAB 50
#define MOST 600 // records

typedef struct model {
    grus_config config;
    random_model tensors;
    grus_engine *engine;
    char name[2][8]; // of its heads
    grus_direction directions[3];
    grus_front_layer_config front[3];
} model;

static grus_cell_config cell_of(size_t number)
{
    const grus_cell_config cells[] = {{0}, {.reset = GRUS_RESET_BEFORE}, {.kind = GRUS_CELL_LSTM}};
    return cells[number % 3];
}

// Heads where the score is theirs, for half of these.
static grus_attention_config attention_of(size_t variant)
{
    grus_attention_config attention = {(grus_score_kind)(variant % 6), 24, 1, 0, 0};
    if (attention.score == GRUS_SCORE_SCALED_DOT && variant / 6 % 2)
        attention.heads = 1 + variant / 12 % 4, attention.context_dim = 40;
    return attention;
}

static void translator(grus_config *config, size_t variant, uint64_t *seed)
{
    const grus_part inputs[3] = {GRUS_PART_EMBEDDING, GRUS_PART_CONTEXT, GRUS_PART_READOUT};
    config->seq2seq = true;
    config->attention = attention_of(variant);
    grus_decoder_config *decoder = &config->decoder;
    size_t size = grus_config_output_size(config); // so that every score may be tried
    *decoder = (grus_decoder_config){
        .embedding_dim = size,
        .hidden_size = size,
        .num_layers = config->encoder.directions ? 1 : 1 + random_below(seed, config->encoder.num_layers),
        .cell = cell_of(variant / 3),
        .bridge = (grus_bridge_kind)(variant % 4),
        .query = (grus_query_kind)(variant % 3),
        .n_inputs = 1 + variant % 3,
        .n_readout = 2,
        .readout = {GRUS_PART_STATE, GRUS_PART_CONTEXT},
        .readout_size = variant % 5 ? 32 : 0,
        .vocab_size = VOCAB,
        .bos = 1,
        .eos = 2};
    memcpy(decoder->inputs, inputs, sizeof inputs);
    if (variant % 6 == 4)
        random_config_condition(decoder);
}

static void labeller(model *m, size_t variant)
{
    const grus_pooling_kind kinds[] = {GRUS_POOL_ATTENTION, GRUS_POOL_MEAN, GRUS_POOL_MAX, GRUS_POOL_LAST};
    grus_config *config = &m->config;
    config->pooling = (grus_pooling_config){
        .kind = kinds[variant % 4], .attention = attention_of(variant), .learned_query = variant % 2};
    config->n_heads = 2;
    for (size_t i = 0; i < 2; i++) {
        snprintf(m->name[i], sizeof m->name[i], "head%zu", i);
        config->heads[i] =
            (grus_head_config){.name = m->name[i],
                               .on_token = i == 1,
                               .activation = (grus_head_activation)((variant + i) % 3),
                               .n_inputs = 1 + variant % 4,
                               .inputs = {variant % 2 ? GRUS_HEAD_STATE : GRUS_HEAD_LAYER, GRUS_HEAD_POOLED,
                                          GRUS_HEAD_SOURCE, GRUS_HEAD_LAYER + config->encoder.num_layers - 1},
                               .n_hidden = (variant + i) % 4,
                               .hidden = {{48, GRUS_ACTIVATION_RELU}, {7, GRUS_ACTIVATION_TANH}, {90, 0}},
                               .n_labels = 5 + 40 * i};
        if (i == 1 && config->heads[i].activation == GRUS_HEAD_SOFTMAX)
            config->heads[i].decode = (grus_head_decode)(variant / 3 % 3);
    }
}

static void model_make(model *m, bool seq2seq, size_t variant, uint64_t *seed)
{
    *m = (model){.config = {.embedding_dim = 12, .source_vocab_size = VOCAB}};
    m->config.encoder.hidden_size = 16 + 16 * random_below(seed, 4);
    m->config.encoder.num_layers = 1 + random_below(seed, 3);
    m->config.encoder.direction = (grus_direction)(variant % 2 ? GRUS_BOTH : GRUS_FORWARD);
    if (variant % 3 == 2) { // the top layer is the only one of one direction
        for (size_t i = 0; i < 3; i++)
            m->directions[i] = i + 1 < m->config.encoder.num_layers ? GRUS_BOTH : GRUS_BACKWARD;
        m->config.encoder.directions = m->directions;
    }
    m->config.encoder.cell = cell_of(variant / 2);
    m->config.front = m->front;
    m->config.n_front = variant % 5 == 4 ? 1 + variant % 3 : 0;
    random_front(&(uint64_t){variant + 1}, m->config.embedding_dim, m->front, m->config.n_front);
    if (seq2seq)
        translator(&m->config, variant, seed);
    else
        labeller(m, variant);
    random_model_make(&m->tensors, &m->config, variant + 1);
    grus_tensors tensors = random_model_tensors(&m->tensors);
    grus_error error = {0};
    ck_assert_msg(grus_engine_build(&m->config, &tensors, GRUS_COMPUTE_FLOAT32, &m->engine, &error) == GRUS_OK,
                  "%s: %s", error.place, error.cause);
}

static void model_free(model *m)
{
    grus_engine_free(m->engine);
    random_model_free(&m->tensors);
}

static grus_infer_options random_options(const model *m, uint64_t *seed)
{
    size_t beam = 1 + random_below(seed, 6);
    bool force = m->config.seq2seq && random_below(seed, 3) == 0;
    return (grus_infer_options){.heads = (uint32_t)random_below(seed, 4),
                                .head_output = (grus_head_output)random_below(seed, 3),
                                .force = force,
                                .attention = random_below(seed, 2),
                                .token_scores = force && random_below(seed, 2),
                                .search = {.repetition_penalty = 1,
                                           .sampling_topk = 1,
                                           .beam_size = beam,
                                           .n_best = 1 + random_below(seed, beam),
                                           .max_length_factor = 0.5 * (double)random_below(seed, 5),
                                           .max_length = 1 + random_below(seed, 40),
                                           .min_length = random_below(seed, 40)}};
}

// Bounds, and a batch within them.
typedef struct work_load {
    const grus_config *config;
    size_t positions, records, cells;
    size_t n, used; // positions, those of targets among them
    size_t length[MOST], target_length[MOST];
    uint32_t *ids, *targets;
} work_load;

static size_t add_record(work_load *load, const grus_infer_options *options, size_t length, size_t target)
{
    size_t i = load->n++;
    load->length[i] = length;
    load->target_length[i] = options->force ? target : 0;
    load->used += length + load->target_length[i];
    length = grus_positions_of(load->config, length);
    size_t steps = options->force ? target + 1 : grus_search_limit(&options->search, length);
    return options->attention ? steps * length : 0;
}

static void fill_ids(work_load *load, uint64_t *seed)
{
    load->ids = calloc(load->positions + 1, sizeof *load->ids);
    load->targets = calloc(load->positions + 1, sizeof *load->targets);
    for (size_t i = 0; i < load->positions; i++) {
        load->ids[i] = (uint32_t)random_below(seed, VOCAB);
        load->targets[i] = (uint32_t)random_below(seed, VOCAB);
    }
}

// A random batch, often of far fewer records or positions than may be; now and then one takes all the positions.
static void random_load(work_load *load, const model *m, const grus_infer_options *options, uint64_t *seed)
{
    *load = (work_load){
        .config = &m->config, .positions = 1 + random_below(seed, 3000), .records = 1 + random_below(seed, MOST)};
    size_t most = random_below(seed, 8) ? 1 + random_below(seed, 40) : load->positions;
    while (load->n < load->records && random_below(seed, 200)) {
        size_t left = load->positions - load->used;
        size_t length = random_below(seed, grus_min(most, left) + 1);
        size_t target = options->force ? random_below(seed, grus_min(most, left - length) + 1) : 0;
        load->cells += add_record(load, options, length, target);
    }
    load->cells += random_below(seed, 2) * random_below(seed, 1000);
    fill_ids(load, seed);
}

// As many records and positions as may be.
static void full_load(work_load *load, const model *m, const grus_infer_options *options, uint64_t *seed)
{
    size_t length = 8 + random_below(seed, 30), records = 200 + random_below(seed, 300);
    *load = (work_load){.config = &m->config, .positions = length * records, .records = records};
    for (size_t i = 0; i < records; i++)
        load->cells += add_record(load, options, length, 0);
    fill_ids(load, seed);
}

// Runs the batch; returns what was announced, and in *peak what was in use.
static size_t run_load(const model *m, const work_load *load, const grus_infer_options *options, size_t *peak)
{
    static grus_result results[MOST];
    grus_batch batch = {.n = load->n,
                        .length = load->length,
                        .ids = load->ids,
                        .target_length = load->target_length,
                        .targets = load->targets};
    grus_arena *arena = grus_arena_new(0);
    grus_infer_stats stats = {0};
    grus_error error = {0};
    grus_work work = {arena, NULL, &stats, &error};
    size_t bound = grus_workspace_bound(m->engine, options, load->positions, load->records, load->cells);
    ck_assert_int_eq(grus_infer(m->engine, &batch, options, &work, results), GRUS_OK);
    ck_assert_uint_le(grus_arena_bytes(arena), bound);
    *peak = grus_arena_peak(arena);
    ck_assert_uint_le(*peak, grus_arena_bytes(arena));
    grus_arena_free(arena);
    return bound;
}

START_TEST(no_batch_takes_more_than_announced)
{
    uint64_t seed = 91;
    for (size_t variant = 0; variant < 48; variant++) {
        model m;
        model_make(&m, variant % 2, variant / 2, &seed);
        for (size_t round = 0; round < 6; round++) {
            static work_load load;
            size_t peak;
            grus_infer_options options = random_options(&m, &seed);
            random_load(&load, &m, &options, &seed);
            run_load(&m, &load, &options, &peak);
            free(load.ids);
            free(load.targets);
        }
        model_free(&m);
    }
}
END_TEST

START_TEST(a_full_batch_takes_more_than_half_of_it)
{
    uint64_t seed = 93;
    for (size_t variant = 0; variant < 24; variant++) {
        model m;
        model_make(&m, variant % 2, variant / 2, &seed);
        static work_load load;
        size_t peak;
        grus_infer_options options = random_options(&m, &seed);
        full_load(&load, &m, &options, &seed);
        size_t bound = run_load(&m, &load, &options, &peak);
        size_t most = m.config.n_front ? 3 : 2; // a front without padding leaves fewer positions than it may
        ck_assert_msg(bound <= most * peak, "variant %zu: %zu announced, %zu used", variant, bound, peak);
        free(load.ids);
        free(load.targets);
        model_free(&m);
    }
}
END_TEST

TCase *memory_case(void)
{
    TCase *tcase = tcase_create("memory");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, no_batch_takes_more_than_announced);
    tcase_add_test(tcase, a_full_batch_takes_more_than_half_of_it);
    return tcase;
}
