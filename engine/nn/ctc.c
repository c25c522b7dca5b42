// ctc.c: the best label of each position, and the way to the search.
#include "config.h"

#include "engine/nn/ctc.h"

#include <math.h>

bool grus_ctc_list(const grus_ctc *ctc, size_t longest, grus_arena *arena, grus_ctc_path *path)
{
    grus_prefix_shape shape = {ctc->labels, ctc->blank, ctc->beam_size};
    return ctc->beam_size == 1 || grus_prefix_beam_list(&path->beam, ctc->vector, shape, longest, arena);
}

void grus_ctc_begin(const grus_ctc *ctc, grus_ctc_path *path)
{
    path->n = 0;
    path->last = (uint32_t)ctc->blank;
    path->path = (grus_scaled){1, 0};
    path->finite = true;
    if (ctc->beam_size > 1)
        grus_prefix_beam_begin(&path->beam);
}

// The lowest of the most probable.
static size_t best_label(const grus_ctc *ctc, const float *probs)
{
    float highest = ctc->vector->max(probs, ctc->labels);
    size_t label = 0;
    while (label + 1 < ctc->labels && probs[label] < highest)
        label++;
    return label;
}

void grus_ctc_step(const grus_ctc *ctc, grus_ctc_path *path, const float *probs, uint32_t *labels)
{
    // A softmax has all of its numbers finite or none.
    path->finite = path->finite && isfinite(probs[0]);
    if (!path->finite)
        return;
    if (ctc->beam_size > 1) {
        grus_prefix_beam_step(&path->beam, probs);
        return;
    }
    uint32_t label = (uint32_t)best_label(ctc, probs);
    path->path.x *= (double)probs[label];
    grus_scaled_up(&path->path);
    if (label != path->last && label != ctc->blank)
        labels[path->n++] = label;
    path->last = label;
}

bool grus_ctc_end(const grus_ctc *ctc, grus_ctc_path *path, uint32_t *labels, size_t *n, double *score)
{
    if (!path->finite)
        return false;
    if (ctc->beam_size > 1) {
        *n = grus_prefix_beam_end(&path->beam, labels, score);
        return true;
    }
    *n = path->n;
    *score = grus_scaled_log(path->path);
    return true;
}
