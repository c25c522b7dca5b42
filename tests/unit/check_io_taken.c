// check_io_taken.c: commits that find the shard done, or something else in its place.
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/outdir/manifest.h"
#include "io/outdir/output.h"
#include "io/outdir/taken.h"
#include "tests/unit/check_io.h"
#include "tests/unit/check_io_outdir.h"

// Killed between the output's rename and the manifest's: the result is computed again, and found to be there.
START_TEST(adopted)
{
    grus_error error;
    ck_assert_int_eq(commit("s", "same\n", &error), GRUS_OK);
    ck_assert_int_eq(unlink(in_outdir(".grus/done/s.json")), 0);
    ck_assert(!grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    ck_assert_int_eq(commit("s", "same\n", &error), GRUS_OK);
    ck_assert(grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    // A second process that does the same work.
    ck_assert_int_eq(commit("s", "same\n", &error), GRUS_OK);
    ck_assert(grus_manifest_is_done(outdir, "s", OUTDIR_SUFFIX));
    ck_assert_uint_eq(partials(), 0);
}
END_TEST

// A commit that finds the shard done or its place taken.
static grus_status commit_onto(const char *text, grus_on_changed on_done, grus_error *note, grus_error *error)
{
    grus_output *output = open_output("s", OUTDIR_SUFFIX);
    write_output(output, text);
    grus_manifest manifest = some_manifest();
    grus_output_on_done(output, on_done, note);
    return grus_output_commit(output, &manifest, error);
}

// name is one frame of this text, and with the shard's manifest, where it is asked for, done.
static void expect_file(const char *name, const char *text, bool done)
{
    grus_buffer packed = {0};
    read_file(in_outdir(name), &packed);
    expect_decompressed(&packed, text, strlen(text));
    grus_buffer_free(&packed);
    if (!done)
        return;
    grus_manifest manifest;
    uint64_t bytes, hash;
    grus_error error;
    ck_assert(grus_manifest_find_done(outdir, "s", OUTDIR_SUFFIX, &manifest));
    ck_assert_int_eq(grus_file_digest(in_outdir(name), GRUS_E_OUTPUT, &bytes, &hash, &error), GRUS_OK);
    ck_assert_uint_eq(manifest.output_bytes, bytes);
    ck_assert_uint_eq(manifest.output_xxh64, hash);
    grus_manifest_free(&manifest);
    ck_assert_uint_eq(partials(), 0);
}

static void drop_manifest(void)
{
    ck_assert_int_eq(unlink(in_outdir(".grus/done/s.json")), 0);
}

START_TEST(never_replaced)
{
    grus_error error, note;
    ck_assert_int_eq(commit("s", "first\n", &error), GRUS_OK);
    ck_assert_int_eq(commit("s", "other\n", &error), GRUS_E_FAILED);
    expect_error(&error, "/s.jsonl.zst", "", "is done already, of other content");
    expect_file("s.jsonl.zst", "first\n", true);
    ck_assert_int_eq(commit_onto("other\n", GRUS_CHANGED_KEEP, &note, &error), GRUS_OK);
    expect_error(&note, "/s.jsonl.zst", "", "is kept");
    expect_file("s.jsonl.zst", "first\n", true);
    ck_assert_int_eq(commit_onto("first\n", GRUS_CHANGED_REDO, &note, &error), GRUS_OK);
    ck_assert_str_eq(note.file, "");
    ck_assert(!file_exists(in_outdir(".grus/aside")));
    ck_assert_int_eq(commit_onto("other\n", GRUS_CHANGED_REDO, &note, &error), GRUS_OK);
    expect_error(&note, "/s.jsonl.zst", "", "was set aside");
    expect_file("s.jsonl.zst", "other\n", true);
    expect_file(".grus/aside/s.1.jsonl.zst", "first\n", false);
    ck_assert(file_exists(in_outdir(".grus/aside/s.1.json")));
    // Without a manifest it is nobody's.
    drop_manifest();
    ck_assert_int_eq(commit("s", "third\n", &error), GRUS_OK);
    expect_file("s.jsonl.zst", "third\n", true);
    expect_file(".grus/aside/s.2.jsonl.zst", "other\n", false);
    ck_assert(!file_exists(in_outdir(".grus/aside/s.2.json")));
}
END_TEST

// The same results in other bytes: of another version of the compressor, or another level.
START_TEST(same_content)
{
    grus_error error;
    char text[4097] = "";
    for (size_t i = 0; i < 4096; i++)
        text[i] = "abcdefghijklmnop"[i * i * 7 / 11 % 16];
    char packed[8192], again[8192];
    size_t bytes = ZSTD_compress(packed, sizeof packed, text, 4096, 1), other_bytes;
    ck_assert_int_eq(commit("s", text, &error), GRUS_OK);
    grus_buffer ours = {0};
    read_file(in_outdir("s.jsonl.zst"), &ours);
    ck_assert(ours.size != bytes || memcmp(ours.data, packed, bytes) != 0);
    grus_buffer_free(&ours);
    drop_manifest();
    write_file("a/b/out/s.jsonl.zst", packed, bytes);
    ck_assert_int_eq(commit("s", text, &error), GRUS_OK);
    ck_assert(!file_exists(in_outdir(".grus/aside")));
    read_file(in_outdir("s.jsonl.zst"), &ours);
    ck_assert(ours.size == bytes && memcmp(ours.data, packed, bytes) == 0);
    grus_manifest manifest;
    ck_assert(grus_manifest_find_done(outdir, "s", OUTDIR_SUFFIX, &manifest));
    ck_assert_uint_eq(manifest.output_bytes, bytes);
    ck_assert_uint_eq(manifest.output_xxh64, XXH64(packed, bytes, 0));
    grus_manifest_free(&manifest);
    grus_buffer_free(&ours);
    // A prefix of it, and one that goes on.
    for (size_t k = 0; k < 2; k++) {
        drop_manifest();
        other_bytes = ZSTD_compress(again, sizeof again, text, k ? 4097 : 4095, 1);
        write_file("a/b/out/s.jsonl.zst", again, other_bytes);
        ck_assert_int_eq(commit("s", text, &error), GRUS_OK);
        expect_file("s.jsonl.zst", text, true);
        ck_assert(file_exists(in_outdir(k ? ".grus/aside/s.2.jsonl.zst" : ".grus/aside/s.1.jsonl.zst")));
    }
}
END_TEST

// What is no shard, in the place of one: it is put aside as it is.
START_TEST(place_taken)
{
    grus_error error;
    for (size_t k = 0; k < 5; k++) {
        char aside[64];
        const char *path = in_outdir("s.jsonl.zst");
        if (k == 0)
            write_file("a/b/out/s.jsonl.zst", "", 0);
        else if (k == 1)
            write_file("a/b/out/s.jsonl.zst", "\x28\xb5\x2f\xfd", 4);
        else if (k == 2)
            ck_assert_int_eq(mkdir(path, 0777), 0);
        else if (k == 3)
            ck_assert_int_eq(symlink("elsewhere", path), 0);
        else
            ck_assert_int_eq(mkfifo(path, 0666), 0);
        ck_assert_int_eq(commit("s", "text\n", &error), GRUS_OK);
        expect_file("s.jsonl.zst", "text\n", true);
        snprintf(aside, sizeof aside, ".grus/aside/s.%zu.jsonl.zst", k + 1);
        struct stat about;
        ck_assert_int_eq(lstat(in_outdir(aside), &about), 0);
        ck_assert_int_eq(unlink(in_outdir("s.jsonl.zst")), 0);
        drop_manifest();
    }
}
END_TEST

// Between an output's name and its manifest's another process has set the output aside, and put its own there.
START_TEST(replaced_before_the_manifest)
{
    grus_error error;
    ck_assert_int_eq(commit("s", "text\n", &error), GRUS_OK);
    drop_manifest();
    char path[600];
    snprintf(path, sizeof path, "%s", in_outdir("s.jsonl.zst"));
    grus_placed placed = {.path = path};
    grus_manifest manifest = some_manifest();
    ck_assert_int_eq(grus_placed_note(&placed, &error), GRUS_OK);
    ck_assert_int_eq(grus_manifest_write(outdir, "s", NULL, &placed, &manifest, &error), GRUS_OK);
    drop_manifest();
    ck_assert_int_eq(rename(path, in_outdir("gone")), 0);
    ck_assert_int_eq(grus_manifest_write(outdir, "s", NULL, &placed, &manifest, &error), GRUS_E_FAILED);
    expect_error(&error, "/s.jsonl.zst", "", "replaced by another process");
    ck_assert_int_eq(grus_placed_note(&placed, &error), GRUS_E_FAILED);
    write_file("a/b/out/s.jsonl.zst", "longer than it was before, in any case", 38);
    ck_assert_int_eq(grus_manifest_write(outdir, "s", NULL, &placed, &manifest, &error), GRUS_E_FAILED);
    ck_assert(!file_exists(in_outdir(".grus/done/s.json")));
}
END_TEST

Suite *taken_suite(void)
{
    Suite *suite = suite_create("io/taken");
    TCase *tests = tcase_create("taken");
    tcase_add_checked_fixture(tests, make_outdir, remove_test_dir);
    tcase_add_test(tests, adopted);
    tcase_add_test(tests, never_replaced);
    tcase_add_test(tests, same_content);
    tcase_add_test(tests, place_taken);
    tcase_add_test(tests, replaced_before_the_manifest);
    suite_add_tcase(suite, tests);
    return suite;
}
