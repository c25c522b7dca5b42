// vector_activate.h: the part of vector_impl.h that applies activations; included there alone, behind its functions.
#ifndef LANES
#error "vector_activate.h is included by vector_impl.h"
#endif

// NaN in, NaN out.
static inline __attribute__((always_inline)) vec activated(grus_activation activation, vec x)
{
    switch (activation) {
    case GRUS_ACTIVATION_TANH:
        return vtanh(x);
    case GRUS_ACTIVATION_RELU:
        return VMAX(splat(0), x);
    case GRUS_ACTIVATION_SIGMOID:
        return vsigmoid(x);
    case GRUS_ACTIVATION_SILU:
        return x * vsigmoid(x);
    default:
        return x;
    }
}

// activation is known where this is inlined.
static inline __attribute__((always_inline)) void activate_by(grus_activation activation, float *x, const float *bias,
                                                              size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vec y = load_upto(x + i, n - i);
        if (bias)
            y += load_upto(bias + i, n - i);
        store_upto(x + i, VNORMAL(activated(activation, y)), n - i);
    }
}

static void activate(grus_activation activation, float *x, const float *bias, size_t n)
{
    switch (activation) {
    case GRUS_ACTIVATION_NONE:
        activate_by(GRUS_ACTIVATION_NONE, x, bias, n);
        break;
    case GRUS_ACTIVATION_TANH:
        activate_by(GRUS_ACTIVATION_TANH, x, bias, n);
        break;
    case GRUS_ACTIVATION_RELU:
        activate_by(GRUS_ACTIVATION_RELU, x, bias, n);
        break;
    case GRUS_ACTIVATION_SIGMOID:
        activate_by(GRUS_ACTIVATION_SIGMOID, x, bias, n);
        break;
    case GRUS_ACTIVATION_SILU:
        activate_by(GRUS_ACTIVATION_SILU, x, bias, n);
        break;
    }
}
