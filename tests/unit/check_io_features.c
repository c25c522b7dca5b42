// check_io_features.c: shards of features made byte by byte: both orders of the tensors, every rule that can be broken.
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/shard/features.h"
#include "tests/unit/check_io.h"

#define NAME "f.safetensors"
#define FEATURES(dtype, shape, offsets) \
    "\"features\": {\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}"
#define OFFSETS(dtype, shape, offsets) \
    "\"offsets\": {\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}"

// Three rows of two values in sequences of 2, 0 and 1.
static const uint64_t good_offsets[] = {0, 2, 2, 3};
static const char good_header[] = "{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " //
    OFFSETS("\"I64\"", "[4]", "[24, 56]") "}";
static const char other_header[] = "{" FEATURES("\"F32\"", "[3, 2]", "[32, 56]") ", " //
    OFFSETS("\"I64\"", "[4]", "[0, 32]") "}";

static void put_number(grus_buffer *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        grus_buffer_byte(file, (char)(value >> 8 * i & 0xff));
}

static void put_floats(grus_buffer *file)
{
    for (size_t i = 0; i < 6; i++) {
        float value = (float)i - 2.5f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        put_number(file, bits, 4);
    }
}

static void put_offsets(grus_buffer *file, const uint64_t *offsets)
{
    for (size_t i = 0; i < 4; i++)
        put_number(file, offsets[i], 8);
}

static void put_header(grus_buffer *file, const char *header)
{
    grus_buffer_clear(file);
    put_number(file, strlen(header), 8);
    grus_buffer_text(file, header);
}

static void put_shard(grus_buffer *file, const uint64_t *offsets)
{
    put_header(file, good_header);
    put_floats(file);
    put_offsets(file, offsets);
}

static grus_status open_shard(const grus_buffer *content, grus_feature_shard **shard, grus_error *error)
{
    return grus_feature_shard_open(write_file(NAME, content->data, content->size), GRUS_WINDOW_LOG, shard, error);
}

// Reads the shard to its end, every second sequence without its values.
static grus_status read_shard(const grus_buffer *content, size_t *n, grus_error *error)
{
    grus_feature_shard *shard;
    grus_status status = open_shard(content, &shard, error);
    bool end = false;
    float values[6];
    if (status)
        return status;
    for (*n = 0; !status && !end; *n += !end) {
        size_t rows;
        status = grus_feature_shard_next(shard, &end, &rows, error);
        if (!status && !end && *n % 2 == 0)
            status = grus_feature_shard_values(shard, values, error);
    }
    grus_feature_shard_close(shard);
    return status;
}

static void expect_sequences(const char *path, bool skip)
{
    static const size_t lengths[] = {2, 0, 1};
    grus_feature_shard *shard;
    grus_error error;
    size_t rows, at = 0;
    bool end;
    ck_assert_int_eq(grus_feature_shard_open(path, GRUS_WINDOW_LOG, &shard, &error), GRUS_OK);
    ck_assert_uint_eq(grus_feature_shard_dim(shard), 2);
    ck_assert_uint_eq(grus_feature_shard_element_bytes(shard), 4);
    for (size_t i = 0; i < 3; i++) {
        float values[6] = {0};
        ck_assert_int_eq(grus_feature_shard_next(shard, &end, &rows, &error), GRUS_OK);
        ck_assert(!end);
        ck_assert_uint_eq(rows, lengths[i]);
        if (!skip || i == 2) {
            ck_assert_int_eq(grus_feature_shard_values(shard, values, &error), GRUS_OK);
            for (size_t k = 0; k < 2 * rows; k++)
                ck_assert_float_eq(values[k], (float)(at + k) - 2.5f);
        }
        at += 2 * rows;
    }
    ck_assert_int_eq(grus_feature_shard_next(shard, &end, &rows, &error), GRUS_OK);
    ck_assert(end);
    grus_buffer content = {0};
    read_file(path, &content);
    grus_stream_counts counts = grus_feature_shard_count(shard);
    ck_assert_uint_eq(counts.bytes_in, content.size);
    ck_assert_uint_eq(counts.xxh64, XXH64(content.data, content.size, 0));
    grus_buffer_free(&content);
    grus_feature_shard_close(shard);
}

START_TEST(good)
{
    grus_buffer content = {0}, packed = {0};
    put_shard(&content, good_offsets);
    for (int skip = 0; skip < 2; skip++)
        expect_sequences(write_file(NAME, content.data, content.size), skip);
    put_header(&content, other_header);
    put_offsets(&content, good_offsets);
    put_floats(&content);
    for (int skip = 0; skip < 2; skip++)
        expect_sequences(write_file(NAME, content.data, content.size), skip);
    char bytes[1024];
    size_t size = ZSTD_compress(bytes, sizeof bytes, content.data, content.size, 3);
    ck_assert(!ZSTD_isError(size));
    grus_buffer_append(&packed, bytes, size);
    expect_sequences(write_file(NAME ".zst", packed.data, packed.size), false);
    grus_buffer_free(&content);
    grus_buffer_free(&packed);
}
END_TEST

START_TEST(bad_headers)
{
    static const struct {
        const char *header, *place, *cause;
    } cases[] = {
        {"", "header", "does not begin with {"},
        {"{\"a\": ", "header byte 6", "expected a value"},
        {"{}", "features", "is missing"},
        {"{" FEATURES("\"F32\"", "[7, 2]", "[0, 56]") "}", "offsets", "is missing"},
        {"{" OFFSETS("\"I64\"", "[7]", "[0, 56]") "}", "features", "is missing"},
        {"{" FEATURES("\"I64\"", "[1, 3]", "[0, 24]") ", " OFFSETS("\"I64\"", "[4]", "[24, 56]") "}", "features",
         "dtype is I64, not F32, F16 or BF16"},
        {"{" FEATURES("\"F32\"", "[6]", "[0, 24]") ", " OFFSETS("\"I64\"", "[4]", "[24, 56]") "}", "features",
         "has 1 dimensions, not the two"},
        {"{" FEATURES("\"F32\"", "[3, 2, 1]", "[0, 24]") ", " OFFSETS("\"I64\"", "[4]", "[24, 56]") "}", "features",
         "has 3 dimensions, not the two"},
        {"{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " OFFSETS("\"F32\"", "[8]", "[24, 56]") "}", "offsets",
         "dtype is F32, not I64"},
        {"{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " OFFSETS("\"I64\"", "[2, 2]", "[24, 56]") "}", "offsets",
         "is not a list"},
        {"{" FEATURES("\"F32\"", "[7, 2]", "[0, 56]") ", " OFFSETS("\"I64\"", "[0]", "[56, 56]") "}", "offsets",
         "at least one offset"},
        {"{" FEATURES("\"F64\"", "[3, 1]", "[0, 24]") ", " OFFSETS("\"I64\"", "[4]", "[24, 56]") "}", "features",
         "dtype is F64, not F32, F16 or BF16"},
        {"{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " OFFSETS("\"I64\"", "[4]", "[16, 48]") "}", "offsets",
         "overlaps"},
        {"{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " OFFSETS("\"I64\"", "[3]", "[32, 56]") "}", "offsets", "gap"},
        {"{" FEATURES("\"F32\"", "[4294967296, 4294967296]", "[0, 24]") ", " //
         OFFSETS("\"I64\"", "[4]", "[24, 56]") "}",
         "features", "overflows"},
        // More than the file has: seen where it ends.
        {"{" FEATURES("\"F32\"", "[3, 2]", "[0, 24]") ", " OFFSETS("\"I64\"", "[5]", "[24, 64]") "}", NULL, NULL},
        {"{" FEATURES("\"F32\"", "[1099511627776, 2]", "[32, 8796093022240]") ", " //
         OFFSETS("\"I64\"", "[4]", "[0, 32]") "}",
         NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer content = {0};
        grus_error error = {0};
        size_t n;
        put_header(&content, cases[i].header);
        put_floats(&content);
        put_offsets(&content, good_offsets);
        ck_assert_msg(read_shard(&content, &n, &error) == GRUS_E_INPUT, "%s", cases[i].header);
        expect_error(&error, "/" NAME, cases[i].place, cases[i].cause);
        grus_buffer_free(&content);
    }
}
END_TEST

START_TEST(bad_offsets)
{
    static const struct {
        uint64_t offsets[4];
        const char *place, *cause;
    } cases[] = {
        {{1, 2, 2, 3}, "offsets[0]", "is 1, not 0"},
        {{UINT64_MAX, 2, 2, 3}, "offsets[0]", "is -1, not 0"},
        {{0, 2, 1, 3}, "offsets[2]", "is 1, less than the 2 before it"},
        {{0, UINT64_MAX, 2, 3}, "offsets[1]", "is -1, which is none of the 3 rows"},
        {{0, 4, 4, 3}, "offsets[1]", "is 4, which is none of the 3 rows"},
        {{0, 2, 2, 2}, "offsets[3]", "is the last and 2, not the 3 rows"},
        {{0, 2, 2, 4}, "offsets[3]", "is 4, which is none of the 3 rows"},
        {{0, 0, 0, 0}, "offsets[3]", "is the last and 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer content = {0};
        grus_error error = {0};
        size_t n;
        put_shard(&content, cases[i].offsets);
        ck_assert_int_eq(read_shard(&content, &n, &error), GRUS_E_INPUT);
        expect_error(&error, "/" NAME, cases[i].place, cases[i].cause);
        grus_buffer_free(&content);
    }
}
END_TEST

START_TEST(bad_files)
{
    static const uint64_t lengths[] = {((uint64_t)1 << 20) + 1, UINT64_MAX, (uint64_t)1 << 63};
    grus_buffer content = {0};
    grus_feature_shard *shard;
    grus_error error;
    size_t n;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        grus_buffer_clear(&content);
        put_number(&content, lengths[i], 8);
        ck_assert_int_eq(open_shard(&content, &shard, &error), GRUS_E_INPUT);
        expect_error(&error, "/" NAME, "header", "at most 1048576 are accepted");
    }
    put_shard(&content, good_offsets);
    size_t whole = content.size;
    for (content.size = 0; content.size < whole; content.size++)
        ck_assert_int_eq(read_shard(&content, &n, &error), GRUS_E_INPUT);
    ck_assert_int_eq(read_shard(&content, &n, &error), GRUS_OK);
    ck_assert_uint_eq(n, 3);
    grus_buffer_byte(&content, '\0');
    ck_assert_int_eq(read_shard(&content, &n, &error), GRUS_E_INPUT);
    expect_error(&error, "/" NAME, "", "has bytes behind the last tensor");
    ck_assert_int_eq(grus_feature_shard_open(test_path("none"), GRUS_WINDOW_LOG, &shard, &error), GRUS_E_INPUT);
    expect_error(&error, "/none", "", "No such file");
    ck_assert_int_eq(grus_feature_shard_open(test_path(""), GRUS_WINDOW_LOG, &shard, &error), GRUS_E_INPUT);
    expect_error(&error, NULL, "", "is a directory");
    ck_assert_int_eq(grus_feature_shard_open("/dev/null", GRUS_WINDOW_LOG, &shard, &error), GRUS_E_INPUT);
    expect_error(&error, "/dev/null", "", "is not a regular file");
    grus_buffer_free(&content);
}
END_TEST

Suite *features_suite(void)
{
    Suite *suite = suite_create("io/feature_shard");
    TCase *tests = tcase_create("shards");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, good);
    tcase_add_test(tests, bad_headers);
    tcase_add_test(tests, bad_offsets);
    tcase_add_test(tests, bad_files);
    suite_add_tcase(suite, tests);
    return suite;
}
