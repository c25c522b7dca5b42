// check_io_safetensors.c: files made byte by byte, good and hostile.
#include "config.h"

#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "io/model/safetensors.h"
#include "tests/unit/check_io.h"

// The file: the header's length, the header, size bytes of data 0, 1, 2 …
static void make_file(grus_buffer *file, const char *header, uint64_t header_length, size_t size)
{
    grus_buffer_clear(file);
    for (int i = 0; i < 8; i++)
        grus_buffer_byte(file, (char)(header_length >> 8 * i & 0xff));
    grus_buffer_text(file, header);
    for (size_t i = 0; i < size; i++)
        grus_buffer_byte(file, (char)i);
}

static grus_status open_file(const grus_buffer *content, const grus_rename *renames, size_t n, grus_safetensors **file,
                             grus_error *error)
{
    return grus_safetensors_open(write_file("m.safetensors", content->data, content->size), renames, n, file, error);
}

// Whatever of it was asked for.
static void expect_hash(const grus_safetensors *file, const grus_buffer *content)
{
    grus_error error;
    uint64_t hash;
    ck_assert_int_eq(grus_safetensors_hash(file, &hash, &error), GRUS_OK);
    ck_assert_uint_eq(hash, XXH64(content->data, content->size, 0));
}

// Bits of an element, from the format's own documentation.
static const struct {
    const char *dtype;
    size_t bits;
} dtypes[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
};

START_TEST(every_dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char header[200];
        size_t bytes = 4 * dtypes[i].bits / 8;
        grus_buffer content = {0};
        grus_safetensors *file;
        grus_error error;
        // Four elements, and a byte more than they have.
        for (size_t more = 0; more < 2; more++) {
            snprintf(header, sizeof header,
                     "{\"a\": {\"dtype\": \"%s\", \"shape\": [2, 2], \"data_offsets\": [0, %zu]}}", dtypes[i].dtype,
                     bytes + more);
            grus_buffer_clear(&content);
            make_file(&content, header, strlen(header), bytes + more);
            ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), more ? GRUS_E_MODEL : GRUS_OK);
            if (more)
                continue;
            grus_tensor tensor;
            bool used;
            grus_safetensors_get(file, 0, &tensor, &used);
            ck_assert_str_eq(grus_dtype_name(tensor.dtype), dtypes[i].dtype);
            ck_assert(!used && !tensor.data);
            expect_hash(file, &content);
            grus_safetensors_close(file);
        }
        grus_buffer_free(&content);
    }
}
END_TEST

// The file becomes shorter behind its header.
START_TEST(shrinks)
{
    static const char header[] = "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]},"
                                 "\"b\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 16]}}";
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    grus_tensor tensor;
    make_file(&content, header, strlen(header), 16);
    ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_OK);
    ck_assert_int_eq(truncate(test_path("m.safetensors"), (off_t)content.size - 1), 0);
    grus_tensors tensors = grus_safetensors_tensors(file);
    uint64_t hash;
    ck_assert(tensors.find(tensors.user, "a", &tensor));
    ck_assert_int_eq(grus_safetensors_failure(file, &error), GRUS_OK);
    ck_assert_int_eq(grus_safetensors_hash(file, &hash, &error), GRUS_E_MODEL);
    expect_error(&error, "/m.safetensors", "", "became shorter while it was read");
    ck_assert(!tensors.find(tensors.user, "b", &tensor));
    ck_assert_int_eq(grus_safetensors_failure(file, &error), GRUS_E_MODEL);
    expect_error(&error, "/m.safetensors", "", "became shorter while it was read");
    grus_safetensors_close(file);
    grus_buffer_free(&content);
}
END_TEST

START_TEST(good)
{
    static const char header[] = "{\"__metadata__\": {\"format\": \"pt\"},"
                                 "\"b\": {\"dtype\": \"F16\", \"shape\": [3], \"data_offsets\": [8, 14]},"
                                 "\"a.weight\": {\"dtype\": \"F32\", \"shape\": [2, 1], \"data_offsets\": [0, 8]},"
                                 "\"none\": {\"dtype\": \"BF16\", \"shape\": [4, 0], \"data_offsets\": [14, 14]},"
                                 "\"one\": {\"data_offsets\": [14, 22], \"dtype\": \"I64\", \"shape\": []}}   ";
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    make_file(&content, header, strlen(header), 22);
    ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_OK);
    ck_assert_uint_eq(grus_safetensors_count(file), 4);
    expect_hash(file, &content);
    grus_tensors tensors = grus_safetensors_tensors(file);
    grus_tensor tensor;
    ck_assert(!tensors.find(tensors.user, "a", &tensor));
    ck_assert(!tensors.find(tensors.user, "a.weight.x", &tensor));
    ck_assert(tensors.find(tensors.user, "b", &tensor));
    ck_assert_int_eq(tensor.dtype, GRUS_F16);
    ck_assert_uint_eq(tensor.rank, 1);
    ck_assert_uint_eq(tensor.count, 3);
    ck_assert_mem_eq(tensor.data, "\x08\x09\x0a\x0b\x0c\x0d", 6);
    ck_assert(tensors.find(tensors.user, "one", &tensor));
    ck_assert_uint_eq(tensor.rank, 0);
    ck_assert_uint_eq(tensor.count, 1);
    ck_assert(tensors.find(tensors.user, "none", &tensor));
    ck_assert_uint_eq(tensor.count, 0);
    for (size_t i = 0; i < 4; i++) {
        bool used;
        grus_safetensors_get(file, i, &tensor, &used);
        ck_assert_int_eq(used, strcmp(tensor.name, "a.weight") != 0);
        ck_assert_int_eq(used, tensor.data != NULL);
    }
    expect_hash(file, &content);
    ck_assert(tensors.find(tensors.user, "a.weight", &tensor));
    ck_assert_mem_eq(tensor.data, "\x00\x01\x02\x03\x04\x05\x06\x07", 8);
    expect_hash(file, &content);
    grus_safetensors_close(file);
    grus_buffer_free(&content);
}
END_TEST

// A scale has the name of its weights in the file, whatever that is in the model.
START_TEST(quantised)
{
    static const char header[] = "{\"emb\": {\"dtype\": \"I8\", \"shape\": [1, 3], \"data_offsets\": [0, 3]},"
                                 "\"x.weight\": {\"dtype\": \"F16\", \"shape\": [1, 1], \"data_offsets\": [3, 5]},"
                                 "\"x.weight_scale\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [5, 9]},"
                                 "\"bare\": {\"dtype\": \"I8\", \"shape\": [2, 1], \"data_offsets\": [9, 11]},"
                                 "\"emb_scale\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [11, 15]}}";
    char from[] = "encoder.embedding.weight", to[] = "emb";
    const grus_rename rename = {from, to};
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    grus_tensor tensor;
    bool used;
    make_file(&content, header, strlen(header), 15);
    ck_assert_int_eq(open_file(&content, &rename, 1, &file, &error), GRUS_OK);
    grus_tensors tensors = grus_safetensors_tensors(file);
    ck_assert(tensors.find(tensors.user, "encoder.embedding.weight", &tensor));
    ck_assert_str_eq(tensor.scale->name, "emb_scale");
    ck_assert_mem_eq(tensor.scale->data, "\x0b\x0c\x0d\x0e", 4);
    // None beside it, and one beside other weights.
    ck_assert(tensors.find(tensors.user, "bare", &tensor) && !tensor.scale);
    ck_assert(tensors.find(tensors.user, "x.weight", &tensor) && !tensor.scale);
    for (size_t i = 0; i < 5; i++) {
        grus_safetensors_get(file, i, &tensor, &used);
        ck_assert_int_eq(used, strcmp(tensor.name, "x.weight_scale") != 0);
    }
    expect_hash(file, &content);
    grus_safetensors_close(file);
    // The file ends before the scale when that is read.
    ck_assert_int_eq(open_file(&content, &rename, 1, &file, &error), GRUS_OK);
    ck_assert_int_eq(truncate(test_path("m.safetensors"), (off_t)content.size - 1), 0);
    tensors = grus_safetensors_tensors(file);
    ck_assert(!tensors.find(tensors.user, "encoder.embedding.weight", &tensor));
    ck_assert_int_eq(grus_safetensors_failure(file, &error), GRUS_E_MODEL);
    expect_error(&error, "/m.safetensors", "", "became shorter while it was read");
    grus_safetensors_close(file);
    grus_buffer_free(&content);
}
END_TEST

START_TEST(renaming)
{
    static const char header[] = "{\"enc.gru.weight\": {\"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [0, 2]},"
                                 "\"x.encoder.weight\": {\"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [2, 4]},"
                                 "\"encoderx.bias\": {\"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [4, 6]},"
                                 "\"whole\": {\"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [6, 8]}}";
    grus_rename renames[4];
    char names[8][24] = {"encoder", "x.encoder", "encoder.rnn", "enc.gru", "decoder.bias", "whole", "enc", "wrong"};
    for (size_t i = 0; i < 4; i++)
        renames[i] = (grus_rename){names[2 * i], names[2 * i + 1]};
    static const struct {
        const char *asked, *found;
    } cases[] = {
        {"encoder.rnn.weight", "enc.gru.weight"}, // the longest
        {"encoder.weight", "x.encoder.weight"},   // once: the result is not looked up again
        {"encoderx.bias", "encoderx.bias"},       // no dot there
        {"decoder.bias", "whole"},                // the whole name
        {"whole", "whole"},
        {"enc.gru.weight", NULL}, // enc is renamed
        {"decoder.bias.x", NULL},
    };
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    make_file(&content, header, strlen(header), 8);
    ck_assert_int_eq(open_file(&content, renames, 4, &file, &error), GRUS_OK);
    grus_tensors tensors = grus_safetensors_tensors(file);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_tensor tensor;
        ck_assert_msg(tensors.find(tensors.user, cases[i].asked, &tensor) == (cases[i].found != NULL), "%s",
                      cases[i].asked);
        if (cases[i].found)
            ck_assert_str_eq(tensor.name, cases[i].found);
    }
    grus_safetensors_close(file);
    grus_buffer_free(&content);
}
END_TEST

#define T(name, dtype, shape, offsets) \
    "\"" name "\": {\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}"

START_TEST(bad)
{
    static const struct {
        const char *header;
        size_t size;
        const char *place, *cause;
    } cases[] = {
        {"", 0, "header", "does not begin with {"},
        {" {}", 0, "header", "does not begin with {"},
        {"[]", 0, "header", "does not begin with {"},
        {"{\"a\": ", 0, "header byte 6", "expected a value"},
        {"{\"a\xFF\": 1}", 0, "header byte 3", "not UTF-8"},
        {"{}", 1, "", "1 bytes behind the last tensor"},
        {"{\"a\": 1}", 0, "a", "expected an object"},
        {"{\"__metadata__\": {\"a\": 1}}", 0, "__metadata__", "object of strings"},
        {"{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4], \"x\": 1}}", 4, "a",
         "expected an object"},
        {"{" T("a", "\"F65\"", "[1]", "[0, 8]") "}", 8, "a", "dtype F65 is none that safetensors has"},
        {"{" T("a", "1", "[1]", "[0, 8]") "}", 8, "a", "dtype (not a string)"},
        {"{" T("a", "\"F32\"", "1", "[0, 4]") "}", 4, "a", "shape is not a list"},
        {"{" T("a", "\"F32\"", "[-1]", "[0, 4]") "}", 4, "a", "list of sizes"},
        {"{" T("a", "\"F32\"", "[1.0]", "[0, 4]") "}", 4, "a", "list of sizes"},
        {"{" T("a", "\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0, 4]") "}", 4, "a", "more than 8"},
        {"{" T("a", "\"F32\"", "[4294967296, 4294967296]", "[0, 0]") "}", 0, "a", "overflows"},
        {"{" T("a", "\"F32\"", "[4294967296, 0, 4294967296]", "[0, 0]") "}", 0, "a", "overflows"},
        {"{" T("a", "\"F32\"", "[4611686018427387904]", "[0, 0]") "}", 0, "a", "overflows"},
        {"{" T("a", "\"F32\"", "[1]", "[0]") "}", 4, "a", "not a pair of offsets"},
        {"{" T("a", "\"F32\"", "[1]", "[-4, 0]") "}", 4, "a", "not a pair of offsets"},
        {"{" T("a", "\"F32\"", "[1]", "[4, 0]") "}", 4, "a", "not inside the 4 bytes"},
        {"{" T("a", "\"F32\"", "[1]", "[4, 8]") "}", 4, "a", "not inside the 4 bytes"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 9223372036854775807]") "}", 4, "a", "not inside the 4 bytes"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 18446744073709551616]") "}", 4, NULL, NULL},
        {"{" T("a", "\"F32\"", "[2]", "[0, 4]") "}", 4, "a", "span 4 bytes, dtype and shape ask for 8"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 4]") ", " T("b", "\"F16\"", "[2]", "[2, 6]") "}", 6, "b", "overlaps"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 4]") ", " T("b", "\"F32\"", "[1]", "[0, 4]") "}", 4, NULL, "overlaps"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 4]") ", " T("b", "\"F32\"", "[1]", "[8, 12]") "}", 12, "b",
         "begins at offset 8, but the tensor before it ends at 4: there is a gap"},
        {"{" T("a", "\"F32\"", "[1]", "[4, 8]") "}", 8, "a", "gap"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 4]") "}", 8, "", "4 bytes behind the last tensor"},
        {"{" T("a", "\"F32\"", "[1]", "[0, 4]") ", " T("a", "\"F32\"", "[1]", "[0, 4]") "}", 4, NULL, "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer content = {0};
        grus_safetensors *file;
        grus_error error = {0};
        make_file(&content, cases[i].header, strlen(cases[i].header), cases[i].size);
        ck_assert_msg(open_file(&content, NULL, 0, &file, &error) == GRUS_E_MODEL, "%s", cases[i].header);
        expect_error(&error, "/m.safetensors", cases[i].place, cases[i].cause);
        grus_buffer_free(&content);
    }
}
END_TEST

START_TEST(bad_lengths)
{
    static const struct {
        uint64_t length;
        const char *header;
    } cases[] = {{3, "{}"}, {UINT64_MAX, "{}"}, {100000001, "{}"}, {(uint64_t)1 << 63, ""}};
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_file(&content, cases[i].header, cases[i].length, 0);
        ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_E_MODEL);
        expect_error(&error, "/m.safetensors", "header", "is said to have");
    }
    make_file(&content, "{}", 2, 0);
    for (content.size = 0; content.size < 8; content.size++) {
        ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_E_MODEL);
        expect_error(&error, "/m.safetensors", "", "fewer than 8 bytes");
    }
    ck_assert_int_eq(grus_safetensors_open(test_path("none"), NULL, 0, &file, &error), GRUS_E_MODEL);
    expect_error(&error, "/none", "", "No such file");
    ck_assert_int_eq(grus_safetensors_open(test_path(""), NULL, 0, &file, &error), GRUS_E_MODEL);
    expect_error(&error, NULL, "", "is a directory");
    ck_assert_int_eq(grus_safetensors_open("/dev/null", NULL, 0, &file, &error), GRUS_E_MODEL);
    expect_error(&error, "/dev/null", "", "is not a regular file");
    grus_buffer_free(&content);
}
END_TEST

// Each cut of a good file is refused.
START_TEST(every_truncation)
{
    static const char header[] = "{" T("a", "\"F32\"", "[2]", "[0, 8]") "}";
    grus_buffer content = {0};
    grus_safetensors *file;
    grus_error error;
    make_file(&content, header, strlen(header), 8);
    size_t whole = content.size;
    for (content.size = 0; content.size < whole; content.size++)
        ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_E_MODEL);
    ck_assert_int_eq(open_file(&content, NULL, 0, &file, &error), GRUS_OK);
    grus_safetensors_close(file);
    grus_buffer_free(&content);
}
END_TEST

Suite *safetensors_suite(void)
{
    Suite *suite = suite_create("io/safetensors");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, good);
    tcase_add_test(tests, every_dtype);
    tcase_add_test(tests, shrinks);
    tcase_add_test(tests, renaming);
    tcase_add_test(tests, quantised);
    tcase_add_test(tests, bad);
    tcase_add_test(tests, bad_lengths);
    tcase_add_test(tests, every_truncation);
    suite_add_tcase(suite, tests);
    return suite;
}
