// onednn.c: oneDNN's side of bench/peers/run: lbr_gru, a primitive for each layer and shape of a batch.
//
// usage: onednn DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE (float32, bfloat16, int8: "absent WHY" where there is no
// such primitive). Commands on standard input, an answer line each (exchange.py):
//   load FILE   the batches of FILE; primitives are made, weights reordered, inputs laid out
//   run         runs them all: "WALL CPU" in seconds
//   write FILE  runs them all and writes the outputs (positions, 2 * HIDDEN) as float32
//
// A batch of one length is one bidirectional primitive a layer. oneDNN knows no lengths, and a padded batch would begin
// its backward direction in the padding: there each direction is a primitive of its own, and the backward one is given
// every sequence reversed, the padding at its end. Of ids, `run` copies the embeddings to where the first layer reads
// them, once for each primitive that does. Built by bench/peers/run; links with dnnl alone.
#define _POSIX_C_SOURCE 200809L
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GATES 3

typedef struct weights { // of a layer and a set of directions, in oneDNN's plain layout
    dnnl_memory_t layer, iter, bias;
} weights;

typedef struct packed { // weights as a primitive wants them, shared by all that want the same
    size_t key;         // layer * 3 + direction, 2: both
    dnnl_memory_t layer, iter;
    struct packed *next;
} packed;

typedef struct gru {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[8];
    int n_args;
    char *src, *dst; // elements of the type
} gru;

typedef struct batch {
    long n, longest, *sequence;
    int directions; // 2: one primitive for both; 1: one for each
    gru *grus;      // (layers) or (layers, 2)
} batch;

typedef struct program {
    const char *dir;
    long layers, hidden, input, n, positions;
    int *length;
    long *offset;           // (n + 1)
    dnnl_data_type_t type;  // of inputs, weights and outputs; biases are float32
    size_t element;         // bytes
    int *ids;               // (positions), or NULL
    char *rows;             // (positions, input), or (vocabulary, input) of ids
    char *header, *tensors; // of weights.safetensors
    weights (*plain)[3];    // (layers): forward, backward, both
    packed *cache;
    batch *batches;
    long n_batches;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} program;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "onednn: %s\n", what);
    exit(1);
}

static void check(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) {
        fprintf(stderr, "onednn: %s: status %d\n", what, (int)status);
        exit(1);
    }
}

static void *zeros(size_t bytes)
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

static void *read_file(const program *p, const char *name, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return read_path(path, bytes);
}

// ---- weights ----

// The header was written by exchange.py: no spaces, one data_offsets a tensor.
static const float *find_tensor(const program *p, const char *key)
{
    unsigned long first;
    const char *found = strstr(p->header, key);
    found = found ? strstr(found, "\"data_offsets\":[") : NULL;
    if (!found || sscanf(found, "\"data_offsets\":[%lu", &first) != 1)
        die(key);
    return (const float *)(const void *)(p->tensors + first);
}

static const float *tensor(const program *p, const char *name, long layer, int reverse)
{
    char key[128];
    snprintf(key, sizeof key, "\"encoder.rnn.%s_l%ld%s\":", name, layer, reverse ? "_reverse" : "");
    return find_tensor(p, key);
}

static dnnl_memory_t memory(const program *p, const dnnl_memory_desc_t *desc, void *data)
{
    dnnl_memory_t made;
    check(dnnl_memory_create(&made, desc, p->engine, data ? data : DNNL_MEMORY_ALLOCATE), "memory");
    return made;
}

static dnnl_memory_desc_t desc_of(dnnl_data_type_t type, int n, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc;
    check(dnnl_memory_desc_init_by_tag(&desc, n, dims, type, tag), "memory descriptor");
    return desc;
}

static dnnl_memory_desc_t plain_desc(int n, const dnnl_dim_t *dims, dnnl_format_tag_t tag)
{
    return desc_of(dnnl_f32, n, dims, tag);
}

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

// Gates r, z, n of nn.GRU are oneDNN's 1, 0, 2.
static const int gate_of[GATES] = {1, 0, 2};

// (directions, input, gates, hidden)
static float *turn(const program *p, const char *name, long layer, int first, int n, long input)
{
    long hidden = p->hidden;
    float *to = zeros((size_t)(n * input * GATES * hidden) * sizeof *to);
    for (int d = 0; d < n; d++) {
        const float *from = tensor(p, name, layer, first + d);
        for (int gate = 0; gate < GATES; gate++)
            for (long unit = 0; unit < hidden; unit++)
                for (long i = 0; i < input; i++)
                    to[((d * input + i) * GATES + gate_of[gate]) * hidden + unit] =
                        from[(gate * hidden + unit) * input + i];
    }
    return to;
}

// The fourth bias is the one inside r * (…).
static float *turn_bias(const program *p, long layer, int first, int n)
{
    long hidden = p->hidden;
    float *to = zeros((size_t)(n * 4 * hidden) * sizeof *to);
    for (int d = 0; d < n; d++) {
        const float *ih = tensor(p, "bias_ih", layer, first + d), *hh = tensor(p, "bias_hh", layer, first + d);
        for (int gate = 0; gate < GATES; gate++)
            for (long unit = 0; unit < hidden; unit++)
                to[(d * 4 + gate_of[gate]) * hidden + unit] =
                    ih[gate * hidden + unit] + (gate < 2 ? hh[gate * hidden + unit] : 0);
        memcpy(to + (d * 4 + 3) * hidden, hh + 2 * hidden, (size_t)hidden * sizeof *to);
    }
    return to;
}

static long layer_input(const program *p, long layer)
{
    return layer ? 2 * p->hidden : p->input;
}

static weights make_weights(const program *p, long layer, int first, int n)
{
    long input = layer_input(p, layer), hidden = p->hidden;
    dnnl_memory_desc_t layer_desc = plain_desc(5, (dnnl_dims_t){1, n, input, GATES, hidden}, dnnl_ldigo);
    dnnl_memory_desc_t iter_desc = plain_desc(5, (dnnl_dims_t){1, n, hidden, GATES, hidden}, dnnl_ldigo);
    dnnl_memory_desc_t bias_desc = plain_desc(4, (dnnl_dims_t){1, n, 4, hidden}, dnnl_ldgo);
    return (weights){memory(p, &layer_desc, turn(p, "weight_ih", layer, first, n, input)),
                     memory(p, &iter_desc, turn(p, "weight_hh", layer, first, n, hidden)),
                     memory(p, &bias_desc, turn_bias(p, layer, first, n))};
}

static void read_weights(program *p)
{
    size_t bytes;
    char *file = read_file(p, "weights.safetensors", &bytes);
    unsigned long long header;
    memcpy(&header, file, sizeof header);
    p->header = zeros(header);
    memcpy(p->header, file + 8, header);
    p->tensors = file + 8 + header;
    p->plain = zeros((size_t)p->layers * sizeof *p->plain);
    for (long layer = 0; layer < p->layers; layer++) {
        p->plain[layer][0] = make_weights(p, layer, 0, 1);
        p->plain[layer][1] = make_weights(p, layer, 1, 1);
        p->plain[layer][2] = make_weights(p, layer, 0, 2);
    }
}

static dnnl_memory_t reorder(const program *p, dnnl_memory_t from, const dnnl_memory_desc_t *to)
{
    const dnnl_memory_desc_t *from_desc;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    check(dnnl_memory_get_memory_desc(from, &from_desc), "descriptor");
    dnnl_memory_t made = memory(p, to, NULL);
    check(dnnl_reorder_primitive_desc_create(&desc, from_desc, p->engine, to, p->engine, NULL), "reorder");
    check(dnnl_primitive_create(&primitive, desc), "reorder");
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, made}};
    check(dnnl_primitive_execute(primitive, p->stream, 2, args), "reorder");
    check(dnnl_stream_wait(p->stream), "reorder");
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    return made;
}

static const packed *pack(program *p, size_t key, const weights *plain, const dnnl_memory_desc_t *layer,
                          const dnnl_memory_desc_t *iter)
{
    for (const packed *c = p->cache; c; c = c->next) {
        const dnnl_memory_desc_t *layer_desc, *iter_desc;
        check(dnnl_memory_get_memory_desc(c->layer, &layer_desc), "descriptor");
        check(dnnl_memory_get_memory_desc(c->iter, &iter_desc), "descriptor");
        if (c->key == key && dnnl_memory_desc_equal(layer_desc, layer) && dnnl_memory_desc_equal(iter_desc, iter))
            return c;
    }
    packed *made = zeros(sizeof *made);
    *made = (packed){key, reorder(p, plain->layer, layer), reorder(p, plain->iter, iter), p->cache};
    p->cache = made;
    return made;
}

// ---- batches ----

typedef struct shape {
    long input, steps, rows;
    int directions;
} shape;

// What the operation is made of; `weights` is the type of both of its matrices.
static dnnl_status_t describe(const program *p, const shape *s, dnnl_data_type_t weights, dnnl_memory_desc_t *src,
                              dnnl_memory_desc_t *dst, dnnl_rnn_desc_t *desc)
{
    long n = s->directions, hidden = p->hidden;
    *src = desc_of(p->type, 3, (dnnl_dims_t){s->steps, s->rows, s->input}, dnnl_tnc);
    *dst = desc_of(p->type, 3, (dnnl_dims_t){s->steps, s->rows, n * hidden}, dnnl_tnc);
    dnnl_memory_desc_t bias = plain_desc(4, (dnnl_dims_t){1, n, 4, hidden}, dnnl_ldgo);
    dnnl_memory_desc_t layer = desc_of(weights, 5, (dnnl_dims_t){1, n, s->input, GATES, hidden}, dnnl_format_tag_any);
    dnnl_memory_desc_t iter = desc_of(weights, 5, (dnnl_dims_t){1, n, hidden, GATES, hidden}, dnnl_format_tag_any);
    return dnnl_lbr_gru_forward_desc_init(desc, dnnl_forward_inference,
                                          n == 2 ? dnnl_bidirectional_concat : dnnl_unidirectional_left2right, src,
                                          NULL, &layer, &iter, &bias, dst, NULL, dnnl_rnn_flags_undef);
}

static gru make_gru(program *p, long layer, int which, const batch *b)
{
    shape s = {layer_input(p, layer), b->longest, b->n, which == 2 ? 2 : 1};
    dnnl_memory_desc_t src, dst;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t primitive_desc;
    gru g = {0};
    check(describe(p, &s, p->type, &src, &dst, &desc), "lbr_gru");
    check(dnnl_primitive_desc_create(&primitive_desc, &desc, NULL, p->engine, NULL), "lbr_gru");
    check(dnnl_primitive_create(&g.primitive, primitive_desc), "lbr_gru");
    const packed *w = pack(p, (size_t)(layer * 3 + which), &p->plain[layer][which],
                           dnnl_primitive_desc_query_md(primitive_desc, dnnl_query_weights_md, 0),
                           dnnl_primitive_desc_query_md(primitive_desc, dnnl_query_weights_md, 1));
    const dnnl_memory_desc_t *workspace = dnnl_primitive_desc_query_md(primitive_desc, dnnl_query_workspace_md, 0);
    if (workspace && dnnl_memory_desc_get_size(workspace) > 0)
        g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, memory(p, workspace, NULL)};
    g.src = zeros((size_t)(s.steps * s.rows * s.input) * p->element);
    g.dst = zeros((size_t)(s.steps * s.rows * s.directions * p->hidden) * p->element);
    g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SRC_LAYER, memory(p, &src, g.src)};
    g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS_LAYER, w->layer};
    g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS_ITER, w->iter};
    g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, p->plain[layer][which].bias};
    g.args[g.n_args++] = (dnnl_exec_arg_t){DNNL_ARG_DST_LAYER, memory(p, &dst, g.dst)};
    dnnl_primitive_desc_destroy(primitive_desc);
    return g;
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
static void join(const program *p, const batch *b, const gru *below, char *whole, gru *above)
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
    b->grus = zeros((size_t)p->layers * 2 * sizeof *b->grus);
    for (long layer = 0; layer < p->layers; layer++)
        for (int which = 0; which < (same ? 1 : 2); which++) {
            gru *g = &b->grus[same ? layer : layer * 2 + which];
            *g = make_gru(p, layer, same ? 2 : which, b);
            if (layer == 0)
                lay_input(p, b, g->src, !same && which == 1);
            if (same && layer > 0) { // reads what the layer below wrote
                free(g->src);
                g->src = NULL;
                for (int i = 0; i < g->n_args; i++)
                    if (g->args[i].arg == DNNL_ARG_SRC_LAYER)
                        check(dnnl_memory_set_data_handle(g->args[i].memory, b->grus[layer - 1].dst), "input");
            }
        }
}

static void free_batches(program *p)
{
    for (long i = 0; i < p->n_batches; i++) {
        batch *b = &p->batches[i];
        for (long g = 0; g < (b->directions == 2 ? p->layers : 2 * p->layers); g++) {
            for (int a = 0; a < b->grus[g].n_args; a++) {
                int arg = b->grus[g].args[a].arg;
                if (arg == DNNL_ARG_SRC_LAYER || arg == DNNL_ARG_DST_LAYER || arg == DNNL_ARG_WORKSPACE)
                    dnnl_memory_destroy(b->grus[g].args[a].memory);
            }
            dnnl_primitive_destroy(b->grus[g].primitive);
            free(b->grus[g].src);
            free(b->grus[g].dst);
        }
        free(b->grus);
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
            lay_input(p, b, b->grus[which].src, which);
        for (long layer = 0; layer < p->layers; layer++) {
            gru *g = b->grus + layer * each;
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
            join(p, b, b->grus + 2 * (p->layers - 1), output, NULL);
            continue;
        }
        for (long row = 0; row < b->n; row++)
            for (long t = 0; t < b->longest; t++)
                memcpy(output + (size_t)(p->offset[b->sequence[row]] + t) * width,
                       b->grus[p->layers - 1].dst + (size_t)(t * b->n + row) * width, width);
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

// Why there is no such primitive, or NULL. What a descriptor is refused for hangs on the cell, not on the CPU.
static const char *absent(program *p, const char *type)
{
    dnnl_data_type_t weights = dnnl_f32;
    p->element = sizeof(float);
    p->type = dnnl_f32;
    if (strcmp(type, "bfloat16") == 0) {
        p->type = weights = dnnl_bf16;
        p->element = 2;
    } else if (strcmp(type, "int8") == 0) {
        p->type = dnnl_u8;
        weights = dnnl_s8;
    }
    shape s = {p->input, 2, 1, 1};
    dnnl_memory_desc_t src, dst;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t made;
    if (describe(p, &s, weights, &src, &dst, &desc) != dnnl_success)
        return "it has no lbr_gru of this type, on any CPU";
    if (dnnl_primitive_desc_create(&made, &desc, NULL, p->engine, NULL) != dnnl_success)
        return "not on this CPU: lbr_gru is not implemented for this type by its instruction set";
    dnnl_primitive_desc_destroy(made);
    return p->type == dnnl_u8 ? "there in this version, and not run by this program" : NULL;
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
    if (argc != 8)
        die("usage: onednn DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE (OMP_NUM_THREADS does the same as THREADS)");
    program p = {.dir = argv[1], .layers = atol(argv[2]), .hidden = atol(argv[3]), .input = atol(argv[4])};
    check(dnnl_engine_create(&p.engine, dnnl_cpu, 0), "engine");
    check(dnnl_stream_create(&p.stream, p.engine, dnnl_stream_default_flags), "stream");
    const dnnl_version_t *version = dnnl_version();
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    const char *why = absent(&p, argv[7]);
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
