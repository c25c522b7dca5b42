// encoder_pass.c: a pass over the plan: the backward one reads each sequence from its end, in the same slots. The inputs of a
// chunk of steps are packed together. Their products are looked up in a table, or made in the steps where the weights
// stay in the L2 cache, or are one tall product; the recurrent one is always stepwise.
#include "config.h"

#include "engine/encoder_pass.h"

#include <string.h>

#include "base/error.h"

static size_t chunk_rows(size_t lanes)
{
    return grus_max(GRUS_CHUNK_ROWS, lanes);
}

static size_t widest_input(const grus_encoder *encoder)
{
    size_t widest = encoder->input;
    for (size_t i = 0; i + 1 < encoder->layers; i++)
        widest = grus_max(widest, encoder->layer[i].output);
    return widest;
}

static size_t n_zeros(const grus_encoder *encoder)
{
    return grus_max(encoder->cells->width, widest_input(encoder));
}

static bool are_narrow(const grus_encoder *encoder)
{
    bool narrow = true;
    for (size_t i = 0; i < encoder->n_cells; i++)
        narrow &= encoder->cells[i].narrow;
    return narrow;
}

static bool list_gi(const grus_encoder *encoder, size_t rows, grus_arena *arena, grus_encoder_scratch *s)
{
    s->gi = NULL;
    return are_narrow(encoder) || (s->gi = grus_arena_alloc(arena, rows * encoder->cells->width, sizeof *s->gi));
}

static bool list_c(const grus_encoder *encoder, size_t lanes, grus_arena *arena, grus_encoder_scratch *s)
{
    s->c = NULL;
    if (!encoder->cells->type->has_c)
        return true;
    s->c = grus_arena_alloc(arena, lanes * encoder->hidden, sizeof *s->c);
    s->c_prev = grus_arena_alloc(arena, lanes, sizeof *s->c_prev);
    s->c_new = grus_arena_alloc(arena, lanes, sizeof *s->c_new);
    return s->c && s->c_prev && s->c_new;
}

static bool list_rounded(const grus_encoder *encoder, size_t positions, size_t lanes, grus_arena *arena,
                         grus_encoder_scratch *s)
{
    size_t bytes = grus_rounded_bytes(encoder->kernel);
    s->rounded = s->rounded_rows = NULL;
    s->numbers = NULL;
    if (bytes == 0 || encoder->n_cells == encoder->layers) // no layer has two directions
        return true;
    s->rounded = grus_arena_alloc(arena, positions, sizeof *s->rounded);
    s->rounded_rows = grus_arena_alloc(arena, chunk_rows(lanes), sizeof *s->rounded_rows);
    s->numbers = grus_arena_alloc(arena, grus_mul_sat(positions, widest_input(encoder)), bytes);
    return s->rounded && s->rounded_rows && s->numbers;
}

bool grus_encoder_pass_list(const grus_encoder *encoder, size_t positions, size_t lanes, grus_arena *arena,
                            grus_encoder_scratch *s)
{
    const grus_kernel *kernel = encoder->kernel;
    size_t rows = chunk_rows(lanes);
    s->panels = grus_panels_new(kernel, arena, lanes, encoder->hidden);
    s->input_panels = grus_panels_new(kernel, arena, rows, widest_input(encoder));
    s->zeros = grus_arena_alloc(arena, n_zeros(encoder), sizeof(float));
    s->rows = grus_arena_alloc(arena, rows, sizeof *s->rows);
    s->h_prev = grus_arena_alloc(arena, lanes, sizeof *s->h_prev);
    s->h_new = grus_arena_alloc(arena, lanes, sizeof *s->h_new);
    s->first_row = grus_arena_alloc(arena, lanes / kernel->tile + 1, sizeof *s->first_row);
    s->lane = grus_arena_alloc(arena, lanes, sizeof *s->lane);
    s->dump = grus_arena_alloc(arena, encoder->hidden, sizeof(float));
    return s->panels && s->input_panels && s->zeros && s->rows && s->h_prev && s->h_new && s->first_row && s->lane &&
           s->dump && grus_cell_scratch_list(encoder->cells, lanes, arena, &s->cell) &&
           list_gi(encoder, rows, arena, s) && list_c(encoder, lanes, arena, s) &&
           list_rounded(encoder, positions, lanes, arena, s);
}

void grus_encoder_pass_begin(const grus_encoder *encoder, size_t lanes, grus_encoder_scratch *s)
{
    const grus_kernel *kernel = encoder->kernel;
    for (size_t tile = 0; tile <= lanes / kernel->tile; tile++)
        s->first_row[tile] = tile * kernel->tile;
    for (size_t lane = 0; lane < lanes; lane++)
        s->lane[lane] = (uint32_t)(lane % kernel->tile);
    memset(s->zeros, 0, n_zeros(encoder) * sizeof *s->zeros);
}

// The position that a slot computes in this direction.
static size_t slot_position(const grus_encoder_pass *p, const grus_lane_slot *slot)
{
    return p->backward ? p->offset[slot->sequence + 1] - 1 - slot->step : p->offset[slot->sequence] + slot->step;
}

static size_t step_rows(const grus_encoder_pass *p, size_t step)
{
    return grus_whole_tiles(p->encoder->kernel, grus_lanes_active(p->plan, step));
}

// Steps from `first` on whose rows fit a chunk; at least one.
static size_t chunk_end(const grus_encoder_pass *p, size_t first)
{
    size_t rows = step_rows(p, first), step = first + 1;
    while (step < p->plan->steps && rows + step_rows(p, step) <= chunk_rows(p->plan->lanes))
        rows += step_rows(p, step++);
    return step;
}

static bool is_tabled(const grus_encoder_pass *p, const grus_cell *cell)
{
    return cell->ih.table && !p->input;
}

// The steps make the input products, of packed rows.
static bool is_stepwise(const grus_encoder_pass *p)
{
    return p->cell->narrow && !is_tabled(p, p->cell);
}

static const float *input_row(const grus_encoder_pass *p, const grus_cell *cell, size_t position)
{
    return is_tabled(p, cell) ? cell->ih.table + p->ids[position] * cell->width
           : p->input         ? p->input + position * cell->input
                              : p->encoder->embedding + p->ids[position] * cell->input;
}

void grus_encoder_pass_round(grus_encoder_pass *p)
{
    const grus_cell *cell = p->layer->cells;
    const grus_encoder_scratch *s = p->scratch;
    p->rounded = s->rounded && p->layer->directions > 1 && !is_tabled(p, cell);
    if (!p->rounded)
        return;
    size_t bytes = grus_rounded_bytes(cell->kernel) * cell->input, positions = p->plan->first[p->plan->steps];
    for (size_t position = 0; position < positions; position++) {
        char *numbers = s->numbers + position * bytes;
        float scale =
            grus_round_row(cell->kernel, input_row(p, cell, position), cell->input, p->input_bounded, numbers);
        s->rounded[position] = (grus_rounded_row){numbers, scale};
    }
}

// Fills scratch->rows with the input product of every slot of the steps [first, last), or packs what each reads into
// scratch->input_panels for the steps; returns how many.
static size_t input_products(const grus_encoder_pass *p, size_t first, size_t last)
{
    const grus_cell *cell = p->cell;
    grus_encoder_scratch *s = p->scratch;
    size_t n = 0;
    for (size_t step = first; step < last; step++) {
        const grus_lane_slot *slot = p->plan->slot + p->plan->first[step],
                             *end = p->plan->slot + p->plan->first[step + 1];
        for (size_t lane = 0; lane < step_rows(p, step); lane++, slot++, n++) {
            if (p->rounded)
                s->rounded_rows[n] = slot < end ? s->rounded[slot_position(p, slot)] : (grus_rounded_row){NULL, 0};
            else
                s->rows[n] = slot < end ? input_row(p, cell, slot_position(p, slot)) : s->zeros;
        }
    }
    if (is_tabled(p, cell))
        return n;
    if (p->rounded)
        grus_panels_pack_rounded(s->input_panels, s->rounded_rows, cell->input, p->input_bounded, n);
    else
        grus_panels_pack(s->input_panels, &(grus_part_rows){s->rows, cell->input, p->input_bounded}, 1, n);
    if (is_stepwise(p))
        return n;
    grus_product(cell->ih.rest, s->input_panels, 0, s->gi, cell->width);
    for (size_t i = 0; i < n; i++)
        s->rows[i] = s->gi + i * cell->width;
    return n;
}

// c stays in its lane's row, but for that of a sequence's last step where it is kept.
static void place_c(const grus_encoder_pass *p, const grus_lane_slot *slot, size_t n, size_t active)
{
    const grus_encoder_scratch *s = p->scratch;
    size_t hidden = p->encoder->hidden;
    for (size_t lane = 0; lane < n; lane++) {
        float *own = s->c + lane * hidden;
        bool ended = lane >= active;
        size_t sequence = ended ? 0 : slot[lane].sequence;
        bool last = !ended && p->offset[sequence] + slot[lane].step + 1 == p->offset[sequence + 1];
        s->c_prev[lane] = ended || slot[lane].step == 0 ? p->first_c : own;
        s->c_new[lane] = last && p->final_cell ? p->final_cell + sequence * p->encoder->output : own;
    }
}

// States are written where they belong in the output and read from there in the next step. What a lane beyond its end
// computes goes to the dump. Its first slot is number `row` of the chunk's.
static void run_step(const grus_encoder_pass *p, size_t step, size_t row, size_t rows)
{
    const grus_lane_plan *plan = p->plan;
    grus_encoder_scratch *s = p->scratch;
    size_t n = step_rows(p, step), active = grus_lanes_active(plan, step);
    const grus_lane_slot *slot = plan->slot + plan->first[step];
    for (size_t lane = 0; lane < n; lane++) {
        bool ended = lane >= active;
        if (ended || slot[lane].step == 0)
            s->h_prev[lane] = p->first_h;
        s->h_new[lane] = ended ? s->dump : p->output + slot_position(p, slot + lane) * p->layer->output;
    }
    grus_panels_pack(s->panels, &(grus_part_rows){s->h_prev, p->cell->hidden, p->cell->bounded}, 1, n);
    if (s->c)
        place_c(p, slot, n, active);
    grus_cell_run(p->cell, &(grus_cell_step){.n = n,
                                             .panels = s->panels,
                                             .first_row = s->first_row,
                                             .lane = s->lane,
                                             .gi = is_stepwise(p) ? NULL : (const float *const *)s->rows + row,
                                             .inputs = s->input_panels,
                                             .first_input = row / p->cell->kernel->tile,
                                             .tabled = is_tabled(p, p->cell) ? rows - row : 0,
                                             .h_prev = s->h_prev,
                                             .h_new = s->h_new,
                                             .scratch = &s->cell,
                                             .c_prev = s->c ? s->c_prev : NULL,
                                             .c_new = s->c ? s->c_new : NULL});
    for (size_t lane = 0; lane < n; lane++)
        s->h_prev[lane] = s->h_new[lane];
}

grus_status grus_encoder_pass_run(const grus_encoder_pass *p, const grus_work *work)
{
    for (size_t first = 0, last; first < p->plan->steps; first = last) {
        if (grus_stop_asked(work->stop))
            return grus_fail(work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        last = chunk_end(p, first);
        size_t row = 0, rows = input_products(p, first, last);
        for (size_t step = first; step < last; row += step_rows(p, step++))
            run_step(p, step, row, rows);
    }
    return GRUS_OK;
}
