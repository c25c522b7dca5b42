// random_config.c: configurations for random weights, lengths and ids.
#include "config.h"

#include "bench/random_config.h"

#include "api/synthetic.h"
#include "tests/support/random_model.h"

#define SEED 7
#define LONGEST 5000

void bench_encoder_config(const bench_parameters *p, size_t features, grus_config *config)
{
    *config = (grus_config){.features = features != 0,
                            .feature_dim = features,
                            .embedding_dim = features ? 0 : BENCH_INPUT,
                            .source_vocab_size = features ? 0 : p->vocab,
                            .pooling = {.kind = GRUS_POOL_NONE}};
    config->encoder.hidden_size = p->hidden;
    config->encoder.num_layers = p->layers;
    config->encoder.direction = p->directions == 2 ? GRUS_BOTH : GRUS_FORWARD;
}

void bench_decoder_config(const bench_parameters *p, grus_config *config)
{
    *config = (grus_config){.seq2seq = true,
                            .embedding_dim = BENCH_INPUT,
                            .source_vocab_size = 1000,
                            .attention = {.score = GRUS_SCORE_GENERAL, .temperature = 1}};
    config->encoder.hidden_size = p->hidden / 2;
    config->encoder.num_layers = 1;
    config->encoder.direction = GRUS_BOTH;
    config->decoder = (grus_decoder_config){.embedding_dim = BENCH_INPUT,
                                            .hidden_size = p->hidden,
                                            .num_layers = p->layers,
                                            .bridge = GRUS_BRIDGE_LINEAR_TANH,
                                            .query = GRUS_QUERY_STATE,
                                            .n_inputs = 1,
                                            .inputs = {GRUS_PART_EMBEDDING},
                                            .n_readout = 2,
                                            .readout = {GRUS_PART_STATE, GRUS_PART_CONTEXT},
                                            .readout_size = p->hidden,
                                            .readout_tanh = true,
                                            .vocab_size = p->vocab,
                                            .bos = 0,
                                            .eos = 1};
}

grus_engine *bench_engine(const grus_config *config, grus_compute_type compute)
{
    random_model model = {.n = 0};
    grus_engine *engine = NULL;
    grus_error error;
    random_model_make(&model, config, SEED);
    grus_tensors tensors = random_model_tensors(&model);
    if (grus_engine_build(config, &tensors, compute, &engine, &error) != GRUS_OK)
        engine = NULL;
    random_model_free(&model);
    return engine;
}

void bench_lengths(const bench_parameters *p, size_t n, size_t *length)
{
    uint64_t state = SEED;
    for (size_t i = 0; i < n; i++)
        switch (p->mix) {
        case BENCH_LOG_NORMAL:
            length[i] = grus_synthetic_length(&state);
            break;
        case BENCH_EQUAL:
            length[i] = p->length;
            break;
        case BENCH_HALVES:
            length[i] = i % 2 ? 200 : 2;
            break;
        case BENCH_ONE_LONG:
            length[i] = i == n / 2 ? LONGEST : 10;
            break;
        }
}
