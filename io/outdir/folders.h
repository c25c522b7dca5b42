// folders.h: the folders of shards that lie in folders, below each of an output directory's own directories. They are made when
// the first file goes there, and a process brings each name to the disk before it puts anything behind it.
#ifndef GRUS_IO_OUTDIR_FOLDERS_H
#define GRUS_IO_OUTDIR_FOLDERS_H

#include "grus.h"

// The folders that a process has brought to the disk last, so that a shard need not ask for those of the one before it. To
// be used by any number of threads at once.
typedef struct grus_folders grus_folders;

grus_folders *grus_folders_new(void); // NULL where memory is short
void grus_folders_free(grus_folders *folders);

// Where names are looked up: the first `below` bytes of a path lead to dir.
typedef struct grus_folders_place {
    int dir; // AT_FDCWD with below 0
    size_t below;
    grus_folders *known; // may be NULL
} grus_folders_place;

// Makes the folders of stem in path, a file's whose name it is with something behind it. Nothing where it has none.
// GRUS_E_OUTPUT: refused, or something else than a directory lies there; a symbolic link is not followed.
grus_status grus_folders_make(const grus_folders_place *place, const char *path, const char *stem, grus_error *error);

#endif
