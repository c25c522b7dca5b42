// tensor.h: a tensor as it lies in a file, and how the engine asks for one by name. Reading files is io's business,
// what is done with the numbers the engine's.
#ifndef GRUS_BASE_TENSOR_H
#define GRUS_BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#define GRUS_TENSOR_RANK 8

typedef enum grus_dtype { GRUS_F32, GRUS_F16, GRUS_BF16, GRUS_I64 } grus_dtype;

typedef struct grus_tensor {
    grus_dtype dtype;
    size_t rank;
    size_t shape[GRUS_TENSOR_RANK];
    size_t count;     // the product of shape
    const void *data; // little-endian, no alignment promised; owned by the file
    const char *name; // as it stands in the file; owned by the file
} grus_tensor;

// The tensors of a model: find gives one by the name that spec uses (renaming applied), and marks it as used; false when
// there is none.
typedef struct grus_tensors {
    bool (*find)(void *user, const char *name, grus_tensor *tensor);
    void *user;       // of find
    const char *file; // for errors
} grus_tensors;

const char *grus_dtype_name(grus_dtype dtype);
size_t grus_dtype_size(grus_dtype dtype);

// Converts count elements from the first on to float; every F16 and BF16 value is exact in float. Not for GRUS_I64.
void grus_tensor_floats(const grus_tensor *tensor, size_t first, size_t count, float *out);

// The number of the first element that is a NaN or an infinity; tensor->count when there is none. Not for GRUS_I64.
size_t grus_tensor_find_nonfinite(const grus_tensor *tensor);

#endif
