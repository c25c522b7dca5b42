// grow.h: a run that gets more inputs: whether it does, and its run.json with them.
#ifndef GRUS_IO_OUTDIR_GROW_H
#define GRUS_IO_OUTDIR_GROW_H

#include <jansson.h>

#include "base/buffer.h"

// Of two run.json without "array" and "run": whether they differ in their inputs alone, and the new one has all of the old
// one's and more. *more tells how many, *first the first of them, which lives as long as is. false also where memory is
// short.
bool grus_grow_adds(json_t *was, json_t *is, size_t *more, const char **first);

// run.json as it was, with the inputs of is in their order.
grus_status grus_grow_text(json_t *was, const json_t *is, grus_buffer *text, grus_error *error);

#endif
