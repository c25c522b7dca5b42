// onednn_cell.c: the weights of a cell as oneDNN has them, and its primitives: lbr_gru, which is nn.GRU, vanilla_gru, whose
// reset stands before the product, and vanilla_lstm.
#include "bench/peers/onednn_cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Gates r, z, n of nn.GRU are oneDNN's 1, 0, 2; those of nn.LSTM stand as there.
static const cell cells[] = {{"gru", "lbr_gru", 3, 4, {1, 0, 2}},
                             {"gru_before", "vanilla_gru", 3, 3, {1, 0, 2}},
                             {"lstm", "vanilla_lstm", 4, 4, {0, 1, 2, 3}}};

const cell *find_cell(const char *name)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(cells[i].name, name) == 0)
            return cells + i;
    return NULL;
}

// The header was written by exchange.py: no spaces, one data_offsets a tensor.
const float *find_tensor(const program *p, const char *key)
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

// (directions, input, gates, hidden)
static float *turn(const program *p, const char *name, long layer, int first, int n, long input)
{
    long hidden = p->hidden;
    float *to = zeros((size_t)(n * input * p->cell->gates * hidden) * sizeof *to);
    for (int d = 0; d < n; d++) {
        const float *from = tensor(p, name, layer, first + d);
        for (int gate = 0; gate < p->cell->gates; gate++)
            for (long unit = 0; unit < hidden; unit++)
                for (long i = 0; i < input; i++)
                    to[((d * input + i) * p->cell->gates + p->cell->order[gate]) * hidden + unit] =
                        from[(gate * hidden + unit) * input + i];
    }
    return to;
}

// lbr_gru's fourth bias is the one inside r * (…).
static float *turn_bias(const program *p, long layer, int first, int n)
{
    long hidden = p->hidden;
    int biases = p->cell->biases, inside = biases - p->cell->gates;
    float *to = zeros((size_t)(n * biases * hidden) * sizeof *to);
    for (int d = 0; d < n; d++) {
        const float *ih = tensor(p, "bias_ih", layer, first + d), *hh = tensor(p, "bias_hh", layer, first + d);
        for (int gate = 0; gate < p->cell->gates; gate++)
            for (long unit = 0; unit < hidden; unit++)
                to[(d * biases + p->cell->order[gate]) * hidden + unit] =
                    ih[gate * hidden + unit] + (inside && gate == 2 ? 0 : hh[gate * hidden + unit]);
        if (inside)
            memcpy(to + (d * biases + 3) * hidden, hh + 2 * hidden, (size_t)hidden * sizeof *to);
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
    dnnl_memory_desc_t layer_desc = plain_desc(5, (dnnl_dims_t){1, n, input, p->cell->gates, hidden}, dnnl_ldigo);
    dnnl_memory_desc_t iter_desc = plain_desc(5, (dnnl_dims_t){1, n, hidden, p->cell->gates, hidden}, dnnl_ldigo);
    dnnl_memory_desc_t bias_desc = plain_desc(4, (dnnl_dims_t){1, n, p->cell->biases, hidden}, dnnl_ldgo);
    return (weights){memory(p, &layer_desc, turn(p, "weight_ih", layer, first, n, input)),
                     memory(p, &iter_desc, turn(p, "weight_hh", layer, first, n, hidden)),
                     memory(p, &bias_desc, turn_bias(p, layer, first, n))};
}

void read_weights(program *p)
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

// ---- primitives ----

typedef struct shape {
    long input, steps, rows;
    int directions;
} shape;

// What the operation is made of; `kind` is the type of both of its matrices.
static dnnl_status_t describe(const program *p, const shape *s, dnnl_data_type_t kind, dnnl_memory_desc_t *src,
                              dnnl_memory_desc_t *dst, dnnl_rnn_desc_t *desc)
{
    long n = s->directions, hidden = p->hidden;
    *src = desc_of(p->type, 3, (dnnl_dims_t){s->steps, s->rows, s->input}, dnnl_tnc);
    *dst = desc_of(p->type, 3, (dnnl_dims_t){s->steps, s->rows, n * hidden}, dnnl_tnc);
    dnnl_memory_desc_t bias = plain_desc(4, (dnnl_dims_t){1, n, p->cell->biases, hidden}, dnnl_ldgo);
    dnnl_memory_desc_t layer =
        desc_of(kind, 5, (dnnl_dims_t){1, n, s->input, p->cell->gates, hidden}, dnnl_format_tag_any);
    dnnl_memory_desc_t iter =
        desc_of(kind, 5, (dnnl_dims_t){1, n, hidden, p->cell->gates, hidden}, dnnl_format_tag_any);
    dnnl_rnn_direction_t way = n == 2 ? dnnl_bidirectional_concat : dnnl_unidirectional_left2right;
    if (p->cell->gates == 4)
        return dnnl_lstm_forward_desc_init(desc, dnnl_forward_inference, way, src, NULL, NULL, &layer, &iter, &bias,
                                           dst, NULL, NULL, dnnl_rnn_flags_undef);
    return (p->cell->biases == 4 ? dnnl_lbr_gru_forward_desc_init : dnnl_gru_forward_desc_init)(
        desc, dnnl_forward_inference, way, src, NULL, &layer, &iter, &bias, dst, NULL, dnnl_rnn_flags_undef);
}

rnn make_rnn(program *p, long layer, int which, const batch *b)
{
    shape s = {layer_input(p, layer), b->longest, b->n, which == 2 ? 2 : 1};
    dnnl_memory_desc_t src, dst;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t primitive_desc;
    rnn g = {0};
    check(describe(p, &s, p->type, &src, &dst, &desc), p->cell->primitive);
    check(dnnl_primitive_desc_create(&primitive_desc, &desc, NULL, p->engine, NULL), p->cell->primitive);
    check(dnnl_primitive_create(&g.primitive, primitive_desc), p->cell->primitive);
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

static const char *explain(const program *p, const char *form)
{
    static char why[160];
    snprintf(why, sizeof why, form, p->cell->primitive);
    return why;
}

// What a descriptor is refused for hangs on the cell, not on the CPU.
const char *choose_type(program *p, const char *type)
{
    dnnl_data_type_t kind = dnnl_f32;
    p->element = sizeof(float);
    p->type = dnnl_f32;
    if (strcmp(type, "bfloat16") == 0) {
        p->type = kind = dnnl_bf16;
        p->element = 2;
    } else if (strcmp(type, "int8") == 0) {
        p->type = dnnl_u8;
        kind = dnnl_s8;
    }
    shape s = {p->input, 2, 1, 1};
    dnnl_memory_desc_t src, dst;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t made;
    if (describe(p, &s, kind, &src, &dst, &desc) != dnnl_success)
        return explain(p, "it has no %s of this type, on any CPU");
    if (dnnl_primitive_desc_create(&made, &desc, NULL, p->engine, NULL) != dnnl_success)
        return explain(p, "not on this CPU: %s is not implemented for this type by its instruction set");
    dnnl_primitive_desc_destroy(made);
    return p->type == dnnl_u8 ? "there in this version, and not run by this program" : NULL;
}
