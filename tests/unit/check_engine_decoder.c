// check_engine_decoder.c: what a decoder says of tokens, searched and forced, against its equations in double: every cell,
// every query, contexts folded and not, embeddings tabled and not.
#include "config.h"

#include "base/memory.h"
#include "engine/engine.h"
#include "tests/support/plain_model.h"
#include "tests/unit/check_engine.h"

#define SOURCES 7
#define LONGEST 9
#define STEPS 25 // the most of a search
#define LARGE_VOCAB 60000
#define TABLE_BYTES ((size_t)64 << 20) // a table that would be larger is not made
#define N_BEST 3
#define FOLLOWED (SOURCES * N_BEST)

typedef struct shape {
    size_t number; // what goes round by it: cells, queries, bridges, inputs, readouts, layers
    size_t hidden, vocab;
    unsigned lstms; // 1: the encoder is one, 2: the decoder is one
} shape;

static void choose_parts(grus_decoder_config *decoder, size_t number)
{
    const grus_part orders[4][3] = {{GRUS_PART_CONTEXT, GRUS_PART_EMBEDDING},
                                    {GRUS_PART_EMBEDDING, GRUS_PART_READOUT, GRUS_PART_CONTEXT},
                                    {GRUS_PART_EMBEDDING, GRUS_PART_READOUT},
                                    {GRUS_PART_READOUT, GRUS_PART_CONTEXT}};
    const size_t counts[4] = {2, 3, 2, 2};
    decoder->n_inputs = counts[number % 4];
    memcpy(decoder->inputs, orders[number % 4], sizeof decoder->inputs);
    decoder->n_readout = 2;
    decoder->readout[0] = GRUS_PART_STATE;
    decoder->readout[1] = GRUS_PART_CONTEXT;
    decoder->readout_size = number % 5 == 4 ? 0 : 6; // without one a context cannot be folded
    decoder->readout_tanh = number % 2;
}

#define CONDITIONAL 36 // from this number on decoders are

// Every cell at 12 numbers one after the other, every query at 36.
static grus_config config_of(shape of)
{
    size_t cell = of.number % 12, turn = of.number / 12;
    grus_config config = {.seq2seq = true, .embedding_dim = 5, .source_vocab_size = 11};
    config.encoder.hidden_size = 4;
    config.encoder.num_layers = 3;
    config.encoder.direction = GRUS_BOTH;
    config.attention = (grus_attention_config){GRUS_SCORE_GENERAL, 0, 0.8, 0, 0};
    grus_decoder_config *decoder = &config.decoder;
    decoder->cell = (grus_cell_config){GRUS_CELL_GRU, (grus_cell_reset)(cell % 2), (grus_gate_activation)(cell / 2 % 2),
                                       (grus_cell_activation)(cell / 4)};
    config.encoder.cell = of.lstms & 1 ? (grus_cell_config){.kind = GRUS_CELL_LSTM} : decoder->cell;
    if (of.lstms & 2)
        decoder->cell = (grus_cell_config){.kind = GRUS_CELL_LSTM};
    decoder->hidden_size = of.hidden;
    decoder->embedding_dim = 3;
    decoder->num_layers = 1 + (cell / 2 + turn) % 3;
    decoder->bridge = (grus_bridge_kind)((cell + turn) % 4);
    if (decoder->bridge == GRUS_BRIDGE_LAST && of.hidden != grus_config_output_size(&config))
        decoder->bridge = GRUS_BRIDGE_LINEAR_TANH;
    decoder->query = (grus_query_kind)(turn % 3);
    choose_parts(decoder, cell / 2 + turn);
    if (of.number >= CONDITIONAL)
        random_config_condition(decoder);
    decoder->vocab_size = of.vocab;
    decoder->bos = 1;
    decoder->eos = 2;
    return config;
}

typedef struct fixture {
    grus_config config;
    random_model model;
    grus_engine *engine;
    size_t length[SOURCES], offset[SOURCES + 1];
    uint32_t ids[SOURCES * LONGEST];
    grus_arena *arena;
    grus_infer_options options;
} fixture;

static void fixture_make(fixture *f, shape of, size_t beam)
{
    uint64_t seed = 1000 * of.number + of.hidden + 1;
    f->config = config_of(of);
    random_model_make(&f->model, &f->config, seed);
    grus_tensors tensors = random_model_tensors(&f->model);
    ck_assert_int_eq(grus_engine_build(&f->config, &tensors, GRUS_COMPUTE_FLOAT32, &f->engine, NULL), GRUS_OK);
    if (of.vocab == LARGE_VOCAB)
        ck_assert_uint_lt(grus_engine_describe(f->engine).weight_bytes, TABLE_BYTES);
    f->offset[0] = 0;
    for (size_t i = 0; i < SOURCES; i++) {
        f->length[i] = i == 2 ? 0 : 1 + random_below(&seed, LONGEST);
        f->offset[i + 1] = f->offset[i] + f->length[i];
    }
    for (size_t i = 0; i < f->offset[SOURCES]; i++)
        f->ids[i] = (uint32_t)random_below(&seed, f->config.source_vocab_size);
    f->arena = grus_arena_new(0);
    f->options = (grus_infer_options){.token_scores = true,
                                      .search = {.repetition_penalty = 1,
                                                 .sampling_topk = 1,
                                                 .beam_size = beam,
                                                 .n_best = grus_min(beam, N_BEST),
                                                 .max_length_factor = 1,
                                                 .max_length = STEPS}};
}

static void fixture_free(fixture *f)
{
    grus_arena_free(f->arena);
    grus_engine_free(f->engine);
    random_model_free(&f->model);
}

// The hypotheses of a search, as targets to follow: those that ended, without their end tokens.
typedef struct followed {
    size_t n, n_ids, n_tokens;
    size_t length[FOLLOWED], target_length[FOLLOWED];
    uint32_t ids[FOLLOWED * LONGEST], targets[FOLLOWED * STEPS];
    double logprob[FOLLOWED];
} followed;

static void follow(followed *all, const fixture *f, size_t i, const grus_hypothesis *h)
{
    if (!h->ended)
        return;
    all->length[all->n] = f->length[i];
    memcpy(all->ids + all->n_ids, f->ids + f->offset[i], f->length[i] * sizeof *all->ids);
    all->n_ids += f->length[i];
    all->target_length[all->n] = h->length - 1;
    memcpy(all->targets + all->n_tokens, h->tokens, (h->length - 1) * sizeof *all->targets);
    all->n_tokens += h->length - 1;
    all->logprob[all->n++] = h->logprob;
}

// A hypothesis against the equations; of a greedy one each token must be the likeliest.
static void check_hypothesis(const fixture *f, const uint32_t *ids, size_t length, const grus_hypothesis *h)
{
    double logprob[STEPS], best[STEPS], sum = 0;
    plain_follow(&f->model, &f->config, ids, length, h->tokens, h->length, &(plain_scores){logprob, best});
    for (size_t step = 0; step < h->length; step++) {
        double tolerance = 1e-5 * fmax(1, fabs(logprob[step]));
        sum += logprob[step];
        if (h->token_logprobs)
            ASSERT_NEAR(h->token_logprobs[step], logprob[step], tolerance);
        else if (f->options.search.beam_size == 1)
            ck_assert(logprob[step] >= best[step] - tolerance);
    }
    ASSERT_NEAR(h->logprob, sum, 1e-5 * fmax(1, fabs(sum)));
}

static size_t check_search(fixture *f, followed *all)
{
    grus_result results[SOURCES];
    grus_batch batch = {.n = SOURCES, .length = f->length, .ids = f->ids};
    grus_infer_stats stats = {0};
    grus_work work = {f->arena, NULL, &stats, NULL};
    ck_assert_int_eq(grus_infer(f->engine, &batch, &f->options, &work, results), GRUS_OK);
    for (size_t i = 0; i < SOURCES; i++) {
        ck_assert(results[i].finite && results[i].n_hypotheses >= 1);
        for (size_t k = 0; k < results[i].n_hypotheses; k++) {
            check_hypothesis(f, f->ids + f->offset[i], f->length[i], &results[i].hypotheses[k]);
            follow(all, f, i, &results[i].hypotheses[k]);
        }
    }
    return all->n;
}

// The tokens that the search wrote, given back, have the log-probability that it reported, to the last bit.
static void check_forced(fixture *f, const followed *all)
{
    static grus_result results[FOLLOWED];
    grus_batch batch = {.n = all->n,
                        .length = all->length,
                        .ids = all->ids,
                        .target_length = all->target_length,
                        .targets = all->targets};
    grus_infer_stats stats = {0};
    grus_work work = {f->arena, NULL, &stats, NULL};
    f->options.force = true;
    ck_assert_int_eq(grus_infer(f->engine, &batch, &f->options, &work, results), GRUS_OK);
    const uint32_t *ids = all->ids;
    for (size_t i = 0; i < all->n; ids += all->length[i++]) {
        ck_assert_mem_eq(&results[i].hypotheses[0].logprob, &all->logprob[i], sizeof *all->logprob);
        check_hypothesis(f, ids, all->length[i], &results[i].hypotheses[0]);
    }
}

static size_t check_decoder(shape of, size_t beam)
{
    fixture f;
    static followed all;
    all.n = all.n_ids = all.n_tokens = 0;
    fixture_make(&f, of, beam);
    size_t n = check_search(&f, &all);
    check_forced(&f, &all);
    fixture_free(&f);
    return n;
}

START_TEST(decoders_of_every_cell)
{
    const size_t hidden[] = {1, 7, 8, 33}; // 8: as many as encoder outputs have values, which bridge `last` needs
    size_t ended = 0;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (size_t number = 0; number < 36; number++)
            ended +=
                check_decoder((shape){number, hidden[h], 7, 0}, 1) + check_decoder((shape){number, hidden[h], 7, 0}, 5);
    ck_assert_uint_gt(ended, 1000);
}
END_TEST

START_TEST(conditional_decoders)
{
    const size_t hidden[] = {1, 7, 8, 33};
    size_t ended = 0;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (size_t number = CONDITIONAL; number < CONDITIONAL + 36; number++)
            ended += check_decoder((shape){number, hidden[h], 7, number % 5 == 0}, 1) +
                     check_decoder((shape){number, hidden[h], 7, number % 7 == 0}, 5);
    ck_assert_uint_gt(ended, 1000);
}
END_TEST

// On one side or both, behind every bridge.
START_TEST(decoders_with_lstms)
{
    const size_t hidden[] = {1, 7, 8, 33};
    size_t ended = 0;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (size_t number = 0; number < 36; number++)
            for (unsigned lstms = 1; lstms < 4; lstms++)
                ended += check_decoder((shape){number, hidden[h], 7, lstms}, number % 2 ? 1 : 5);
    ck_assert_uint_gt(ended, 1000);
}
END_TEST

// A target vocabulary too large for the table of input products.
START_TEST(decoders_without_a_table)
{
    for (size_t number = 1; number < 36; number += 13) {
        check_decoder((shape){number, 100, LARGE_VOCAB, 0}, 1);
        check_decoder((shape){number, 100, LARGE_VOCAB, 0}, 5);
        check_decoder((shape){number, 100, LARGE_VOCAB, 2}, 3);
        check_decoder((shape){CONDITIONAL + number, 100, LARGE_VOCAB, 0}, 1);
        check_decoder((shape){CONDITIONAL + number, 100, LARGE_VOCAB, 0}, 3);
    }
}
END_TEST

TCase *decoder_case(void)
{
    TCase *tcase = tcase_create("decoder");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, decoders_of_every_cell);
    tcase_add_test(tcase, conditional_decoders);
    tcase_add_test(tcase, decoders_with_lstms);
    tcase_add_test(tcase, decoders_without_a_table);
    return tcase;
}
