// fuzz_journal.c: the journals of checkpoints. The input says which journal to make and how to damage it; what is gone on
// with has to be one of its checkpoints, and without damage the last one.
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/journal.h"
#include "io/journal_format.h"
#include "tests/fuzz/fuzz.h"

#define CHECKPOINTS 64

static struct made {
    uint64_t records, result_bytes;
} made[CHECKPOINTS];

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
    size_t packed_size = ZSTD_compress(packed, sizeof packed, text, size, 1);
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

static void check_resume(grus_resume *resume, const char *outdir, size_t n)
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
    grus_status status = grus_resume_replay(resume, output, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(!status);
    grus_output_discard(output);
}

void fuzz_journal(const uint8_t *data, size_t size)
{
    char outdir[512];
    snprintf(outdir, sizeof outdir, "%s/out", fuzz_dir());
    grus_journal_key key = {.outdir = outdir, .stem = "s", .run = "{\"a\": 1}", .input = "s.jsonl", .input_bytes = 9};
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    grus_buffer file = {0};
    bool whole = true;
    size_t n = 0;
    if (flags & 3) {
        add_head(&key, &file);
        n = make_journal(&bytes, &file, &whole);
    } else {
        grus_buffer_append(&file, bytes.data, bytes.size);
    }
    grus_resume *resume = NULL;
    grus_error error = {0};
    // Beside it lie a journal of nothing, and one of another shard.
    fuzz_put("out/.grus/partial/s.1-0123456789abcdee@h+journal", "", 0);
    fuzz_put("out/.grus/partial/t.1-0123456789abcdef@h+journal", "", 0);
    fuzz_put("out/.grus/partial/s.1-0123456789abcdef@h+journal", file.data, file.size);
    grus_status status = grus_resume_find(&key, &resume, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(!status);
    if (whole && n > 0 && made[n - 1].records > 0)
        FUZZ_CHECK(resume && grus_resume_checkpoint(resume)->records == made[n - 1].records);
    if (resume)
        check_resume(resume, outdir, n);
    grus_resume_close(resume);
    grus_buffer_free(&file);
}
