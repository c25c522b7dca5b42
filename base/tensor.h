// tensor.h: a tensor as it lies in a file, and how the engine asks for one by name. Reading files is io's business,
// what is done with the numbers the engine's.
#ifndef GRUS_BASE_TENSOR_H
#define GRUS_BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#define GRUS_TENSOR_RANK 8

// All of the format. Floats come first; I64 are offsets of feature shards; I8 are weights that have scales beside them;
// nothing reads the others.
typedef enum grus_dtype {
    GRUS_F32,
    GRUS_F16,
    GRUS_BF16,
    GRUS_I64,
    GRUS_F64,
    GRUS_C64,
    GRUS_BOOL,
    GRUS_U8,
    GRUS_I8,
    GRUS_U16,
    GRUS_I16,
    GRUS_U32,
    GRUS_I32,
    GRUS_U64,
    GRUS_F8_E4M3,
    GRUS_F8_E5M2,
    GRUS_F8_E8M0,
    GRUS_F8_E4M3FNUZ,
    GRUS_F8_E5M2FNUZ,
    GRUS_F6_E2M3,
    GRUS_F6_E3M2,
    GRUS_F4,
    GRUS_N_DTYPES
} grus_dtype;

typedef struct grus_tensor {
    grus_dtype dtype;
    size_t rank;
    size_t shape[GRUS_TENSOR_RANK];
    size_t count;     // the product of shape
    const void *data; // little-endian, no alignment promised; owned by the file; NULL where nobody has asked for it
    const char *name; // as it stands in the file; owned by the file
    const struct grus_tensor *scale; // NAME_scale beside one of I8; NULL: there is none, or another type; the file's
} grus_tensor;

// The tensors of a model: find gives one by the name that spec uses (renaming applied), and marks it as used; false when
// there is none.
typedef struct grus_tensors {
    bool (*find)(void *user, const char *name, grus_tensor *tensor);
    void *user;       // of find
    const char *file; // for errors
} grus_tensors;

const char *grus_dtype_name(grus_dtype dtype);
// The type of this name; GRUS_N_DTYPES: the format has none.
grus_dtype grus_dtype_named(const char *name);
// Whether it is F32, F16 or BF16.
bool grus_dtype_is_float(grus_dtype dtype);
// Bytes of an element of GRUS_I64, of GRUS_I8, or of one that is float.
size_t grus_dtype_size(grus_dtype dtype);
// Bytes of count elements of any type; false: the product overflows, or is no whole number of bytes.
bool grus_dtype_bytes(grus_dtype dtype, size_t count, size_t *bytes);

// Converts count elements from the first on to float, exactly, but for denormal floats, which become zeros (denormal.h).
// Of float types, and of I8 [rows, columns], or [rows, columns, taps], with a scale F32 [rows]: the float product of the element
// and its row's scale.
void grus_tensor_floats(const grus_tensor *tensor, size_t first, size_t count, float *out);

// Rows as int8 has them, where no file says how: the scale, the greatest magnitude / 127, and 0 where that is denormal (of a
// row with a NaN or an infinity it is one too); and each value rounded to the nearest of its multiples, ties to even.
float grus_row_scale(const float *row, size_t n);
void grus_row_round(float *row, size_t n, float scale);
// The scales of n rows of a matrix that grus_tensor_floats takes, from the first on: those of the file for I8.
void grus_tensor_scales(const grus_tensor *tensor, size_t first, size_t n, float *scales);

// The number of the first element that is a NaN or an infinity; tensor->count when there is none. Of the types
// that grus_tensor_floats takes.
size_t grus_tensor_find_nonfinite(const grus_tensor *tensor);

#endif
