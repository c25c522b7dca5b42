// check_io_tokenizer.c: vocabularies and tokenizers.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "io/text/tokenizer.h"
#include "io/text/vocabulary.h"
#include "tests/unit/check_io.h"

static grus_vocab *read_vocab(const char *content, size_t size)
{
    grus_vocab *vocab;
    grus_error error;
    ck_assert_int_eq(grus_vocab_read(write_file("v", content, size), &vocab, &error), GRUS_OK);
    return vocab;
}

static void expect_token(const grus_vocab *vocab, uint32_t id, const char *expected, size_t size)
{
    size_t length;
    const char *token = grus_vocab_token(vocab, id, &length);
    ck_assert_uint_eq(length, size);
    ck_assert_mem_eq(token, expected, size);
}

START_TEST(lines)
{
    // Equal lines, spaces, an empty line, a carriage return, a NUL, no \n at the end.
    static const char content[] = "a\n b \na\n\nc\r\nd\0e\n\xC3\xA9";
    grus_vocab *vocab = read_vocab(content, sizeof content - 1);
    ck_assert_uint_eq(grus_vocab_size(vocab), 7);
    ck_assert_uint_eq(grus_vocab_id(vocab, "a", 1), 0);
    ck_assert_uint_eq(grus_vocab_id(vocab, " b ", 3), 1);
    ck_assert_uint_eq(grus_vocab_id(vocab, "b", 1), GRUS_NO_ID);
    ck_assert_uint_eq(grus_vocab_id(vocab, "", 0), 3);
    ck_assert_uint_eq(grus_vocab_id(vocab, "c\r", 2), 4);
    ck_assert_uint_eq(grus_vocab_id(vocab, "c", 1), GRUS_NO_ID);
    ck_assert_uint_eq(grus_vocab_id(vocab, "d\0e", 3), 5);
    ck_assert_uint_eq(grus_vocab_id(vocab, "d", 1), GRUS_NO_ID);
    ck_assert_uint_eq(grus_vocab_id(vocab, "\xC3\xA9", 2), 6);
    expect_token(vocab, 2, "a", 1);
    expect_token(vocab, 3, "", 0);
    expect_token(vocab, 6, "\xC3\xA9", 2);
    expect_token(vocab, 7, "", 0);
    grus_vocab_free(vocab);
    vocab = read_vocab("\n", 1);
    ck_assert_uint_eq(grus_vocab_size(vocab), 1);
    grus_vocab_free(vocab);
}
END_TEST

START_TEST(many_lines)
{
    grus_buffer content = {0};
    for (unsigned i = 0; i < 100000; i++)
        grus_buffer_printf(&content, "%x\n", i * 2654435761u);
    grus_vocab *vocab = read_vocab(content.data, content.size);
    ck_assert_uint_eq(grus_vocab_size(vocab), 100000);
    for (unsigned i = 0; i < 100000; i++) {
        char token[16];
        int length = snprintf(token, sizeof token, "%x", i * 2654435761u);
        ck_assert_uint_eq(grus_vocab_id(vocab, token, (size_t)length), i);
    }
    ck_assert_uint_eq(grus_vocab_id(vocab, "g", 1), GRUS_NO_ID);
    grus_vocab_free(vocab);
    grus_buffer_free(&content);
}
END_TEST

START_TEST(bad_vocabularies)
{
    static const struct {
        const char *content, *place, *cause;
    } cases[] = {
        {"", "", "is empty"},
        {"a\nb\xFF\n", "line 2", "is not UTF-8"},
        {"\xEF\xBB\xBF"
         "a\n",
         "line 1", "byte-order mark"},
    };
    grus_vocab *vocab;
    grus_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(grus_vocab_read(write_text("v", cases[i].content), &vocab, &error), GRUS_E_MODEL);
        expect_error(&error, "/v", cases[i].place, cases[i].cause);
    }
    ck_assert_int_eq(grus_vocab_read(test_path("none"), &vocab, &error), GRUS_E_MODEL);
    expect_error(&error, "/none", "", "No such file");
}
END_TEST

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

// A tokenizer over a vocabulary of this content (NULL: none).
static grus_tokenizer *open_tokenizer(grus_tokenizer_kind kind, const char *vocab, bool lowercase, const char *bos,
                                      const char *eos, grus_status expected, grus_error *error)
{
    grus_tokenizer_config config = {
        .kind = kind, .vocab = copy(vocab ? "v" : ""), .lowercase = lowercase, .bos = copy(bos), .eos = copy(eos)};
    grus_tokenizer *tokenizer = NULL;
    char dir[512];
    snprintf(dir, sizeof dir, "%s.", test_path(""));
    if (vocab)
        write_text("v", vocab);
    ck_assert_int_eq(grus_tokenizer_open(dir, &config, &tokenizer, error), expected);
    free(config.vocab);
    free(config.bos);
    free(config.eos);
    return tokenizer;
}

// The ids, or the error's place, as text.
static void expect_ids(const grus_tokenizer *tokenizer, const char *text, size_t size, const char *expected)
{
    grus_ids ids = {0};
    grus_error error;
    grus_buffer found = {0};
    grus_status status = grus_tokenizer_encode(tokenizer, text, size, &ids, &error);
    if (status == GRUS_E_FAILED)
        grus_buffer_text(&found, error.place);
    for (size_t i = 0; status == GRUS_OK && i < ids.size; i++)
        grus_buffer_printf(&found, "%s%u", i ? " " : "", ids.data[i]);
    expect_text(&found, expected);
    grus_buffer_free(&found);
    free(ids.data);
}

static void expect_decoded(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, const char *expected)
{
    grus_buffer text = {0};
    grus_tokenizer_decode(tokenizer, ids, n, &text);
    expect_text(&text, expected);
    grus_buffer_free(&text);
}

START_TEST(characters)
{
    grus_error error;
    static const char vocab[] = "<unk>\na\n\xC3\xA9\n\xE2\x82\xAC\n\xF0\x9F\x98\x80\n<s>\n";
    grus_tokenizer *tokenizer = open_tokenizer(GRUS_TOKENIZER_CHAR, vocab, false, NULL, NULL, GRUS_OK, &error);
    ck_assert_uint_eq(grus_tokenizer_size(tokenizer), 6);
    ck_assert(!grus_tokenizer_takes_ids(tokenizer));
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "<s>"), 5);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "</s>"), GRUS_NO_ID);
    expect_ids(tokenizer, "", 0, "");
    expect_ids(tokenizer, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z\0a", 13, "1 2 3 4 0 0 1");
    // Case stays: there is no A.
    expect_ids(tokenizer, "A", 1, "0");
    expect_decoded(tokenizer, (const uint32_t[]){1, 4, 1, 99}, 4,
                   "a\xF0\x9F\x98\x80"
                   "a");
    grus_tokenizer_close(tokenizer);
    tokenizer = open_tokenizer(GRUS_TOKENIZER_CHAR, "a\nb\n", false, NULL, NULL, GRUS_OK, &error);
    expect_ids(tokenizer, "abc", 3, "unknown_token");
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(words)
{
    grus_error error;
    static const char vocab[] = "one\n</s>\ntwo\n<s>\nx\xC2\xA0y\n";
    grus_tokenizer *tokenizer = open_tokenizer(GRUS_TOKENIZER_WHITESPACE, vocab, false, "<s>", "</s>", GRUS_OK, &error);
    expect_ids(tokenizer, "", 0, "3 1");
    expect_ids(tokenizer, " \t\n\v\f\r", 6, "3 1");
    expect_ids(tokenizer, "\fone \t two\vtwo\r", 15, "3 0 2 2 1");
    // Only the six spaces split, not a no-break space.
    expect_ids(tokenizer, "x\xC2\xA0y", 4, "3 4 1");
    expect_ids(tokenizer, "one three", 9, "unknown_token");
    grus_ids ids = {0};
    ck_assert_int_eq(grus_tokenizer_encode(tokenizer, "one three", 9, &ids, &error), GRUS_E_FAILED);
    expect_error(&error, "", "unknown_token", "unknown token \"three\"");
    free(ids.data);
    expect_decoded(tokenizer, (const uint32_t[]){0, 2, 0}, 3, "one two one");
    expect_decoded(tokenizer, NULL, 0, "");
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(lower_case)
{
    grus_error error;
    // Simple lower case: one code point each. U+0130 becomes i, U+03A3 a middle sigma, U+1E9E a sharp s.
    static const char vocab[] = "<unk>\na\n\xC3\xA9\ni\n\xCF\x83\n\xC3\x9F\n\xD0\xB6\n";
    grus_tokenizer *tokenizer = open_tokenizer(GRUS_TOKENIZER_CHAR, vocab, true, NULL, NULL, GRUS_OK, &error);
    expect_ids(tokenizer, "Aa\xC3\x89\xC3\xA9", 6, "1 1 2 2");
    expect_ids(tokenizer, "\xC4\xB0\xCE\xA3\xE1\xBA\x9E\xD0\x96", 9, "3 4 5 6");
    expect_ids(tokenizer, "\0", 1, "0");
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(numbers)
{
    grus_error error;
    grus_tokenizer *tokenizer = open_tokenizer(GRUS_TOKENIZER_IDS, NULL, false, "7", NULL, GRUS_OK, &error);
    ck_assert(grus_tokenizer_takes_ids(tokenizer));
    ck_assert_uint_eq(grus_tokenizer_size(tokenizer), 0);
    grus_tokenizer_set_size(tokenizer, 10);
    ck_assert_uint_eq(grus_tokenizer_size(tokenizer), 10);
    expect_ids(tokenizer, "1 02\t9", 6, "7 1 2 9");
    expect_ids(tokenizer, "10", 2, "bad_id");
    expect_ids(tokenizer, "-1", 2, "bad_id");
    expect_ids(tokenizer, "1.0", 3, "bad_id");
    expect_ids(tokenizer, "99999999999999999999999999", 26, "bad_id");
    expect_ids(tokenizer, "18446744073709551617", 20, "bad_id");
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "9"), 9);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "10"), GRUS_NO_ID);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "x"), GRUS_NO_ID);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, ""), GRUS_NO_ID);
    grus_ids ids = {0};
    ck_assert_int_eq(grus_tokenizer_encode_ids(tokenizer, (const uint64_t[]){3, 0}, 2, &ids, &error), GRUS_OK);
    ck_assert_uint_eq(ids.size, 3);
    ck_assert_mem_eq(ids.data, ((const uint32_t[]){7, 3, 0}), 12);
    ck_assert_int_eq(grus_tokenizer_encode_ids(tokenizer, (const uint64_t[]){(uint64_t)1 << 32}, 1, &ids, &error),
                     GRUS_E_FAILED);
    expect_error(&error, "", "bad_id", "4294967296");
    free(ids.data);
    expect_decoded(tokenizer, (const uint32_t[]){3, 14}, 2, "3 14");
    grus_tokenizer_close(tokenizer);
    tokenizer = open_tokenizer(GRUS_TOKENIZER_IDS, "<unk>\n<s>\n", false, "<s>", NULL, GRUS_OK, &error);
    expect_ids(tokenizer, "0", 1, "1 0");
    expect_ids(tokenizer, "2", 1, "bad_id");
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(refused)
{
    grus_error error;
    open_tokenizer(GRUS_TOKENIZER_CHAR, "a\n", false, "<s>", NULL, GRUS_E_MODEL, &error);
    expect_error(&error, "/config.json", "source.tokenizer.bos", "expected a line of the vocabulary, found \"<s>\"");
    open_tokenizer(GRUS_TOKENIZER_IDS, NULL, false, NULL, "end", GRUS_E_MODEL, &error);
    expect_error(&error, "/config.json", "source.tokenizer.eos", "expected a decimal id, found \"end\"");
    open_tokenizer(GRUS_TOKENIZER_CHAR, "", false, NULL, NULL, GRUS_E_MODEL, &error);
    expect_error(&error, "/v", "", "is empty");
}
END_TEST

Suite *tokenizer_suite(void)
{
    Suite *suite = suite_create("io/tokenizer");
    TCase *tests = tcase_create("vocabularies and tokenizers");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, lines);
    tcase_add_test(tests, many_lines);
    tcase_add_test(tests, bad_vocabularies);
    tcase_add_test(tests, characters);
    tcase_add_test(tests, words);
    tcase_add_test(tests, lower_case);
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, refused);
    suite_add_tcase(suite, tests);
    return suite;
}
