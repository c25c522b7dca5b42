// front_pool.c: max_pool: the greatest of a window of positions, value by value; what lies beyond the sequence is none.
#include "config.h"

#include <string.h>

#include "base/assert.h"
#include "engine/nn/front_layer.h"

static void pool_window(const grus_front_pass *pass, const grus_front_cursor *cursor, float *to)
{
    const grus_front_layer *layer = pass->layer;
    bool begun = false;
    for (size_t tap = 0; tap < layer->config->kernel; tap++) {
        const float *row = grus_front_cursor_tap(pass, cursor, tap);
        if (row && begun)
            layer->kernel->vector->maximum(to, row, pass->input.size);
        else if (row)
            memcpy(to, row, pass->input.size * sizeof *to);
        begun = begun || row;
    }
    GRUS_ASSERT(begun); // at most half of a window is padding
}

static grus_status run(const grus_front_pass *pass, const grus_work *work)
{
    (void)work;
    grus_front_cursor cursor = {0};
    for (size_t i = 0; i < pass->positions; i++, cursor.step++) {
        grus_front_cursor_settle(pass, &cursor);
        pool_window(pass, &cursor, pass->output + i * pass->input.size);
    }
    return GRUS_OK;
}

const grus_front_type grus_front_max_pool = {NULL, run, NULL};
