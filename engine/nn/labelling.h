// labelling.h: the labels of whole records, decided over all of a record's positions: by a CRF, or by CTC. Positions come in
// the order in which a batch has them.
#ifndef GRUS_ENGINE_NN_LABELLING_H
#define GRUS_ENGINE_NN_LABELLING_H

#include "base/model_config.h"
#include "engine/nn/crf.h"
#include "engine/nn/ctc.h"
#include "engine/nn/encoded.h"

// What a head decides by.
typedef struct grus_labeller {
    const grus_vector *vector;
    grus_head_decode decode; // GRUS_HEAD_ARGMAX: by each position alone, and all of this is not for it
    size_t labels;           // C
    grus_crf crf;
    size_t blank; // of ctc
} grus_labeller;

grus_status grus_labeller_read(grus_reading *reading, const char *prefix, const grus_head_config *config,
                               grus_labeller *labeller, grus_error *error);

// What is said of a record.
typedef struct grus_labelled {
    bool finite;  // all of its numbers were; nothing else is to be used otherwise
    size_t n;     // labels, which lie where the record's positions do
    double score; // of ctc
} grus_labelled;

// A run over a batch. Zero-initialised, but for what is listed.
typedef struct grus_labelling {
    const grus_labeller *labeller;
    const grus_encoded *encoded;
    uint32_t *labels;       // (positions)
    grus_labelled *records; // (records)
    grus_ctc ctc;
    grus_crf_path crf_path;
    grus_ctc_path ctc_path;
    size_t sequence, position; // that comes next
} grus_labelling;

// List what stays of a batch, and what is taken while it runs; false when the arena has none left. beam_size is for ctc.
bool grus_labelling_list(grus_labelling *labelling, size_t positions, size_t records, grus_arena *arena);
bool grus_labelling_list_scratch(grus_labelling *labelling, size_t beam_size, size_t longest, grus_arena *arena);

// Begins with the first record; takes the linear outputs (C) of the next position, which it may change.
void grus_labelling_begin(grus_labelling *labelling, const grus_encoded *encoded);
void grus_labelling_row(grus_labelling *labelling, float *logits);

#endif
