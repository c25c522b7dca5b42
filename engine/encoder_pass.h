// encoder_pass.h: one direction of one layer of the encoder over a lane plan. Which passes there are, what they read and
// where they write is encode.c's.
//
// Legend: B lanes, S steps of the plan, H hidden units, L = H * the layer's directions, D the encoder's output, P positions
// of the batch.
#ifndef GRUS_ENGINE_ENCODER_PASS_H
#define GRUS_ENGINE_ENCODER_PASS_H

#include "engine/batch.h"
#include "engine/encoder.h"
#include "engine/lanes.h"

// What passes take, one set for all passes of a batch.
typedef struct grus_encoder_scratch {
    grus_panels *panels;       // (B, H)
    grus_panels *input_panels; // (chunk rows, layer input)
    float *gi;                 // (chunk rows, width); NULL where all cells are narrow
    float *zeros;              // a row of zeros as long as any that is read
    const float **rows;        // (chunk rows): input rows, then gi rows
    // Of types that round rows where some layer has two directions, else NULL: what both read, (P) and the numbers (P, layer
    // input); and (chunk rows) of these rows.
    grus_rounded_row *rounded, *rounded_rows;
    char *numbers;
    const float **h_prev; // (B): where each lane's state lies: in the output, or zeros
    float **h_new;        // (B): where it goes: into the output, or the dump
    size_t *first_row;    // (tiles + 1), and
    uint32_t *lane;       // (B): each lane has one row
    float *dump;
    grus_cell_scratch cell;
    // Of cells that have a c, else NULL: (B, H) that of each lane, and (B): where it lies, and where it goes.
    float *c;
    const float **c_prev;
    float **c_new;
} grus_encoder_scratch;

typedef struct grus_encoder_pass {
    const grus_encoder *encoder;
    const grus_encoder_layer *layer;
    const grus_cell *cell;
    const grus_lane_plan *plan;
    const size_t *offset;
    bool backward;
    const float *first_h, *first_c; // (H) before a sequence
    const float *input;             // (P, cell->input), or NULL in favour of ids
    bool input_bounded;             // it lies in [-1, 1]
    bool rounded;                   // what the layer reads lies in scratch->rounded
    const uint32_t *ids;            // (P)
    float *output;                  // (P, L), this direction's columns
    float *final_cell;              // (sequences, D), this direction's columns: where c is kept; NULL: it is not
    grus_encoder_scratch *scratch;
} grus_encoder_pass;

// Lists scratch for so many positions and at most so many lanes, a multiple of kernel->tile, in arena; false when it has none
// left.
bool grus_encoder_pass_list(const grus_encoder *encoder, size_t positions, size_t lanes, grus_arena *arena,
                            grus_encoder_scratch *s);

// Fills in what holds for all passes.
void grus_encoder_pass_begin(const grus_encoder *encoder, size_t lanes, grus_encoder_scratch *s);

// Makes what p->layer reads ready for the passes of its directions: rows that both will pack are rounded once, by types that
// round them.
void grus_encoder_pass_round(grus_encoder_pass *p);

// Computes every position of the plan. GRUS_E_INTERRUPTED.
grus_status grus_encoder_pass_run(const grus_encoder_pass *p, const grus_work *work);

#endif
