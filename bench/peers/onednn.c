// onednn.c: oneDNN's side of bench/peers/run: a primitive of the cell for each layer and shape of a batch (onednn_cell.c).
//
// usage: onednn DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL (float32, bfloat16, int8: "absent WHY" where there is no
// such primitive; gru, lstm, gru_before). Commands on standard input, an answer line each (exchange.py):
//   load FILE   the batches of FILE; primitives are made, weights reordered, inputs laid out
//   run         runs them all: "WALL CPU" in seconds
//   write FILE  runs them all and writes the outputs (positions, 2 * HIDDEN) as float32
//
// A batch of one length is one bidirectional primitive a layer. oneDNN knows no lengths, and a padded batch would begin
// its backward direction in the padding: there each direction is a primitive of its own, and the backward one is given
// every sequence reversed, the padding at its end. Of ids, `run` copies the embeddings to where the first layer reads
// them, once for each primitive that does. Built by bench/peers/run; links with dnnl alone.
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/peers/onednn_cell.h"

_Noreturn void die(const char *what)
{
    fprintf(stderr, "onednn: %s\n", what);
    exit(1);
}

void check(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) {
        fprintf(stderr, "onednn: %s: status %d\n", what, (int)status);
        exit(1);
    }
}

void *zeros(size_t bytes)
{
    void *data = NULL;
    if (posix_memalign(&data, 64, bytes + 64))
        die("out of memory");
    memset(data, 0, bytes + 64);
    return data;
}

static void *read_path(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(path);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *data = zeros(*bytes);
    if (fread(data, 1, *bytes, file) != *bytes)
        die(path);
    fclose(file);
    return data;
}

void *read_file(const program *p, const char *name, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return read_path(path, bytes);
}

// ---- batches ----

// Numbers of the type, from floats; bfloat16 rounds to nearest even.
static char *convert(const program *p, const float *from, size_t n)
{
    char *to = zeros(n * p->element);
    for (size_t i = 0; i < n && p->type == dnnl_bf16; i++) {
        unsigned bits;
        memcpy(&bits, from + i, sizeof bits);
        bits += 0x7fff + (bits >> 16 & 1);
        unsigned short half = (unsigned short)(bits >> 16);
        memcpy(to + i * sizeof half, &half, sizeof half);
    }
    if (p->type == dnnl_f32)
        memcpy(to, from, n * sizeof *from);
    return to;
}

static void to_floats(const program *p, const char *from, float *to, size_t n)
{
    for (size_t i = 0; i < n && p->type == dnnl_bf16; i++) {
        unsigned short half;
        memcpy(&half, from + i * sizeof half, sizeof half);
        unsigned bits = (unsigned)half << 16;
        memcpy(to + i, &bits, sizeof bits);
    }
    if (p->type == dnnl_f32)
        memcpy(to, from, n * sizeof *to);
}

// Step of the padded batch at which the given direction meets position t.
static long step_of(const program *p, const batch *b, long row, long t, int reversed)
{
    return reversed ? p->length[b->sequence[row]] - 1 - t : t;
}

static const char *input_of(const program *p, long position)
{
    return p->rows + (size_t)((p->ids ? p->ids[position] : position) * p->input) * p->element;
}

static void lay_input(const program *p, const batch *b, char *src, int reversed)
{
    size_t bytes = (size_t)p->input * p->element;
    for (long row = 0; row < b->n; row++) {
        long s = b->sequence[row];
        for (long t = 0; t < p->length[s]; t++)
            memcpy(src + (size_t)(step_of(p, b, row, t, reversed) * b->n + row) * bytes, input_of(p, p->offset[s] + t),
                   bytes);
    }
}

// The outputs of one layer's two primitives side by side, into the inputs of the next layer's two, or into `whole`.
static void join(const program *p, const batch *b, const rnn *below, char *whole, rnn *above)
{
    size_t bytes = (size_t)p->hidden * p->element;
    for (long row = 0; row < b->n; row++) {
        long s = b->sequence[row];
        for (long t = 0; t < p->length[s]; t++) {
            const char *forward = below[0].dst + (size_t)(t * b->n + row) * bytes;
            const char *backward = below[1].dst + (size_t)(step_of(p, b, row, t, 1) * b->n + row) * bytes;
            for (int reversed = 0; reversed < (above ? 2 : 1); reversed++) {
                long at = above ? step_of(p, b, row, t, reversed) * b->n + row : p->offset[s] + t;
                char *to = (above ? above[reversed].src : whole) + (size_t)at * 2 * bytes;
                memcpy(to, forward, bytes);
                memcpy(to + bytes, backward, bytes);
            }
        }
    }
}

static void make_batch(program *p, batch *b)
{
    int same = 1;
    for (long row = 0; row < b->n; row++)
        same = same && p->length[b->sequence[row]] == b->longest;
    b->directions = same ? 2 : 1;
    b->rnns = zeros((size_t)p->layers * 2 * sizeof *b->rnns);
    for (long layer = 0; layer < p->layers; layer++)
        for (int which = 0; which < (same ? 1 : 2); which++) {
            rnn *g = &b->rnns[same ? layer : layer * 2 + which];
            *g = make_rnn(p, layer, same ? 2 : which, b);
            if (layer == 0)
                lay_input(p, b, g->src, !same && which == 1);
            if (same && layer > 0) { // reads what the layer below wrote
                free(g->src);
                g->src = NULL;
                for (int i = 0; i < g->n_args; i++)
                    if (g->args[i].arg == DNNL_ARG_SRC_LAYER)
                        check(dnnl_memory_set_data_handle(g->args[i].memory, b->rnns[layer - 1].dst), "input");
            }
        }
}

static void free_batches(program *p)
{
    for (long i = 0; i < p->n_batches; i++) {
        batch *b = &p->batches[i];
        for (long g = 0; g < (b->directions == 2 ? p->layers : 2 * p->layers); g++) {
            for (int a = 0; a < b->rnns[g].n_args; a++) {
                int arg = b->rnns[g].args[a].arg;
                if (arg == DNNL_ARG_SRC_LAYER || arg == DNNL_ARG_DST_LAYER || arg == DNNL_ARG_WORKSPACE)
                    dnnl_memory_destroy(b->rnns[g].args[a].memory);
            }
            dnnl_primitive_destroy(b->rnns[g].primitive);
            free(b->rnns[g].src);
            free(b->rnns[g].dst);
        }
        free(b->rnns);
        free(b->sequence);
    }
    free(p->batches);
    p->n_batches = 0;
}

static void load(program *p, const char *path)
{
    free_batches(p);
    size_t bytes;
    int *file = read_path(path, &bytes), *next = file;
    p->n_batches = *next++;
    p->batches = zeros((size_t)p->n_batches * sizeof *p->batches);
    for (long i = 0; i < p->n_batches; i++) {
        batch *b = &p->batches[i];
        b->n = *next++;
        b->longest = *next++;
        b->sequence = zeros((size_t)b->n * sizeof *b->sequence);
        for (long row = 0; row < b->n; row++)
            b->sequence[row] = *next++;
        make_batch(p, b);
    }
    free(file);
}

static void run(program *p)
{
    for (long i = 0; i < p->n_batches; i++) {
        batch *b = &p->batches[i];
        int each = b->directions == 2 ? 1 : 2;
        for (int which = 0; p->ids && which < each; which++)
            lay_input(p, b, b->rnns[which].src, which);
        for (long layer = 0; layer < p->layers; layer++) {
            rnn *g = b->rnns + layer * each;
            for (int which = 0; which < each; which++)
                check(dnnl_primitive_execute(g[which].primitive, p->stream, g[which].n_args, g[which].args), "run");
            if (each == 2 && layer + 1 < p->layers)
                join(p, b, g, NULL, g + 2);
        }
    }
    check(dnnl_stream_wait(p->stream), "run");
}

static void write_output(program *p, const char *path)
{
    size_t width = (size_t)(2 * p->hidden) * p->element, n = (size_t)(2 * p->hidden * p->positions);
    char *output = zeros(n * p->element);
    float *floats = zeros(n * sizeof *floats);
    run(p);
    for (long i = 0; i < p->n_batches; i++) {
        const batch *b = &p->batches[i];
        if (b->directions == 1) {
            join(p, b, b->rnns + 2 * (p->layers - 1), output, NULL);
            continue;
        }
        for (long row = 0; row < b->n; row++)
            for (long t = 0; t < b->longest; t++)
                memcpy(output + (size_t)(p->offset[b->sequence[row]] + t) * width,
                       b->rnns[p->layers - 1].dst + (size_t)(t * b->n + row) * width, width);
    }
    to_floats(p, output, floats, n);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(floats, sizeof *floats, n, file) != n || fclose(file))
        die(path);
    free(output);
    free(floats);
}

// ---- commands ----

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void read_sequences(program *p, size_t vocabulary)
{
    size_t bytes;
    p->length = read_file(p, "lengths.i32", &bytes);
    p->n = (long)(bytes / sizeof *p->length);
    p->offset = zeros((size_t)(p->n + 1) * sizeof *p->offset);
    for (long i = 0; i < p->n; i++)
        p->offset[i + 1] = p->offset[i] + p->length[i];
    p->positions = p->offset[p->n];
    if (vocabulary) {
        p->ids = read_file(p, "ids.i32", &bytes);
        p->rows = convert(p, find_tensor(p, "\"encoder.embedding.weight\":"), vocabulary * (size_t)p->input);
    } else {
        float *features = read_file(p, "features.f32", &bytes);
        p->rows = convert(p, features, (size_t)(p->positions * p->input));
        free(features);
    }
}

static void answer(program *p, const char *line)
{
    if (strncmp(line, "load ", 5) == 0) {
        load(p, line + 5);
        puts("ok");
    } else if (strncmp(line, "write ", 6) == 0) {
        write_output(p, line + 6);
        puts("ok");
    } else {
        double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        run(p);
        printf("%.9f %.9f\n", seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 9)
        die("usage: onednn DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL (OMP_NUM_THREADS does the same as "
            "THREADS)");
    program p = {.dir = argv[1], .layers = atol(argv[2]), .hidden = atol(argv[3]), .input = atol(argv[4])};
    p.cell = find_cell(argv[8]);
    if (!p.cell)
        die(argv[8]);
    check(dnnl_engine_create(&p.engine, dnnl_cpu, 0), "engine");
    check(dnnl_stream_create(&p.stream, p.engine, dnnl_stream_default_flags), "stream");
    const dnnl_version_t *version = dnnl_version();
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    const char *why = choose_type(&p, argv[7]);
    if (why) {
        printf("absent oneDNN %d.%d.%d, ISA %#x: %s\n", version->major, version->minor, version->patch, isa, why);
        return 0;
    }
    read_weights(&p);
    read_sequences(&p, strtoul(argv[6], NULL, 10));
    printf("ready oneDNN %d.%d.%d, %s, ISA %#x\n", version->major, version->minor, version->patch, argv[7], isa);
    fflush(stdout);
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        answer(&p, line);
    }
    return 0;
}
