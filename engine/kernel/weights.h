// weights.h: matrices and vectors of a model: read by name with their shapes checked, and packed once into the weight
// panels that kernel.h multiplies by. Knows names and shapes; what they mean is the caller's.
#ifndef GRUS_ENGINE_KERNEL_WEIGHTS_H
#define GRUS_ENGINE_KERNEL_WEIGHTS_H

#include "base/arena.h"
#include "base/tensor.h"
#include "engine/kernel/kernel.h"

// A matrix (out, in) in panels: data is (panels, in, kernel->panel), rows beyond out zero, one spare panel behind.
typedef struct grus_weights {
    size_t out, in;
    size_t panels;
    size_t width; // panels * kernel->panel: what a product writes a row
    float *data;
} grus_weights;

// A dense matrix in memory, the unit of packing: rows row-major, ld floats apart.
typedef struct grus_matrix {
    const float *data;
    size_t rows, columns, ld;
} grus_matrix;

// A model being read. What is read lies side by side in the arena, on as few pages as can be, since every step of a run
// walks through it; there it stays until the arena goes, whose owner the reader is.
typedef struct grus_reading {
    const grus_kernel *kernel;
    const grus_tensor_source *source;
    grus_arena *arena;
    size_t parameters; // read so far
} grus_reading;

// Reads tensor prefix.suffix of exactly this shape (columns 0: a vector). GRUS_E_MODEL names the tensor, what was
// expected and what was found; GRUS_E_MEMORY.
grus_status grus_read_tensor(grus_reading *reading, const char *prefix, const char *suffix, size_t rows, size_t columns,
                             float **data, grus_error *error);
// The same, but zeros where the tensor is absent.
grus_status grus_read_optional(grus_reading *reading, const char *prefix, const char *suffix, size_t rows,
                               size_t columns, float **data, grus_error *error);
// The same as grus_read_tensor, for a matrix that is packed and no longer needed: freed with free().
grus_status grus_read_dense(grus_reading *reading, const char *prefix, const char *suffix, size_t rows, size_t columns,
                            float **data, grus_error *error);
bool grus_has_tensor(const grus_tensor_source *source, const char *prefix, const char *suffix);

// Packs matrix into arena. GRUS_E_MEMORY when that has none left.
grus_status grus_weights_pack(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_weights *weights,
                              grus_error *error);

// Reads tensor prefix.suffix of shape [rows, columns] and packs it.
grus_status grus_weights_read(grus_reading *reading, const char *prefix, const char *suffix, size_t rows,
                              size_t columns, grus_weights *weights, grus_error *error);

// Reads tensor prefix.suffix of shape [3 * hidden, columns] in our order of gates: nn.GRU's rows r, z, n of H units each
// become groups of kernel->panel units, in a group first its r, then its z, then its n rows; the last group filled up
// with zeros. matrix is (3 * groups * panel, columns), its data fresh, to be freed with free().
grus_status grus_read_gates(grus_reading *reading, const char *prefix, const char *suffix, size_t hidden,
                            size_t columns, grus_matrix *matrix, float **data, grus_error *error);
// Index in that order of unit's row of gate 0, 1, 2.
static inline size_t grus_gate_row(size_t panel, size_t gate, size_t unit)
{
    return (unit / panel * 3 + gate) * panel + unit % panel;
}

size_t grus_weights_bytes(const grus_kernel *kernel, const grus_weights *weights);

#endif
