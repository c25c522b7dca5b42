// weights.c: reading tensors and packing weight panels.
#include "config.h"

#include "engine/kernel/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

static void tensor_name(char name[256], const char *prefix, const char *suffix)
{
    snprintf(name, 256, "%s%s%s", prefix, suffix[0] ? "." : "", suffix);
}

bool grus_has_tensor(const grus_tensor_source *source, const char *prefix, const char *suffix)
{
    char name[256];
    tensor_name(name, prefix, suffix);
    grus_tensor tensor;
    return source->find(source->context, name, &tensor);
}

static void expected_shape(size_t rows, size_t columns, char text[64])
{
    if (columns)
        snprintf(text, 64, "[%zu, %zu]", rows, columns);
    else
        snprintf(text, 64, "[%zu]", rows);
}

static grus_status fail_missing(const grus_tensor_source *source, const char *name, size_t rows, size_t columns,
                                grus_error *error)
{
    char expected[64];
    expected_shape(rows, columns, expected);
    return grus_fail(error, GRUS_E_MODEL, source->file, name, "no such tensor is in the file; expected the shape %s",
                     expected);
}

static void shape_text(const grus_tensor *tensor, char text[128])
{
    size_t used = (size_t)snprintf(text, 128, "[");
    for (size_t i = 0; i < tensor->rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? ", " : "", tensor->shape[i]);
    snprintf(text + used, 128 - used, "]");
}

static grus_status check_shape(const grus_tensor_source *source, const char *name, const grus_tensor *tensor,
                               size_t rows, size_t columns, grus_error *error)
{
    if (tensor->dtype == GRUS_I64)
        return grus_fail(error, GRUS_E_MODEL, source->file, name, "expected a tensor of F32, F16 or BF16, found I64");
    bool fits = columns ? tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns
                        : tensor->rank == 1 && tensor->shape[0] == rows;
    if (fits)
        return GRUS_OK;
    char found[128], expected[64];
    shape_text(tensor, found);
    expected_shape(rows, columns, expected);
    return grus_fail(error, GRUS_E_MODEL, source->file, name, "expected the shape %s, found %s", expected, found);
}

static grus_status find_tensor(const grus_tensor_source *source, const char *prefix, const char *suffix, size_t rows,
                               size_t columns, grus_tensor *tensor, grus_error *error)
{
    char name[256];
    tensor_name(name, prefix, suffix);
    if (!source->find(source->context, name, tensor))
        return fail_missing(source, name, rows, columns, error);
    return check_shape(source, name, tensor, rows, columns, error);
}

// Reads it into the arena, or into memory of its own.
static grus_status read_into(grus_reading *reading, grus_arena *arena, const char *prefix, const char *suffix,
                             size_t rows, size_t columns, float **data, grus_error *error)
{
    grus_tensor tensor;
    grus_status status = find_tensor(reading->source, prefix, suffix, rows, columns, &tensor, error);
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

grus_status grus_read_tensor(grus_reading *reading, const char *prefix, const char *suffix, size_t rows, size_t columns,
                             float **data, grus_error *error)
{
    return read_into(reading, reading->arena, prefix, suffix, rows, columns, data, error);
}

grus_status grus_read_dense(grus_reading *reading, const char *prefix, const char *suffix, size_t rows, size_t columns,
                            float **data, grus_error *error)
{
    return read_into(reading, NULL, prefix, suffix, rows, columns, data, error);
}

grus_status grus_read_optional(grus_reading *reading, const char *prefix, const char *suffix, size_t rows,
                               size_t columns, float **data, grus_error *error)
{
    if (grus_has_tensor(reading->source, prefix, suffix))
        return grus_read_tensor(reading, prefix, suffix, rows, columns, data, error);
    size_t count;
    if (!grus_mul(rows, columns ? columns : 1, &count) ||
        !(*data = grus_arena_alloc(reading->arena, count, sizeof **data)))
        return grus_fail_memory(error, rows * sizeof **data);
    memset(*data, 0, count * sizeof **data);
    return GRUS_OK;
}

grus_status grus_weights_pack(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_weights *weights,
                              grus_error *error)
{
    size_t panel = kernel->panel, panels = grus_div_up(matrix.rows, panel);
    size_t panel_floats, floats;
    if (!grus_mul(panel, matrix.columns, &panel_floats) || !grus_mul(panel_floats, panels + 1, &floats))
        return grus_fail_memory(error, SIZE_MAX);
    float *data = grus_arena_alloc(arena, floats, sizeof *data);
    if (!data)
        return grus_fail_memory(error, floats * sizeof *data);
    size_t whole = matrix.rows / panel * panel_floats; // the panels behind are padded with zeros
    memset(data + whole, 0, (floats - whole) * sizeof *data);
    for (size_t row = 0; row < matrix.rows; row++) {
        float *to = data + row / panel * panel_floats + row % panel;
        for (size_t k = 0; k < matrix.columns; k++)
            to[k * panel] = matrix.data[row * matrix.ld + k];
    }
    *weights = (grus_weights){matrix.rows, matrix.columns, panels, panels * panel, data};
    return GRUS_OK;
}

grus_status grus_weights_read(grus_reading *reading, const char *prefix, const char *suffix, size_t rows,
                              size_t columns, grus_weights *weights, grus_error *error)
{
    float *dense = NULL;
    grus_status status = grus_read_dense(reading, prefix, suffix, rows, columns, &dense, error);
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, (grus_matrix){dense, rows, columns, columns},
                                   weights, error);
    free(dense);
    return status;
}

grus_status grus_read_gates(grus_reading *reading, const char *prefix, const char *suffix, size_t hidden,
                            size_t columns, grus_matrix *matrix, float **data, grus_error *error)
{
    grus_tensor tensor;
    grus_status status = find_tensor(reading->source, prefix, suffix, 3 * hidden, columns, &tensor, error);
    if (status)
        return status;
    size_t panel = reading->kernel->panel, rows = 3 * grus_div_up(hidden, panel) * panel, floats;
    *data = grus_mul(rows, columns, &floats) ? grus_alloc(floats, sizeof **data) : NULL;
    if (!*data)
        return grus_fail_memory(error, rows * sizeof **data);
    if (rows > 3 * hidden)
        memset(*data, 0, floats * sizeof **data);
    for (size_t gate = 0; gate < 3; gate++)
        for (size_t unit = 0; unit < hidden; unit++)
            grus_tensor_floats(&tensor, (gate * hidden + unit) * columns, columns,
                               *data + grus_gate_row(panel, gate, unit) * columns);
    reading->parameters += tensor.count;
    *matrix = (grus_matrix){*data, rows, columns, columns};
    return GRUS_OK;
}

size_t grus_weights_bytes(const grus_kernel *kernel, const grus_weights *weights)
{
    return weights->data ? (weights->panels + 1) * kernel->panel * weights->in * sizeof(float) : 0;
}
