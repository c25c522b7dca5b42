// journal.c: writes a journal, and clears away those that nobody needs.
#include "config.h"

#include "io/outdir/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/error.h"
#include "io/file.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"
#include "io/outdir/temporary.h"

#define LEVEL 1 // of what is read once at most

struct grus_journal {
    grus_temp temp;
    bool kept;           // there is a checkpoint in it
    bool failed;         // a write was refused; nothing more is tried
    XXH64_state_t *hash; // of all bytes of the file
    ZSTD_CCtx *zstd;
    char *piece; // (GRUS_JOURNAL_PIECE), piece_size of them waiting
    size_t piece_size;
    unsigned char *packed; // (GRUS_JOURNAL_DATA_BYTES + GRUS_JOURNAL_PACKED)
    uint64_t result_bytes; // in the file
};

// ---- bytes ----

static grus_status put(grus_journal *journal, const void *data, size_t size, grus_error *error)
{
    GRUS_ASSERT(journal->temp.fd >= 0);
    if (journal->failed)
        return grus_fail(error, GRUS_E_OUTPUT, journal->temp.path, NULL, "cannot go on: an earlier write failed");
    if (!grus_fd_write(journal->temp.fd, data, size)) {
        journal->failed = true;
        return grus_fail_errno(error, GRUS_E_OUTPUT, journal->temp.path, "cannot be written");
    }
    XXH64_update(journal->hash, data, size);
    return GRUS_OK;
}

static grus_status sync_journal(grus_journal *journal, grus_error *error)
{
    if (!grus_fd_sync(journal->temp.fd)) {
        journal->failed = true;
        return grus_fail_errno(error, GRUS_E_OUTPUT, journal->temp.path, "cannot be brought to the disk (fsync)");
    }
    grus_status status = journal->kept ? GRUS_OK : grus_dir_sync_of(journal->temp.path, error);
    journal->kept = true;
    return status;
}

static grus_status put_piece(grus_journal *journal, grus_error *error)
{
    if (journal->piece_size == 0)
        return GRUS_OK;
    GRUS_ASSERT(journal->piece_size <= GRUS_JOURNAL_PIECE);
    unsigned char *packed = journal->packed;
    size_t size = ZSTD_compress2(journal->zstd, packed + GRUS_JOURNAL_DATA_BYTES, GRUS_JOURNAL_PACKED, journal->piece,
                                 journal->piece_size);
    if (ZSTD_isError(size))
        return grus_fail(error, GRUS_E_OUTPUT, journal->temp.path, NULL, "cannot be compressed: %s",
                         ZSTD_getErrorName(size));
    grus_put_u64(packed, GRUS_JOURNAL_DATA);
    grus_put_u64(packed + 8, journal->piece_size);
    grus_put_u64(packed + 16, size);
    journal->result_bytes += journal->piece_size;
    journal->piece_size = 0;
    return put(journal, packed, GRUS_JOURNAL_DATA_BYTES + size, error);
}

// ---- beginning ----

static grus_status put_head(grus_journal *journal, const grus_journal_key *key, grus_error *error)
{
    unsigned char head[GRUS_JOURNAL_HEAD_BYTES];
    grus_buffer text = {0};
    grus_journal_key_text(key, &text);
    grus_put_u64(head, GRUS_JOURNAL_MAGIC);
    grus_put_u64(head + 8, text.size);
    grus_status status = text.failed ? grus_fail_memory(error, text.size) : put(journal, head, sizeof head, error);
    if (!status)
        status = put(journal, text.data, text.size, error);
    grus_buffer_free(&text);
    return status;
}

// The new journal begins as the old one did, up to its last checkpoint.
static grus_status copy_old(grus_journal *journal, grus_resume *resume, grus_error *error)
{
    uint64_t left;
    int fd = grus_resume_file(resume, &left);
    grus_status status = GRUS_OK;
    if (lseek(fd, 0, SEEK_SET) != 0)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, journal->temp.path, "its predecessor cannot be read");
    while (!status && left > 0) {
        size_t part = left < GRUS_JOURNAL_PIECE ? (size_t)left : GRUS_JOURNAL_PIECE, got;
        if (!grus_fd_read(fd, journal->piece, part, &got))
            status = grus_fail_errno(error, GRUS_E_OUTPUT, journal->temp.path, "its predecessor cannot be read");
        else if (got < part)
            status = grus_fail(error, GRUS_E_OUTPUT, journal->temp.path, NULL, "its predecessor was cut meanwhile");
        else
            status = put(journal, journal->piece, got, error);
        left -= part;
    }
    journal->result_bytes = grus_resume_checkpoint(resume)->result_bytes;
    return status ? status : sync_journal(journal, error);
}

static grus_status make_parts(grus_journal *journal, grus_error *error)
{
    journal->hash = XXH64_createState();
    journal->zstd = ZSTD_createCCtx();
    journal->piece = malloc(GRUS_JOURNAL_PIECE);
    journal->packed = malloc(GRUS_JOURNAL_DATA_BYTES + GRUS_JOURNAL_PACKED);
    if (!journal->hash || !journal->zstd || !journal->piece || !journal->packed ||
        ZSTD_isError(ZSTD_CCtx_setParameter(journal->zstd, ZSTD_c_compressionLevel, LEVEL)))
        return grus_fail_memory(error, GRUS_JOURNAL_PIECE + GRUS_JOURNAL_PACKED);
    XXH64_reset(journal->hash, 0);
    return GRUS_OK;
}

// Removes the journals that dead processes have left of a shard, but not this one. On some file systems a process elsewhere
// could not go on without its own.
static void drop(const char *outdir, const char *stem, const char *own)
{
    grus_partials partials;
    grus_error ignored;
    grus_partials_list(outdir, &partials, &ignored);
    for (size_t i = 0; i < partials.n; i++) {
        const grus_partial *partial = &partials.list[i];
        bool wanted = partial->journal && grus_partial_is_of(partial, stem) && partial->owner == GRUS_OWNER_DEAD;
        char *path = wanted ? grus_outdir_partial(outdir, partial->name) : NULL;
        if (path && (!own || strcmp(path, own) != 0))
            unlink(path);
        free(path);
    }
    grus_partials_free(&partials);
}

grus_status grus_journal_open(const grus_journal_key *key, grus_resume *resume, grus_journal **journal_out,
                              grus_error *error)
{
    grus_journal *journal = calloc(1, sizeof *journal);
    char *dir = NULL;
    if (!journal)
        return grus_fail_memory(error, sizeof *journal);
    journal->temp.fd = -1;
    grus_status status = make_parts(journal, error);
    if (!status && !(dir = grus_outdir_partials(key->outdir)))
        status = grus_fail_memory(error, strlen(key->outdir));
    if (!status)
        status = grus_temp_open(dir, key->stem, GRUS_OUTDIR_JOURNAL_TAIL, &journal->temp, error);
    free(dir);
    if (!status)
        status = resume ? copy_old(journal, resume, error) : put_head(journal, key, error);
    if (status) {
        grus_journal_close(journal, true);
        return status;
    }
    if (resume)
        drop(key->outdir, key->stem, journal->temp.path);
    *journal_out = journal;
    return GRUS_OK;
}

// ---- going on and ending ----

grus_status grus_journal_write(grus_journal *journal, const char *data, size_t size, grus_error *error)
{
    while (grus_block_fill(journal->piece, GRUS_JOURNAL_PIECE, &journal->piece_size, &data, &size)) {
        grus_status status = put_piece(journal, error);
        if (status)
            return status;
    }
    return GRUS_OK;
}

grus_status grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error)
{
    grus_status status = put_piece(journal, error);
    if (status)
        return status;
    unsigned char text[GRUS_JOURNAL_CHECKPOINT_BYTES], hash[8], *at = text;
    const uint64_t fields[] = {GRUS_JOURNAL_CHECKPOINT, checkpoint->records, checkpoint->input_bytes,
                               checkpoint->input_xxh64, journal->result_bytes};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++, at += 8)
        grus_put_u64(at, fields[i]);
    for (size_t i = 0; i < GRUS_CHECKPOINT_COUNTERS; i++, at += 8)
        grus_put_u64(at, checkpoint->counters[i]);
    GRUS_ASSERT(at == text + sizeof text);
    status = put(journal, text, sizeof text, error);
    grus_put_u64(hash, XXH64_digest(journal->hash));
    if (!status)
        status = put(journal, hash, sizeof hash, error);
    return status ? status : sync_journal(journal, error);
}

void grus_journal_close(grus_journal *journal, bool done)
{
    if (!journal)
        return;
    if (journal->kept && !done) {
        close(journal->temp.fd);
        free(journal->temp.path);
        journal->temp = (grus_temp){.fd = -1};
    }
    grus_temp_discard(&journal->temp);
    XXH64_freeState(journal->hash);
    ZSTD_freeCCtx(journal->zstd);
    free(journal->piece);
    free(journal->packed);
    free(journal);
}

void grus_journals_drop(const char *outdir, const char *stem)
{
    drop(outdir, stem, NULL);
}

size_t grus_journal_memory(void)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_DCtx *unzstd = ZSTD_createDCtx();
    char *piece = calloc(1, GRUS_JOURNAL_PIECE);
    unsigned char *packed = malloc(GRUS_JOURNAL_PACKED);
    size_t bytes = 2 * (GRUS_JOURNAL_PACKED + GRUS_JOURNAL_PIECE);
    // What zstd takes for one piece is all it ever takes.
    bool made = zstd && unzstd && piece && packed &&
                !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL)) &&
                !ZSTD_isError(ZSTD_compress2(zstd, packed, GRUS_JOURNAL_PACKED, piece, GRUS_JOURNAL_PIECE));
    if (made)
        bytes += ZSTD_sizeof_CCtx(zstd) + ZSTD_sizeof_DCtx(unzstd);
    ZSTD_freeCCtx(zstd);
    ZSTD_freeDCtx(unzstd);
    free(piece);
    free(packed);
    return made ? bytes : SIZE_MAX;
}
