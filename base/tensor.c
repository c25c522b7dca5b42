// tensor.c: element types of tensors in files and their exact conversion to float.
#include "config.h"

#include "base/tensor.h"

#include <stdint.h>
#include <string.h>

#include "base/denormal.h"
#include "base/memory.h"

static const struct dtype {
    const char *name;
    size_t bits;
} dtypes[GRUS_N_DTYPES] = {
    [GRUS_F32] = {"F32", 32},
    [GRUS_F16] = {"F16", 16},
    [GRUS_BF16] = {"BF16", 16},
    [GRUS_I64] = {"I64", 64},
    [GRUS_F64] = {"F64", 64},
    [GRUS_C64] = {"C64", 64},
    [GRUS_BOOL] = {"BOOL", 8},
    [GRUS_U8] = {"U8", 8},
    [GRUS_I8] = {"I8", 8},
    [GRUS_U16] = {"U16", 16},
    [GRUS_I16] = {"I16", 16},
    [GRUS_U32] = {"U32", 32},
    [GRUS_I32] = {"I32", 32},
    [GRUS_U64] = {"U64", 64},
    [GRUS_F8_E4M3] = {"F8_E4M3", 8},
    [GRUS_F8_E5M2] = {"F8_E5M2", 8},
    [GRUS_F8_E8M0] = {"F8_E8M0", 8},
    [GRUS_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [GRUS_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [GRUS_F6_E2M3] = {"F6_E2M3", 6},
    [GRUS_F6_E3M2] = {"F6_E3M2", 6},
    [GRUS_F4] = {"F4", 4},
};

const char *grus_dtype_name(grus_dtype dtype)
{
    return dtypes[dtype].name;
}

grus_dtype grus_dtype_named(const char *name)
{
    int dtype = 0;
    while (dtype < GRUS_N_DTYPES && strcmp(dtypes[dtype].name, name) != 0)
        dtype++;
    return (grus_dtype)dtype;
}

bool grus_dtype_is_float(grus_dtype dtype)
{
    return dtype == GRUS_F32 || dtype == GRUS_F16 || dtype == GRUS_BF16;
}

size_t grus_dtype_size(grus_dtype dtype)
{
    return dtypes[dtype].bits / 8;
}

bool grus_dtype_bytes(grus_dtype dtype, size_t count, size_t *bytes)
{
    size_t bits = dtypes[dtype].bits;
    if (bits % 8 == 0)
        return grus_mul(count, bits / 8, bytes);
    if (!grus_mul(count, bits, bytes) || *bytes % 8 != 0)
        return false;
    *bytes /= 8;
    return true;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// IEEE 754 binary16 to binary32, without branches, so that several are converted at once: a fraction that has no leading 1
// gets one, which a difference takes away.
static inline float float_of_half(uint16_t half)
{
    const uint32_t bias = 112u << 23, one = 1u << 23; // of the exponents, and the leading 1
    uint32_t shifted = (uint32_t)(half & 0x7fffu) << 13, exponent = shifted & 0x0f800000u;
    uint32_t leading = exponent == 0 ? bias + one : 0, infinite = exponent == 0x0f800000u ? 0x7f800000u : 0;
    uint32_t finite = bits_of(float_of_bits(shifted + (leading ? leading : bias)) - float_of_bits(leading));
    return float_of_bits((uint32_t)(half & 0x8000u) << 16 | finite | infinite);
}

static uint16_t load_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t load_u32(const unsigned char *bytes)
{
    return (uint32_t)load_u16(bytes) | (uint32_t)load_u16(bytes + 2) << 16;
}

// Values of a row of a matrix, or of a tensor of more dimensions: of all that has one first index.
static size_t row_size(const grus_tensor *tensor)
{
    return tensor->count / grus_max(tensor->shape[0], 1);
}

// Row by row, each with its own scale.
static void floats_of_i8(const grus_tensor *tensor, size_t first, size_t count, float *out)
{
    const int8_t *q = tensor->data;
    size_t columns = row_size(tensor);
    for (size_t end = first + count, n; first < end; first += n, out += n) {
        float scale;
        grus_tensor_floats(tensor->scale, first / columns, 1, &scale);
        n = grus_min(end - first, columns - first % columns);
#pragma omp simd
        for (size_t i = 0; i < n; i++)
            out[i] = (float)q[first + i] * scale;
    }
}

void grus_tensor_floats(const grus_tensor *tensor, size_t first, size_t count, float *out)
{
    if (tensor->dtype == GRUS_I8) {
        floats_of_i8(tensor, first, count, out);
        return;
    }
    const unsigned char *bytes = (const unsigned char *)tensor->data + first * grus_dtype_size(tensor->dtype);
    if (tensor->dtype == GRUS_F16) { // none of them is denormal as a float
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            out[i] = float_of_half(load_u16(bytes + 2 * i));
    } else if (tensor->dtype == GRUS_BF16) {
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            out[i] = grus_no_denormal(float_of_bits((uint32_t)load_u16(bytes + 2 * i) << 16));
    } else {
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            out[i] = grus_no_denormal(float_of_bits(load_u32(bytes + 4 * i)));
    }
}

// Of n <= BLOCK floats.
#define BLOCK 16
static inline void raise_greatest(const float *x, size_t n, int32_t greatest[BLOCK])
{
    for (size_t i = 0; i < n; i++) {
        int32_t magnitude = (int32_t)(bits_of(x[i]) & 0x7fffffffu);
        greatest[i] = magnitude > greatest[i] ? magnitude : greatest[i];
    }
}

// The bits of the greatest |x|: infinities are greater than numbers, and NaNs than those.
static int32_t find_greatest(const float *row, size_t n)
{
    int32_t greatest[BLOCK] = {0}, found = 0;
    for (; n >= BLOCK; row += BLOCK, n -= BLOCK)
        raise_greatest(row, BLOCK, greatest);
    raise_greatest(row, n, greatest);
    for (size_t i = 0; i < BLOCK; i++)
        found = greatest[i] > found ? greatest[i] : found;
    return found;
}

static float scale_by(int32_t greatest)
{
    return grus_no_denormal(float_of_bits((uint32_t)greatest) / 127);
}

float grus_row_scale(const float *row, size_t n)
{
    return scale_by(find_greatest(row, n));
}

static inline void round_block(float *x, size_t n, float scale)
{
    const float magic = 0x1.8p23f; // its last place is 1
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] / scale + magic - magic) * scale;
}

void grus_row_round(float *row, size_t n, float scale)
{
    if (scale == 0) {
        memset(row, 0, n * sizeof *row);
        return;
    }
    for (; n >= BLOCK; row += BLOCK, n -= BLOCK)
        round_block(row, BLOCK, scale);
    round_block(row, n, scale);
}

void grus_tensor_scales(const grus_tensor *tensor, size_t first, size_t n, float *scales)
{
    if (tensor->dtype == GRUS_I8) {
        grus_tensor_floats(tensor->scale, first, n, scales);
        return;
    }
    float block[256];
    size_t columns = row_size(tensor);
    for (size_t row = 0; row < n; row++) {
        int32_t greatest = 0;
        for (size_t at = 0, count; at < columns; at += count) {
            count = grus_min(columns - at, sizeof block / sizeof *block);
            grus_tensor_floats(tensor, (first + row) * columns + at, count, block);
            int32_t found = find_greatest(block, count);
            greatest = found > greatest ? found : greatest;
        }
        scales[row] = scale_by(greatest);
    }
}

size_t grus_tensor_find_nonfinite(const grus_tensor *tensor)
{
    float block[256];
    for (size_t first = 0, n; first < tensor->count; first += n) {
        n = grus_min(tensor->count - first, sizeof block / sizeof *block);
        grus_tensor_floats(tensor, first, n, block);
        if (find_greatest(block, n) < 0x7f800000)
            continue;
        for (size_t i = 0; i < n; i++)
            if ((bits_of(block[i]) & 0x7f800000u) == 0x7f800000u)
                return first + i;
    }
    return tensor->count;
}
