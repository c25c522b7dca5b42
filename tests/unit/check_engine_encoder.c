// check_engine_encoder.c: the encoder against nn.GRU's equations, one sequence and one unit at a time in double.
#include "config.h"

#include "engine/encoder.h"
#include "engine/kernel/choose.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define MOST 40 // sequences a batch

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double affine(const float *weight, const float *bias, size_t row, size_t columns, const double *x)
{
    double sum = (double)bias[row];
    for (size_t i = 0; i < columns; i++)
        sum += (double)weight[row * columns + i] * x[i];
    return sum;
}

// out is (length, ld), this direction's columns; in is (length, input).
static void plain_direction(const random_model *model, size_t layer, bool backward, const double *in, size_t input,
                            size_t hidden, size_t length, double *out, size_t ld)
{
    char name[4][64];
    const char *const kinds[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const float *tensors[4];
    for (int i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "encoder.rnn.%s_l%zu%s", kinds[i], layer, backward ? "_reverse" : "");
        tensors[i] = random_model_get(model, name[i]);
    }
    double *h = calloc(hidden, sizeof *h), *next = calloc(hidden, sizeof *next);
    for (size_t step = 0; step < length; step++) {
        size_t t = backward ? length - 1 - step : step;
        const double *x = in + t * input;
        for (size_t j = 0; j < hidden; j++) {
            double r =
                sigmoid(affine(tensors[0], tensors[2], j, input, x) + affine(tensors[1], tensors[3], j, hidden, h));
            double z = sigmoid(affine(tensors[0], tensors[2], hidden + j, input, x) +
                               affine(tensors[1], tensors[3], hidden + j, hidden, h));
            double n = tanh(affine(tensors[0], tensors[2], 2 * hidden + j, input, x) +
                            r * affine(tensors[1], tensors[3], 2 * hidden + j, hidden, h));
            next[j] = (1 - z) * n + z * h[j];
        }
        memcpy(h, next, hidden * sizeof *h);
        memcpy(out + t * ld, h, hidden * sizeof *h);
    }
    free(next);
    free(h);
}

static void check_sequence(const random_model *model, const grus_config *config, const uint32_t *ids, size_t length,
                           const float *output, const float *final)
{
    size_t hidden = config->encoder.hidden_size, width = grus_config_output_size(config), input = config->embedding_dim;
    double *in = calloc(length * grus_max(input, width) + 1, sizeof *in);
    double *out = calloc(length * width + 1, sizeof *out);
    const float *embedding = random_model_get(model, "encoder.embedding.weight");
    for (size_t t = 0; t < length; t++)
        for (size_t i = 0; i < input; i++)
            in[t * input + i] = (double)embedding[ids[t] * input + i];
    for (size_t layer = 0; layer < config->encoder.num_layers; layer++) {
        plain_direction(model, layer, false, in, input, hidden, length, out, width);
        if (config->encoder.bidirectional)
            plain_direction(model, layer, true, in, input, hidden, length, out + hidden, width);
        memcpy(in, out, length * width * sizeof *in);
        input = width;
    }
    for (size_t i = 0; i < length * width; i++)
        ASSERT_NEAR(output[i], out[i], 1e-5);
    for (size_t i = 0; i < width; i++) {
        size_t t = i < hidden ? length - 1 : 0;
        ASSERT_NEAR(final[i], length ? out[t * width + i] : 0, 1e-5);
    }
    free(out);
    free(in);
}

typedef struct encoding {
    const grus_encoder *encoder;
    size_t first_final;
    grus_sizes sizes;
} encoding;

static bool list_encoding(void *object, grus_arena *arena)
{
    const encoding *e = object;
    return grus_encode_list(e->encoder, e->first_final, &e->sizes, arena);
}

static void check_encoder(size_t hidden, size_t layers, bool bidirectional, size_t vocab, size_t n, size_t longest,
                          uint64_t seed)
{
    grus_config config = {.embedding_dim = 5, .source_vocab_size = vocab};
    config.encoder.hidden_size = hidden;
    config.encoder.num_layers = layers;
    config.encoder.bidirectional = bidirectional;
    random_model model;
    random_model_make(&model, &config, seed);
    grus_tensor_source source = random_model_source(&model);
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(&kernel, NULL), GRUS_OK);
    grus_encoder encoder;
    grus_error error = {0};
    grus_reading reading = {kernel, &source, grus_arena_new(0), 0};
    ck_assert_int_eq(grus_encoder_read(&reading, &config, &encoder, &error), GRUS_OK);
    size_t length[MOST], total = 0;
    for (size_t i = 0; i < n; i++)
        total += length[i] = i == 0 ? longest : random_below(&seed, longest + 1);
    uint32_t *ids = calloc(total + 1, sizeof *ids);
    for (size_t i = 0; i < total; i++)
        ids[i] = (uint32_t)random_below(&seed, vocab);
    grus_batch batch = {.n = n, .length = length, .ids = ids};
    grus_arena *arena = grus_arena_new(1024);
    encoding listed = {&encoder, layers - 1, {.records = n, .positions = total}};
    ck_assert(grus_arena_reserve(arena, grus_arena_count(list_encoding, &listed)));
    size_t reserved = grus_arena_bytes(arena);
    grus_encoded encoded;
    grus_infer_stats stats = {0};
    grus_work work = {arena, NULL, &stats, &error};
    ck_assert_int_eq(grus_encode(&encoder, &batch, layers - 1, &work, &encoded), GRUS_OK);
    ck_assert_uint_eq(grus_arena_bytes(arena), reserved);
    ck_assert_uint_eq(stats.positions, total);
    for (size_t i = 0; i < n; i++)
        check_sequence(&model, &config, ids + encoded.offset[i], length[i],
                       encoded.output + encoded.offset[i] * encoder.output,
                       grus_encoded_final(&encoded, layers - 1, i));
    grus_arena_free(arena);
    free(ids);
    grus_arena_free(reading.arena);
    random_model_free(&model);
}

START_TEST(encoders_of_odd_shapes)
{
    const size_t hidden[] = {1, 7, 33, 100};
    uint64_t seed = 1;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (size_t layers = 1; layers <= 3; layers++)
            for (int both = 0; both < 2; both++) {
                check_encoder(hidden[h], layers, both, 11, 5, 9, seed++);
                check_encoder(hidden[h], layers, both, 11, 30, 4, seed++);
            }
    check_encoder(7, 2, true, 11, 1, 200, seed++);
    check_encoder(384, 1, true, 11, 13, 3, seed++);
}
END_TEST

// A vocabulary too large for the table of input products takes the other path.
START_TEST(encoder_without_a_table)
{
    check_encoder(100, 2, true, 30000, 7, 6, 99);
}
END_TEST

START_TEST(empty_sequences_alone)
{
    check_encoder(7, 2, true, 11, 3, 0, 5);
}
END_TEST

TCase *encoder_case(void)
{
    TCase *tcase = tcase_create("encoder");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, encoders_of_odd_shapes);
    tcase_add_test(tcase, encoder_without_a_table);
    tcase_add_test(tcase, empty_sequences_alone);
    return tcase;
}
