// spool.c: written as it comes, read in blocks.
#include "config.h"

#include "io/outdir/spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"

#define BLOCK_BYTES ((size_t)128 << 10)

struct grus_spool {
    grus_temp temp;
    int fd; // that is read; -1: none yet
    uint64_t bytes;
    char *block; // (BLOCK_BYTES), of which [at, end) are read and not given yet
    size_t at, end;
};

static grus_status open_file(grus_spool *spool, const char *outdir, const char *stem, grus_error *error)
{
    char *partials = grus_outdir_partials(outdir);
    if (!partials)
        return grus_fail_memory(error, strlen(outdir));
    grus_status status = grus_temp_open(partials, stem, "", &spool->temp, error);
    free(partials);
    return status;
}

grus_status grus_spool_open(const char *outdir, const char *stem, grus_spool **spool_out, grus_error *error)
{
    grus_spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return grus_fail_memory(error, sizeof *spool);
    spool->fd = spool->temp.fd = -1;
    spool->block = malloc(BLOCK_BYTES);
    grus_status status = spool->block ? open_file(spool, outdir, stem, error) : grus_fail_memory(error, BLOCK_BYTES);
    if (status)
        grus_spool_free(spool);
    else
        *spool_out = spool;
    return status;
}

grus_status grus_spool_write(grus_spool *spool, const char *data, size_t size, grus_error *error)
{
    GRUS_ASSERT(spool->fd < 0);
    if (!grus_fd_write(spool->temp.fd, data, size))
        return grus_fail_errno(error, GRUS_E_OUTPUT, spool->temp.path, "cannot be written");
    spool->bytes += size;
    return GRUS_OK;
}

uint64_t grus_spool_bytes(const grus_spool *spool)
{
    return spool->bytes;
}

grus_status grus_spool_rewind(grus_spool *spool, grus_error *error)
{
    spool->at = spool->end = 0;
    if (spool->fd < 0)
        spool->fd = grus_fd_open_regular(spool->temp.path, GRUS_E_OUTPUT, error);
    if (spool->fd < 0)
        return GRUS_E_OUTPUT;
    return lseek(spool->fd, 0, SEEK_SET) == 0
               ? GRUS_OK
               : grus_fail_errno(error, GRUS_E_OUTPUT, spool->temp.path, "cannot be read");
}

grus_status grus_spool_next(grus_spool *spool, size_t most, const char **data, size_t *size, grus_error *error)
{
    if (spool->at == spool->end) {
        spool->at = 0;
        if (!grus_fd_read(spool->fd, spool->block, BLOCK_BYTES, &spool->end))
            return grus_fail_errno(error, GRUS_E_OUTPUT, spool->temp.path, "cannot be read");
        if (spool->end == 0)
            return grus_fail(error, GRUS_E_OUTPUT, spool->temp.path, NULL, "was cut while it was read");
    }
    *data = spool->block + spool->at;
    *size = grus_min(most, spool->end - spool->at);
    spool->at += *size;
    return GRUS_OK;
}

void grus_spool_free(grus_spool *spool)
{
    if (!spool)
        return;
    if (spool->fd >= 0)
        close(spool->fd);
    grus_temp_discard(&spool->temp);
    free(spool->block);
    free(spool);
}

size_t grus_spool_memory(void)
{
    return sizeof(grus_spool) + BLOCK_BYTES;
}
