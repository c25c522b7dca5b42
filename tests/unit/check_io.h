// check_io.h: what the suites of io share: a directory of their own for each test, files in it, whole shards as text.
#ifndef GRUS_TESTS_UNIT_CHECK_IO_H
#define GRUS_TESTS_UNIT_CHECK_IO_H

#include <check.h>

#include "base/buffer.h"

Suite *stream_suite(void);
Suite *gzip_suite(void);
Suite *record_suite(void);
Suite *json_suite(void);
Suite *json_random_suite(void);
Suite *json_value_suite(void);
Suite *number_suite(void);
Suite *config_suite(void);
Suite *safetensors_suite(void);
Suite *features_suite(void);
Suite *tokenizer_suite(void);
Suite *bpe_suite(void);
Suite *output_suite(void);
Suite *outdir_suite(void);
Suite *bytes_suite(void);
Suite *sync_suite(void);
Suite *taken_suite(void);
Suite *journal_suite(void);

// Fixture: makes the test's directory, and removes it.
void make_test_dir(void);
void remove_test_dir(void);

// DIR/name; one of a few static strings that are used in turn.
const char *test_path(const char *name);
// A file of tests/support/files.
const char *data_path(const char *name);

// Writes DIR/name and returns its path.
const char *write_file(const char *name, const void *data, size_t size);
const char *write_text(const char *name, const char *text);
// Appends a whole file.
void read_file(const char *path, grus_buffer *content);
bool file_exists(const char *path);
// The number of entries of a directory, without . and ..
size_t count_files(const char *dir);

// The lines of a shard, each with \n behind it ("<long>\n" for one that is too long); what the reader returned.
grus_status read_lines(const char *path, size_t max_record, grus_buffer *lines, grus_error *error);

void expect_text(const grus_buffer *found, const char *expected);
void expect_bytes(const grus_buffer *found, const void *expected, size_t size);
// The error's three parts: file ends with this, place is this, cause holds this (NULL: not looked at).
void expect_error(const grus_error *error, const char *file, const char *place, const char *cause);

#endif
