// temporary.h: how a file appears under its name only when it is whole and on the disk: a temporary file that nobody else
// can have, fsync, a rename, fsync of the directory. Knows nothing of what the files hold.
#ifndef GRUS_IO_OUTDIR_TEMPORARY_H
#define GRUS_IO_OUTDIR_TEMPORARY_H

#include "grus.h"

#define GRUS_TEMP_STEM_MAX ((size_t)120) // bytes of a stem in a temporary name, whose whole must stay under 255

// A file being written. Its name is DIR/STEM.PID-RANDOM@ORIGIN (origin.h) and a tail, "" or one that begins with a plus, so that no
// two attempts share it and the owner can be told from it; it is made with O_EXCL, and no symbolic link is followed.
typedef struct grus_temp {
    int fd; // -1: none
    char *path;
    int target;   // the directory that final names are below; AT_FDCWD after grus_temp_open
    size_t below; // bytes of a final path that lead to it
    bool unsure;  // it was placed by a look and a plain rename; stays when it is placed
} grus_temp;

uint64_t grus_temp_random(void);

// The stem as the names of temporary files have it, which lie in one directory: cut to GRUS_TEMP_STEM_MAX bytes, and where it
// leads through folders with %2F for each slash, and cut in front, behind a hash of the whole.
void grus_temp_stem(const char *stem, char flat[GRUS_TEMP_STEM_MAX + 1]);
// A stem that may have become this, of less than GRUS_TEMP_STEM_MAX bytes: one in folders where there is a %2F. In a fresh
// string; NULL where memory is short.
char *grus_temp_stem_of(const char *flat, size_t length);

// GRUS_E_OUTPUT when it cannot be made. The stem becomes that of grus_temp_stem. The file is locked (flock)
// until it is closed.
grus_status grus_temp_open(const char *dir, const char *stem, const char *tail, grus_temp *temp, grus_error *error);

// fsync (once: after a failure nobody knows what is on the disk) and close. temp->path stays.
grus_status grus_temp_sync(grus_temp *temp, grus_error *error);

// Gives the synced file its final name. *exists (may be NULL: then an existing file is replaced) tells that there was a
// file of that name, which is left alone together with the temporary one.
grus_status grus_temp_place(grus_temp *temp, const char *path, bool *exists, grus_error *error);

// Renames a file unless there is one of the other name; each name is one in its directory (or AT_FDCWD). 0 or errno,
// EEXIST where there is. *unsure (may be NULL): the file system can neither rename without replacing nor link, so that a
// file that came between a look and the rename was replaced.
int grus_rename_new(int from_dir, const char *from, int dir, const char *to, bool *unsure);

// A temporary file with this content and on the disk, to be placed. After an error there is none.
grus_status grus_temp_write(const char *dir, const char *stem, const char *data, size_t size, grus_temp *temp,
                            grus_error *error);

// Closes and removes what is left of the temporary file. Safe on one that was placed, or never opened.
void grus_temp_discard(grus_temp *temp);

// Writes path with this content: temporary name beside it, fsync, rename (replacing), fsync of the directory.
grus_status grus_temp_replace(const char *path, const char *data, size_t size, grus_error *error);

#endif
