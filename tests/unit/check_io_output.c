// check_io_output.c: the commit of a shard, step by step as another process would see it.
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/outdir/claim.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "io/outdir/partial.h"
#include "io/outdir/spool.h"
#include "io/outdir/temporary.h"
#include "io/shard/feature_rows.h"
#include "io/shard/npy.h"
#include "tests/unit/check_io.h"
#include "tests/unit/check_io_outdir.h"

START_TEST(a_shard)
{
    grus_error error;
    grus_output *output = open_output("s.1", OUTDIR_SUFFIX);
    write_output(output, "one\n");
    write_output(output, "two\n");
    ck_assert(!file_exists(in_outdir("s.1.jsonl.zst")));
    ck_assert_uint_eq(partials(), 1);
    grus_manifest manifest = some_manifest();
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
    ck_assert_uint_eq(partials(), 0);
    ck_assert(grus_manifest_is_done(outdir, "s.1", OUTDIR_SUFFIX));
    ck_assert(!grus_manifest_is_done(outdir, "s.1", ".txt.zst"));
    ck_assert(!grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    grus_buffer packed = {0}, text = {0};
    read_file(in_outdir("s.1.jsonl.zst"), &packed);
    expect_decompressed(&packed, "one\ntwo\n", 8);
    ck_assert_uint_eq(manifest.output_bytes, packed.size);
    ck_assert_uint_eq(manifest.output_xxh64, XXH64(packed.data, packed.size, 0));
    read_file(in_outdir(".grus/done/s.1.json"), &text);
    json_t *json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_uint_eq(json_object_size(json), 10);
    ck_assert_str_eq(json_string_value(json_object_get(json, "input")), "s\"1.txt");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "input_bytes")), 12);
    ck_assert_str_eq(json_string_value(json_object_get(json, "input_xxh64")), "fedcba9876543210");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "records_in")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "records_out")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "records_failed")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "output_bytes")), (json_int_t)packed.size);
    ck_assert_uint_eq(strtoull(json_string_value(json_object_get(json, "output_xxh64")), NULL, 16),
                      manifest.output_xxh64);
    ck_assert_str_eq(json_string_value(json_object_get(json, "kernel")), "skx");
    ck_assert_str_eq(json_string_value(json_object_get(json, "version")), "0.1.0");
    json_decref(json);
    grus_buffer_free(&packed);
    grus_buffer_free(&text);
}
END_TEST

START_TEST(empty_and_plain)
{
    grus_error error;
    ck_assert_int_eq(commit("empty", "", &error), GRUS_OK);
    grus_buffer packed = {0}, plain = {0};
    read_file(in_outdir("empty.jsonl.zst"), &packed);
    expect_decompressed(&packed, "", 0);
    grus_output *output = open_output("rows", ".npy");
    grus_manifest manifest = some_manifest();
    write_output(output, "not compressed");
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
    read_file(in_outdir("rows.npy"), &plain);
    expect_text(&plain, "not compressed");
    ck_assert(grus_manifest_is_done(outdir, "rows", ".npy"));
    grus_buffer_free(&packed);
    grus_buffer_free(&plain);
}
END_TEST

// A shard whose beginning is known last, shorter and longer than what is held back in memory.
START_TEST(rewritten_head)
{
    static const size_t sizes[] = {6, 7, 131072, 131073, 400000};
    char *text = malloc(400000);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        char stem[16], name[32];
        snprintf(stem, sizeof stem, "h%zu", sizes[k]);
        snprintf(name, sizeof name, "%s.npy", stem);
        memset(text, 'x', sizes[k]);
        grus_output *output = open_output(stem, ".npy");
        grus_manifest manifest = some_manifest();
        grus_buffer found = {0};
        grus_error error;
        ck_assert_int_eq(grus_output_write(output, text, sizes[k], &error), GRUS_OK);
        ck_assert_int_eq(grus_output_rewrite_head(output, "header", 6, &error), GRUS_OK);
        ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
        memcpy(text, "header", 6);
        read_file(in_outdir(name), &found);
        expect_bytes(&found, text, sizes[k]);
        ck_assert_uint_eq(manifest.output_bytes, sizes[k]);
        ck_assert_uint_eq(manifest.output_xxh64, XXH64(text, sizes[k], 0));
        grus_buffer_free(&found);
    }
    free(text);
}
END_TEST

START_TEST(npy)
{
    static const float values[] = {1, -0.0f};
    char header[GRUS_NPY_HEADER_BYTES];
    grus_buffer rows = {0};
    grus_npy_header(header, 3, 2);
    ck_assert_mem_eq(header, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  ",
                     10 + 58 + 2);
    for (size_t i = 70; i < sizeof header; i++)
        ck_assert_int_eq(header[i], i == sizeof header - 1 ? '\n' : ' ');
    grus_npy_header(header, UINT64_MAX, SIZE_MAX);
    ck_assert_int_eq(header[sizeof header - 1], '\n');
    ck_assert_ptr_nonnull(memmem(header, sizeof header, "(18446744073709551615, 18446744073709551615), }  ", 48));
    grus_npy_floats(&rows, values, 2);
    grus_npy_missing(&rows, 1);
    expect_bytes(&rows, "\0\0\x80\x3f\0\0\0\x80\0\0\xc0\x7f", 12);
    grus_buffer_free(&rows);
}
END_TEST

// What is kept comes back as it was, as often as it is asked for, and nothing of it is left; the shard holds what is written
// behind it alone.
START_TEST(spooled)
{
    grus_output *output = open_output("kept", ".jsonl.zst");
    grus_manifest manifest = some_manifest();
    grus_error error;
    char text[1000];
    uint64_t sum = 0;
    ck_assert_int_eq(grus_output_spool(output, &error), GRUS_OK);
    for (size_t i = 0; i < 1000; i++) {
        memset(text, (int)(i % 7), sizeof text);
        ck_assert_int_eq(grus_output_write(output, text, i, &error), GRUS_OK);
        sum += i * (i % 7);
    }
    grus_spool *spool = grus_output_unspool(output);
    ck_assert_uint_eq(grus_spool_bytes(spool), 999 * 500);
    for (int again = 0; again < 2; again++) {
        uint64_t found = 0, bytes = 0;
        const char *data;
        size_t size;
        ck_assert_int_eq(grus_spool_rewind(spool, &error), GRUS_OK);
        for (; bytes < 999 * 500; bytes += size) {
            ck_assert_int_eq(grus_spool_next(spool, 777, &data, &size, &error), GRUS_OK);
            ck_assert(size >= 1 && size <= 777);
            for (size_t i = 0; i < size; i++)
                found += (unsigned char)data[i];
        }
        ck_assert_uint_eq(found, sum);
        ck_assert_int_eq(grus_spool_next(spool, 1, &data, &size, &error), GRUS_E_OUTPUT);
    }
    write_output(output, "behind");
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
    grus_buffer packed = {0};
    read_file(in_outdir("kept.jsonl.zst"), &packed);
    expect_decompressed(&packed, "behind", 6);
    grus_buffer_free(&packed);
}
END_TEST

START_TEST(feature_rows)
{
    static const float values[] = {1, -2, 0.5f};
    char header[GRUS_FEATURE_HEADER_MOST];
    grus_buffer rows = {0};
    grus_feature_rows_put(&rows, values, 1, 3);
    grus_feature_rows_put(&rows, NULL, 0, 3);
    expect_bytes(&rows, "\1\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f\0\0\0\0\0\0\0\0", 28);
    grus_buffer_free(&rows);
    // As save_file of Python's safetensors writes it, for which it sorts I64 before F32.
    static const char wanted[] = "{\"offsets\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]},"
                                 "\"features\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[24,36]}}";
    size_t length = (sizeof wanted - 1 + 7) / 8 * 8;
    ck_assert_uint_eq(grus_feature_rows_header(header, 2, 1, 3), 8 + length);
    ck_assert_uint_eq((unsigned char)header[0], length);
    ck_assert_mem_eq(header + 8, wanted, sizeof wanted - 1);
    for (size_t i = sizeof wanted - 1; i < length; i++)
        ck_assert_int_eq(header[8 + i], ' ');
    // 2^32 records, and more values than fit 32 bits.
    static const char places[] = "\"data_offsets\":[34359738376,4503633987108872]";
    length = grus_feature_rows_header(header, UINT64_C(1) << 32, UINT64_C(1) << 40, 1024);
    ck_assert_ptr_nonnull(memmem(header, length, places, sizeof places - 1));
}
END_TEST

// However the bytes come in, the same file goes out.
START_TEST(same_bytes)
{
    size_t size = 1000000;
    char *text = malloc(size);
    uint32_t state = 5;
    for (size_t i = 0; i < size; i++, state = state * 1664525u + 1013904223u)
        text[i] = (char)('a' + (state >> 24) % 7);
    static const size_t pieces[] = {1, 7, 4096, 131071, 131072, 131073, 1000000};
    grus_buffer first = {0};
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        char stem[16];
        snprintf(stem, sizeof stem, "p%zu", pieces[k]);
        grus_output *output = open_output(stem, OUTDIR_SUFFIX);
        grus_error error;
        for (size_t at = 0; at < size; at += pieces[k]) {
            size_t part = size - at < pieces[k] ? size - at : pieces[k];
            ck_assert_int_eq(grus_output_write(output, text + at, part, &error), GRUS_OK);
        }
        grus_manifest manifest = some_manifest();
        ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_OK);
        char name[32];
        snprintf(name, sizeof name, "%s%s", stem, OUTDIR_SUFFIX);
        grus_buffer packed = {0};
        read_file(in_outdir(name), &packed);
        if (k == 0)
            read_file(in_outdir(name), &first);
        else
            expect_bytes(&packed, first.data, first.size);
        expect_decompressed(&packed, text, size);
        grus_buffer_free(&packed);
    }
    grus_buffer_free(&first);
    free(text);
}
END_TEST

START_TEST(discarded)
{
    grus_output *output = open_output("s", OUTDIR_SUFFIX);
    write_output(output, "half");
    ck_assert_uint_eq(partials(), 1);
    grus_output_discard(output);
    grus_output_discard(NULL);
    ck_assert_uint_eq(partials(), 0);
    ck_assert(!file_exists(in_outdir("s.jsonl.zst")));
    ck_assert_uint_eq(count_files(in_outdir(".grus/done")), 0);
}
END_TEST

START_TEST(stale_manifest)
{
    grus_error error;
    ck_assert_int_eq(commit("s", "a longer text than the next\n", &error), GRUS_OK);
    ck_assert_int_eq(unlink(in_outdir("s.jsonl.zst")), 0);
    ck_assert(!grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    ck_assert_int_eq(commit("s", "new\n", &error), GRUS_OK);
    ck_assert(grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    // The size decides; what is no manifest is none.
    ck_assert_int_eq(truncate(in_outdir("s.jsonl.zst"), 3), 0);
    ck_assert(!grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    static const char *const damaged[] = {"", "{", "{}", "[3]", "{\"output_bytes\": \"3\"}", "{\"output_bytes\": 3}"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        ck_assert_int_eq(grus_temp_replace(in_outdir(".grus/done/s.json"), damaged[i], strlen(damaged[i]), &error),
                         GRUS_OK);
        ck_assert(!grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    }
    grus_manifest manifest = some_manifest();
    grus_buffer text = {0};
    manifest.output_bytes = 3;
    grus_manifest_text(&manifest, &text);
    ck_assert_int_eq(grus_temp_replace(in_outdir(".grus/done/s.json"), text.data, text.size, &error), GRUS_OK);
    ck_assert(grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    grus_buffer_free(&text);
}
END_TEST

START_TEST(long_name)
{
    grus_error error;
    char stem[240];
    memset(stem, 'x', sizeof stem - 1);
    stem[sizeof stem - 1] = '\0';
    ck_assert_int_eq(commit(stem, "t\n", &error), GRUS_OK);
    ck_assert(grus_manifest_is_done(outdir, stem, OUTDIR_SUFFIX));
}
END_TEST

START_TEST(read_back)
{
    grus_error error;
    grus_manifest manifest, expected = some_manifest();
    grus_claim claim;
    bool exists;
    ck_assert_int_eq(grus_manifest_read(outdir, "s", &manifest, &exists, &error), GRUS_OK);
    ck_assert(!exists);
    ck_assert_int_eq(grus_manifest_write(outdir, "s", NULL, NULL, &expected, &error), GRUS_OK);
    ck_assert_int_eq(grus_manifest_read(outdir, "s", &manifest, &exists, &error), GRUS_OK);
    ck_assert(exists);
    ck_assert_str_eq(manifest.input, expected.input);
    ck_assert_uint_eq(manifest.input_bytes, expected.input_bytes);
    ck_assert_uint_eq(manifest.input_xxh64, expected.input_xxh64);
    ck_assert_uint_eq(manifest.records_failed, expected.records_failed);
    ck_assert(!manifest.input_path && !manifest.input_file.regular); // not known
    grus_manifest_free(&manifest);

    char path[] = "/in/s\"1.txt";
    expected.input_path = path;
    expected.input_file = (grus_file_facts){.regular = true, .inode = UINT64_MAX, .modified = -5};
    ck_assert_int_eq(grus_manifest_write(outdir, "s", NULL, NULL, &expected, &error), GRUS_OK);
    ck_assert_int_eq(grus_manifest_read(outdir, "s", &manifest, &exists, &error), GRUS_OK);
    ck_assert_str_eq(manifest.input_path, path);
    ck_assert(manifest.input_file.regular && manifest.input_file.inode == UINT64_MAX);
    ck_assert_int_eq(manifest.input_file.modified, -5);
    ck_assert_uint_eq(manifest.input_file.bytes, 12);
    grus_manifest_free(&manifest);

    ck_assert_int_eq(grus_claim_read(outdir, &claim, &error), GRUS_E_OUTPUT);
    expect_error(&error, "/out", "", "no .grus/run.json");
    grus_claim_free(&claim);
    static const char run[] = "{\"world_size\": 3, \"format\": \"txt\", \"inputs\": [\"b.jsonl.zst\", \"-\", \"odd\"]}";
    ck_assert_int_eq(grus_claim_take(outdir, run, false, &error), GRUS_OK);
    ck_assert_int_eq(grus_claim_read(outdir, &claim, &error), GRUS_OK);
    ck_assert_uint_eq(claim.world_size, 3);
    ck_assert_str_eq(claim.suffix, ".txt.zst");
    ck_assert_uint_eq(claim.n, 3);
    ck_assert_str_eq(claim.inputs[0], "b.jsonl.zst");
    ck_assert_str_eq(claim.stems[0], "b");
    ck_assert_str_eq(claim.stems[1], "stdin");
    ck_assert_str_eq(claim.stems[2], "odd");
    grus_claim_free(&claim);
}
END_TEST

// A full disk, played by a limit on file sizes.
START_TEST(no_space)
{
    grus_output *output = open_output("s", ".txt");
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = 200000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    grus_error error;
    char block[4096] = {0};
    grus_status status = GRUS_OK;
    for (int i = 0; i < 200 && status == GRUS_OK; i++)
        status = grus_output_write(output, block, sizeof block, &error);
    ck_assert_int_eq(status, GRUS_E_OUTPUT);
    expect_error(&error, NULL, "", "cannot be written: File too large");
    grus_manifest manifest = some_manifest();
    ck_assert_int_eq(grus_output_commit(output, &manifest, &error), GRUS_E_OUTPUT);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_uint_eq(partials(), 0);
    ck_assert(!file_exists(in_outdir("s.txt")));
    ck_assert(!grus_manifest_is_done(outdir, "s", ".txt"));
}
END_TEST

START_TEST(standard_output)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        grus_output *output;
        grus_error error;
        dup2(ends[1], STDOUT_FILENO);
        grus_status status = grus_output_open("-", "stdin", ".jsonl", 3, &output, &error);
        if (!status)
            status = grus_output_write(output, "a\nb\n", 4, &error);
        if (!status)
            status = grus_output_commit(output, NULL, &error);
        _exit((int)status);
    }
    close(ends[1]);
    char text[16];
    ssize_t got = read(ends[0], text, sizeof text);
    int result;
    waitpid(child, &result, 0);
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq((int)got, 4);
    ck_assert_mem_eq(text, "a\nb\n", 4);
}
END_TEST

START_TEST(memory)
{
    // The window of a level is part of it: 2 MiB at level 3, 8 MiB at 19.
    ck_assert_uint_gt(grus_output_memory(3), (size_t)2 << 20);
    ck_assert_uint_lt(grus_output_memory(3), (size_t)16 << 20);
    ck_assert_uint_gt(grus_output_memory(19), (size_t)8 << 20);
    // What zstd takes at a first byte is all that it ever takes.
    static const int levels[] = {1, 2, 3, 9, 13, 19, 20, 22};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        char bytes[64];
        ZSTD_inBuffer in = {"", 1, 0};
        ZSTD_outBuffer out = {bytes, sizeof bytes, 0};
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, levels[i]);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
        ck_assert(!ZSTD_isError(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue)));
        size_t taken = ZSTD_sizeof_CCtx(zstd);
        ZSTD_freeCCtx(zstd);
        ck_assert_uint_ge(grus_output_memory(levels[i]), taken);
        ck_assert_uint_le(grus_output_memory(levels[i]), taken + (taken >> 5) + ((size_t)1 << 20));
    }
}
END_TEST

Suite *output_suite(void)
{
    Suite *suite = suite_create("io/output");
    TCase *tests = tcase_create("commit");
    tcase_add_checked_fixture(tests, make_outdir, remove_test_dir);
    tcase_add_test(tests, a_shard);
    tcase_add_test(tests, empty_and_plain);
    tcase_add_test(tests, rewritten_head);
    tcase_add_test(tests, npy);
    tcase_add_test(tests, spooled);
    tcase_add_test(tests, feature_rows);
    tcase_add_test(tests, same_bytes);
    tcase_add_test(tests, discarded);
    tcase_add_test(tests, stale_manifest);
    tcase_add_test(tests, long_name);
    tcase_add_test(tests, read_back);
    tcase_add_test(tests, no_space);
    tcase_add_test(tests, standard_output);
    tcase_add_test(tests, memory);
    suite_add_tcase(suite, tests);
    return suite;
}
