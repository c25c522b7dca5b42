// infer_fixture.c: engines of random models, and batches for them.
#include "config.h"

#include "tests/unit/infer_fixture.h"

#include "base/memory.h"
#include "tests/unit/check_engine.h"

grus_cell_config cell_of(size_t number)
{
    if (number % CELLS == CELLS - 1)
        return (grus_cell_config){.kind = GRUS_CELL_LSTM};
    return (grus_cell_config){GRUS_CELL_GRU, (grus_cell_reset)(number % 2), (grus_gate_activation)(number / 2 % 2),
                              (grus_cell_activation)(number / 4 % 3)};
}

grus_config seq2seq_config(uint64_t *seed, size_t variant)
{
    grus_config config = {.seq2seq = true, .embedding_dim = 9, .source_vocab_size = VOCAB};
    config.encoder.hidden_size = 17;
    config.encoder.num_layers = 2;
    config.encoder.direction = GRUS_BOTH;
    config.encoder.cell = cell_of(7 * variant);
    config.encoder.learned_state = variant % 7 == 3;
    config.attention = (grus_attention_config){(grus_score_kind)(variant % 6), 13, 0.8, 0, 0};
    if (config.attention.score == GRUS_SCORE_SCALED_DOT && variant / 6 % 2)
        config.attention.heads = 13, config.attention.context_dim = 19;
    grus_decoder_config *decoder = &config.decoder;
    decoder->hidden_size = decoder->embedding_dim = 34; // = D, so that every score may be tried
    decoder->num_layers = 1 + random_below(seed, 2);
    decoder->cell = cell_of(variant + variant / CELLS);
    decoder->bridge = (grus_bridge_kind)(variant % 4);
    decoder->query = (grus_query_kind)(variant % 3);
    const grus_part orders[4][3] = {{GRUS_PART_EMBEDDING},
                                    {GRUS_PART_CONTEXT, GRUS_PART_EMBEDDING},
                                    {GRUS_PART_EMBEDDING, GRUS_PART_READOUT},
                                    {GRUS_PART_READOUT, GRUS_PART_EMBEDDING, GRUS_PART_CONTEXT}};
    const size_t counts[4] = {1, 2, 2, 3};
    size_t order = variant / 6 % 4;
    decoder->n_inputs = counts[order];
    memcpy(decoder->inputs, orders[order], sizeof decoder->inputs);
    decoder->n_readout = 2;
    decoder->readout[0] = GRUS_PART_STATE;
    decoder->readout[1] = GRUS_PART_CONTEXT;
    decoder->readout_size = variant % 5 == 4 ? 0 : 34;
    decoder->readout_tanh = variant % 2 == 0;
    decoder->tied = decoder->readout_size && variant % 3 == 1;
    if (variant % 6 == 4)
        random_config_condition(decoder);
    decoder->vocab_size = VOCAB;
    decoder->bos = 1;
    decoder->eos = 2;
    return config;
}

void fixture_make(fixture *f, grus_config config, uint64_t seed)
{
    f->config = config;
    random_model_make(&f->model, &f->config, seed);
    grus_tensors tensors = random_model_tensors(&f->model);
    grus_error error = {0};
    ck_assert_msg(grus_engine_build(&f->config, &tensors, GRUS_COMPUTE_FLOAT32, &f->engine, &error) == GRUS_OK,
                  "%s: %s", error.place, error.cause);
    f->offset[0] = 0;
    for (size_t i = 0; i < N; i++) {
        f->length[i] = i == 3 ? 0 : random_below(&seed, 20);
        f->offset[i + 1] = f->offset[i] + f->length[i];
    }
    for (size_t i = 0; i < f->offset[N]; i++)
        f->ids[i] = (uint32_t)random_below(&seed, VOCAB);
}

void hasten(fixture *f)
{
    random_tensor *bias = &f->model.tensors[f->model.n++];
    *bias = (random_tensor){.name = "decoder.output.bias", .rank = 1, .shape = {VOCAB}, .count = VOCAB};
    bias->data = calloc(VOCAB, sizeof *bias->data);
    bias->data[f->config.decoder.eos] = 0.2F;
    grus_engine_free(f->engine);
    grus_tensors tensors = random_model_tensors(&f->model);
    ck_assert_int_eq(grus_engine_build(&f->config, &tensors, GRUS_COMPUTE_FLOAT32, &f->engine, NULL), GRUS_OK);
}

void fixture_free(fixture *f)
{
    grus_engine_free(f->engine);
    random_model_free(&f->model);
}

void run_batch(const fixture *f, grus_arena *arena, const grus_infer_options *options, size_t first, size_t n,
               grus_result *results)
{
    grus_batch batch = {.n = n, .length = f->length + first, .ids = f->ids + f->offset[first]};
    grus_infer_stats stats = {0};
    grus_error error = {0};
    grus_work work = {arena, NULL, &stats, &error};
    ck_assert_int_eq(grus_infer(f->engine, &batch, options, &work, results), GRUS_OK);
    ck_assert_uint_eq(stats.positions, f->offset[first + n] - f->offset[first]);
}
