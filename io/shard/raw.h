// raw.h: the bytes of a file or of standard input as they lie there, read ahead, counted and hashed on the way. What they
// mean is the codecs' business.
#ifndef GRUS_IO_SHARD_RAW_H
#define GRUS_IO_SHARD_RAW_H

#include <xxhash.h>

#include "io/file.h"

typedef struct grus_raw {
    char *path;
    int fd;
    bool standard;         // standard input, not ours to close
    grus_file_facts facts; // when it was opened; those of no regular file where nothing is expected of it
    unsigned char *data;   // (GRUS_RAW_BYTES), read but not consumed: at … size
    size_t at, size;
    bool end;                                // nothing is left to read
    uint64_t bytes;                          // read so far
    XXH64_state_t *hash;                     // of them
    uint64_t expected_bytes, expected_xxh64; // of the file's beginning; 0 bytes: nothing is expected
    bool met;
} grus_raw;

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define GRUS_RAW_BYTES ((size_t)96) // small inputs have borders too
#else
#define GRUS_RAW_BYTES ((size_t)256 << 10)
#endif

// path "-" is standard input. To be closed also after a failure.
grus_status grus_raw_open(const char *path, grus_raw *raw, grus_error *error);
void grus_raw_close(grus_raw *raw);

// Makes at least need bytes available (at most GRUS_RAW_BYTES), unless the file ends before. GRUS_E_INPUT: it cannot be
// read, or it ends and is a regular file that has changed since it was opened.
grus_status grus_raw_fill(grus_raw *raw, size_t need, grus_error *error);
// Passes over available bytes.
void grus_raw_pass(grus_raw *raw, size_t size);

static inline size_t grus_raw_available(const grus_raw *raw)
{
    return raw->size - raw->at;
}

// Where in the file the available bytes begin.
static inline uint64_t grus_raw_offset(const grus_raw *raw)
{
    return raw->bytes - grus_raw_available(raw);
}

// GRUS_E_INPUT with that offset as place; why may be NULL.
grus_status grus_raw_damaged(const grus_raw *raw, grus_error *error, const char *what, const char *why);

// From here on raw->met tells whether the first `bytes` bytes of the file were read and had this hash. No more than
// these may have been read before.
void grus_raw_expect(grus_raw *raw, uint64_t bytes, uint64_t xxh64);

#endif
