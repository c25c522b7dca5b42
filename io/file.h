// file.h: the few things that every reader and writer of files needs: reads and writes that survive signals and short
// counts, whole small files, and one wording for what the system refused.
#ifndef GRUS_IO_FILE_H
#define GRUS_IO_FILE_H

#include <dirent.h>

#include "base/buffer.h"

// What tells a regular file from others, and from itself before it was written to.
typedef struct grus_file_facts {
    bool regular; // of anything else the other facts are 0
    uint64_t bytes, inode;
    int64_t modified; // nanoseconds since 1970
} grus_file_facts;

struct stat;
grus_file_facts grus_file_facts_of(const struct stat *about);
// Of an open descriptor; false where the system does not tell (errno).
bool grus_fd_facts(int fd, grus_file_facts *facts);

// Reads until size bytes are there or the file ends; *got tells how many. false on an error (errno).
bool grus_fd_read(int fd, void *data, size_t size, size_t *got);

// Writes all of it; false on an error (errno).
bool grus_fd_write(int fd, const void *data, size_t size);

// Moves as many of *size bytes at *data as a block of this capacity has room for, behind the *used that it holds. Whether it
// is full then, and to be emptied before more is moved.
bool grus_block_fill(char *block, size_t capacity, size_t *used, const char **data, size_t *size);

// fsync; false on an error (errno), after which nobody knows what is on the disk.
bool grus_fd_sync(int fd);

// opendir; NULL on an error (errno).
DIR *grus_dir_open(const char *path);
// fsync of the directory that holds path. GRUS_E_OUTPUT; errno tells why.
grus_status grus_dir_sync_of(const char *path, grus_error *error);

// Opens a file for reading; on failure, and for a directory, fills error with this status. -1 then; where the system refused
// to open it, errno tells why, also behind the readers that open by these.
int grus_fd_open(const char *path, grus_status status, grus_error *error);
// The same for what has to be a regular file; never waits for the other side of anything else.
int grus_fd_open_regular(const char *path, grus_status status, grus_error *error);

// Whether errno tells of the process or the system, which has no descriptor or memory left, and nothing of the file.
bool grus_errno_is_want(void);

// Fills error with this status: what could not be done to path, and errno's reason.
grus_status grus_fail_errno(grus_error *error, grus_status status, const char *path, const char *what);

// Appends the whole of a regular file; one of more than limit bytes, or not a regular one, is refused with this status.
grus_status grus_file_read(const char *path, size_t limit, grus_status status, grus_buffer *content, grus_error *error);

// Size and XXH64 of a whole file; this status when it cannot be read.
grus_status grus_file_digest(const char *path, grus_status status, uint64_t *bytes, uint64_t *xxh64, grus_error *error);

#endif
