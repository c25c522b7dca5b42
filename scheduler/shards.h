// shards.h: the INPUTs of a run as one list of shards, in the order that every process of the run sees.
// Opening and reading them is the reader's business.
#ifndef GRUS_SCHEDULER_SHARDS_H
#define GRUS_SCHEDULER_SHARDS_H

#include <sys/types.h>

#include "io/shard/record.h"

typedef struct grus_shard {
    char *path;       // "-" is standard input
    const char *name; // of the file, without its directory; points into path
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

// A file is a shard, a directory stands for its files of known type in byte order of the name (names that begin with a
// dot are left out), "-" is standard input. A shard that cannot be opened stays in its place, with a fault.
// GRUS_E_USAGE: a file of unknown type, two shards of one stem. GRUS_E_INPUT: not one can be opened; the list is then
// whole all the same. Free shards in every case.
grus_status grus_shards_list(grus_shards *shards, const char *const *inputs, size_t n_inputs, grus_error *error);
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
