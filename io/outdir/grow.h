// grow.h: a run that gets more inputs, or its names back: whether it does, and its run.json with them.
#ifndef GRUS_IO_OUTDIR_GROW_H
#define GRUS_IO_OUTDIR_GROW_H

#include <jansson.h>

#include "base/buffer.h"

// Of two run.json without "array" and "run": whether they differ in their inputs alone, and the new one has all of the old
// one's and more. *more tells how many, *first the first of them, which lives as long as is. false also where memory is
// short.
bool grus_grow_adds(json_t *was, json_t *is, size_t *more, const char **first);

// Whether version 0.1.0, which put U+FFFD for every byte that is not UTF-8, wrote this for name. Asked only of its files, which
// have no identity: names that differ can be written alike. false also where memory is short.
bool grus_grow_was_named(const char *written, const char *name);

// Of two such run.json, the old one of version 0.1.0: whether they differ only in bytes of their inputs that it could not
// write. false also where memory is short.
bool grus_grow_restores(json_t *was, json_t *is);

// run.json as it was, with the inputs of is in their order.
grus_status grus_grow_text(json_t *was, const json_t *is, grus_buffer *text, grus_error *error);

#endif
