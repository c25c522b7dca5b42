// job.h: what one run does, settled before its threads start: options checked against the model and one another.
// Read by every thread, written by none.
#ifndef GRUS_SCHEDULER_JOB_H
#define GRUS_SCHEDULER_JOB_H

#include "engine/engine.h"
#include "io/shard/record.h"
#include "scheduler/model.h"
#include "scheduler/result_names.h"

// What a head tells of a row, which is a sequence or a position.
typedef enum grus_head_form {
    GRUS_FORM_LABEL,  // the likeliest
    GRUS_FORM_OUTPUT, // of a sequence of positions: labels joined to a text, and its score
    GRUS_FORM_SUBSET, // the labels at or above the threshold
    GRUS_FORM_NUMBERS
} grus_head_form;

typedef struct grus_job {
    const grus_model *model;
    const grus_run_options *options; // of settings: whole, with a search
    grus_infer_options infer;

    // Which results are printed.
    bool embedding;             // the pooled vector
    bool states;                // the encoder's outputs
    bool heads[GRUS_MAX_HEADS]; // predictions of head i
    bool hypotheses;            // seq2seq models, forced ones included
    const char *suffix;         // of output shards
    size_t columns;             // of a row of numbers, with GRUS_FORMAT_NPY and GRUS_FORMAT_SAFETENSORS

    bool prefixed;       // targets are prefixes of what is searched for
    bool feature_shards; // some of the shards are safetensors; set once they are listed

    grus_result_names names;   // of the result's fields
    grus_record_format record; // kind is to be set for each shard; its result_fields point into this job
    const char *result_fields[GRUS_N_RESULTS + GRUS_MAX_HEADS];
} grus_job;

// options are of grus_run_settings_read and outlive the job. GRUS_E_USAGE names the field that does not go with another or
// with the model. A job must not be copied; it is to be freed in every case.
grus_status grus_job_settle(grus_job *job, const grus_model *model, const grus_run_options *options, grus_error *error);
// Safe on one that is zero-initialised.
void grus_job_free(grus_job *job);

// Whether it has numbers alone, as bytes and with all of a shard in view.
static inline bool grus_format_is_numbers(grus_format format)
{
    return format == GRUS_FORMAT_NPY || format == GRUS_FORMAT_SAFETENSORS;
}

grus_head_form grus_job_head_form(const grus_job *job, size_t head);

// Positions behind the front that any records, so many at most, of so many positions have among them.
size_t grus_job_most_positions(const grus_job *job, size_t positions, size_t records);

// Attention weights that a record of so many source positions and target tokens has at most; 0 where none is wanted.
size_t grus_job_cells(const grus_job *job, size_t positions, size_t targets);
// The same for any records, so many at most, that share so many positions and targets among them.
size_t grus_job_most_cells(const grus_job *job, size_t positions, size_t records);

#endif
