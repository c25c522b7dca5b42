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

static void expected_shape(grus_wanted wanted, char text[64])
{
    if (wanted.columns)
        snprintf(text, 64, "[%zu, %zu]", wanted.rows, wanted.columns);
    else
        snprintf(text, 64, "[%zu]", wanted.rows);
}

static grus_status fail_missing(const grus_tensors *tensors, const char *name, grus_wanted wanted, grus_error *error)
{
    char expected[64];
    expected_shape(wanted, expected);
    return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "no such tensor is in the file; expected the shape %s",
                     expected);
}

static void shape_text(const grus_tensor *tensor, char text[128])
{
    size_t used = (size_t)snprintf(text, 128, "[");
    for (size_t i = 0; i < tensor->rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? ", " : "", tensor->shape[i]);
    snprintf(text + used, 128 - used, "]");
}

static grus_status check_shape(const grus_tensors *tensors, const char *name, const grus_tensor *tensor,
                               grus_wanted wanted, grus_error *error)
{
    if (!grus_dtype_is_float(tensor->dtype))
        return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "expected a tensor of F32, F16 or BF16, found %s",
                         grus_dtype_name(tensor->dtype));
    bool fits = wanted.columns
                    ? tensor->rank == 2 && tensor->shape[0] == wanted.rows && tensor->shape[1] == wanted.columns
                    : tensor->rank == 1 && tensor->shape[0] == wanted.rows;
    if (fits)
        return GRUS_OK;
    char found[128], expected[64];
    shape_text(tensor, found);
    expected_shape(wanted, expected);
    return grus_fail(error, GRUS_E_MODEL, tensors->file, name, "expected the shape %s, found %s", expected, found);
}

static grus_status find_tensor(const grus_tensors *tensors, grus_wanted wanted, grus_tensor *tensor, grus_error *error)
{
    char name[256];
    tensor_name(name, wanted.prefix, wanted.suffix);
    if (!tensors->find(tensors->user, name, tensor))
        return fail_missing(tensors, name, wanted, error);
    return check_shape(tensors, name, tensor, wanted, error);
}

// Reads it into the arena, or into memory of its own.
static grus_status read_into(grus_reading *reading, grus_arena *arena, grus_wanted wanted, float **data,
                             grus_error *error)
{
    grus_tensor tensor;
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (status)
        return status;
    float *floats =
        arena ? grus_arena_alloc(arena, tensor.count, sizeof *floats) : grus_alloc(tensor.count, sizeof *floats);
    if (!floats)
        return grus_fail_memory(error, tensor.count * sizeof *floats);
    grus_tensor_floats(&tensor, 0, tensor.count, floats);
    reading->parameters += tensor.count;
    *data = floats;
    return GRUS_OK;
}

grus_status grus_read_tensor(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error)
{
    return read_into(reading, reading->arena, wanted, data, error);
}

grus_status grus_read_dense(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error)
{
    return read_into(reading, NULL, wanted, data, error);
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

grus_status grus_read_weights(grus_reading *reading, grus_wanted wanted, grus_weights **weights, grus_error *error)
{
    float *dense = NULL;
    grus_status status = grus_read_dense(reading, wanted, &dense, error);
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, grus_dense(dense, wanted.rows, wanted.columns),
                                   weights, error);
    free(dense);
    return status;
}

grus_status grus_read_gates(grus_reading *reading, grus_wanted wanted, grus_gate_range gates, grus_matrix *matrix,
                            float **data, grus_error *error)
{
    GRUS_ASSERT(wanted.rows % gates.of == 0 && gates.first + gates.n <= gates.of);
    grus_tensor tensor;
    grus_status status = find_tensor(reading->tensors, wanted, &tensor, error);
    if (status)
        return status;
    const grus_kernel *kernel = reading->kernel;
    size_t hidden = wanted.rows / gates.of, columns = wanted.columns;
    size_t rows = gates.n * grus_div_up(hidden, kernel->units) * kernel->units, floats;
    *data = grus_mul(rows, columns, &floats) ? grus_alloc(floats, sizeof **data) : NULL;
    if (!*data)
        return grus_fail_memory(error, rows * sizeof **data);
    if (rows > gates.n * hidden)
        memset(*data, 0, floats * sizeof **data);
    for (size_t gate = 0; gate < gates.n; gate++)
        for (size_t unit = 0; unit < hidden; unit++)
            grus_tensor_floats(&tensor, ((gates.first + gate) * hidden + unit) * columns, columns,
                               *data + grus_gate_row(kernel, gates.n, gate, unit) * columns);
    reading->parameters += gates.n * hidden * columns;
    *matrix = grus_dense(*data, rows, columns);
    return GRUS_OK;
}
