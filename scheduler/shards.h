// shards.h: the shards of a run as one list, in the order that every process of the run sees. Where they come from is
// inputs.h's business, opening and reading them the reader's.
#ifndef GRUS_SCHEDULER_SHARDS_H
#define GRUS_SCHEDULER_SHARDS_H

#include <sys/types.h>

#include "io/shard/record.h"

typedef struct grus_shard {
    char *path;       // "-" is standard input
    const char *name; // of the file, below the directory that was given; points into path
    char *stem;       // NULL where the type of an unusable input is unknown
    char *fault;      // why it cannot be opened, else NULL
    grus_shard_kind kind;
    grus_error *failure; // why it has failed before anything was read, else NULL
    bool redo;           // its output is to be set aside before the run
    uint64_t bytes;      // of the file; 0 for what is no regular file
    dev_t device;
    ino_t inode;
} grus_shard;

#define GRUS_NAMED_OTHERS 5

typedef struct grus_shards {
    grus_shard *list;
    size_t n, capacity;
    // What the directories hold besides: how many, and the first in byte order of the name.
    size_t n_others;
    char *others[GRUS_NAMED_OTHERS + 1]; // one of them for the next to come
} grus_shards;                           // zero-initialised is empty

// Adds the file of this name below dir (NULL: the working directory); where it cannot be opened, with a fault.
grus_status grus_shards_add_file(grus_shards *shards, const char *dir, const char *name, grus_error *error);
// Adds what has this path, whose last name_length bytes are its name, with what is wrong with it (NULL: nothing) and no more
// known of it.
grus_status grus_shards_add(grus_shards *shards, const char *path, size_t name_length, const char *fault,
                            grus_error *error);
// Counts what a directory holds besides shards. why: "", or what is said behind the name.
grus_status grus_shards_add_other(grus_shards *shards, const char *name, bool is_directory, const char *why,
                                  grus_error *error);
void grus_shards_free(grus_shards *shards);

// GRUS_E_USAGE: what the directories hold besides shards (files of other names, directories, names that begin with a dot), in
// words. Of a directory that is the output of a run, its .grus and its reports are not looked at.
grus_status grus_shards_others(const grus_shards *shards, grus_error *error);

// Of the shard's draws: XXH64 of its name without what says how it is written, which no other shard of the run has; 0 of
// standard input.
uint64_t grus_shard_key(const grus_shard *shard);
uint64_t grus_shard_key_of(const char *stem);

bool grus_shard_is_stdin(const grus_shard *shard);
// The records of standard input are of this kind. false: it is none of the shards.
bool grus_shards_type_stdin(grus_shards *shards, grus_shard_kind kind);

// Fills *error with the fault of the shard; returns GRUS_E_INPUT.
grus_status grus_shard_fault(const grus_shard *shard, grus_error *error);

// Shard i of a run belongs to process i mod world_size.
static inline bool grus_shard_is_mine(size_t i, size_t rank, size_t world_size)
{
    return i % world_size == rank;
}

#endif
