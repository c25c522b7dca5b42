// directory.h: the shards that a directory holds.
#ifndef GRUS_SCHEDULER_DIRECTORY_H
#define GRUS_SCHEDULER_DIRECTORY_H

#include "scheduler/shards.h"

// Adds the files of known type in dir, in byte order of the name; recursive: those of the directories below it too, in byte
// order of the name from dir on. Of what is left out, names that begin with a dot, names of other types and, where it is
// recursive, symbolic links to directories are counted as others; .grus and outdir (may be NULL) are passed over. Of a
// directory that holds .grus, and of those below it, the shards are the outputs that have a manifest and its size, and
// reports are passed over. A directory that cannot be read, or holds nothing, is a shard with a fault.
grus_status grus_directory_add(grus_shards *shards, const char *dir, bool recursive, const char *outdir,
                               grus_error *error);

#endif
