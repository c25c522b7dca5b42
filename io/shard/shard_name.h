// shard_name.h: what the name of a shard tells: how its records are written, and its stem, which its output and its
// manifest have in common with it.
#ifndef GRUS_IO_SHARD_SHARD_NAME_H
#define GRUS_IO_SHARD_SHARD_NAME_H

#include <stdbool.h>

typedef enum grus_shard_kind {
    GRUS_SHARD_JSONL,
    GRUS_SHARD_TXT,
    GRUS_SHARD_TSV,
    GRUS_SHARD_SAFETENSORS
} grus_shard_kind;

// By the name: .jsonl .txt .tsv .safetensors, each also with .zst; "-" is .jsonl. false for another name.
bool grus_shard_kind_of(const char *path, grus_shard_kind *kind);
// The name without directory, .zst and type, in a fresh string; NULL when memory is short. "-" gives "stdin".
char *grus_shard_stem(const char *path);

#endif
