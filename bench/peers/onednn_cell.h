// onednn_cell.h: what onednn.c and onednn_cell.c share: the program's state, and a primitive of one layer of it.
#ifndef GRUS_BENCH_PEERS_ONEDNN_CELL_H
#define GRUS_BENCH_PEERS_ONEDNN_CELL_H

#include <oneapi/dnnl/dnnl.h>
#include <stddef.h>

typedef struct cell { // a kind of oneDNN's
    const char *name; // as bench/peers/run has it
    const char *primitive;
    int gates, biases; // a unit
    int order[4];      // where each gate of PyTorch's stands among oneDNN's
} cell;

typedef struct weights { // of a layer and a set of directions, in oneDNN's plain layout
    dnnl_memory_t layer, iter, bias;
} weights;

typedef struct packed { // weights as a primitive wants them, shared by all that want the same
    size_t key;         // layer * 3 + direction, 2: both
    dnnl_memory_t layer, iter;
    struct packed *next;
} packed;

typedef struct rnn {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[8];
    int n_args;
    char *src, *dst; // elements of the type
} rnn;

typedef struct batch {
    long n, longest, *sequence;
    int directions; // 2: one primitive for both; 1: one for each
    rnn *rnns;      // (layers) or (layers, 2)
} batch;

typedef struct program {
    const char *dir;
    const cell *cell;
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

_Noreturn void die(const char *what);
void check(dnnl_status_t status, const char *what);
void *zeros(size_t bytes);
void *read_file(const program *p, const char *name, size_t *bytes);

// NULL: there is none of this name.
const cell *find_cell(const char *name);
// Sets the type that the program computes in. Returns why there is no such primitive, or NULL.
const char *choose_type(program *p, const char *type);
void read_weights(program *p);
// Of the file of weights; key as it stands there, in quotes.
const float *find_tensor(const program *p, const char *key);
// The primitive of a layer for a batch; which: forward, backward, both.
rnn make_rnn(program *p, long layer, int which, const batch *b);

#endif
