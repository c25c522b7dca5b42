// vector_viterbi.h: the part of vector_impl.h that goes one position along all paths at once, in doubles; included there
// alone, behind its types.
#ifndef LANES
#error "vector_viterbi.h is included by vector_impl.h"
#endif

typedef double vecd __attribute__((vector_size(4 * LANES)));
typedef double vecd_any __attribute__((vector_size(4 * LANES), aligned(8), may_alias));

// So many vectors of columns, a number that is known where this is inlined.
static inline __attribute__((always_inline)) void
best_columns(size_t vectors, const double *from, const float *transitions, size_t n, size_t ld, double *best)
{
    vecd highest[8];
    for (size_t j = 0; j < vectors; j++)
        highest[j] = from[0] + VDOUBLES(transitions + j * LANES / 2);
    for (size_t i = 1; i < n; i++) {
        const float *row = transitions + i * ld;
        for (size_t j = 0; j < vectors; j++) {
            vecd x = from[i] + VDOUBLES(row + j * LANES / 2);
            highest[j] = VMAXD(x, highest[j]);
        }
    }
    for (size_t j = 0; j < vectors; j++)
        *(vecd_any *)(best + j * LANES / 2) = highest[j];
}

static void viterbi(const double *from, const float *transitions, size_t n, size_t ld, double *best)
{
    size_t j = 0;
    for (; j + 4 * LANES <= ld; j += 4 * LANES)
        best_columns(8, from, transitions + j, n, ld, best + j);
    for (; j < ld; j += LANES)
        best_columns(2, from, transitions + j, n, ld, best + j);
}
