// plain_product.c: products one number at a time, by the C library's own rounding.
#include "config.h"

#include "tests/support/plain_product.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void plain_round_part(const float *x, size_t n, bool bounded, int *q, float *scale)
{
    float most = 0;
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        most = fmaxf(most, fabsf(x[i]));
    }
    memset(q, 0, n * sizeof *q);
    if (bounded) {
        *scale = 1.0f / 127.0f;
        for (size_t i = 0; i < n; i++) {
            float v = x[i] * 127.0f;
            q[i] = isnan(v) || v >= 127 ? 127 : v <= -127 ? -127 : (int)lrintf(v);
        }
        return;
    }
    *scale = !finite ? NAN : 0;
    if (!finite || most < 0x1p-120f)
        return;
    float inverse = 127.0f / most;
    *scale = most / 127.0f;
    for (size_t i = 0; i < n; i++)
        q[i] = (int)lrintf(x[i] * inverse);
}

void plain_round_weights(const float *w, size_t n, bool given, int *q, float *scale)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(w[i]));
    if (!given)
        *scale = most / 127.0f < FLT_MIN ? 0 : most / 127.0f;
    for (size_t i = 0; i < n; i++) {
        float v = *scale != 0 ? nearbyintf(w[i] / *scale) : 0;
        q[i] = (int)fminf(127, fmaxf(given ? -128 : -127, v));
    }
}

float plain_int8_sum(const int *w, float w_scale, const int *x, const float *x_scales, const grus_parts *parts,
                     const float *onto)
{
    float y = onto ? *onto : 0;
    bool first = !onto;
    for (size_t part = 0, k = 0; part < parts->n; part++)
        for (size_t left = parts->columns[part]; left > 0;) {
            size_t n = left < PLAIN_PIECE ? left : PLAIN_PIECE;
            int64_t sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += w[k + i] * x[k + i];
            volatile float scale = x_scales[part] * w_scale;
            y = first ? (float)sum * scale : fmaf((float)sum, scale, y);
            first = false;
            k += n;
            left -= n;
        }
    return y;
}

float plain_float_sum(const float *w, const float *x, size_t n, float onto)
{
    for (size_t first = 0; first < n; first += 512) {
        float sum = 0;
        for (size_t i = first; i < grus_min(n, first + 512); i++)
            sum = fmaf(w[i], x[i], sum);
        onto += sum;
    }
    return onto;
}

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static bool are_floats(const plain_product *p, const float *y, size_t ldy)
{
    size_t k = grus_parts_columns(&p->parts);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->out; j++)
            if (!same(y[i * ldy + j], plain_float_sum(p->matrix + j * k, p->x + i * k, k, 0)))
                return false;
    return true;
}

static bool are_scaled(const plain_product *p, const float *y, size_t ldy)
{
    size_t k = grus_parts_columns(&p->parts);
    int *w = grus_alloc(k, sizeof *w), *q = grus_alloc(p->n * k, sizeof *q);
    float *scales = grus_alloc(p->n * p->parts.n, sizeof *scales), w_scale;
    bool right = w && q && scales;
    for (size_t i = 0; right && i < p->n; i++)
        for (size_t part = 0, at = i * k; part < p->parts.n; at += p->parts.columns[part++])
            plain_round_part(p->x + at, p->parts.columns[part], p->bounded[part], q + at,
                             scales + i * p->parts.n + part);
    for (size_t j = 0; right && j < p->out; j++) {
        plain_round_weights(p->matrix + j * k, k, false, w, &w_scale);
        for (size_t i = 0; i < p->n; i++)
            right = right && same(y[i * ldy + j],
                                  plain_int8_sum(w, w_scale, q + i * k, scales + i * p->parts.n, &p->parts, NULL));
    }
    free(scales);
    free(q);
    free(w);
    return right;
}

bool plain_product_is(const plain_product *product, const float *y, size_t ldy)
{
    return product->type == GRUS_COMPUTE_INT8 ? are_scaled(product, y, ldy) : are_floats(product, y, ldy);
}
