// cases.c: the table of everything that is measured: a row goes through the values of one parameter; the others are
// those of the row, or where that has 0 the defaults.
#include "config.h"

#include "bench/case.h"

#define VARIED(name) #name, offsetof(bench_parameters, name)

const bench_parameters bench_defaults = {.hidden = 256,
                                         .layers = 2,
                                         .directions = 2,
                                         .sequences = 256,
                                         .length = 20,
                                         .vocab = 32000,
                                         .beam = 1,
                                         .threads = 1,
                                         .bits = 32};

static const size_t sizes[] = {128, 256, 512, 1024, 0};
static const size_t small_sizes[] = {128, 256, 0}; // where the work is the point, not the size
static const size_t elements[] = {256, 4096, 0};
static const size_t hiddens[] = {32, 64, 128, 192, 256, 384, 512, 768, 1024, 0};
static const size_t layer_counts[] = {1, 2, 3, 4, 6, 8, 0};
static const size_t vocabularies[] = {100, 1000, 4000, 16000, 64000, 0};
static const size_t lengths[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 0};
static const size_t beams[] = {1, 2, 3, 4, 5, 8, 12, 16, 0};
static const size_t counts[] = {1, 4, 16, 64, 256, 1024, 4096, 0};
static const size_t teams[] = {1, 2, 4, 8, 16, 32, 64, 0}; // as far as there are CPUs
static const size_t corpora[] = {100, 300, 1000, 3000, 10000, 30000, 0};
static const size_t once[] = {1, 0};
static const size_t types[] = {32, 8, 0}; // in turns: the shares of the floor and of the kernel are those of floats

// clang-format off
const bench_row bench_rows[] = {
    {"kernel", "bare, panels in L2", bench_make_kernel, VARIED(hidden), sizes, false, {0}},
    {"product", "384 rows by 3H", bench_make_product, VARIED(hidden), sizes, false, {0}},

    {"vector", "exp", bench_make_exp, VARIED(length), elements, false, {0}},
    {"vector", "sigmoid", bench_make_sigmoid, VARIED(length), elements, false, {0}},
    {"vector", "tanh", bench_make_tanh, VARIED(length), elements, false, {0}},
    {"vector", "gates of a tile", bench_make_gates, VARIED(hidden), sizes, false, {0}},
    {"vector", "packing of a tile", bench_make_pack, VARIED(hidden), sizes, false, {0}},

    {"attention", "dot, softmax, sum over 20", bench_make_attention_dot, VARIED(hidden), sizes, false, {0}},
    {"attention", "dot, softmax, sum over 200", bench_make_attention_dot, VARIED(hidden), sizes, false,
     {.length = 200}},
    {"attention", "additive over 20", bench_make_attention_additive, VARIED(hidden), sizes, false, {0}},

    {"layer", "one direction, E = H", bench_make_layer, VARIED(hidden), sizes, false,
     {.layers = 1, .directions = 1, .mix = BENCH_EQUAL}},

    {"encoder", "1 layer, forward, log-normal", bench_make_encoder, VARIED(hidden), sizes, false,
     {.layers = 1, .directions = 1}},
    {"encoder", "2 layers, both, log-normal", bench_make_encoder, VARIED(hidden), sizes, false, {0}},
    {"encoder", "2 layers, both, all 20", bench_make_encoder, VARIED(hidden), sizes, false,
     {.mix = BENCH_EQUAL}},
    {"encoder", "2 layers, both, 2 and 200", bench_make_encoder, VARIED(hidden), small_sizes, false,
     {.mix = BENCH_HALVES, .sequences = 512}},
    {"encoder", "1 layer, one of 5000 in 10001", bench_make_encoder, VARIED(hidden), small_sizes, false,
     {.layers = 1, .directions = 1, .mix = BENCH_ONE_LONG, .sequences = 10001}},
    {"encoder", "2 layers, both, 64 tokens", bench_make_encoder, VARIED(hidden), sizes, false, {.vocab = 64}},

    {"int8", "384 rows by 3 * 512", bench_make_product, VARIED(bits), types, false, {.hidden = 512}},
    {"int8", "2 layers, both, H 128", bench_make_encoder, VARIED(bits), types, false, {.hidden = 128}},
    {"int8", "2 layers, both, H 256", bench_make_encoder, VARIED(bits), types, false, {.hidden = 256}},
    {"int8", "2 layers, both, H 512", bench_make_encoder, VARIED(bits), types, false, {.hidden = 512}},
    {"int8", "2 layers, both, H 1024", bench_make_encoder, VARIED(bits), types, false, {.hidden = 1024}},
    {"int8", "greedy, H 512, 64 tokens", bench_make_decoder, VARIED(bits), types, false,
     {.hidden = 512, .vocab = 64}},
    {"int8", "beam 5, H 512, 8000 tokens", bench_make_decoder, VARIED(bits), types, false,
     {.hidden = 512, .vocab = 8000, .beam = 5, .sequences = 96}},

    {"decoder", "greedy, 64 tokens", bench_make_decoder, VARIED(hidden), sizes, false, {.vocab = 64}},
    {"decoder", "greedy, 8000 tokens", bench_make_decoder, VARIED(hidden), sizes, false, {.vocab = 8000}},
    {"decoder", "beam 5, 8000 tokens", bench_make_decoder, VARIED(hidden), sizes, false,
     {.vocab = 8000, .beam = 5, .sequences = 96}},
    {"decoder", "forced, 8000 tokens", bench_make_decoder, VARIED(hidden), sizes, false,
     {.vocab = 8000, .forced = true}},

    {"pipeline", "grus_run, 1 thread", bench_make_pipeline, VARIED(threads), once, false, {0}},

    {"hidden", "encoder", bench_make_encoder, VARIED(hidden), hiddens, true, {0}},

    {"layers", "encoder", bench_make_encoder, VARIED(layers), layer_counts, true, {.hidden = 256}},

    {"vocabulary", "decoder, greedy", bench_make_decoder, VARIED(vocab), vocabularies, true, {.hidden = 256}},

    {"length", "encoder, 4096 positions and more", bench_make_encoder, VARIED(length), lengths, true,
     {.hidden = 256, .mix = BENCH_EQUAL, .fill_lanes = true}},
    {"length", "decoder, greedy", bench_make_decoder, VARIED(length), lengths, true,
     {.hidden = 256, .mix = BENCH_EQUAL, .vocab = 1000, .fill_lanes = true}},

    {"beam", "decoder", bench_make_decoder, VARIED(beam), beams, true,
     {.hidden = 256, .vocab = 8000, .sequences = 96}},

    {"sequences", "encoder", bench_make_encoder, VARIED(sequences), counts, true, {.hidden = 256}},
    {"sequences", "decoder, greedy", bench_make_decoder, VARIED(sequences), counts, true,
     {.hidden = 256, .vocab = 1000}},

    {"corpus", "pipeline", bench_make_pipeline, VARIED(records), corpora, true, {0}},

    {"threads", "encoder", bench_make_encoder, VARIED(threads), teams, true,
     {.hidden = 512, .sequences = 1024}},
    {"threads", "decoder, beam 5", bench_make_decoder, VARIED(threads), teams, true,
     {.hidden = 256, .vocab = 8000, .beam = 5, .sequences = 256}},
    {"threads", "pipeline", bench_make_pipeline, VARIED(threads), teams, true, {.records = 10000}},
};
// clang-format on
const size_t bench_n_rows = sizeof bench_rows / sizeof *bench_rows;
