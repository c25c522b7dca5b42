// reading.c: finding tensors, checking their shapes, and reading them as floats.
#include "config.h"

#include "engine/nn/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

static void tensor_name(char name[256], const char *prefix, const char *suffix)
{
    snprintf(name, 256, "%s%s%s", prefix, suffix[0] ? "." : "", suffix);
}

bool grus_has_tensor(const grus_tensors *tensors, const char *prefix, const char *suffix)
{
    char name[256];
    tensor_name(name, prefix, suffix);
    grus_tensor tensor;
    return tensors->find(tensors->user, name, &tensor);
}

#define RANK_MAX 3

typedef struct shape {
    size_t rank, size[RANK_MAX];
} shape;

static shape shape_of(grus_wanted wanted)
{
    return (shape){wanted.columns ? 2 : 1, {wanted.rows, wanted.columns}};
}

static void shape_text(const size_t *size, size_t rank, char text[128])
{
    size_t used = (size_t)snprintf(text, 128, "[");
    for (size_t i = 0; i < rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? ", " : "", size[i]);
    snprintf(text + used, 128 - used, "]");
}

static grus_status fail_missing(const grus_tensors *tensors, const char *name, shape wanted, grus_error *error)
{
    char expected[128];
    shape_text(wanted.size, wanted.rank, expected);
    return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "no such tensor is in the file; expected the shape %s",
                     expected);
}

static grus_status fail_dtype(const grus_tensors *tensors, const char *name, const grus_tensor *tensor,
                              const char *expected, grus_error *error)
{
    return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "expected a tensor of %s, found %s", expected,
                     grus_dtype_name(tensor->dtype));
}

static grus_status check_shape(const grus_tensors *tensors, const char *name, const grus_tensor *tensor, shape wanted,
                               grus_error *error)
{
    if (tensor->rank == wanted.rank && memcmp(tensor->shape, wanted.size, wanted.rank * sizeof *wanted.size) == 0)
        return GRUS_OK;
    char found[128], expected[128];
    shape_text(tensor->shape, tensor->rank, found);
    shape_text(wanted.size, wanted.rank, expected);
    return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "expected the shape %s, found %s", expected, found);
}

// Of weights in I8.
static grus_status check_scale(const grus_tensors *tensors, const char *name, const grus_tensor *tensor, shape wanted,
                               grus_error *error)
{
    char beside[256 + sizeof "_scale"];
    snprintf(beside, sizeof beside, "%s_scale", name);
    wanted.rank = 1;
    if (!tensor->scale)
        return fail_missing(tensors, beside, wanted, error);
    if (tensor->scale->dtype != GRUS_F32)
        return fail_dtype(tensors, beside, tensor->scale, "F32", error);
    return check_shape(tensors, beside, tensor->scale, wanted, error);
}

static grus_status find_shaped(const grus_tensors *tensors, const char *name, shape wanted, grus_tensor *tensor,
                               grus_error *error)
{
    if (!tensors->find(tensors->user, name, tensor))
        return fail_missing(tensors, name, wanted, error);
    bool matrix = wanted.rank > 1, quantised = tensor->dtype == GRUS_I8 && matrix;
    if (!quantised && !grus_dtype_is_float(tensor->dtype))
        return fail_dtype(tensors, name, tensor, matrix ? "F32, F16, BF16 or I8" : "F32, F16 or BF16", error);
    grus_status status = check_shape(tensors, name, tensor, wanted, error);
    return status || !quantised ? status : check_scale(tensors, name, tensor, wanted, error);
}

static grus_status find_tensor(const grus_tensors *tensors, grus_wanted wanted, grus_tensor *tensor, grus_error *error)
{
    char name[256];
    tensor_name(name, wanted.prefix, wanted.suffix);
    return find_shaped(tensors, name, shape_of(wanted), tensor, error);
}

// A row of a tensor as it has been read, and its scale: that of a file of 8 bits, or what it gives itself, to whose
// multiples it is rounded.
static void scale_row(const grus_tensor *tensor, size_t row, float *data, size_t columns, float *scale)
{
    if (tensor->dtype == GRUS_I8) {
        grus_tensor_floats(tensor->scale, row, 1, scale);
        return;
    }
    *scale = grus_row_scale(data, columns);
    grus_row_round(data, columns, *scale);
}

grus_status grus_read_tensor_and(grus_reading *reading, grus_wanted wanted, size_t more, float **data,
                                 grus_error *error)
{
    grus_tensor tensor;
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (status)
        return status;
    more = grus_mul_sat(more, grus_max(wanted.columns, 1));
    size_t count = grus_add_sat(tensor.count, more);
    float *floats = grus_arena_alloc(reading->arena, count, sizeof *floats);
    if (!floats)
        return grus_fail_memory(error, grus_mul_sat(count, sizeof *floats));
    memset(floats + tensor.count, 0, more * sizeof *floats);
    grus_tensor_floats(&tensor, 0, tensor.count, floats);
    float scale;
    for (size_t row = 0; row < wanted.rows && reading->scaled && wanted.columns; row++)
        scale_row(&tensor, row, floats + row * wanted.columns, wanted.columns, &scale);
    reading->parameters += tensor.count;
    *data = floats;
    return GRUS_OK;
}

grus_status grus_read_tensor(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error)
{
    return grus_read_tensor_and(reading, wanted, 0, data, error);
}

grus_status grus_read_optional(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error)
{
    if (grus_has_tensor(reading->tensors, wanted.prefix, wanted.suffix))
        return grus_read_tensor(reading, wanted, data, error);
    size_t count;
    if (!grus_mul(wanted.rows, wanted.columns ? wanted.columns : 1, &count) ||
        !(*data = grus_arena_alloc(reading->arena, count, sizeof **data)))
        return grus_fail_memory(error, wanted.rows * sizeof **data);
    memset(*data, 0, count * sizeof **data);
    return GRUS_OK;
}

// ---- matrices ----

void grus_matrix_drop(grus_matrix *matrix)
{
    free((void *)(uintptr_t)matrix->scales);
    free((void *)(uintptr_t)matrix->data);
    *matrix = (grus_matrix){0};
}

// The rows [first, first + n) of a tensor and their scales (NULL: none), from row `to` of a matrix on.
typedef struct rows_of {
    const grus_tensor *tensor;
    size_t columns;
    float *data, *scales;
} rows_of;

static void read_rows(const rows_of *of, size_t first, size_t n, size_t to)
{
    float *data = of->data + to * of->columns;
    grus_tensor_floats(of->tensor, first * of->columns, n * of->columns, data);
    for (size_t row = 0; row < n && of->scales; row++)
        scale_row(of->tensor, first + row, data + row * of->columns, of->columns, of->scales + to + row);
}

// Room for a matrix of such a tensor, all zeros where it has more rows than that gives.
static grus_status make_room(const grus_reading *reading, size_t rows, size_t columns, bool fills, rows_of *of,
                             grus_error *error)
{
    size_t floats;
    of->columns = columns;
    of->data = grus_mul(rows, columns, &floats) ? grus_alloc(floats, sizeof *of->data) : NULL;
    of->scales = reading->scaled ? grus_alloc(rows, sizeof *of->scales) : NULL;
    if (!of->data || (reading->scaled && !of->scales)) {
        free(of->scales);
        free(of->data);
        return grus_fail_memory(error, grus_mul_sat(rows, columns * sizeof *of->data));
    }
    if (fills)
        memset(of->data, 0, floats * sizeof *of->data);
    if (fills && of->scales)
        memset(of->scales, 0, rows * sizeof *of->scales);
    return GRUS_OK;
}

static grus_matrix matrix_of(const rows_of *of, size_t rows)
{
    grus_matrix matrix = grus_dense(of->data, rows, of->columns);
    matrix.scales = of->scales;
    return matrix;
}

grus_status grus_read_matrix(grus_reading *reading, grus_wanted wanted, grus_matrix *matrix, grus_error *error)
{
    grus_tensor tensor;
    rows_of of = {.tensor = &tensor};
    *matrix = (grus_matrix){0};
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (!status)
        status = make_room(reading, wanted.rows, wanted.columns, false, &of, error);
    if (status)
        return status;
    read_rows(&of, 0, wanted.rows, 0);
    reading->parameters += tensor.count;
    *matrix = matrix_of(&of, wanted.rows);
    return GRUS_OK;
}

// Taps of a row side by side, each in order of the columns, instead of columns in order of the taps.
static void sort_taps(float *row, size_t columns, size_t taps, float *spare)
{
    for (size_t column = 0; column < columns; column++)
        for (size_t tap = 0; tap < taps; tap++)
            spare[tap * columns + column] = row[column * taps + tap];
    memcpy(row, spare, columns * taps * sizeof *row);
}

grus_status grus_read_taps(grus_reading *reading, grus_wanted wanted, size_t taps, grus_matrix *matrix,
                           grus_error *error)
{
    char name[256];
    grus_tensor tensor;
    rows_of of = {.tensor = &tensor};
    tensor_name(name, wanted.prefix, wanted.suffix);
    *matrix = (grus_matrix){0};
    grus_status status =
        find_shaped(reading->tensors, name, (shape){3, {wanted.rows, wanted.columns, taps}}, &tensor, error);
    size_t row_size = status ? 0 : wanted.columns * taps; // the tensor's, whose count does not overflow
    if (!status)
        status = make_room(reading, wanted.rows, row_size, false, &of, error);
    if (status)
        return status;
    *matrix = matrix_of(&of, wanted.rows);
    float *spare = grus_alloc(row_size, sizeof *spare);
    if (!spare) {
        grus_matrix_drop(matrix);
        return grus_fail_memory(error, row_size * sizeof *spare);
    }
    read_rows(&of, 0, wanted.rows, 0);
    for (size_t row = 0; row < wanted.rows; row++)
        sort_taps(of.data + row * row_size, wanted.columns, taps, spare);
    free(spare);
    reading->parameters += tensor.count;
    return GRUS_OK;
}

grus_status grus_read_weights(grus_reading *reading, grus_wanted wanted, const grus_parts *parts,
                              grus_weights **weights, grus_error *error)
{
    grus_matrix matrix;
    grus_status status = grus_read_matrix(reading, wanted, &matrix, error);
    if (parts)
        matrix.parts = *parts;
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, matrix, weights, error);
    grus_matrix_drop(&matrix);
    return status;
}

grus_status grus_read_scales(grus_reading *reading, grus_wanted wanted, const float **scales, grus_error *error)
{
    grus_tensor tensor;
    *scales = NULL;
    if (!reading->scaled)
        return GRUS_OK;
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (status)
        return status;
    float *kept = grus_arena_alloc(reading->arena, wanted.rows, sizeof *kept);
    if (!kept)
        return grus_fail_memory(error, wanted.rows * sizeof *kept);
    grus_tensor_scales(&tensor, 0, wanted.rows, kept);
    *scales = kept;
    return GRUS_OK;
}

grus_status grus_read_gates(grus_reading *reading, grus_wanted wanted, grus_gate_range gates, grus_matrix *matrix,
                            grus_error *error)
{
    GRUS_ASSERT(wanted.rows % gates.of == 0 && gates.first + gates.n <= gates.of);
    grus_tensor tensor;
    rows_of of = {.tensor = &tensor};
    *matrix = (grus_matrix){0};
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (status)
        return status;
    const grus_kernel *kernel = reading->kernel;
    size_t hidden = wanted.rows / gates.of, rows = gates.n * grus_div_up(hidden, kernel->units) * kernel->units;
    status = make_room(reading, rows, wanted.columns, rows > gates.n * hidden, &of, error);
    if (status)
        return status;
    for (size_t gate = 0; gate < gates.n; gate++)
        for (size_t unit = 0; unit < hidden; unit++)
            read_rows(&of, (gates.first + gate) * hidden + unit, 1, grus_gate_row(kernel, gates.n, gate, unit));
    reading->parameters += gates.n * hidden * wanted.columns;
    *matrix = matrix_of(&of, rows);
    return GRUS_OK;
}
