// survey_reader.h: what the records of outputs say, added up while they go by.
#ifndef GRUS_API_SURVEY_READER_H
#define GRUS_API_SURVEY_READER_H

#include "api/survey_counts.h"
#include "api/survey_pool.h"
#include "api/survey_tally.h"
#include "api/survey_text.h"

// Lengths in each of their units, values, and a number of each head.
#define GRUS_SURVEY_TALLIES (16 + GRUS_MAX_HEADS)

typedef struct grus_named_tally {
    const char *name, *unit;
    grus_tally tally;
} grus_named_tally;

// Made by its owner: names, what the outputs are and how many of their records count; emptied pools. The rest is 0.
typedef struct grus_survey_reader {
    const grus_survey_names *names;
    bool is_json;        // the lines are; else each is an output
    uint64_t most;       // records of an output that are read
    grus_arena *arena;   // of what lives as long as the reader
    grus_pool good, bad; // records without an error, and with one
    grus_buffer scratch;
    uint64_t read, failed, unreadable;
    grus_counts errors, labels;
    size_t n_tallies;
    grus_named_tally *tallies[GRUS_SURVEY_TALLIES];
    grus_text_fit source, output;
    bool failed_memory;
} grus_survey_reader;

// What the reading of one output came to.
typedef struct grus_read_output {
    uint64_t records;
    bool ended; // all of it was read
} grus_read_output;

// Reads an output; shard is its place in the run, key that of its records (survey_pool.h). GRUS_E_INPUT: it cannot be read to
// the end; what was read before counts. GRUS_E_MEMORY.
grus_status grus_survey_read(grus_survey_reader *reader, const char *path, size_t shard, uint64_t key,
                             grus_read_output *output, grus_error *error);

#endif
