// runner_records.h: the records of golden cases as lines and as the sequences of grus_runner, and whether both give the same.
#ifndef GRUS_TESTS_UNIT_RUNNER_RECORDS_H
#define GRUS_TESTS_UNIT_RUNNER_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "grus.h"

typedef struct records {
    grus_model *model;
    grus_buffer lines;
    size_t n, lengths[64], target_lengths[64];
    grus_buffer source, target; // texts, ids, or features
    bool ids, target_ids, features;
    grus_sequences sources, targets;
} records;

// The model and the records of a golden case; target_key names the field of the targets.
void open_records(records *r, const char *golden, const char *target_key);
void close_records(records *r);

// The model of a golden case with the vocabularies of another, which are of the same sizes; the caller's.
grus_model *load_member(const char *golden, const char *first);

// Asserts that results have, number by number, what the lines of these records become.
void compare(const records *r, const grus_run_options *options, const grus_results *results);

#endif
