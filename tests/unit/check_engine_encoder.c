// check_engine_encoder.c: the encoder against the equations of its cells in double.
#include "config.h"

#include "engine/encode.h"
#include "engine/kernel/choose.h"
#include "tests/support/plain_model.h"
#include "tests/unit/check_engine.h"

#define MOST 40 // sequences a batch
#define LARGE_VOCAB 60000

static const grus_cell_config lstm = {.kind = GRUS_CELL_LSTM};

static void check_row(const float *found, const double *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ASSERT_NEAR(found[i], expected[i], 1e-5 * fmax(1, fabs(expected[i])));
}

static void check_sequence(const random_model *model, const grus_config *config, const uint32_t *ids,
                           const grus_encoded *encoded, size_t sequence)
{
    size_t length = encoded->length[sequence], width = grus_config_output_size(config), n_finals = plain_finals(config);
    double *out = calloc(length * width + 1, sizeof *out), *finals = calloc(2 * n_finals, sizeof *finals);
    const double *kept = finals + n_finals - (encoded->layers - encoded->first_final) * width;
    plain_encode(model, config, ids + encoded->offset[sequence], length, out, finals);
    check_row(encoded->output + encoded->offset[sequence] * width, out, length * width);
    ck_assert((encoded->final_cell != NULL) == (config->encoder.cell.kind == GRUS_CELL_LSTM));
    for (size_t layer = encoded->first_final; layer < encoded->layers; layer++, kept += width) {
        check_row(grus_encoded_final(encoded, layer, sequence), kept, width);
        if (encoded->final_cell)
            check_row(grus_encoded_final_cell(encoded, layer, sequence), kept + n_finals, width);
    }
    free(finals);
    free(out);
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
    grus_direction direction;
    grus_cell_config cell;
    grus_direction *directions; // where each layer has its own
    bool learned;               // initial states
} shape;

// Into an arena that is reserved for it and no more.
static grus_arena *encode(const grus_encoder *encoder, const grus_batch *batch, size_t first_final,
                          grus_encoded *encoded)
{
    encoding listed = {encoder, first_final, {.records = batch->n}};
    for (size_t i = 0; i < batch->n; i++)
        listed.sizes.positions += batch->length[i];
    grus_arena *arena = grus_arena_new(1024);
    ck_assert(grus_arena_reserve(arena, grus_arena_count(list_encoding, &listed)));
    size_t reserved = grus_arena_bytes(arena);
    grus_error error = {0};
    grus_infer_stats stats = {0};
    grus_work work = {arena, NULL, &stats, &error};
    ck_assert_int_eq(grus_encode(encoder, batch, first_final, &work, encoded), GRUS_OK);
    ck_assert_uint_eq(grus_arena_bytes(arena), reserved);
    ck_assert_uint_eq(stats.positions, listed.sizes.positions);
    return arena;
}

// With some cells, and all, whose input products are not made in their steps: the same bits.
static void check_other_ways(grus_encoder *encoder, const grus_batch *batch, const grus_encoded *expected)
{
    size_t finals = (expected->layers - expected->first_final) * expected->size * expected->n;
    for (size_t way = 0; way < 2; way++) {
        for (size_t cell = way; cell < encoder->n_cells; cell += 2)
            encoder->cells[cell].narrow = false;
        grus_encoded encoded;
        grus_arena *arena = encode(encoder, batch, expected->first_final, &encoded);
        ck_assert_mem_eq(encoded.output, expected->output, expected->positions * expected->size * sizeof(float));
        ck_assert_mem_eq(encoded.final, expected->final, finals * sizeof(float));
        grus_arena_free(arena);
    }
}

// n sequences of up to `longest` positions.
static void check_encoder(shape of, size_t n, size_t longest, uint64_t seed)
{
    size_t layers = of.layers, vocab = of.vocab, first_final = of.directions ? layers - 1 : 0;
    grus_config config = {.embedding_dim = 5, .source_vocab_size = vocab};
    config.encoder.hidden_size = of.hidden;
    config.encoder.num_layers = layers;
    config.encoder.direction = of.direction;
    config.encoder.directions = of.directions;
    config.encoder.cell = of.cell;
    config.encoder.learned_state = of.learned;
    random_model model;
    random_model_make(&model, &config, seed);
    grus_tensors tensors = random_model_tensors(&model);
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    grus_encoder encoder;
    grus_error error = {0};
    grus_reading reading = {kernel, &tensors, grus_arena_new(0), 0, false};
    ck_assert_int_eq(grus_encoder_read(&reading, &config, &encoder, &error), GRUS_OK);
    ck_assert((encoder.cells->ih.table != NULL) == (vocab < LARGE_VOCAB));
    ck_assert(encoder.cells->narrow == (of.hidden < 300));
    size_t length[MOST], total = 0;
    for (size_t i = 0; i < n; i++)
        total += length[i] = i == 0 ? longest : random_below(&seed, longest + 1);
    uint32_t *ids = calloc(total + 1, sizeof *ids);
    for (size_t i = 0; i < total; i++)
        ids[i] = (uint32_t)random_below(&seed, vocab);
    grus_batch batch = {.n = n, .length = length, .ids = ids};
    grus_encoded encoded;
    grus_arena *arena = encode(&encoder, &batch, first_final, &encoded);
    for (size_t i = 0; i < n; i++)
        check_sequence(&model, &config, ids, &encoded, i);
    check_other_ways(&encoder, &batch, &encoded);
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
            for (grus_direction direction = GRUS_FORWARD; direction <= GRUS_BOTH; direction++) {
                check_encoder((shape){hidden[h], layers, 11, direction, {0}, NULL, false}, 5, 9, seed++);
                check_encoder((shape){hidden[h], layers, 11, direction, {0}, NULL, false}, 30, 4, seed++);
            }
    check_encoder((shape){7, 2, 11, GRUS_BOTH, {0}, NULL, false}, 1, 200, seed++);
    check_encoder((shape){384, 1, 11, GRUS_BOTH, {0}, NULL, false}, 13, 3, seed++);
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
            check_encoder((shape){hidden[h], 2, 11, GRUS_BOTH, cell, NULL, false}, 17, 5, seed++);
            check_encoder((shape){hidden[h], 1, 11, GRUS_FORWARD, cell, NULL, false}, 3, 30, seed++);
        }
    check_encoder((shape){600, 1, 11, GRUS_FORWARD, {.reset = GRUS_RESET_BEFORE}, NULL, false}, 13, 3, seed++);
}
END_TEST

START_TEST(lstms)
{
    const size_t hidden[] = {1, 7, 33, 100};
    uint64_t seed = 300;
    for (size_t h = 0; h < sizeof hidden / sizeof *hidden; h++)
        for (size_t layers = 1; layers <= 3; layers++)
            for (grus_direction direction = GRUS_FORWARD; direction <= GRUS_BOTH; direction++) {
                check_encoder((shape){hidden[h], layers, 11, direction, lstm, NULL, false}, 17, 9, seed++);
                check_encoder((shape){hidden[h], layers, 11, direction, lstm, NULL, false}, 30, 4, seed++);
            }
    check_encoder((shape){7, 2, 11, GRUS_BOTH, lstm, NULL, false}, 1, 200, seed++);
    check_encoder((shape){600, 1, 11, GRUS_FORWARD, lstm, NULL, false}, 13, 3, seed++);
}
END_TEST

// Of every kind of cell; empty sequences end in zeros all the same.
START_TEST(learned_initial_states)
{
    uint64_t seed = 600;
    for (size_t layers = 1; layers <= 3; layers++)
        for (grus_direction direction = GRUS_FORWARD; direction <= GRUS_BOTH; direction++) {
            check_encoder((shape){7, layers, 11, direction, {0}, NULL, true}, 30, 4, seed++);
            check_encoder((shape){33, layers, 11, direction, lstm, NULL, true}, 30, 4, seed++);
            check_encoder((shape){33, layers, 11, direction, {.reset = GRUS_RESET_BEFORE}, NULL, true}, 5, 9, seed++);
        }
}
END_TEST

// Every list of directions of one, two and three layers.
START_TEST(directions_of_each_layer)
{
    uint64_t seed = 400;
    for (size_t layers = 1; layers <= 3; layers++)
        for (unsigned list = 0; list < 27; list++) {
            grus_direction directions[3] = {list % 3, list / 3 % 3, list / 9};
            const grus_cell_config reset = {.reset = GRUS_RESET_BEFORE};
            check_encoder((shape){7, layers, 11, 0, {0}, directions, list % 2}, 9, 6, seed++);
            check_encoder((shape){33, layers, 11, 0, list % 2 ? lstm : reset, directions, list % 4 > 1}, 2, 20, seed++);
        }
}
END_TEST

// A vocabulary too large for the table of input products takes the other path.
START_TEST(encoder_without_a_table)
{
    check_encoder((shape){100, 2, LARGE_VOCAB, GRUS_BOTH, {0}, NULL, false}, 7, 6, 99);
    check_encoder((shape){100, 2, LARGE_VOCAB, GRUS_BOTH, {.reset = GRUS_RESET_BEFORE}, NULL, false}, 7, 6, 99);
    check_encoder((shape){100, 2, LARGE_VOCAB, GRUS_BOTH, lstm, NULL, false}, 7, 6, 99);
}
END_TEST

START_TEST(empty_sequences_alone)
{
    check_encoder((shape){7, 2, 11, GRUS_BOTH, {0}, NULL, false}, 3, 0, 5);
    check_encoder((shape){7, 2, 11, GRUS_BOTH, {.reset = GRUS_RESET_BEFORE}, NULL, false}, 3, 0, 5);
    check_encoder((shape){7, 2, 11, GRUS_BOTH, lstm, NULL, false}, 3, 0, 5);
}
END_TEST

TCase *encoder_case(void)
{
    TCase *tcase = tcase_create("encoder");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, encoders_of_odd_shapes);
    tcase_add_test(tcase, cells_of_every_kind);
    tcase_add_test(tcase, lstms);
    tcase_add_test(tcase, learned_initial_states);
    tcase_add_test(tcase, directions_of_each_layer);
    tcase_add_test(tcase, encoder_without_a_table);
    tcase_add_test(tcase, empty_sequences_alone);
    return tcase;
}
