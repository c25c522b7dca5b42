// feature_output.h: the end of an output shard of features: from the records in its spool (feature_rows.h) to the file.
#ifndef GRUS_SCHEDULER_FEATURE_OUTPUT_H
#define GRUS_SCHEDULER_FEATURE_OUTPUT_H

#include <stdatomic.h>

#include "io/outdir/output.h"

// Writes the header, offsets and features of so many records, whose rows have so many columns, and which are all that the
// output has in its spool. GRUS_E_OUTPUT; GRUS_E_INTERRUPTED where stop (may be NULL) was asked, as a great shard takes its
// time.
grus_status grus_feature_output_finish(grus_output *output, uint64_t records, size_t columns, const atomic_bool *stop,
                                       grus_error *error);

#endif
