// vector_mean.h: the part of vector_impl.h that takes the mean of log-probabilities; included there alone, behind the doubles
// of vector_viterbi.h.
#ifndef LANES
#error "vector_mean.h is included by vector_impl.h"
#endif

typedef float half_vec __attribute__((vector_size(2 * LANES)));

// Of a vector of places from i on.
static inline vec mean_at(const grus_log_rows *rows, size_t i)
{
    vecd low = {0}, high = {0};
    for (size_t row = 0; row < rows->n; row++) {
        float logprobs[LANES];
        store(logprobs, (load(rows->x[row] + i) - rows->shift[row]) - rows->log_sum[row]);
        low += VDOUBLES(logprobs);
        high += VDOUBLES(logprobs + LANES / 2);
    }
    const half_vec halves[2] = {__builtin_convertvector(low / (double)rows->n, half_vec),
                                __builtin_convertvector(high / (double)rows->n, half_vec)};
    vec mean;
    memcpy(&mean, halves, sizeof mean);
    return mean;
}

static float mean_of_one(const grus_log_rows *rows, size_t i)
{
    double sum = 0;
    for (size_t row = 0; row < rows->n; row++)
        sum += (double)((rows->x[row][i] - rows->shift[row]) - rows->log_sum[row]);
    return (float)(sum / (double)rows->n);
}

static void mean_logprobs(const grus_log_rows *rows, size_t n, float *to, float *top)
{
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK) {
        size_t end = n - first < GRUS_LOGIT_BLOCK ? n : first + GRUS_LOGIT_BLOCK, i = first;
        float part[LANES], block_top = -INFINITY;
        vec high = splat(-INFINITY);
        for (; i + LANES <= end; i += LANES) {
            vec mean = mean_at(rows, i);
            store(to + i, mean);
            high = VMAX(mean, high);
        }
        store(part, high);
        for (size_t lane = 0; lane < LANES; lane++)
            block_top = part[lane] > block_top ? part[lane] : block_top;
        for (; i < end; i++) {
            to[i] = mean_of_one(rows, i);
            block_top = to[i] > block_top ? to[i] : block_top;
        }
        if (top)
            top[first / GRUS_LOGIT_BLOCK] = block_top;
    }
}
