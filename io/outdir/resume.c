// resume.c: finds and reads journals. All that is believed has been hashed and decompressed before.
#include "config.h"

#include "io/outdir/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "io/file.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"

struct grus_resume {
    char *path;
    int fd;
    uint64_t bytes;      // from the beginning to the end of the last whole checkpoint
    uint64_t data_start; // behind the key
    grus_checkpoint checkpoint;
};

// A file read from the front, with what is needed to judge it.
typedef struct journal_reader {
    int fd;
    uint64_t at;
    int reason;          // errno of a read that was refused
    XXH64_state_t *hash; // of the bytes read
    ZSTD_DCtx *zstd;
    unsigned char *packed; // (GRUS_JOURNAL_PACKED)
    char *piece;           // (GRUS_JOURNAL_PIECE)
} journal_reader;

static void close_reader(journal_reader *reader)
{
    XXH64_freeState(reader->hash);
    ZSTD_freeDCtx(reader->zstd);
    free(reader->packed);
    free(reader->piece);
}

static grus_status open_reader(journal_reader *reader, int fd, grus_error *error)
{
    *reader = (journal_reader){
        .fd = fd,
        .hash = XXH64_createState(),
        .zstd = ZSTD_createDCtx(),
        .packed = malloc(GRUS_JOURNAL_PACKED),
        .piece = malloc(GRUS_JOURNAL_PIECE),
    };
    if (reader->hash && reader->zstd && reader->packed && reader->piece) {
        XXH64_reset(reader->hash, 0);
        return GRUS_OK;
    }
    close_reader(reader);
    return grus_fail_memory(error, GRUS_JOURNAL_PACKED + GRUS_JOURNAL_PIECE);
}

// false where the file ends before, or cannot be read.
static bool get(journal_reader *reader, void *data, size_t size)
{
    size_t got;
    if (!grus_fd_read(reader->fd, data, size, &got)) {
        reader->reason = errno;
        return false;
    }
    if (got < size)
        return false;
    XXH64_update(reader->hash, data, size);
    reader->at += size;
    return true;
}

static bool get_numbers(journal_reader *reader, uint64_t *numbers, size_t n)
{
    unsigned char text[GRUS_JOURNAL_CHECKPOINT_BYTES];
    if (!get(reader, text, 8 * n))
        return false;
    for (size_t i = 0; i < n; i++)
        numbers[i] = grus_get_u64(text + 8 * i);
    return true;
}

// A piece of results into reader->piece, its tag having been read.
static bool get_piece(journal_reader *reader, size_t *size)
{
    uint64_t sizes[2];
    if (!get_numbers(reader, sizes, 2) || sizes[0] == 0 || sizes[0] > GRUS_JOURNAL_PIECE || sizes[1] == 0 ||
        sizes[1] > GRUS_JOURNAL_PACKED || !get(reader, reader->packed, (size_t)sizes[1]))
        return false;
    *size = ZSTD_decompressDCtx(reader->zstd, reader->piece, GRUS_JOURNAL_PIECE, reader->packed, (size_t)sizes[1]);
    return *size == sizes[0];
}

static bool get_checkpoint(journal_reader *reader, uint64_t result_bytes, grus_checkpoint *checkpoint)
{
    uint64_t numbers[4], hash, wanted;
    if (!get_numbers(reader, numbers, 4) || !get_numbers(reader, checkpoint->counters, GRUS_CHECKPOINT_COUNTERS))
        return false;
    checkpoint->records = numbers[0];
    checkpoint->input_bytes = numbers[1];
    checkpoint->input_xxh64 = numbers[2];
    checkpoint->result_bytes = numbers[3];
    wanted = XXH64_digest(reader->hash);
    return get_numbers(reader, &hash, 1) && hash == wanted && checkpoint->result_bytes == result_bytes;
}

// Whether the file begins as a journal of this key does. Where memory is short it does not, and *status tells.
static bool get_head(journal_reader *reader, const grus_journal_key *key, grus_status *status, grus_error *error)
{
    uint64_t numbers[2];
    grus_buffer wanted = {0};
    grus_journal_key_text(key, &wanted);
    if (wanted.failed)
        *status = grus_fail_memory(error, wanted.size);
    bool same = !*status && get_numbers(reader, numbers, 2) && numbers[0] == GRUS_JOURNAL_MAGIC &&
                numbers[1] == wanted.size && wanted.size <= GRUS_JOURNAL_PIECE - GRUS_JOURNAL_HEAD_BYTES &&
                get(reader, reader->piece, wanted.size) && memcmp(reader->piece, wanted.data, wanted.size) == 0;
    grus_buffer_free(&wanted);
    return same;
}

// Reads on for as long as all is as it should be, and keeps the last checkpoint on the way.
static void scan(journal_reader *reader, grus_resume *resume)
{
    uint64_t tag, result_bytes = 0;
    while (get_numbers(reader, &tag, 1)) {
        size_t size;
        grus_checkpoint checkpoint;
        if (tag == GRUS_JOURNAL_DATA) {
            if (!get_piece(reader, &size))
                return;
            result_bytes += size;
        } else if (tag == GRUS_JOURNAL_CHECKPOINT && get_checkpoint(reader, result_bytes, &checkpoint) &&
                   checkpoint.records >= resume->checkpoint.records) {
            resume->checkpoint = checkpoint;
            resume->bytes = reader->at;
        } else {
            return;
        }
    }
}

static grus_status examine(grus_resume *resume, const grus_journal_key *key, grus_error *error)
{
    journal_reader reader;
    grus_status status = open_reader(&reader, resume->fd, error);
    if (status)
        return status;
    if (get_head(&reader, key, &status, error)) {
        resume->data_start = reader.at;
        scan(&reader, resume);
    }
    close_reader(&reader);
    return status;
}

grus_status grus_resume_open(const char *path, const grus_journal_key *key, grus_resume **resume_out, grus_error *error)
{
    *resume_out = NULL;
    struct stat about;
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return GRUS_OK;
    grus_resume *resume = calloc(1, sizeof *resume);
    char *copy = strdup(path);
    if (!resume || !copy) {
        close(fd);
        free(resume);
        free(copy);
        return grus_fail_memory(error, sizeof *resume);
    }
    resume->fd = fd;
    resume->path = copy;
    grus_status status = GRUS_OK;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        status = examine(resume, key, error);
    if (!status && resume->checkpoint.records > 0)
        *resume_out = resume;
    else
        grus_resume_close(resume);
    return status;
}

grus_status grus_resume_find(const grus_journal_key *key, grus_resume **resume_out, grus_error *error)
{
    *resume_out = NULL;
    grus_partials partials;
    grus_status status = grus_partials_list(key->outdir, &partials, error);
    if (status == GRUS_E_OUTPUT)
        status = GRUS_OK;
    for (size_t i = 0; i < partials.n && !status; i++) {
        const grus_partial *partial = &partials.list[i];
        grus_resume *resume;
        if (!partial->journal || !grus_partial_is_of(partial, key->stem))
            continue;
        char *path = grus_outdir_partial(key->outdir, partial->name);
        if (!path) {
            status = grus_fail_memory(error, strlen(key->outdir));
            break;
        }
        status = grus_resume_open(path, key, &resume, error);
        free(path);
        if (!status && resume && (!*resume_out || resume->checkpoint.records > (*resume_out)->checkpoint.records)) {
            grus_resume *shorter = *resume_out;
            *resume_out = resume;
            resume = shorter;
        }
        grus_resume_close(resume);
    }
    grus_partials_free(&partials);
    if (status) {
        grus_resume_close(*resume_out);
        *resume_out = NULL;
    }
    return status;
}

const grus_checkpoint *grus_resume_checkpoint(const grus_resume *resume)
{
    return &resume->checkpoint;
}

int grus_resume_file(const grus_resume *resume, uint64_t *bytes)
{
    *bytes = resume->bytes;
    return resume->fd;
}

static grus_status replay(grus_resume *resume, journal_reader *reader, grus_output *output, grus_error *error)
{
    uint64_t tag, written = 0;
    grus_checkpoint passed;
    size_t size;
    bool whole = true; // a checkpoint whose hash is wrong has been read to its end, too
    grus_status status = GRUS_OK;
    while (!status && whole && reader->at < resume->bytes && get_numbers(reader, &tag, 1)) {
        if (tag == GRUS_JOURNAL_DATA && get_piece(reader, &size)) {
            status = grus_output_write(output, reader->piece, size, error);
            written += size;
        } else {
            whole = tag == GRUS_JOURNAL_CHECKPOINT && get_checkpoint(reader, written, &passed);
        }
    }
    if (!status && reader->reason) {
        errno = reader->reason;
        status = grus_fail_errno(error, GRUS_E_OUTPUT, resume->path, "cannot be read");
    }
    if (!status && (!whole || reader->at != resume->bytes || written != resume->checkpoint.result_bytes))
        status = grus_fail(error, GRUS_E_OUTPUT, resume->path, NULL, "changed while it was read");
    return status;
}

grus_status grus_resume_replay(grus_resume *resume, grus_output *output, grus_error *error)
{
    journal_reader reader;
    grus_status status = open_reader(&reader, resume->fd, error);
    if (status)
        return status;
    // The hashes go over the file from its first byte.
    size_t head = (size_t)resume->data_start;
    if (lseek(resume->fd, 0, SEEK_SET) != 0 || !get(&reader, reader.piece, head))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, resume->path, "cannot be read");
    else
        status = replay(resume, &reader, output, error);
    close_reader(&reader);
    return status;
}

void grus_resume_close(grus_resume *resume)
{
    if (!resume)
        return;
    close(resume->fd);
    free(resume->path);
    free(resume);
}
