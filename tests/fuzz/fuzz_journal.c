// fuzz_journal.c: the journals of checkpoints. The input says which journal to make and how to damage it; what is gone on
// with has to be one of its checkpoints, and without damage the last one.
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/outdir/journal.h"
#include "io/outdir/journal_format.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/fuzz.h"

#define CHECKPOINTS 64
#define SHORTER "out/.grus/partial/s.1-0123456789abcdee@h+journal"
#define NAME "out/.grus/partial/s.1-0123456789abcdef@h+journal"

static struct made {
    uint64_t records, result_bytes;
} made[CHECKPOINTS];

// What is to go wrong besides.
struct wish {
    unsigned find_call, replay_call; // the one to refuse, 1 the first; 0: none
    bool change;
    uint32_t where;
};

static void add_numbers(grus_buffer *file, const uint64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[8];
        grus_put_u64(bytes, numbers[i]);
        grus_buffer_append(file, bytes, sizeof bytes);
    }
}

static void add_head(const grus_journal_key *key, grus_buffer *file)
{
    grus_buffer text = {0};
    grus_journal_key_text(key, &text);
    add_numbers(file, (const uint64_t[]){GRUS_JOURNAL_MAGIC, text.size}, 2);
    grus_buffer_append(file, text.data, text.size);
    grus_buffer_free(&text);
}

// Returns the bytes of results in the piece.
static uint64_t add_piece(fuzz_bytes *bytes, grus_buffer *file)
{
    char packed[512];
    size_t size = 1 + fuzz_byte(bytes) % 64;
    uint8_t text[64] = {0};
    for (size_t i = 0; i < size; i++)
        text[i] = fuzz_byte(bytes);
    static ZSTD_CCtx *zstd;
    if (!zstd)
        zstd = ZSTD_createCCtx();
    size_t packed_size = ZSTD_compressCCtx(zstd, packed, sizeof packed, text, size, 1);
    FUZZ_CHECK(!ZSTD_isError(packed_size));
    add_numbers(file, (const uint64_t[]){GRUS_JOURNAL_DATA, size, packed_size}, 3);
    grus_buffer_append(file, packed, packed_size);
    return size;
}

static void add_checkpoint(const struct made *checkpoint, grus_buffer *file)
{
    uint64_t numbers[5 + GRUS_CHECKPOINT_COUNTERS] = {GRUS_JOURNAL_CHECKPOINT, checkpoint->records, 7, 8,
                                                      checkpoint->result_bytes};
    add_numbers(file, numbers, sizeof numbers / sizeof *numbers);
    uint64_t hash = XXH64(file->data, file->size, 0);
    add_numbers(file, &hash, 1);
}

// Returns the number of checkpoints; *whole is false where something was damaged.
static size_t make_journal(fuzz_bytes *bytes, grus_buffer *file, bool *whole)
{
    size_t n = 0;
    uint64_t records = 0, result_bytes = 0;
    while (bytes->size > 0 && n < CHECKPOINTS) {
        switch (fuzz_byte(bytes) % 8) {
        case 0:
        case 1:
        case 2:
            result_bytes += add_piece(bytes, file);
            break;
        case 3:
        case 4:
            records += fuzz_byte(bytes);
            made[n] = (struct made){records, result_bytes};
            add_checkpoint(&made[n++], file);
            break;
        case 5:
            *whole = false;
            file->data[fuzz_word(bytes) % file->size] ^= (char)(1 << fuzz_byte(bytes) % 8);
            break;
        case 6:
            *whole = false;
            if (fuzz_byte(bytes) % 4 == 0)
                file->size = fuzz_word(bytes) % file->size + 1;
            break;
        default:
            *whole = false;
            grus_buffer_byte(file, (char)fuzz_byte(bytes));
        }
    }
    return n;
}

// What is found is one of the checkpoints, and its results can be had, unless a call is refused or the file changes.
static void check_resume(grus_resume *resume, const char *outdir, size_t n, unsigned call)
{
    const grus_checkpoint *found = grus_resume_checkpoint(resume);
    size_t i = 0;
    while (i < n && (made[i].records != found->records || made[i].result_bytes != found->result_bytes))
        i++;
    FUZZ_CHECK(i < n && found->records > 0 && found->input_bytes == 7 && found->input_xxh64 == 8);
    uint64_t bytes;
    FUZZ_CHECK(grus_resume_file(resume, &bytes) >= 0 && bytes > 0);
    grus_output *output;
    grus_error error = {0};
    FUZZ_CHECK(!grus_output_open(outdir, "s", ".npy", 3, &output, &error));
    fuzz_refuse(call);
    grus_status status = grus_resume_replay(resume, output, &error);
    bool refused = fuzz_refuse_end();
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status != GRUS_OK) == refused);
    grus_output_discard(output);
}

// A bit of what is gone on with turns, or it becomes shorter, after it was looked at.
static void check_changed(grus_resume *resume, const char *outdir, grus_buffer *file, uint32_t where)
{
    uint64_t bytes;
    grus_output *output;
    grus_error error = {0};
    grus_resume_file(resume, &bytes);
    if (where & 1)
        file->size = where / 2 % bytes;
    else
        file->data[where / 2 % bytes] ^= (char)(1 << where / 2 % 8);
    fuzz_put(NAME, file->data, file->size);
    fuzz_put(SHORTER, file->data, file->size);
    FUZZ_CHECK(!grus_output_open(outdir, "s", ".npy", 3, &output, &error));
    grus_status status = grus_resume_replay(resume, output, &error);
    FUZZ_CHECK(status == GRUS_E_OUTPUT);
    fuzz_check_error(status, &error);
    grus_output_discard(output);
}

// With a call refused what is found is a checkpoint, of the same records or of fewer, or none.
static void check_refused(const grus_journal_key *key, const grus_resume *before, unsigned call)
{
    grus_resume *resume = NULL;
    grus_error error = {0};
    fuzz_refuse(call);
    grus_status status = grus_resume_find(key, &resume, &error);
    bool refused = fuzz_refuse_end();
    uint64_t records = before ? grus_resume_checkpoint(before)->records : 0;
    fuzz_check_error(status, &error);
    FUZZ_CHECK(refused || !status);
    FUZZ_CHECK(!status || (status == GRUS_E_MEMORY && !resume));
    FUZZ_CHECK(!resume || (before && grus_resume_checkpoint(resume)->records <= records));
    FUZZ_CHECK(refused || (resume ? grus_resume_checkpoint(resume)->records : 0) == records);
    grus_resume_close(resume);
}

static void look_for(const grus_journal_key *key, size_t n, const struct made *last, grus_buffer *file,
                     const struct wish *wish)
{
    grus_resume *resume = NULL;
    grus_error error = {0};
    grus_status status = grus_resume_find(key, &resume, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(!status);
    if (last && last->records > 0)
        FUZZ_CHECK(resume && grus_resume_checkpoint(resume)->records == last->records);
    if (wish->find_call > 0)
        check_refused(key, resume, wish->find_call);
    if (resume) {
        check_resume(resume, key->outdir, n, wish->replay_call);
        if (wish->change)
            check_changed(resume, key->outdir, file, wish->where);
    }
    grus_resume_close(resume);
}

void fuzz_journal(const uint8_t *data, size_t size)
{
    char outdir[512];
    snprintf(outdir, sizeof outdir, "%s/out", fuzz_dir());
    grus_journal_key key = {.outdir = outdir, .stem = "s", .run = "{\"a\": 1}", .input = "s.jsonl", .input_bytes = 9};
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    struct wish wish = {
        .find_call = flags & 4 ? fuzz_byte(&bytes) : 0,
        .replay_call = flags & 8 ? fuzz_byte(&bytes) : 0,
        .change = flags & 16,
        .where = flags & 16 ? fuzz_word(&bytes) : 0,
    };
    grus_buffer file = {0};
    bool whole = true;
    size_t n = 0;
    if (flags & 3) {
        add_head(&key, &file);
        n = make_journal(&bytes, &file, &whole);
    } else {
        grus_buffer_append(&file, bytes.data, bytes.size);
    }
    // Beside it lie a journal of nothing, one of another shard, and a shorter one where that is asked for.
    fuzz_put(SHORTER, file.data, flags & 32 ? file.size / 2 : 0);
    fuzz_put("out/.grus/partial/t.1-0123456789abcdef@h+journal", "", 0);
    fuzz_put(NAME, file.data, file.size);
    look_for(&key, n, whole && n > 0 ? &made[n - 1] : NULL, &file, &wish);
    grus_buffer_free(&file);
}
