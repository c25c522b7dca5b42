// check_io.c: runs the suites of io, and holds what they share.
#include "config.h"

#include "tests/unit/check_io.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/shard/lines.h"

#define PATH_BYTES 512
#define PATHS 8

static char test_dir[PATH_BYTES / 2];

void make_test_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(test_dir, sizeof test_dir, "%s/grus-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(test_dir));
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void remove_test_dir(void)
{
    nftw(test_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *next_path(void)
{
    static char paths[PATHS][PATH_BYTES];
    static size_t next;
    return paths[next++ % PATHS];
}

const char *test_path(const char *name)
{
    char *path = next_path();
    snprintf(path, PATH_BYTES, "%s/%s", test_dir, name);
    return path;
}

const char *data_path(const char *name)
{
    const char *source = getenv("srcdir");
    char *path = next_path();
    snprintf(path, PATH_BYTES, "%s/tests/support/files/%s", source ? source : ".", name);
    return path;
}

const char *write_file(const char *name, const void *data, size_t size)
{
    const char *path = test_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

const char *write_text(const char *name, const char *text)
{
    return write_file(name, text, strlen(text));
}

void read_file(const char *path, grus_buffer *content)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        grus_buffer_append(content, chunk, got);
    ck_assert(!content->failed);
    fclose(file);
}

bool file_exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

size_t count_files(const char *dir)
{
    DIR *stream = opendir(dir);
    ck_assert_msg(stream != NULL, "%s cannot be opened", dir);
    size_t n = 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return n;
}

grus_status read_lines(const char *path, size_t max_record, grus_buffer *lines, grus_error *error)
{
    grus_lines *input;
    grus_status status = grus_lines_open(path, max_record, GRUS_WINDOW_LOG, &input, error);
    if (status)
        return status;
    for (;;) {
        grus_line_kind kind;
        const char *line;
        size_t length;
        status = grus_lines_next(input, &kind, &line, &length, error);
        if (status || kind == GRUS_LINE_END)
            break;
        if (kind == GRUS_LINE_TOO_LONG) {
            ck_assert_uint_eq(length, 0);
            grus_buffer_text(lines, "<long>");
        }
        grus_buffer_append(lines, line, length);
        grus_buffer_byte(lines, '\n');
    }
    grus_lines_close(input);
    ck_assert(!lines->failed);
    return status;
}

void expect_bytes(const grus_buffer *found, const void *expected, size_t size)
{
    if (found->size != size || (size > 0 && memcmp(found->data, expected, size) != 0))
        ck_abort_msg("expected %zu bytes «%.*s», found %zu «%.*s»", size, (int)(size < 200 ? size : 200),
                     (const char *)expected, found->size, (int)(found->size < 200 ? found->size : 200),
                     found->data ? found->data : "");
}

void expect_text(const grus_buffer *found, const char *expected)
{
    expect_bytes(found, expected, strlen(expected));
}

void expect_error(const grus_error *error, const char *file, const char *place, const char *cause)
{
    size_t length = strlen(error->file), tail = file ? strlen(file) : 0;
    if (file)
        ck_assert_msg(length >= tail && strcmp(error->file + length - tail, file) == 0, "file is %s, not %s",
                      error->file, file);
    if (place)
        ck_assert_msg(strcmp(error->place, place) == 0, "place is «%s», not «%s» (%s)", error->place, place,
                      error->cause);
    if (cause)
        ck_assert_msg(strstr(error->cause, cause) != NULL, "cause is «%s», without «%s»", error->cause, cause);
}

int main(void)
{
    SRunner *runner = srunner_create(stream_suite());
    srunner_add_suite(runner, gzip_suite());
    srunner_add_suite(runner, record_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, json_value_suite());
    srunner_add_suite(runner, json_random_suite());
    srunner_add_suite(runner, number_suite());
    srunner_add_suite(runner, config_suite());
    srunner_add_suite(runner, safetensors_suite());
    srunner_add_suite(runner, features_suite());
    srunner_add_suite(runner, tokenizer_suite());
    srunner_add_suite(runner, bpe_suite());
    srunner_add_suite(runner, output_suite());
    srunner_add_suite(runner, taken_suite());
    srunner_add_suite(runner, outdir_suite());
    srunner_add_suite(runner, bytes_suite());
    srunner_add_suite(runner, sync_suite());
    srunner_add_suite(runner, journal_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
