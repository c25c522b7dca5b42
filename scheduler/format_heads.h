// format_heads.h: what heads say, as members of a record and as lines of text.
#ifndef GRUS_SCHEDULER_FORMAT_HEADS_H
#define GRUS_SCHEDULER_FORMAT_HEADS_H

#include "scheduler/job.h"
#include "scheduler/slot.h"

// The member of a head that the job selects. What scratch holds is lost.
void grus_format_head(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction,
                      grus_buffer *scratch);
// What it says in a line of text; the job has a head that says one thing of a record, or of each position.
void grus_format_plain_head(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction,
                            grus_buffer *scratch);

// Appends what a ctc head says: the labels with what stands between them.
void grus_format_joined(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction);

// Bytes that all heads of a slot within these bounds take at most; saturated.
size_t grus_format_heads_bound(const grus_job *job, const grus_slot_bounds *bounds);

#endif
