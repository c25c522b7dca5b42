// fields.h: what the library calls the field of an option ("search.beam_size") is a flag to who types it ("--beam-size").
#ifndef GRUS_CLI_FIELDS_H
#define GRUS_CLI_FIELDS_H

#include <stddef.h>

// Copies text with each name of a field, where it stands as a word of its own, turned into its flag; cut to size.
void grus_fields_to_flags(const char *text, char *to, size_t size);

#endif
