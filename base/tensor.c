// tensor.c: element types of tensors in files and their exact conversion to float.
#include "config.h"

#include "base/tensor.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

const char *grus_dtype_name(grus_dtype dtype)
{
    static const char *const names[] = {
        [GRUS_F32] = "F32", [GRUS_F16] = "F16", [GRUS_BF16] = "BF16", [GRUS_I64] = "I64"};
    return names[dtype];
}

size_t grus_dtype_size(grus_dtype dtype)
{
    static const size_t sizes[] = {[GRUS_F32] = 4, [GRUS_F16] = 2, [GRUS_BF16] = 2, [GRUS_I64] = 8};
    return sizes[dtype];
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// IEEE 754 binary16 to binary32.
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0) {
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static uint16_t load_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

void grus_tensor_floats(const grus_tensor *tensor, size_t first, size_t count, float *out)
{
    const unsigned char *bytes = (const unsigned char *)tensor->data + first * grus_dtype_size(tensor->dtype);
    for (size_t i = 0; i < count; i++) {
        if (tensor->dtype == GRUS_F16)
            out[i] = float_of_half(load_u16(bytes + 2 * i));
        else if (tensor->dtype == GRUS_BF16)
            out[i] = float_of_bits((uint32_t)load_u16(bytes + 2 * i) << 16);
        else
            out[i] = float_of_bits((uint32_t)load_u16(bytes + 4 * i) | (uint32_t)load_u16(bytes + 4 * i + 2) << 16);
    }
}

size_t grus_tensor_find_nonfinite(const grus_tensor *tensor)
{
    float block[256];
    for (size_t first = 0, n; first < tensor->count; first += n) {
        n = grus_min(tensor->count - first, sizeof block / sizeof *block);
        grus_tensor_floats(tensor, first, n, block);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &block[i], sizeof bits);
            if ((bits & 0x7f800000u) == 0x7f800000u)
                return first + i;
        }
    }
    return tensor->count;
}
