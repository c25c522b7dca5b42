// grus_encoder.c: our side of bench/peers/run: the encoder of an exchange directory, run on command.
//
// usage: grus-encoder DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL (vocabulary 0: features; float32 or int8; gru, lstm or
// gru_before). Commands
// on standard input, an answer line each (exchange.py):
//   load N      cuts the sequences, in their order, into batches of at most N positions
//   run         runs them all: "WALL CPU" in seconds
//   write FILE  runs them all and writes the outputs (positions, 2 * HIDDEN) as float32
//   weights     the bytes that they take, and what is tabled of them
//   rates       the FMA rate, the bare micro-kernel's rate in L2, in FLOPs a second; the FLOPs of a position, products
//               that a table of the embedding saves left out
#include "config.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "bench/rates.h"
#include "engine/encode.h"
#include "engine/kernel/choose.h"
#include "io/model/safetensors.h"

#define KERNEL_WEIGHT_BYTES ((size_t)256 << 10)

typedef struct task {
    size_t first, n, first_position, positions; // sequences and positions of a batch
} task;

typedef struct program {
    const char *dir;
    size_t threads, n, positions;
    size_t *length;
    float *features;
    uint32_t *ids;
    grus_config config;
    const grus_kernel *kernel;
    grus_encoder encoder;
    grus_arena *weights; // of the encoder
    grus_arena **arenas; // (threads)
    task *tasks;         // (n_tasks)
    size_t n_tasks;
    float *output; // where the outputs go, or NULL
} program;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "grus-encoder: %s\n", what);
    exit(1);
}

static void *must(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static void *read_file(const char *dir, const char *name, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(path);
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *data = must(grus_alloc(*bytes, 1));
    if (fread(data, 1, *bytes, file) != *bytes)
        die(path);
    fclose(file);
    return data;
}

static void read_sequences(program *p)
{
    size_t bytes;
    int *lengths = read_file(p->dir, "lengths.i32", &bytes);
    p->n = bytes / sizeof *lengths;
    p->length = must(grus_alloc(p->n, sizeof *p->length));
    for (size_t i = 0; i < p->n; i++)
        p->positions += p->length[i] = (size_t)lengths[i];
    free(lengths);
    size_t position_bytes = (p->config.features ? p->config.feature_dim : 1) * sizeof(float);
    void *source = read_file(p->dir, p->config.features ? "features.f32" : "ids.i32", &bytes);
    if (bytes != p->positions * position_bytes)
        die("the sequences and lengths.i32 do not go together");
    if (p->config.features)
        p->features = source;
    else
        p->ids = source;
}

static grus_compute_type type_of(const char *name)
{
    if (strcmp(name, "float32") && strcmp(name, "int8"))
        die(name);
    return strcmp(name, "int8") ? GRUS_COMPUTE_FLOAT32 : GRUS_COMPUTE_INT8;
}

static grus_cell_config cell_of(const char *name)
{
    static const struct {
        const char *name;
        grus_cell_config cell;
    } cells[] = {{"gru", {.kind = GRUS_CELL_GRU}},
                 {"lstm", {.kind = GRUS_CELL_LSTM}},
                 {"gru_before", {.kind = GRUS_CELL_GRU, .reset = GRUS_RESET_BEFORE}}};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(cells[i].name, name) == 0)
            return cells[i].cell;
    die(name);
}

static void read_weights(program *p, grus_compute_type type)
{
    char path[4096];
    grus_error error;
    grus_safetensors *file;
    snprintf(path, sizeof path, "%s/weights.safetensors", p->dir);
    grus_status status = grus_kernel_get(type, &p->kernel, &error);
    if (!status)
        status = grus_safetensors_open(path, NULL, 0, &file, &error);
    if (!status) {
        grus_tensors tensors = grus_safetensors_tensors(file);
        p->weights = must(grus_arena_new((size_t)8 << 20));
        grus_reading reading = {p->kernel, &tensors, p->weights, 0, false};
        status = grus_encoder_read(&reading, &p->config, &p->encoder, &error);
        grus_safetensors_close(file);
    }
    if (status) {
        char text[sizeof error];
        die(grus_error_text(&error, text, sizeof text));
    }
}

// As many batches as need be, a multiple of the threads, of nearly equal positions.
static void cut(program *p, size_t limit)
{
    size_t wanted = grus_div_up(grus_div_up(p->positions, limit), p->threads) * p->threads;
    free(p->tasks);
    p->tasks = must(calloc(p->n + wanted, sizeof *p->tasks));
    p->n_tasks = 0;
    task now = {0};
    size_t behind = 0;
    for (size_t i = 0; i < p->n; i++) {
        now.n++;
        now.positions += p->length[i];
        behind += p->length[i];
        if (i + 1 == p->n || behind >= p->positions * (p->n_tasks + 1) / wanted) {
            p->tasks[p->n_tasks++] = now;
            now = (task){.first = i + 1, .first_position = behind};
        }
    }
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

static void run_task(program *p, const task *t, grus_arena *arena)
{
    grus_batch batch = {.n = t->n,
                        .length = p->length + t->first,
                        .features = p->features ? p->features + t->first_position * p->config.feature_dim : NULL,
                        .ids = p->ids ? p->ids + t->first_position : NULL};
    grus_encoded encoded;
    grus_infer_stats stats = {0};
    size_t top = p->encoder.layers - 1, width = p->encoder.output;
    encoding e = {&p->encoder, top, {.records = t->n, .positions = t->positions}};
    grus_work work = {arena, NULL, &stats, NULL};
    if (!grus_arena_reserve(arena, grus_arena_count(list_encoding, &e)) ||
        grus_encode(&p->encoder, &batch, top, &work, &encoded))
        die("a batch failed");
    if (p->output)
        memcpy(p->output + t->first_position * width, encoded.output, t->positions * width * sizeof(float));
}

static void run_all(program *p)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
    for (size_t i = 0; i < p->n_tasks; i++)
        run_task(p, &p->tasks[i], p->arenas[omp_get_thread_num()]);
}

static void command_run(program *p)
{
    bench_clock start = bench_now();
    double cpu = bench_process_cpu();
    run_all(p);
    printf("%.9f %.9f\n", bench_since(start).wall, bench_process_cpu() - cpu);
}

static void command_write(program *p, const char *path)
{
    size_t floats = p->positions * p->encoder.output;
    p->output = must(grus_alloc(floats, sizeof(float)));
    run_all(p);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(p->output, sizeof(float), floats, file) != floats || fclose(file))
        die(path);
    free(p->output);
    p->output = NULL;
    puts("ok");
}

static void command_rates(program *p)
{
    bench_panels *panels =
        must(bench_panels_new(p->kernel, p->config.encoder.hidden_size, KERNEL_WEIGHT_BYTES, 8 * p->kernel->tile));
    double fma = bench_fma_rate(0.05), kernel = bench_kernel_rate(panels, 0.1);
    printf("%.6e %.6e %.9e\n", fma, kernel, (double)grus_encoder_flops(&p->encoder, 1));
    bench_panels_free(panels);
}

int main(int argc, char **argv)
{
    if (argc != 9)
        die("usage: grus-encoder DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL");
    program p = {.dir = argv[1], .threads = strtoul(argv[5], NULL, 10)};
    p.config.source_vocab_size = strtoul(argv[6], NULL, 10);
    p.config.features = p.config.source_vocab_size == 0;
    p.config.encoder.num_layers = strtoul(argv[2], NULL, 10);
    p.config.encoder.hidden_size = strtoul(argv[3], NULL, 10);
    p.config.encoder.direction = GRUS_BOTH;
    p.config.feature_dim = p.config.embedding_dim = strtoul(argv[4], NULL, 10);
    p.config.encoder.cell = cell_of(argv[8]);
    read_weights(&p, type_of(argv[7]));
    read_sequences(&p);
    p.arenas = must(calloc(p.threads, sizeof *p.arenas));
    for (size_t i = 0; i < p.threads; i++)
        p.arenas[i] = must(grus_arena_new((size_t)1 << 16));
    printf("ready grus %s, %s, kernel %s\n", grus_version(), argv[7], p.kernel->name);
    fflush(stdout);
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "load ", 5) == 0) {
            cut(&p, strtoul(line + 5, NULL, 10));
            puts("ok");
        } else if (strncmp(line, "write ", 6) == 0) {
            command_write(&p, line + 6);
        } else if (strcmp(line, "weights") == 0) {
            printf("%zu\n", grus_arena_peak(p.weights));
        } else if (strcmp(line, "rates") == 0) {
            command_rates(&p);
        } else {
            command_run(&p);
        }
        fflush(stdout);
    }
    return 0;
}
