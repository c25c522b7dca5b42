// case_vector.c: the element-wise functions, on data that stays in L1. What is counted as FLOPs are the arithmetic
// operations of the formulas in engine/kernel/vector_impl.h, a division as one.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/case.h"
#include "engine/kernel/choose.h"

#define EXP_FLOPS 21.0
#define SIGMOID_FLOPS 24.0
#define TANH_FLOPS 25.0
#define GATES_FLOPS (2 * SIGMOID_FLOPS + TANH_FLOPS + 12.0) // a hidden unit
#define REPEAT 64                                           // calls a run, so that reading the clock costs nothing
#define MAX_TILE 64

typedef struct vectors {
    const grus_kernel *kernel;
    size_t n, columns;
    float *x, *y, *bias, *out; // (n) each, or (n, columns)
    const float *rows[MAX_TILE], *states[MAX_TILE];
    float *new_states[MAX_TILE];
    uint32_t lane[MAX_TILE];
} vectors;

static void free_vectors(void *state)
{
    vectors *v = state;
    free(v->x);
    free(v->y);
    free(v->bias);
    free(v->out);
    free(v);
}

// Arrays of n rows of columns floats in [-2, 2).
static vectors *make_vectors(size_t n, size_t columns, const char **why)
{
    vectors *v = calloc(1, sizeof *v);
    *why = "no kernel, or no memory";
    if (!v || grus_kernel_get(GRUS_COMPUTE_FLOAT32, &v->kernel, NULL) != GRUS_OK) {
        free(v);
        return NULL;
    }
    v->n = n;
    v->columns = columns;
    float **arrays[] = {&v->x, &v->y, &v->bias, &v->out};
    for (size_t i = 0; i < 4; i++) {
        *arrays[i] = grus_alloc(n * columns, sizeof(float));
        if (!*arrays[i]) {
            free_vectors(v);
            return NULL;
        }
        for (size_t j = 0; j < n * columns; j++)
            (*arrays[i])[j] = (float)((j * 2654435761u) % 4001) / 1000.0f - 2.0f;
    }
    return v;
}

static void run_exp(void *state)
{
    vectors *v = state;
    for (int i = 0; i < REPEAT; i++) {
        memcpy(v->x, v->bias, v->n * sizeof(float));
        v->kernel->vector->exp(v->x, v->n);
    }
}

static void run_sigmoid(void *state)
{
    vectors *v = state;
    for (int i = 0; i < REPEAT; i++)
        v->kernel->vector->sigmoid(v->x, v->n);
}

static void run_tanh(void *state)
{
    vectors *v = state;
    for (int i = 0; i < REPEAT; i++)
        v->kernel->vector->tanh_bias(v->x, v->bias, v->n);
}

static bool make_elements(const bench_parameters *p, double flops, void (*run)(void *), bench_case *made,
                          const char **why)
{
    vectors *v = make_vectors(p->length, 1, why);
    if (!v)
        return false;
    double n = (double)(REPEAT * p->length);
    *made = (bench_case){BENCH_FLOPS, flops * n, n, "elements", -1, 1, v, run, free_vectors};
    return true;
}

bool bench_make_exp(const bench_parameters *p, bench_case *made, const char **why)
{
    return make_elements(p, EXP_FLOPS, run_exp, made, why);
}

bool bench_make_sigmoid(const bench_parameters *p, bench_case *made, const char **why)
{
    return make_elements(p, SIGMOID_FLOPS, run_sigmoid, made, why);
}

bool bench_make_tanh(const bench_parameters *p, bench_case *made, const char **why)
{
    return make_elements(p, TANH_FLOPS + 1, run_tanh, made, why);
}

// ---- a tile of lanes ----

static void run_gates(void *state)
{
    vectors *v = state;
    const grus_kernel *kernel = v->kernel;
    for (size_t first = 0; first + kernel->units <= v->columns / 3; first += kernel->units)
        kernel->vector->gates(&(grus_gates){.lanes = kernel->tile,
                                            .width = kernel->units,
                                            .units = kernel->units,
                                            .acc = v->x,
                                            .bias = v->bias,
                                            .bias_hn = v->bias,
                                            .scratch = v->out + v->n * v->columns / 2,
                                            .n = kernel->tile,
                                            .lane = v->lane,
                                            .gi = v->rows,
                                            .h_prev = v->states,
                                            .h_new = v->new_states});
}

// Groups of hidden units until all H are done; a group's numbers stay in L1, as they do behind the product.
bool bench_make_gates(const bench_parameters *p, bench_case *made, const char **why)
{
    const grus_kernel *kernel;
    size_t tile = grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) == GRUS_OK ? kernel->tile : 1;
    vectors *v = make_vectors(tile, 3 * p->hidden, why);
    if (!v)
        return false;
    for (size_t lane = 0; lane < tile; lane++) {
        v->rows[lane] = v->y + lane * v->columns;
        v->states[lane] = v->new_states[lane] = v->out + lane * kernel->units;
        v->lane[lane] = (uint32_t)lane;
    }
    double n = (double)(p->hidden / kernel->units * kernel->units * tile);
    *made = (bench_case){BENCH_FLOPS, GATES_FLOPS * n, n, "units", -1, 1, v, run_gates, free_vectors};
    return true;
}

static void run_pack(void *state)
{
    vectors *v = state;
    v->kernel->vector->pack(v->n, v->columns, v->rows, v->y);
}

bool bench_make_pack(const bench_parameters *p, bench_case *made, const char **why)
{
    const grus_kernel *kernel;
    size_t tile = grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) == GRUS_OK ? kernel->tile : 1;
    vectors *v = make_vectors(tile, p->hidden, why);
    if (!v)
        return false;
    for (size_t lane = 0; lane < tile; lane++)
        v->rows[lane] = v->x + lane * v->columns;
    double n = (double)(tile * p->hidden);
    *made = (bench_case){BENCH_BYTES, 2 * sizeof(float) * n, n, "floats", -1, 1, v, run_pack, free_vectors};
    return true;
}
