// check_engine_infer.c: what must hold of whole inferences whatever the numbers: independence of the batch to the last
// bit, forced decoding equal to the search, weights that sum to 1, memory within its bound. The numbers themselves are
// held against PyTorch by the golden cases.
#include "config.h"

#include "base/memory.h"
#include "tests/unit/check_engine.h"
#include "tests/unit/infer_fixture.h"

static void same_hypotheses(const grus_result *a, const grus_result *b, size_t source_length)
{
    ck_assert_uint_eq(a->n_hypotheses, b->n_hypotheses);
    for (size_t i = 0; i < a->n_hypotheses; i++) {
        const grus_hypothesis *x = &a->hypotheses[i], *y = &b->hypotheses[i];
        ck_assert_uint_eq(x->length, y->length);
        ck_assert_mem_eq(x->tokens, y->tokens, x->length * sizeof *x->tokens);
        ck_assert_mem_eq(&x->logprob, &y->logprob, sizeof x->logprob);
        ck_assert_mem_eq(&x->score, &y->score, sizeof x->score);
        ck_assert_int_eq(x->ended, y->ended);
        if (i == 0 && x->attention)
            ck_assert_mem_eq(x->attention, y->attention, x->length * source_length * sizeof *x->attention);
    }
}

static grus_infer_options search_options(size_t beam, size_t n_best)
{
    return (grus_infer_options){.attention = true,
                                .search = {.repetition_penalty = 1,
                                           .sampling_topk = 1,
                                           .beam_size = beam,
                                           .n_best = n_best,
                                           .length_norm = GRUS_NORM_GNMT,
                                           .length_penalty = 0.7,
                                           .max_length_factor = 1.5,
                                           .max_length = 25,
                                           .min_length = 1}};
}

START_TEST(a_search_does_not_depend_on_its_batch)
{
    uint64_t seed = 77;
    for (size_t variant = 0; variant < 24; variant++) {
        fixture f;
        fixture_make(&f, seq2seq_config(&seed, variant), variant + 1);
        grus_infer_options options = search_options(1 + variant % 5, 1 + variant % 2 * (variant % 5 > 0));
        grus_arena *all = grus_arena_new(0), *alone = grus_arena_new(0);
        grus_result results[N], single[7];
        run_batch(&f, all, &options, 0, N, results);
        for (size_t first = 0; first < N; first += 7) {
            size_t n = grus_min(7, N - first);
            run_batch(&f, alone, &options, first, n, single);
            for (size_t i = 0; i < n; i++)
                same_hypotheses(results + first + i, single + i, f.length[first + i]);
        }
        grus_arena_free(alone);
        grus_arena_free(all);
        fixture_free(&f);
    }
}
END_TEST

static bool same_tokens(const grus_hypothesis *a, const grus_hypothesis *b)
{
    return a->length == b->length && a->ended == b->ended &&
           memcmp(a->tokens, b->tokens, a->length * sizeof *a->tokens) == 0;
}

// Sorted, nothing twice, and rows of weights that sum to 1.
static void check_nbest(const grus_result *result, size_t source_length, const grus_infer_options *options)
{
    ck_assert(result->finite && result->n_hypotheses >= 1 && result->n_hypotheses <= options->search.n_best);
    for (size_t i = 1; i < result->n_hypotheses; i++) {
        ck_assert(result->hypotheses[i - 1].score >= result->hypotheses[i].score);
        for (size_t k = 0; k < i; k++)
            ck_assert(!same_tokens(&result->hypotheses[k], &result->hypotheses[i]));
    }
    const grus_hypothesis *best = result->hypotheses;
    ck_assert(best->attention != NULL || best->length == 0);
    for (size_t step = 0; step < best->length && source_length; step++) {
        double sum = 0;
        for (size_t t = 0; t < source_length; t++)
            sum += (double)best->attention[step * source_length + t];
        ASSERT_NEAR(sum, 1, 1e-6);
    }
}

#define N_BEST 3

// Sources and targets to follow: every hypothesis that ended, and what the search said of it.
typedef struct followed {
    size_t n, n_ids, n_targets;
    size_t length[N * N_BEST], target_length[N * N_BEST];
    uint32_t ids[N * N_BEST * 20], targets[N * N_BEST * 40];
    double expected[N * N_BEST];
} followed;

static void follow(followed *all, const fixture *f, size_t i, const grus_hypothesis *hypothesis)
{
    if (!hypothesis->ended)
        return;
    all->length[all->n] = f->length[i];
    memcpy(all->ids + all->n_ids, f->ids + f->offset[i], f->length[i] * sizeof *all->ids);
    all->n_ids += f->length[i];
    all->target_length[all->n] = hypothesis->length - 1;
    memcpy(all->targets + all->n_targets, hypothesis->tokens, (hypothesis->length - 1) * sizeof *all->targets);
    all->n_targets += hypothesis->length - 1;
    all->expected[all->n++] = hypothesis->logprob;
}

static void expect_followed(const fixture *f, const followed *all, const grus_search *search)
{
    static grus_result forced[N * N_BEST];
    grus_arena *arena = grus_arena_new(0);
    grus_batch batch = {.n = all->n,
                        .length = all->length,
                        .ids = all->ids,
                        .target_length = all->target_length,
                        .targets = all->targets};
    grus_infer_options force = {.force = true, .token_scores = true, .search = *search};
    grus_infer_stats stats = {0};
    grus_work work = {arena, NULL, &stats, NULL};
    ck_assert_int_eq(grus_infer(f->engine, &batch, &force, &work, forced), GRUS_OK);
    for (size_t i = 0; i < all->n; i++) {
        double sum = 0;
        for (size_t step = 0; step < forced[i].hypotheses[0].length; step++)
            sum += (double)forced[i].hypotheses[0].token_logprobs[step];
        ASSERT_NEAR(sum, all->expected[i], 1e-5);
        ASSERT_NEAR(forced[i].hypotheses[0].logprob, all->expected[i], 1e-5);
    }
    grus_arena_free(arena);
}

// The log-probability that the search reports of a hypothesis is that of following its tokens; every score, bridge and
// query comes by, with beams of 1 to 6.
START_TEST(forced_decoding_agrees_with_the_search)
{
    uint64_t seed = 78;
    size_t n = 0, n_of_heads = 0;
    for (size_t variant = 0; variant < 72; variant++) {
        fixture f;
        fixture_make(&f, seq2seq_config(&seed, variant), variant + 100);
        hasten(&f);
        size_t beam = 1 + variant % 6;
        grus_infer_options options = search_options(beam, grus_min(beam, N_BEST));
        grus_arena *arena = grus_arena_new(0);
        grus_result results[N];
        static followed all;
        all.n = all.n_ids = all.n_targets = 0;
        run_batch(&f, arena, &options, 0, N, results);
        for (size_t i = 0; i < N; i++) {
            check_nbest(results + i, f.length[i], &options);
            for (size_t k = 0; k < results[i].n_hypotheses; k++)
                follow(&all, &f, i, &results[i].hypotheses[k]);
        }
        expect_followed(&f, &all, &options.search);
        n += all.n;
        n_of_heads += f.config.attention.heads ? all.n : 0;
        grus_arena_free(arena);
        fixture_free(&f);
    }
    ck_assert_uint_gt(n, 2500);
    ck_assert_uint_gt(n_of_heads, 100);
}
END_TEST

// A batch whose searches all go to their limits: that of a source of length l is l + 10.
typedef struct crowd {
    size_t n, beam, positions;
    size_t *length;
    uint32_t *ids;
    uint64_t rows; // that all its steps have
} crowd;

static void crowd_make(crowd *c, bool halves, size_t n, size_t beam, uint64_t seed)
{
    *c = (crowd){.n = n, .beam = beam, .length = calloc(n, sizeof *c->length)};
    for (size_t i = 0; i < n; i++) {
        // Log-normal but for the tails: a sum of uniform numbers, squared.
        size_t sum = random_below(&seed, 4) + random_below(&seed, 4) + random_below(&seed, 4);
        c->length[i] = halves ? (i % 2 ? 2 : 60) : 1 + sum * sum / 2;
        c->positions += c->length[i];
        c->rows += 1 + (c->length[i] + 9) * beam;
    }
    c->ids = calloc(c->positions, sizeof *c->ids);
}

// FLOPs of the crowd if hypotheses shared nothing, for the model of the test: 17 units a direction and 34 in the decoder,
// embeddings tabled, dot attention.
static uint64_t crowd_flops(const fixture *f, const crowd *c)
{
    uint64_t layers = f->config.decoder.num_layers;
    uint64_t position = 2 * 6 * 17 * 17 + 2 * 6 * 17 * (34 + 17);
    uint64_t row = 6 * 34 * 34 + (layers - 1) * 6 * 34 * 68 + 2 * 34 * 68 + 2 * VOCAB * 34;
    uint64_t flops = c->positions * position + c->rows * row;
    for (size_t i = 0; i < c->n; i++)
        flops += (1 + (c->length[i] + 9) * c->beam) * c->length[i] * 4 * 34;
    return flops;
}

static void check_crowd(const fixture *f, const crowd *c, bool force)
{
    grus_arena *arena = grus_arena_new(0);
    grus_result *results = calloc(c->n, sizeof *results);
    size_t *target_length = calloc(c->n, sizeof *target_length);
    uint32_t *targets = calloc(c->positions + 9 * c->n, sizeof *targets);
    for (size_t i = 0; i < c->n; i++)
        target_length[i] = c->length[i] + 9; // and the end token
    grus_infer_options options = {.force = force,
                                  .search = {.repetition_penalty = 1,
                                             .sampling_topk = 1,
                                             .beam_size = c->beam,
                                             .n_best = 1,
                                             .max_length_factor = 1,
                                             .max_length = 1000,
                                             .min_length = 1000}};
    grus_batch batch = {.n = c->n,
                        .length = c->length,
                        .ids = c->ids,
                        .target_length = target_length,
                        .targets = force ? targets : NULL};
    grus_infer_stats stats = {0};
    grus_error error;
    grus_work work = {arena, NULL, &stats, &error};
    ck_assert_int_eq(grus_infer(f->engine, &batch, &options, &work, results), GRUS_OK);
    ck_assert_uint_eq(stats.rows, c->rows);
    ck_assert_uint_ge(stats.rows_computed, stats.rows);
    ck_assert_msg((double)stats.rows >= 0.95 * (double)stats.rows_computed, "beam %zu, force %d: %.2f %% busy", c->beam,
                  force, 100 * (double)stats.rows / (double)stats.rows_computed);
    if (c->beam == 1)
        ck_assert_uint_eq(stats.flops, crowd_flops(f, c));
    else
        ck_assert_uint_lt(stats.flops, crowd_flops(f, c));
    free(targets);
    free(target_length);
    free(results);
    grus_arena_free(arena);
}

START_TEST(rows_of_the_decoder_are_busy)
{
    uint64_t seed = 31;
    fixture f;
    fixture_make(&f, seq2seq_config(&seed, 0), 5);
    for (int halves = 0; halves < 2; halves++)
        for (size_t beam = 1; beam <= 5; beam += 4) {
            crowd c;
            crowd_make(&c, halves, beam == 1 ? 800 : 300, beam, 12);
            check_crowd(&f, &c, false);
            if (beam == 1)
                check_crowd(&f, &c, true);
            free(c.length);
            free(c.ids);
        }
    fixture_free(&f);
}
END_TEST

// The scores, and behind the last of them that of several heads.
static grus_attention_config pooling_attention(size_t number)
{
    if (number > GRUS_SCORE_ADDITIVE)
        return (grus_attention_config){GRUS_SCORE_SCALED_DOT, 12, 1.2, 4, 19};
    return (grus_attention_config){(grus_score_kind)number, 13, 1.2, 0, 0};
}

START_TEST(a_classification_does_not_depend_on_its_batch)
{
    const grus_pooling_kind kinds[] = {GRUS_POOL_ATTENTION, GRUS_POOL_MEAN, GRUS_POOL_MAX, GRUS_POOL_LAST};
    for (size_t variant = 0; variant < 64; variant++) {
        grus_config config = {.embedding_dim = 9, .source_vocab_size = VOCAB, .n_heads = 2};
        config.encoder.hidden_size = 21;
        config.encoder.num_layers = 2;
        config.encoder.direction = variant % 2 ? GRUS_BOTH : GRUS_FORWARD;
        config.encoder.cell = cell_of(variant);
        config.encoder.learned_state = variant % 3 == 0;
        config.pooling = (grus_pooling_config){.kind = kinds[variant % 4],
                                               .attention = pooling_attention(variant / 4 % 7),
                                               .learned_query = variant / 4 % 2,
                                               .normalize = variant / 8 % 2};
        char intent[] = "intent", slots[] = "slots";
        config.heads[0] = (grus_head_config){.name = intent, .n_labels = 5};
        config.heads[1] = (grus_head_config){.name = slots,
                                             .on_token = true,
                                             .n_inputs = 1 + variant % 4,
                                             .inputs = {variant % 3 ? GRUS_HEAD_STATE : GRUS_HEAD_LAYER,
                                                        GRUS_HEAD_POOLED, GRUS_HEAD_SOURCE, GRUS_HEAD_LAYER + 1},
                                             .n_hidden = variant / 2 % 3,
                                             .hidden = {{19, GRUS_ACTIVATION_SIGMOID}, {33, GRUS_ACTIVATION_SILU}},
                                             .decode = (grus_head_decode)(variant % 5 % 3),
                                             .n_labels = 40};
        grus_head_output output = (grus_head_output)(variant / 3 % 3);
        fixture f;
        fixture_make(&f, config, variant + 1);
        grus_infer_options options = {
            .heads = GRUS_ALL_HEADS,
            .head_output = output,
            .attention = true,
            .search = {.repetition_penalty = 1, .sampling_topk = 1, .beam_size = 1 + variant / 2 % 3}};
        bool ctc = config.heads[1].decode == GRUS_HEAD_CTC && output == GRUS_HEAD_LABELS;
        grus_arena *all = grus_arena_new(0), *alone = grus_arena_new(0);
        grus_result results[N], single;
        run_batch(&f, all, &options, 0, N, results);
        for (size_t i = 0; i < N; i++) {
            run_batch(&f, alone, &options, i, 1, &single);
            size_t width = grus_config_pooled_size(&config);
            ck_assert_mem_eq(results[i].embedding, single.embedding, width * sizeof(float));
            for (size_t head = 0; head < 2; head++) {
                const grus_prediction *a = &results[i].predictions[head], *b = &single.predictions[head];
                ck_assert_uint_eq(a->n, head && ctc ? b->n : head ? f.length[i] : 1);
                ck_assert(a->score == b->score && !a->prob == !b->prob);
                if (output == GRUS_HEAD_LABELS) {
                    ck_assert_mem_eq(a->label, b->label, a->n * sizeof *a->label);
                    if (a->prob)
                        ck_assert_mem_eq(a->prob, b->prob, a->n * sizeof *a->prob);
                } else {
                    size_t numbers = a->n * config.heads[head].n_labels;
                    ck_assert_mem_eq(a->numbers, b->numbers, numbers * sizeof *a->numbers);
                }
            }
        }
        grus_arena_free(alone);
        grus_arena_free(all);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(missing_and_misshapen_tensors_are_named)
{
    uint64_t seed = 5;
    grus_config config = seq2seq_config(&seed, 5);
    random_model model;
    random_model_make(&model, &config, 1);
    grus_tensors tensors = random_model_tensors(&model);
    for (size_t i = 0; i < model.n; i++) {
        random_tensor *tensor = &model.tensors[i];
        bool optional = strstr(tensor->name, "bias") && !strstr(tensor->name, "rnn"); // a cell has both or none
        grus_engine *engine = NULL;
        grus_error error = {0};
        tensor->shape[0]++; // the test's data is not read before the shape is checked
        ck_assert_int_eq(grus_engine_build(&config, &tensors, GRUS_COMPUTE_FLOAT32, &engine, &error), GRUS_E_MODEL);
        ck_assert_str_eq(error.place, tensor->name);
        ck_assert_ptr_nonnull(strstr(error.cause, "expected the shape ["));
        tensor->shape[0]--;
        char first = tensor->name[0];
        tensor->name[0] = '?';
        grus_status status = grus_engine_build(&config, &tensors, GRUS_COMPUTE_FLOAT32, &engine, &error);
        tensor->name[0] = first;
        ck_assert_int_eq(status, optional ? GRUS_OK : GRUS_E_MODEL);
        if (optional)
            grus_engine_free(engine);
        else
            ck_assert_str_eq(error.place, tensor->name);
    }
    random_model_free(&model);
}
END_TEST

// A NaN weight spoils its results, says so, and disturbs nothing else.
START_TEST(results_that_are_not_finite_are_told)
{
    uint64_t seed = 6;
    fixture f;
    fixture_make(&f, seq2seq_config(&seed, 0), 3);
    float *embedding = (float *)(uintptr_t)random_model_get(&f.model, "encoder.embedding.weight");
    for (size_t i = 0; i < f.config.embedding_dim; i++)
        embedding[4 * f.config.embedding_dim + i] = NAN;
    grus_engine_free(f.engine);
    grus_tensors tensors = random_model_tensors(&f.model);
    ck_assert_int_eq(grus_engine_build(&f.config, &tensors, GRUS_COMPUTE_FLOAT32, &f.engine, NULL), GRUS_OK);
    grus_arena *arena = grus_arena_new(0);
    grus_infer_options options = search_options(3, 2);
    grus_result results[N];
    run_batch(&f, arena, &options, 0, N, results);
    for (size_t i = 0; i < N; i++) {
        bool spoilt = false;
        for (size_t t = f.offset[i]; t < f.offset[i + 1]; t++)
            spoilt = spoilt || f.ids[t] == 4;
        ck_assert_int_eq(results[i].finite, !spoilt);
    }
    grus_arena_free(arena);
    fixture_free(&f);
}
END_TEST

TCase *infer_case(void)
{
    TCase *tcase = tcase_create("infer");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_search_does_not_depend_on_its_batch);
    tcase_add_test(tcase, forced_decoding_agrees_with_the_search);
    tcase_add_test(tcase, rows_of_the_decoder_are_busy);
    tcase_add_test(tcase, a_classification_does_not_depend_on_its_batch);
    tcase_add_test(tcase, missing_and_misshapen_tensors_are_named);
    tcase_add_test(tcase, results_that_are_not_finite_are_told);
    return tcase;
}
