// spool.h: bytes on their way into an output whose beginning hangs on all of them: a temporary file beside it, written once
// and then read from its beginning, as often as needed. It is nobody's but the process's that made it.
#ifndef GRUS_IO_OUTDIR_SPOOL_H
#define GRUS_IO_OUTDIR_SPOOL_H

#include "grus.h"

typedef struct grus_spool grus_spool;

// GRUS_E_OUTPUT, here and below, tells of the file.
grus_status grus_spool_open(const char *outdir, const char *stem, grus_spool **spool, grus_error *error);
grus_status grus_spool_write(grus_spool *spool, const char *data, size_t size, grus_error *error);
uint64_t grus_spool_bytes(const grus_spool *spool); // written

// Reading begins anew; nothing may be written from here on.
grus_status grus_spool_rewind(grus_spool *spool, grus_error *error);
// The next bytes, from 1 to most of them: *size at *data until the next call. An end before them is an error.
grus_status grus_spool_next(grus_spool *spool, size_t most, const char **data, size_t *size, grus_error *error);

// Removes the file and frees. NULL is allowed.
void grus_spool_free(grus_spool *spool);

// Bytes of memory that one takes.
size_t grus_spool_memory(void);

#endif
