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

// Of shards, in any case of their letters, for messages.
#define GRUS_SHARD_NAMES ".jsonl .json .ndjson .txt .tsv .safetensors, each also with .zst or .gz"

// By the name: one of GRUS_SHARD_NAMES; "-" is .jsonl. false for another name.
bool grus_shard_kind_of(const char *path, grus_shard_kind *kind);
// Whether it is named .json, which other programs mean for one value and grus for a value a line.
bool grus_shard_is_json(const char *path);
// The name without directory, .zst or .gz, and type, in a fresh string; NULL when memory is short. "-" gives "stdin".
char *grus_shard_stem(const char *path);
// The same with the folders that the name leads through.
char *grus_shard_whole_stem(const char *name);

#endif
