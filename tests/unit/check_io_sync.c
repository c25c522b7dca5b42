// check_io_sync.c: which system calls a commit makes and in which order, and what it makes of each that fails. fsync, close
// and the renames of io are wrapped (tests/local.am).
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "tests/unit/check_io.h"

#define EVENTS 64

static bool recording;
static char events[EVENTS + 1];
static const char *fails_at; // points into events: the call that is to fail; NULL: none

int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

// Notes the call; false: it is to fail.
static bool note(char event)
{
    size_t n = strlen(events);
    if (!recording)
        return true;
    ck_assert_uint_lt(n, EVENTS);
    events[n] = event;
    errno = EIO;
    return fails_at != events + n;
}

static bool is_directory(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
}

static char kind_of(const char *path, char output, char manifest)
{
    return strstr(path, ".grus/done/") ? manifest : output;
}

int __wrap_fsync(int fd)
{
    return note(is_directory(fd) ? 'd' : 'f') ? __real_fsync(fd) : -1;
}

// What is closed without having been written is not noted.
int __wrap_close(int fd)
{
    const char *last = events + strlen(events) - 1;
    bool synced = recording && last >= events && *last == 'f' && last != fails_at;
    bool fails = synced && !note('c');
    return __real_close(fd) == 0 && !fails ? 0 : -1;
}

int __wrap_rename(const char *from, const char *to)
{
    return note(kind_of(to, 'p', 'q')) ? __real_rename(from, to) : -1;
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    bool fine = note(flags ? kind_of(to, 'o', 'm') : kind_of(to, 'p', 'q'));
    return fine ? __real_renameat2(from_dir, from, to_dir, to, flags) : -1;
}

// A stem, and which of the calls of its commit gives the output its name. Shard: fsync, close, rename without replacing,
// fsync of its directory; then the manifest in the same way. Each folder's name is brought to the disk before what lies in it.
typedef struct sync_case {
    const char *stem, *order;
    size_t placed;
} sync_case;

static const sync_case cases[] = {{"s", "fcodfcmd", 2}, {"a/b/s", "fcddodfcddmd", 4}};
#define N_CASES (sizeof cases / sizeof *cases)

static grus_status commit(const char *outdir, const char *stem, grus_error *error)
{
    grus_output *output;
    grus_manifest manifest = {.input = (char[]){"s.jsonl"}, .kernel = "skx", .version = "0"};
    ck_assert_int_eq(grus_outdir_prepare(outdir, error), GRUS_OK);
    ck_assert_int_eq(grus_output_open(outdir, stem, ".jsonl.zst", 3, &output, error), GRUS_OK);
    ck_assert_int_eq(grus_output_write(output, "{}\n", 3, error), GRUS_OK);
    memset(events, 0, sizeof events);
    recording = true;
    grus_status status = grus_output_commit(output, &manifest, error);
    recording = false;
    return status;
}

START_TEST(order_of_calls)
{
    grus_error error;
    fails_at = NULL;
    ck_assert_int_eq(commit(test_path("out"), cases[_i].stem, &error), GRUS_OK);
    ck_assert_str_eq(events, cases[_i].order);
}
END_TEST

// Whichever call fails: an error, no try again, nothing half done that looks finished, and the next run is whole.
START_TEST(each_call_fails)
{
    const char *stem = cases[_i].stem, *order = cases[_i].order;
    for (size_t i = 0; i < strlen(order); i++) {
        char name[16], path[64];
        grus_error error = {0};
        snprintf(name, sizeof name, "out%zu", i);
        snprintf(path, sizeof path, "%s/%s.jsonl.zst", name, stem);
        fails_at = events + i;
        ck_assert_msg(commit(test_path(name), stem, &error) == GRUS_E_OUTPUT, "call %zu, %c", i, order[i]);
        ck_assert_msg(strncmp(events, order, i + 1) == 0 && events[i + 1] == '\0', "after call %zu: %s", i, events);
        ck_assert(strstr(error.cause, strerror(EIO)) && error.file[0] != '\0');
        // Renamed, and perhaps not on the disk.
        ck_assert_int_eq(file_exists(test_path(path)), i > cases[_i].placed);
        snprintf(path, sizeof path, "%s/.grus/partial", name);
        ck_assert_uint_eq(count_files(test_path(path)), 0);
        // The manifest may be there when only its directory could not be synced.
        ck_assert_int_eq(grus_manifest_is_done(test_path(name), stem, ".jsonl.zst"), i + 1 == strlen(order));
        fails_at = NULL;
        ck_assert_int_eq(commit(test_path(name), stem, &error), GRUS_OK);
        ck_assert(grus_manifest_is_done(test_path(name), stem, ".jsonl.zst"));
    }
}
END_TEST

Suite *sync_suite(void)
{
    Suite *suite = suite_create("sync");
    TCase *tests = tcase_create("sync");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_loop_test(tests, order_of_calls, 0, N_CASES);
    tcase_add_loop_test(tests, each_call_fails, 0, N_CASES);
    suite_add_tcase(suite, tests);
    return suite;
}
