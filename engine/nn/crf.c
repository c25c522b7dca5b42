// crf.c: forward the scores of all paths; back along the best.
//
// No back pointers are kept. Scores are: a path's predecessor is found again from them, by the very sums of which its score
// was the largest, and only for the one path that is wanted. A step then has nothing but a sum and a maximum for each
// transition.
#include "config.h"

#include "engine/nn/crf.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

#define INFINITE_BITS 0x7f800000u

static grus_status read_transitions(grus_reading *reading, const char *prefix, grus_crf *crf, grus_error *error)
{
    grus_matrix matrix;
    grus_status status =
        grus_read_matrix(reading, (grus_wanted){prefix, "transitions", crf->labels, crf->labels}, &matrix, error);
    if (status)
        return status;
    size_t floats = crf->labels * crf->width;
    float *rows = grus_arena_alloc(reading->arena, floats, sizeof *rows);
    if (rows) {
        memset(rows, 0, floats * sizeof *rows);
        for (size_t from = 0; from < crf->labels; from++)
            memcpy(rows + from * crf->width, matrix.data + from * matrix.ld, crf->labels * sizeof *rows);
    }
    grus_matrix_drop(&matrix);
    crf->transitions = rows;
    return rows ? GRUS_OK : grus_fail_memory(error, floats * sizeof *rows);
}

static bool has_nan(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return true;
    return false;
}

grus_status grus_crf_read(grus_reading *reading, const char *prefix, size_t labels, grus_crf *crf, grus_error *error)
{
    grus_reading plain = *reading;
    plain.scaled = false;
    *crf = (grus_crf){.vector = reading->kernel->vector,
                      .labels = labels,
                      .width = grus_div_up(labels, GRUS_MAX_VECTOR) * GRUS_MAX_VECTOR};
    float *start = NULL, *end = NULL;
    grus_status status = read_transitions(&plain, prefix, crf, error);
    if (!status)
        status = grus_read_optional(&plain, (grus_wanted){prefix, "start", labels, 0}, &start, error);
    if (!status)
        status = grus_read_optional(&plain, (grus_wanted){prefix, "end", labels, 0}, &end, error);
    crf->start = start;
    crf->end = end;
    crf->has_nan =
        !status && (has_nan(crf->transitions, labels * crf->width) || has_nan(start, labels) || has_nan(end, labels));
    reading->parameters = plain.parameters;
    return status;
}

bool grus_crf_list(const grus_crf *crf, size_t longest, grus_arena *arena, grus_crf_path *path)
{
    path->scores = grus_arena_alloc(arena, grus_mul_sat(longest, crf->width), sizeof *path->scores);
    return path->scores != NULL;
}

void grus_crf_begin(grus_crf_path *path)
{
    path->n = 0;
    path->finite = true;
}

void grus_crf_step(const grus_crf *crf, grus_crf_path *path, const float *logits)
{
    double *scores = path->scores + path->n * crf->width;
    if (path->n == 0)
        for (size_t i = 0; i < crf->labels; i++)
            scores[i] = (double)crf->start[i] + (double)logits[i];
    else {
        crf->vector->viterbi(scores - crf->width, crf->transitions, crf->labels, crf->width, scores);
        for (size_t i = 0; i < crf->labels; i++)
            scores[i] += (double)logits[i];
    }
    path->finite = path->finite && crf->vector->magnitude(logits, crf->labels) < INFINITE_BITS;
    path->n++;
}

// The label that a path has before it comes to `to`: the lowest of those that give it the largest score.
static size_t label_before(const grus_crf *crf, const double *scores, size_t to)
{
    size_t best = 0;
    double highest = -INFINITY;
    for (size_t from = 0; from < crf->labels; from++) {
        double score = scores[from] + (double)crf->transitions[from * crf->width + to];
        if (score > highest) {
            highest = score;
            best = from;
        }
    }
    return best;
}

bool grus_crf_end(const grus_crf *crf, const grus_crf_path *path, uint32_t *labels)
{
    if (path->n == 0)
        return true;
    const double *scores = path->scores + (path->n - 1) * crf->width;
    size_t label = 0;
    double highest = -INFINITY;
    for (size_t i = 0; i < crf->labels; i++)
        if (scores[i] + (double)crf->end[i] > highest) {
            highest = scores[i] + (double)crf->end[i];
            label = i;
        }
    if (!path->finite || crf->has_nan || !isfinite(highest))
        return false;
    for (size_t position = path->n - 1; position > 0; position--) {
        labels[position] = (uint32_t)label;
        scores -= crf->width;
        label = label_before(crf, scores, label);
    }
    labels[0] = (uint32_t)label;
    return true;
}
