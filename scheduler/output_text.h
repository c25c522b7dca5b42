// output_text.h: the text of a hypothesis, in which source tokens stand for <unk> where search.replace_unk asks for it. How
// it is written into a shard is format.h's business.
#ifndef GRUS_SCHEDULER_OUTPUT_TEXT_H
#define GRUS_SCHEDULER_OUTPUT_TEXT_H

#include "scheduler/job.h"
#include "scheduler/slot.h"

// The most bytes of JSON that one source token adds to an output; a longer one does not stand for any <unk>.
#define GRUS_OUTPUT_TOKEN_MOST GRUS_UNKNOWN_MOST

// Reused from text to text; zero-initialised is empty and valid.
typedef struct grus_output_scratch {
    grus_buffer tokens; // what stands for the tokens
    grus_buffer bytes;  // of those
    grus_buffer json;   // of one
} grus_output_scratch;

void grus_output_scratch_free(grus_output_scratch *scratch);

// The tokens that are printed: all but the end token.
size_t grus_output_length(const grus_hypothesis *hypothesis);

// Appends the text as raw UTF-8. entry is the record of the hypothesis. Of no use where the target is ids.
void grus_output_text(const grus_job *job, const grus_slot_entry *entry, const grus_hypothesis *hypothesis,
                      grus_output_scratch *scratch, grus_buffer *text);

#endif
