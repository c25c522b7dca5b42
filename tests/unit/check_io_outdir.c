// check_io_outdir.c: the output directory: whose run it is, what dead processes left in it, files that are replaced.
#include "config.h"

#include "tests/unit/check_io_outdir.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "io/outdir/claim.h"
#include "io/outdir/journal.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "io/outdir/partial.h"
#include "io/outdir/temporary.h"
#include "tests/unit/check_io.h"

char outdir[512];

void make_outdir(void)
{
    grus_error error;
    make_test_dir();
    snprintf(outdir, sizeof outdir, "%s", test_path("a/b/out"));
    ck_assert_int_eq(grus_outdir_prepare(outdir, &error), GRUS_OK);
}

const char *in_outdir(const char *name)
{
    static char paths[4][1024];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", outdir, name);
    return path;
}

size_t partials(void)
{
    return count_files(in_outdir(".grus/partial"));
}

grus_output *open_output(const char *stem, const char *suffix)
{
    grus_output *output;
    grus_error error;
    ck_assert_int_eq(grus_output_open(outdir, stem, suffix, 3, &output, &error), GRUS_OK);
    return output;
}

void write_output(grus_output *output, const char *text)
{
    grus_error error;
    ck_assert_int_eq(grus_output_write(output, text, strlen(text), &error), GRUS_OK);
}

grus_manifest some_manifest(void)
{
    static char input[] = "s\"1.txt";
    return (grus_manifest){.input = input,
                           .input_bytes = 12,
                           .input_xxh64 = 0xfedcba9876543210,
                           .records_in = 4,
                           .records_out = 4,
                           .records_failed = 1,
                           .kernel = "skx",
                           .version = "0.1.0"};
}

grus_status commit(const char *stem, const char *text, grus_error *error)
{
    grus_output *output = open_output(stem, OUTDIR_SUFFIX);
    write_output(output, text);
    grus_manifest manifest = some_manifest();
    return grus_output_commit(output, &manifest, error);
}

void expect_decompressed(const grus_buffer *packed, const char *expected, size_t size)
{
    char *text = malloc(size + 1);
    ck_assert_uint_eq(ZSTD_findFrameCompressedSize(packed->data, packed->size), packed->size);
    ck_assert_uint_eq(ZSTD_decompress(text, size + 1, packed->data, packed->size), size);
    ck_assert(memcmp(text, expected, size) == 0);
    // The frame header's third bit says that a content checksum follows.
    ck_assert(packed->data[4] & 4);
    free(text);
}

// A process that has begun a shard and died.
static pid_t leave_partial(const char *stem)
{
    int result;
    pid_t child = fork();
    if (child == 0) {
        grus_temp temp;
        grus_error error;
        _exit(grus_temp_open(in_outdir(".grus/partial"), stem, "", &temp, &error) != GRUS_OK);
    }
    waitpid(child, &result, 0);
    ck_assert_int_eq(result, 0);
    return child;
}

START_TEST(claimed)
{
    grus_error error;
    ck_assert_int_eq(grus_claim_take(outdir, "{\"model\": \"a\", \"options\": {\"beam\": 5}}\n", false, &error),
                     GRUS_OK);
    ck_assert_int_eq(grus_claim_take(outdir, "{\"options\": {\"beam\": 5}, \"model\": \"a\"}", false, &error), GRUS_OK);
    ck_assert_int_eq(grus_claim_check(outdir, "{\"options\": {\"beam\": 5}, \"model\": \"a\"}", &error), GRUS_OK);
    static const struct {
        const char *text, *place, *cause;
    } others[] = {
        {"{\"model\": \"b\", \"options\": {\"beam\": 5}}", "model", "it has \"a\" there, this run \"b\""},
        {"{\"model\": \"a\", \"options\": {\"beam\": 4}}", "options.beam", "it has 5 there, this run 4"},
        {"{\"model\": \"a\", \"options\": {}}", "options.beam", "it has 5 there, this run nothing"},
        {"{\"model\": \"a\", \"options\": {\"beam\": 5}, \"more\": 1}", "more", "it has nothing there, this run 1"},
        {"{\"model\": \"a\"}", "options", "this run nothing"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_int_eq(grus_claim_take(outdir, others[i].text, false, &error), GRUS_E_USAGE);
        ck_assert_int_eq(grus_claim_check(outdir, others[i].text, &error), GRUS_E_USAGE);
        expect_error(&error, "/.grus/run.json", others[i].place, others[i].cause);
    }
    ck_assert_int_eq(grus_temp_replace(in_outdir(".grus/run.json"), "{\"mod", 5, &error), GRUS_OK);
    ck_assert_int_eq(grus_claim_take(outdir, "{}", false, &error), GRUS_E_OUTPUT);
    expect_error(&error, "/.grus/run.json", "", "damaged");
    ck_assert_uint_eq(partials(), 0);
}
END_TEST

// Names about the number of a dead process that are no partial file's of this host.
static const struct {
    const char *before, *behind;
    bool with_host;
} others[] = {
    {"s", "", false},
    {"s.", "-0123456789abcdef", false},
    {"s.", "-0123456789abcdef@", false},
    {"s.", "-0123456789abcdef@b", true},
    {"s.", "-0123456789abcde@", true},
    {"s.", "-0123456789abcdeg@", true},
    {"s.", "-0123456789ABCDEF@", true},
    {"s.", "x-0123456789abcdef@", true},
    {"s.", "_0123456789abcdef@", true},
    {"s.-", "-0123456789abcdef@", true},
    {"s.0", "-0123456789abcdef@", true},
    {"s", "-0123456789abcdef@", true},
    {".", "-0123456789abcdef@", true},
};

START_TEST(swept)
{
    char stem[240], name[400], host[GRUS_HOST_MAX];
    grus_partials list;
    grus_temp temp;
    grus_error error;
    memset(stem, 'x', sizeof stem - 1);
    stem[sizeof stem - 1] = '\0';
    grus_origin_host(host);
    pid_t dead = leave_partial(stem);
    ck_assert_int_eq(grus_partials_list(outdir, &list, &error), GRUS_OK);
    ck_assert_uint_eq(list.n, 1);
    ck_assert_int_eq(list.list[0].owner, GRUS_OWNER_DEAD);
    ck_assert_int_eq(list.list[0].pid, dead);
    ck_assert_str_eq(list.list[0].host, host);
    ck_assert(grus_partial_is_of(&list.list[0], stem));
    ck_assert(!grus_partial_is_of(&list.list[0], "x"));
    grus_partials_free(&list);
    grus_partials_sweep(outdir, ".jsonl.zst", NULL);
    ck_assert_uint_eq(partials(), 0);

    // Its process cannot be seen, but its lock can.
    ck_assert_int_eq(grus_temp_open(in_outdir(".grus/partial"), "s", "", &temp, &error), GRUS_OK);
    snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s", (long)dead, host);
    ck_assert_int_eq(rename(temp.path, in_outdir(name)), 0);
    grus_partials_sweep(outdir, ".jsonl.zst", NULL);
    ck_assert_uint_eq(partials(), 1);
    close(temp.fd);
    temp.fd = -1;
    grus_partials_sweep(outdir, ".jsonl.zst", NULL);
    ck_assert_uint_eq(partials(), 0);
    grus_temp_discard(&temp);

    // What has another name, another host or a live process is not touched.
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(name, sizeof name, ".grus/partial/%s%ld%s%s", others[i].before, (long)dead, others[i].behind,
                 others[i].with_host ? host : "");
        ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    }
    ck_assert_int_eq(grus_temp_open(in_outdir(".grus/partial"), "s", "", &temp, &error), GRUS_OK);
    grus_partials_sweep(outdir, ".jsonl.zst", NULL);
    ck_assert_uint_eq(partials(), sizeof others / sizeof *others + 1);
    grus_temp_discard(&temp);
}
END_TEST

// A dead process's number, from another boot, pid namespace or host, may be that of a living one there; journals too, also of
// a shard that is done.
START_TEST(elsewhere_is_left_alone)
{
    char name[400], host[GRUS_HOST_MAX], here[GRUS_ORIGIN_MAX], boot[13] = "", space[24] = "";
    grus_error error;
    pid_t dead = leave_partial("s");
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    grus_origin_host(host);
    ck_assert_int_eq(grus_origin_this(here, &error), GRUS_OK);
    ck_assert_int_eq(sscanf(here + strlen(host), "~%12[0-9a-f]~%23[0-9]", boot, space), 2);
    const char *origins[][3] = {{host, "0123456789ab", space}, {host, boot, "1"},  {host, boot, "40265318360"},
                                {"other", boot, space},        {host, "0", space}, {host, boot, "0"}};
    for (size_t journal = 0; journal < 2; journal++)
        for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
            snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s~%s~%s%s", (long)dead, origins[i][0],
                     origins[i][1], origins[i][2], journal ? "+journal" : "");
            ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
        }
    grus_partials list;
    ck_assert_int_eq(grus_partials_list(outdir, &list, &error), GRUS_OK);
    ck_assert_uint_eq(list.n, 12);
    for (size_t i = 0; i < list.n; i++) {
        ck_assert_int_eq(list.list[i].owner, GRUS_OWNER_ELSEWHERE);
        ck_assert_int_eq(list.list[i].same_host, strcmp(list.list[i].host, host) == 0);
    }
    grus_partials_free(&list);
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    grus_journals_drop(outdir, "s");
    ck_assert_uint_eq(partials(), 12);
    // Of here it goes.
    snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s", (long)dead, here);
    ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    ck_assert(!file_exists(in_outdir(name)));
    ck_assert_uint_eq(partials(), 12);
    // What is no origin is nobody's.
    static const char *const none[] = {"h~", "h~a", "h~a~", "h~g~1", "h~0123456789abc~1", "h~a~1x", "h~a~1~1", "~a~1"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s", (long)dead, none[i]);
        ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    }
    ck_assert_int_eq(grus_partials_list(outdir, &list, &error), GRUS_OK);
    ck_assert_uint_eq(list.n, 12);
    grus_partials_free(&list);
}
END_TEST

// Whose number has been given again, or who has ended and was not waited for, is no owner.
START_TEST(swept_though_the_number_lives)
{
    char name[400], host[GRUS_HOST_MAX];
    grus_error error;
    const struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    grus_origin_host(host);
    snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s", (long)getpid(), host);
    ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    ck_assert_uint_eq(partials(), 1);
    ck_assert_int_eq(utimensat(AT_FDCWD, in_outdir(name), past, 0), 0);
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    ck_assert_uint_eq(partials(), 0);

    siginfo_t info;
    pid_t zombie = fork();
    if (zombie == 0)
        _exit(0);
    ck_assert_int_eq(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
    snprintf(name, sizeof name, ".grus/partial/s.%ld-0123456789abcdef@%s", (long)zombie, host);
    ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    ck_assert_uint_eq(partials(), 0);
    waitpid(zombie, NULL, 0);
}
END_TEST

START_TEST(swept_beside_a_file)
{
    char name[400], other[400], host[GRUS_HOST_MAX];
    grus_error error;
    pid_t dead = leave_partial("s");
    grus_partials_sweep(outdir, OUTDIR_SUFFIX, NULL);
    grus_origin_host(host);
    snprintf(name, sizeof name, "report.json.%ld-0123456789abcdef@%s", (long)dead, host);
    snprintf(other, sizeof other, "other.json.%ld-0123456789abcdef@%s", (long)dead, host);
    ck_assert_int_eq(grus_temp_replace(in_outdir(name), "", 0, &error), GRUS_OK);
    ck_assert_int_eq(grus_temp_replace(in_outdir(other), "", 0, &error), GRUS_OK);
    ck_assert_int_eq(grus_temp_replace(in_outdir("report.json"), "", 0, &error), GRUS_OK);
    grus_partials_sweep_beside(in_outdir("report.json"));
    ck_assert(!file_exists(in_outdir(name)));
    ck_assert(file_exists(in_outdir(other)));
    ck_assert(file_exists(in_outdir("report.json")));
}
END_TEST

START_TEST(replaced_file)
{
    grus_error error;
    grus_buffer content = {0};
    ck_assert_int_eq(grus_temp_replace(in_outdir("report.json"), "one", 3, &error), GRUS_OK);
    ck_assert_int_eq(grus_temp_replace(in_outdir("report.json"), "three", 5, &error), GRUS_OK);
    read_file(in_outdir("report.json"), &content);
    expect_text(&content, "three");
    ck_assert_uint_eq(count_files(outdir), 2);
    ck_assert_int_eq(grus_temp_replace(in_outdir("none/report.json"), "x", 1, &error), GRUS_E_OUTPUT);
    expect_error(&error, NULL, "", "cannot be created: No such file");
    grus_buffer_free(&content);
}
END_TEST

START_TEST(unusable_directories)
{
    grus_error error;
    write_text("file", "x");
    ck_assert_int_eq(grus_outdir_prepare(test_path("file"), &error), GRUS_E_OUTPUT);
    expect_error(&error, "/file", "", "is not a directory");
    ck_assert_int_eq(grus_outdir_prepare(test_path("file/out"), &error), GRUS_E_OUTPUT);
    expect_error(&error, "/file", "", "is not a directory");
    ck_assert_int_eq(grus_outdir_prepare("", &error), GRUS_E_USAGE);
    ck_assert_int_eq(grus_outdir_prepare("/proc/grus", &error), GRUS_E_OUTPUT);
    expect_error(&error, "/proc/grus", "", "cannot be made");
    // Prepared twice is prepared.
    ck_assert_int_eq(grus_outdir_prepare(outdir, &error), GRUS_OK);
    grus_output *output;
    ck_assert_int_eq(grus_output_open(test_path("none"), "s", OUTDIR_SUFFIX, 3, &output, &error), GRUS_E_OUTPUT);
    ck_assert_int_eq(grus_output_open(outdir, "s", OUTDIR_SUFFIX, 23, &output, &error), GRUS_E_USAGE);
    if (geteuid() == 0)
        return;
    mkdir(test_path("locked"), 0555);
    ck_assert_int_eq(grus_outdir_prepare(test_path("locked"), &error), GRUS_E_OUTPUT);
    expect_error(&error, "/locked", "", "is not writable: Permission denied");
}
END_TEST

// What temporary files are called by, which of a stem in folders is one name and tells the stem.
START_TEST(flat_stems)
{
    static const struct {
        const char *stem, *flat;
    } cases[] = {{"s", "s"}, {"a/s", "a%2Fs"}, {"a b/c.d/s", "a b%2Fc.d%2Fs"}, {"100%", "100%"}};
    char flat[GRUS_TEMP_STEM_MAX + 1], long_stem[301] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_temp_stem(cases[i].stem, flat);
        ck_assert_str_eq(flat, cases[i].flat);
        char *stem = grus_temp_stem_of(flat, strlen(flat));
        ck_assert_str_eq(stem, cases[i].stem);
        free(stem);
    }
    memset(long_stem, 'x', 300);
    grus_temp_stem(long_stem, flat);
    ck_assert(strlen(flat) == GRUS_TEMP_STEM_MAX && strspn(flat, "x") == GRUS_TEMP_STEM_MAX);
    // The end stays, and what is not there counts too.
    char other[GRUS_TEMP_STEM_MAX + 1];
    memcpy(long_stem + 290, "/end-of-it", 11);
    grus_temp_stem(long_stem, flat);
    ck_assert_uint_eq(strlen(flat), GRUS_TEMP_STEM_MAX);
    ck_assert_str_eq(flat + GRUS_TEMP_STEM_MAX - 12, "%2Fend-of-it");
    long_stem[0] = 'y';
    grus_temp_stem(long_stem, other);
    ck_assert_str_ne(flat, other);
    ck_assert_str_eq(flat + 16, other + 16);
}
END_TEST

START_TEST(names_of_inputs)
{
    static const char *const taken[] = {"a", "a/b", "...", "a/..b", ".grusx/a", "a/x.grus", ".a/b"},
                             *const refused[] = {"",     "/a",     "a/",    "a//b",     "..",      ".",
                                                 "../a", "a/../b", "a/.",   ".grus",    ".grus/a", "a/.grus",
                                                 "./a",  "a/..",   "x/./y", "a/.grus/b"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        ck_assert_msg(grus_outdir_takes_name(taken[i]), "%s", taken[i]);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_msg(!grus_outdir_takes_name(refused[i]), "%s", refused[i]);
}
END_TEST

Suite *outdir_suite(void)
{
    Suite *suite = suite_create("io/output directory");
    TCase *tests = tcase_create("directory");
    tcase_add_checked_fixture(tests, make_outdir, remove_test_dir);
    tcase_add_test(tests, claimed);
    tcase_add_test(tests, swept);
    tcase_add_test(tests, elsewhere_is_left_alone);
    tcase_add_test(tests, swept_though_the_number_lives);
    tcase_add_test(tests, swept_beside_a_file);
    tcase_add_test(tests, flat_stems);
    tcase_add_test(tests, names_of_inputs);
    tcase_add_test(tests, replaced_file);
    tcase_add_test(tests, unusable_directories);
    suite_add_tcase(suite, tests);
    return suite;
}
