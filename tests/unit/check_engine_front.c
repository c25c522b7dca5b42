// check_engine_front.c: fronts of random layers against loops in double, one sequence, window and value at a time; and each
// sequence by itself against the whole batch, to the last bit.
#include "config.h"

#include "base/memory.h"
#include "base/positions.h"
#include "engine/kernel/choose.h"
#include "engine/nn/front.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define VOCAB 20
#define SEQUENCES 40
#define LAYERS 4
#define LONGEST 30

typedef struct trial {
    grus_config config;
    grus_front_layer_config layers[LAYERS];
    random_model tensors;
    grus_arena *weights;
    grus_front front;
    size_t length[SEQUENCES], positions;
    uint32_t *ids;
    float *features;
    grus_batch batch;
} trial;

static void make_batch(trial *t, uint64_t *seed)
{
    size_t size = grus_config_source_size(&t->config);
    t->positions = 0;
    for (size_t i = 0; i < SEQUENCES; i++)
        t->positions += t->length[i] = random_below(seed, 4) ? random_below(seed, 8) : random_below(seed, LONGEST + 1);
    t->ids = calloc(t->positions + 1, sizeof *t->ids);
    t->features = calloc(t->positions * size + 1, sizeof *t->features);
    for (size_t i = 0; i < t->positions; i++)
        t->ids[i] = (uint32_t)random_below(seed, VOCAB);
    for (size_t i = 0; i < t->positions * size; i++)
        t->features[i] = 2 * random_float(seed);
    t->batch = (grus_batch){.n = SEQUENCES, .length = t->length};
    if (t->config.features)
        t->batch.features = t->features;
    else
        t->batch.ids = t->ids;
}

static void trial_make(trial *t, size_t variant, grus_compute_type compute, uint64_t *seed)
{
    *t = (trial){.config = {.features = variant % 2, .source_vocab_size = VOCAB, .n_front = 1 + variant % LAYERS}};
    t->config.feature_dim = t->config.embedding_dim = 1 + random_below(seed, 20);
    t->config.front = t->layers;
    t->config.encoder.hidden_size = t->config.encoder.num_layers = 1;
    random_front(seed, grus_config_source_size(&t->config), t->layers, t->config.n_front);
    random_model_make(&t->tensors, &t->config, variant + 1);
    grus_tensors tensors = random_model_tensors(&t->tensors);
    grus_error error = {0};
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(compute, &kernel, &error), GRUS_OK);
    t->weights = grus_arena_new(0);
    grus_reading reading = {kernel, &tensors, t->weights, 0, compute == GRUS_COMPUTE_INT8};
    ck_assert_msg(grus_front_read(&reading, &t->config, &t->front, &error) == GRUS_OK, "%s: %s", error.place,
                  error.cause);
    t->front.embedding = random_model_get(&t->tensors, "encoder.embedding.weight");
    make_batch(t, seed);
}

static void trial_free(trial *t)
{
    grus_arena_free(t->weights);
    random_model_free(&t->tensors);
    free(t->ids);
    free(t->features);
}

static grus_batch run(const trial *t, const grus_batch *batch, grus_arena *arena)
{
    grus_infer_stats stats = {0};
    grus_error error = {0};
    grus_work work = {arena, NULL, &stats, &error};
    grus_batch behind;
    ck_assert_int_eq(grus_front_run(&t->front, batch, &work, &behind), GRUS_OK);
    ck_assert_ptr_null(behind.ids);
    ck_assert_uint_eq(behind.n, batch->n);
    return behind;
}

// ---- in double ----

static double activated(grus_activation activation, double x)
{
    double sigma = 1 / (1 + exp(-x));
    return activation == GRUS_ACTIVATION_TANH      ? tanh(x)
           : activation == GRUS_ACTIVATION_RELU    ? fmax(x, 0)
           : activation == GRUS_ACTIVATION_SIGMOID ? sigma
           : activation == GRUS_ACTIVATION_SILU    ? x * sigma
                                                   : x;
}

// One value of the window that begins at `from`, which may be negative; in is (length, input).
static double plain_value(const trial *t, size_t number, const double *in, long length, long from, size_t channel)
{
    const grus_front_layer_config *layer = t->layers + number;
    char name[64];
    snprintf(name, sizeof name, "front.%zu.weight", number);
    const float *weight = random_model_get(&t->tensors, name);
    snprintf(name, sizeof name, "front.%zu.bias", number);
    const float *bias = random_model_get(&t->tensors, name);
    double sum = bias ? (double)bias[channel] : 0, most = -INFINITY;
    for (size_t tap = 0; tap < layer->kernel; tap++) {
        long at = from + (long)(tap * layer->dilation);
        for (size_t i = 0; i < layer->input && at >= 0 && at < length; i++) {
            double x = in[(size_t)at * layer->input + i];
            if (weight)
                sum += (double)weight[(channel * layer->input + i) * layer->kernel + tap] * x;
            else if (i == channel)
                most = fmax(most, x);
        }
    }
    return weight ? activated(layer->activation, sum) : most;
}

// A sequence through one layer; returns its new length. Windows are laid one after the other while they fit.
static size_t plain_layer(const trial *t, size_t number, const double *in, size_t length, double *out)
{
    const grus_front_layer_config *layer = t->layers + number;
    long padding = (long)layer->padding, reach = (long)(layer->dilation * (layer->kernel - 1));
    size_t n = 0;
    for (long from = -padding; length > 0 && from + reach < (long)length + padding; from += (long)layer->stride, n++)
        for (size_t channel = 0; channel < layer->output; channel++)
            out[n * layer->output + channel] = plain_value(t, number, in, (long)length, from, channel);
    return n;
}

#define ROOM ((LONGEST + 200) * 64)

static size_t plain_front(const trial *t, size_t sequence, size_t first, double *to)
{
    static double rows[2][ROOM];
    size_t length = t->length[sequence], size = grus_config_source_size(&t->config);
    for (size_t i = 0; i < length * size; i++)
        rows[0][i] = t->config.features ? (double)t->features[first * size + i]
                                        : (double)t->front.embedding[t->ids[first + i / size] * size + i % size];
    for (size_t i = 0; i < t->config.n_front; i++)
        length = plain_layer(t, i, rows[i % 2], length, rows[(i + 1) % 2]);
    memcpy(to, rows[t->config.n_front % 2], length * grus_config_input_size(&t->config) * sizeof *to);
    return length;
}

START_TEST(fronts_are_those_of_the_definition)
{
    static double expected[ROOM];
    uint64_t seed = 31;
    for (size_t variant = 0; variant < 120; variant++) {
        trial t;
        trial_make(&t, variant, GRUS_COMPUTE_FLOAT32, &seed);
        grus_arena *arena = grus_arena_new(0);
        grus_batch behind = run(&t, &t.batch, arena);
        const float *found = behind.features;
        size_t size = grus_config_input_size(&t.config);
        for (size_t i = 0, first = 0; i < SEQUENCES; first += t.length[i++]) {
            size_t length = plain_front(&t, i, first, expected);
            ck_assert_uint_eq(behind.length[i], length);
            ck_assert_uint_eq(grus_positions_of(&t.config, t.length[i]), length);
            for (size_t k = 0; k < length * size; k++)
                ASSERT_NEAR(found[k], expected[k], 2e-5 + 2e-5 * fabs(expected[k]));
            found += length * size;
        }
        grus_arena_free(arena);
        trial_free(&t);
    }
}
END_TEST

START_TEST(a_sequence_alone_gives_the_same_bits)
{
    uint64_t seed = 32;
    for (size_t variant = 0; variant < 40; variant++) {
        trial t;
        trial_make(&t, variant, variant % 3 ? GRUS_COMPUTE_FLOAT32 : GRUS_COMPUTE_INT8, &seed);
        grus_arena *arena = grus_arena_new(0), *other = grus_arena_new(0);
        grus_batch behind = run(&t, &t.batch, arena);
        const float *found = behind.features;
        size_t size = grus_config_input_size(&t.config), source = grus_config_source_size(&t.config);
        for (size_t i = 0, first = 0; i < SEQUENCES; first += t.length[i++]) {
            grus_batch one = {.n = 1, .length = t.length + i};
            one.ids = t.batch.ids ? t.ids + first : NULL;
            one.features = t.batch.features ? t.features + first * source : NULL;
            grus_arena_reset(other);
            grus_batch alone = run(&t, &one, other);
            ck_assert_uint_eq(alone.length[0], behind.length[i]);
            size_t floats = alone.length[0] * size;
            ck_assert_msg(floats == 0 || memcmp(alone.features, found, floats * sizeof *found) == 0,
                          "variant %zu, sequence %zu of %zu positions", variant, i, t.length[i]);
            found += floats;
        }
        grus_arena_free(other);
        grus_arena_free(arena);
        trial_free(&t);
    }
}
END_TEST

START_TEST(no_front_leaves_more_than_the_bound)
{
    uint64_t seed = 33;
    for (size_t variant = 0; variant < 20000; variant++) {
        grus_front_layer_config layers[LAYERS];
        grus_config config = {.n_front = 1 + variant % LAYERS, .front = layers};
        random_front(&seed, 3, layers, config.n_front);
        size_t n = 1 + random_below(&seed, 6), given = 0, left = 0;
        for (size_t i = 0; i < n; i++) {
            size_t length = random_below(&seed, 12);
            given += length;
            left += grus_positions_of(&config, length);
        }
        ck_assert_uint_le(left, grus_positions_most(&config, given, n));
    }
    // As many where nothing is cut off: "same" padding, and a stride that divides.
    grus_front_layer_config same = {.kernel = 5, .stride = 1, .padding = 4, .dilation = 2},
                            halves = {.kernel = 2, .stride = 2, .dilation = 1};
    ck_assert_uint_eq(grus_positions_most_of_layer(&same, 100, 7), 100);
    ck_assert_uint_eq(grus_positions_most_of_layer(&halves, 100, 7), 50);
    ck_assert_uint_eq(grus_positions_most_of_layer(&halves, SIZE_MAX, 7), SIZE_MAX);
    ck_assert_uint_eq(
        grus_positions_most_of_layer(&(grus_front_layer_config){.kernel = 3, .stride = 1, .padding = 2, .dilation = 1},
                                     SIZE_MAX - 1, 7),
        SIZE_MAX);
}
END_TEST

// A NaN in a position reaches the windows that read it and no others; where it stands in a window is no matter.
START_TEST(nan_goes_where_it_is_read)
{
    grus_front_layer_config layers[] = {
        {.kind = GRUS_FRONT_MAX_POOL, .input = 2, .output = 2, .kernel = 3, .stride = 1, .padding = 1, .dilation = 1}};
    grus_config config = {.features = true, .feature_dim = 2, .n_front = 1, .front = layers};
    grus_error error;
    trial t = {.config = config};
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, &error), GRUS_OK);
    t.weights = grus_arena_new(0);
    grus_reading reading = {.kernel = kernel, .arena = t.weights};
    ck_assert_int_eq(grus_front_read(&reading, &config, &t.front, &error), GRUS_OK);
    for (size_t bad = 0; bad < 6; bad++) {
        float features[12] = {0};
        size_t length[] = {4, 2};
        features[2 * bad] = NAN;
        grus_arena *arena = grus_arena_new(0);
        grus_batch batch = {.n = 2, .length = length, .features = features}, behind = run(&t, &batch, arena);
        for (size_t i = 0; i < 6; i++) {
            bool near = (i < 4) == (bad < 4) && i + 1 >= bad && i <= bad + 1;
            ck_assert(isnan(behind.features[2 * i]) == near && !isnan(behind.features[2 * i + 1]));
        }
        grus_arena_free(arena);
    }
    grus_arena_free(t.weights);
}
END_TEST

TCase *front_case(void)
{
    TCase *tcase = tcase_create("front");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, fronts_are_those_of_the_definition);
    tcase_add_test(tcase, a_sequence_alone_gives_the_same_bits);
    tcase_add_test(tcase, no_front_leaves_more_than_the_bound);
    tcase_add_test(tcase, nan_goes_where_it_is_read);
    return tcase;
}
