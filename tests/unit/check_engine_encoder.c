// check_engine_encoder.c: the encoder against the equations of its cells, one sequence and one unit at a time in double.
#include "config.h"

#include "engine/encoder.h"
#include "engine/kernel/choose.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define MOST 40 // sequences a batch

static double gate_of(const grus_cell_config *cell, double x)
{
    return cell->gate_activation == GRUS_GATE_HARD_SIGMOID ? fmin(1, fmax(0, 0.2 * x + 0.5)) : 1 / (1 + exp(-x));
}

static double candidate_of(const grus_cell_config *cell, double x)
{
    return cell->activation == GRUS_CELL_TANH ? tanh(x) : cell->activation == GRUS_CELL_RELU ? fmax(0, x) : x;
}

static double affine(const float *weight, const float *bias, size_t row, size_t columns, const double *x)
{
    double sum = (double)bias[row];
    for (size_t i = 0; i < columns; i++)
        sum += (double)weight[row * columns + i] * x[i];
    return sum;
}

// h becomes the state behind x; tensors are weight_ih, weight_hh, bias_ih, bias_hh.
static void plain_step(const grus_cell_config *cell, const float *const tensors[4], const double *x, size_t input,
                       size_t hidden, double *h)
{
    double *r = calloc(3 * hidden, sizeof *r), *z = r + hidden, *reset = z + hidden,
           *next = calloc(hidden, sizeof *next);
    for (size_t j = 0; j < hidden; j++) {
        r[j] =
            gate_of(cell, affine(tensors[0], tensors[2], j, input, x) + affine(tensors[1], tensors[3], j, hidden, h));
        z[j] = gate_of(cell, affine(tensors[0], tensors[2], hidden + j, input, x) +
                                 affine(tensors[1], tensors[3], hidden + j, hidden, h));
        reset[j] = r[j] * h[j];
    }
    for (size_t j = 0; j < hidden; j++) {
        double recurrent = cell->reset == GRUS_RESET_BEFORE
                               ? affine(tensors[1], tensors[3], 2 * hidden + j, hidden, reset)
                               : r[j] * affine(tensors[1], tensors[3], 2 * hidden + j, hidden, h);
        double n = candidate_of(cell, affine(tensors[0], tensors[2], 2 * hidden + j, input, x) + recurrent);
        next[j] = (1 - z[j]) * n + z[j] * h[j];
    }
    memcpy(h, next, hidden * sizeof *h);
    free(next);
    free(r);
}

// One direction of a layer over a sequence: in is (length, input), out (length, ld), this direction's columns.
typedef struct plain_pass {
    size_t layer, input, length, ld;
    bool backward;
    const double *in;
    double *out;
} plain_pass;

static void plain_direction(const random_model *model, const grus_config *config, const plain_pass *p)
{
    const char *const kinds[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const float *tensors[4];
    size_t hidden = config->encoder.hidden_size;
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "encoder.rnn.%s_l%zu%s", kinds[i], p->layer, p->backward ? "_reverse" : "");
        tensors[i] = random_model_get(model, name);
    }
    double *h = calloc(hidden, sizeof *h);
    for (size_t step = 0; step < p->length; step++) {
        size_t t = p->backward ? p->length - 1 - step : step;
        plain_step(&config->encoder.cell, tensors, p->in + t * p->input, p->input, hidden, h);
        memcpy(p->out + t * p->ld, h, hidden * sizeof *h);
    }
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
        plain_direction(model, config, &(plain_pass){layer, input, length, width, false, in, out});
        if (config->encoder.bidirectional)
            plain_direction(model, config, &(plain_pass){layer, input, length, width, true, in, out + hidden});
        memcpy(in, out, length * width * sizeof *in);
        input = width;
    }
    for (size_t i = 0; i < length * width; i++)
        ASSERT_NEAR(output[i], out[i], 1e-5 * fmax(1, fabs(out[i])));
    for (size_t i = 0; i < width; i++) {
        size_t t = i < hidden ? length - 1 : 0;
        double expected = length ? out[t * width + i] : 0;
        ASSERT_NEAR(final[i], expected, 1e-5 * fmax(1, fabs(expected)));
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

typedef struct shape {
    size_t hidden, layers, vocab;
    bool bidirectional;
    grus_cell_config cell;
} shape;

// n sequences of up to `longest` positions.
static void check_encoder(shape of, size_t n, size_t longest, uint64_t seed)
{
    size_t layers = of.layers, vocab = of.vocab;
    grus_config config = {.embedding_dim = 5, .source_vocab_size = vocab};
    config.encoder.hidden_size = of.hidden;
    config.encoder.num_layers = layers;
    config.encoder.bidirectional = of.bidirectional;
    config.encoder.cell = of.cell;
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
                check_encoder((shape){hidden[h], layers, 11, both, {0}}, 5, 9, seed++);
                check_encoder((shape){hidden[h], layers, 11, both, {0}}, 30, 4, seed++);
            }
    check_encoder((shape){7, 2, 11, true, {0}}, 1, 200, seed++);
    check_encoder((shape){384, 1, 11, true, {0}}, 13, 3, seed++);
}
END_TEST

// Every reset with every activation, and more units than one pass of a product.
START_TEST(cells_of_every_kind)
{
    const size_t hidden[] = {1, 7, 33, 100};
    uint64_t seed = 200;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (unsigned kind = 1; kind < 12; kind++) {
            grus_cell_config cell = {GRUS_CELL_GRU, kind % 2, kind / 2 % 2, kind / 4};
            check_encoder((shape){hidden[h], 2, 11, true, cell}, 17, 5, seed++);
            check_encoder((shape){hidden[h], 1, 11, false, cell}, 3, 30, seed++);
        }
    check_encoder((shape){600, 1, 11, false, {.reset = GRUS_RESET_BEFORE}}, 13, 3, seed++);
}
END_TEST

// A vocabulary too large for the table of input products takes the other path.
START_TEST(encoder_without_a_table)
{
    check_encoder((shape){100, 2, 30000, true, {0}}, 7, 6, 99);
    check_encoder((shape){100, 2, 30000, true, {.reset = GRUS_RESET_BEFORE}}, 7, 6, 99);
}
END_TEST

START_TEST(empty_sequences_alone)
{
    check_encoder((shape){7, 2, 11, true, {0}}, 3, 0, 5);
    check_encoder((shape){7, 2, 11, true, {.reset = GRUS_RESET_BEFORE}}, 3, 0, 5);
}
END_TEST

TCase *encoder_case(void)
{
    TCase *tcase = tcase_create("encoder");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, encoders_of_odd_shapes);
    tcase_add_test(tcase, cells_of_every_kind);
    tcase_add_test(tcase, encoder_without_a_table);
    tcase_add_test(tcase, empty_sequences_alone);
    return tcase;
}
