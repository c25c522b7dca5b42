// check_io_bpe.c: the tokenizers that cut words: bpe against what subword-nmt's apply_bpe makes of the same codes and
// words, sentencepiece against what spm_encode and spm_decode make of the same lines.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "io/text/tokenizer.h"
#include "io/text/vocabulary.h"
#include "tests/unit/check_io.h"

static grus_status open_tokenizer(grus_tokenizer_kind kind, const char *file, bool lowercase,
                                  grus_tokenizer **tokenizer, grus_error *error)
{
    char dir[512], vocab[] = "v", codes[] = "c", model[64];
    snprintf(dir, sizeof dir, "%s.", test_path(""));
    snprintf(model, sizeof model, "%s", file ? file : "");
    grus_tokenizer_config config = {.kind = kind, .lowercase = lowercase};
    if (kind == GRUS_TOKENIZER_BPE) {
        config.vocab = vocab;
        config.codes = codes;
    } else {
        config.model = model;
    }
    return grus_tokenizer_open(dir, &config, tokenizer, error);
}

// ---- bpe ----

// A tokenizer of these codes; its vocabulary has the words of tokens.
static grus_tokenizer *open_bpe(const char *codes, const char *tokens, bool lowercase)
{
    grus_tokenizer *tokenizer = NULL;
    grus_error error;
    grus_buffer lines = {0};
    grus_buffer_text(&lines, tokens);
    for (size_t i = 0; i < lines.size; i++)
        if (lines.data[i] == ' ')
            lines.data[i] = '\n';
    grus_buffer_byte(&lines, '\n');
    write_file("v", lines.data, lines.size);
    grus_buffer_free(&lines);
    write_text("c", codes);
    ck_assert_msg(open_tokenizer(GRUS_TOKENIZER_BPE, NULL, lowercase, &tokenizer, &error) == GRUS_OK, "%s: %s",
                  error.place, error.cause);
    return tokenizer;
}

// The tokens of a text with spaces between them; a token that the vocabulary lacks has no place there.
static void expect_pieces(const grus_tokenizer *tokenizer, const char *text, const char *expected)
{
    grus_vocab *vocab;
    grus_ids ids = {0};
    grus_error error;
    grus_buffer found = {0};
    ck_assert_int_eq(grus_vocab_read(test_path("v"), &vocab, &error), GRUS_OK);
    ck_assert_msg(grus_tokenizer_encode(tokenizer, text, strlen(text), &ids, &error) == GRUS_OK, "«%s»: %s", text,
                  error.cause);
    for (size_t i = 0; i < ids.size; i++) {
        size_t length;
        const char *token = grus_vocab_token(vocab, ids.data[i], &length);
        grus_buffer_text(&found, i > 0 ? " " : "");
        grus_buffer_append(&found, token, length);
    }
    expect_text(&found, expected);
    grus_buffer_free(&found);
    grus_vocab_free(vocab);
    free(ids.data);
}

static const char low[] = "#version: 0.2\nl o\nlo w\ne r</w>\nn e\nne w\ne s\nes t</w>\nlow er</w>\nlow est</w>\n";
static const char low_old[] = "l o\nlo w\nr </w>\ne r</w>\nt </w>\ns t</w>\ne st</w>\nlow est</w>\nw </w>\n";

// The expected values were written by the BPE class of subword-nmt's apply_bpe.py, as published, without the parts for
// glossaries, vocabularies, dropout and bytes.
static const struct {
    const char *codes, *text, *pieces;
} cuts[] = {
    {low, "low lower lowest newer newest", "lo@@ w lower lowest new@@ er new@@ est"},
    {low, "l w \303\251 lo \303\274ber", "l w \303\251 l@@ o \303\274@@ b@@ er"},
    {low, "lowlow lowerest x</w>y </w> a</w> lo@@ @@",
     "low@@ lo@@ w low@@ e@@ r@@ est x@@ <@@ /@@ w@@ >@@ y <@@ /@@ w@@ > a@@ <@@ /@@ w@@ > lo@@ @@@ @ @@@ @"},
    {low, "", ""},
    {low, "  low  \302\240low ", "lo@@ w \302\240@@ lo@@ w"},
    {low_old, "low lower lowest slow lo lot", "low low@@ er lowest s@@ low lo lo@@ t"},
    {low_old, "l r t w", "l r t w"},
    {low_old, "x</w>y </w> er</w>r", "x@@ <@@ /@@ w@@ >@@ y <@@ /@@ w@@ > e@@ r@@ <@@ /@@ w@@ >@@ r"},
    // How the first line may look, and carriage returns.
    {"#version: 0.1\nt </w>\ns t</w>\n", "est st", "e@@ st st"},
    {"#version: 0.2.0\ns t</w>\n", "est st", "e@@ st st"},
    {"#version: 0.2\r\nl o\r\nlo w\r\nlow er</w>\r\ne r</w>\r\n", "lower low", "lower lo@@ w"},
    // All of a pair are merged before one that this makes has its turn, though its rank is lower.
    {"#version: 0.2\nab a\na b\n", "ababx abab aba", "ab@@ ab@@ x aba@@ b ab@@ a"},
    {"#version: 0.2\nabab c\nab ab\nb c\na b\nbc x\n", "ababcx abcx babcabx",
     "ab@@ a@@ bc@@ x a@@ bc@@ x b@@ a@@ bc@@ ab@@ x"},
    // Of equal lines the first counts.
    {"#version: 0.2\nb c\na b\nb c\n", "abcx", "a@@ bc@@ x"},
    // Pairs that overlap.
    {"#version: 0.2\na a\naa a\naa aa\n", "aax aaax aaaax aaaaax aaaaaaaaax aaa",
     "aa@@ x aaa@@ x aaaa@@ x aa@@ aaa@@ x aaaa@@ aa@@ aaa@@ x aa@@ a"},
    {"#version: 0.2\n\346\227\245 \346\234\254\n\346\227\245\346\234\254 \350\252\236</w>\n",
     "\346\227\245\346\234\254\350\252\236 \346\227\245\346\234\254\350\252\236\346\227\245",
     "\346\227\245\346\234\254\350\252\236 \346\227\245\346\234\254@@ \350\252\236@@ \346\227\245"},
    // Text that looks like the mark of a word's end.
    {"#version: 0.2\n< /\n</ w\n</w >\n</w> x</w>\n", "</w>x a</w>x </w> a</w>", "</w>x a@@ </w>x </w@@ > a@@ </w@@ >"},
    {"< /\n</ w\n</w >\n</w> </w>\na </w>\n", "</w>x a</w> </w> xa", "</w>@@ x a@@ </w> </w> x@@ a"},
};

START_TEST(pieces)
{
    grus_tokenizer *tokenizer = open_bpe(cuts[_i].codes, cuts[_i].pieces, false);
    expect_pieces(tokenizer, cuts[_i].text, cuts[_i].pieces);
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(spaces)
{
    grus_tokenizer *tokenizer = open_bpe(low, "lower lo@@ w x", true);
    expect_pieces(tokenizer, "\tLOWER\n\vLow\f\fx\r", "lower lo@@ w x");
    expect_pieces(tokenizer, " \t\n\v\f\r", "");
    grus_ids ids = {0};
    grus_error error;
    ck_assert_int_eq(grus_tokenizer_encode(tokenizer, "low loy", 7, &ids, &error), GRUS_E_FAILED);
    expect_error(&error, "", "unknown_token", "unknown token \"y\"");
    free(ids.data);
    grus_tokenizer_close(tokenizer);
}
END_TEST

// A million code points: n log n steps or never.
START_TEST(long_word)
{
    enum { SIZE = 1000001 };
    grus_tokenizer *tokenizer =
        open_bpe("#version: 0.2\na a\naa aa\naaaa aaaa\naaaaaaaa aaaaaaaa\n", "aaaaaaaaaaaaaaaa@@ a", false);
    char *word = malloc(SIZE);
    grus_ids ids = {0};
    grus_error error;
    ck_assert_ptr_nonnull(word);
    memset(word, 'a', SIZE);
    ck_assert_int_eq(grus_tokenizer_encode(tokenizer, word, SIZE, &ids, &error), GRUS_OK);
    ck_assert_uint_eq(ids.size, SIZE / 16 + 1);
    ck_assert_uint_eq(ids.data[ids.size - 1], 1);
    free(ids.data);
    free(word);
    grus_tokenizer_close(tokenizer);
}
END_TEST

static void expect_decoded(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, const char *expected)
{
    grus_buffer text = {0};
    grus_buffer_text(&text, "a@@ ");
    grus_tokenizer_decode(tokenizer, ids, n, &text);
    ck_assert_uint_ge(text.size, 4);
    ck_assert_mem_eq(text.data, "a@@ ", 4);
    grus_buffer rest = {.data = text.data + 4, .size = text.size - 4};
    expect_text(&rest, expected);
    grus_buffer_free(&text);
}

START_TEST(joined)
{
    grus_tokenizer *tokenizer = open_bpe(low, "lo@@ w @@ @@@ @ \303\251", false);
    expect_decoded(tokenizer, NULL, 0, "");
    expect_decoded(tokenizer, (const uint32_t[]){0, 1, 1, 0, 0, 5}, 6, "low w lolo\303\251");
    expect_decoded(tokenizer, (const uint32_t[]){1, 0}, 2, "w lo");
    expect_decoded(tokenizer, (const uint32_t[]){0}, 1, "lo");
    expect_decoded(tokenizer, (const uint32_t[]){1, 2, 1}, 3, "w w");
    expect_decoded(tokenizer, (const uint32_t[]){3, 1, 3}, 3, "@w @");
    expect_decoded(tokenizer, (const uint32_t[]){3, 4}, 2, "@@");
    expect_decoded(tokenizer, (const uint32_t[]){1, 99, 1}, 3, "w  w");
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(bad_codes)
{
    static const struct {
        const char *codes, *place, *cause;
    } cases[] = {
        {"", "line 1", "holds no merge"},
        {"\n\r\n \n", "line 1", "holds no merge"},
        {"#version: 0.2\n", "line 1", "holds no merge"},
        {"a b\nc\nd e\n", "line 2", "two symbols"},
        {"#version: 0.2\na b\n\nc d\n", "line 3", "two symbols"},
        {"a  b\n", "line 1", "two symbols"},
        {"a b c\n", "line 1", "two symbols"},
        {"a\tb\n", "line 1", "two symbols"},
        {"#version: 0.3\na b\n", "line 1", "version"},
        {"#version: 0.2 byte\na b\n", "line 1", "version"},
        {"#version:\na b\n", "line 1", "version"},
        {"\xEF\xBB\xBF#version: 0.2\na b\n", "line 1", "byte-order mark"},
        {"a b\nc \xC3\n", "line 2", "UTF-8"},
    };
    grus_tokenizer *tokenizer;
    grus_error error;
    write_text("v", "a\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("c", cases[i].codes);
        ck_assert_int_eq(open_tokenizer(GRUS_TOKENIZER_BPE, NULL, false, &tokenizer, &error), GRUS_E_MODEL);
        expect_error(&error, "/c", cases[i].place, cases[i].cause);
    }
    remove(test_path("c"));
    ck_assert_int_eq(open_tokenizer(GRUS_TOKENIZER_BPE, NULL, false, &tokenizer, &error), GRUS_E_MODEL);
    expect_error(&error, "/c", "", "No such file");
}
END_TEST

// ---- sentencepiece ----

#ifdef GRUS_SENTENCEPIECE

// tests/support/files/squares.sentencepiece in the test's directory, under the name m.
static grus_tokenizer *open_squares(bool lowercase)
{
    grus_tokenizer *tokenizer = NULL;
    grus_error error;
    grus_buffer content = {0};
    read_file(data_path("squares.sentencepiece"), &content);
    write_file("m", content.data, content.size);
    grus_buffer_free(&content);
    ck_assert_msg(open_tokenizer(GRUS_TOKENIZER_SENTENCEPIECE, "m", lowercase, &tokenizer, &error) == GRUS_OK, "%s",
                  error.cause);
    return tokenizer;
}

// The ids are spm_encode's, the text is spm_decode's.
static const struct {
    const char *text, *ids, *decoded;
} squares[] = {
    {"", "", ""},
    {"   ", "", ""},
    {"The square of four is sixteen.", "259 270 265 262 274 272 269 271 263 273 266 291 259 267 264 304 268",
     "The square of four is sixteen."},
    {" the  Square of 4 is 16 \342\202\254.",
     "301 262 259 86 272 269 271 263 273 266 259 55 259 267 264 259 52 57 259 229 133 175 268",
     "the Square of 4 is 16 \342\202\254."},
    {"fourteen hundred \342\226\201 <s> </s>", "291 303 261 259 259 259 63 264 65 259 63 50 264 65",
     "fourteen hundred   <s> </s>"},
    {"a\tb\r", "259 271 12 101 16", "a\tb\r"},
};

START_TEST(sentences)
{
    grus_tokenizer *tokenizer = open_squares(false);
    grus_ids ids = {0};
    grus_error error;
    grus_buffer found = {0};
    ck_assert_int_eq(grus_tokenizer_encode(tokenizer, squares[_i].text, strlen(squares[_i].text), &ids, &error),
                     GRUS_OK);
    for (size_t i = 0; i < ids.size; i++)
        grus_buffer_printf(&found, "%s%u", i > 0 ? " " : "", ids.data[i]);
    expect_text(&found, squares[_i].ids);
    expect_decoded(tokenizer, ids.data, ids.size, squares[_i].decoded);
    grus_buffer_free(&found);
    free(ids.data);
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(own_pieces)
{
    grus_tokenizer *tokenizer = open_squares(true);
    ck_assert_uint_eq(grus_tokenizer_size(tokenizer), 325);
    ck_assert(!grus_tokenizer_takes_ids(tokenizer));
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "<unk>"), 0);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "<s>"), 1);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "</s>"), 2);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "\342\226\201hundred"), 261);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, "hundreds"), GRUS_NO_ID);
    ck_assert_uint_eq(grus_tokenizer_special(tokenizer, ""), GRUS_NO_ID);
    // As spm_decode has it, in any order; an id that there is not is nothing.
    expect_decoded(tokenizer, (const uint32_t[]){0, 1, 2, 270, 300, 280, 280, 4000000000}, 8,
                   " \342\201\207 T sevenfivefive");
    grus_ids ids = {0};
    grus_error error;
    ck_assert_int_eq(grus_tokenizer_encode(tokenizer, "HUNDRED", 7, &ids, &error), GRUS_OK);
    ck_assert_uint_eq(ids.size, 1);
    ck_assert_uint_eq(ids.data[0], 261);
    free(ids.data);
    grus_tokenizer_close(tokenizer);
}
END_TEST

START_TEST(bad_models)
{
    grus_tokenizer *tokenizer = NULL;
    grus_error error;
    ck_assert_int_eq(open_tokenizer(GRUS_TOKENIZER_SENTENCEPIECE, "none", false, &tokenizer, &error), GRUS_E_MODEL);
    expect_error(&error, "/none", "", "No such file");
    static const char *const contents[] = {"", "no model", "\x0a\x05ghijk", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        write_text("m", contents[i]);
        ck_assert_int_eq(open_tokenizer(GRUS_TOKENIZER_SENTENCEPIECE, "m", false, &tokenizer, &error), GRUS_E_MODEL);
        expect_error(&error, "/m", "", "is not a model of SentencePiece");
    }
}
END_TEST

#else

START_TEST(not_built_in)
{
    grus_tokenizer *tokenizer = NULL;
    grus_error error;
    ck_assert_int_eq(open_tokenizer(GRUS_TOKENIZER_SENTENCEPIECE, "m", false, &tokenizer, &error), GRUS_E_MODEL);
    expect_error(&error, "/config.json", "tokenizer.type", "this build of grus has no sentencepiece tokenizer");
}
END_TEST

#endif

// With a limit a word is cut for as long as it may have no more pieces than that, and then no more: the longest symbol
// here is "low</w>" of 7 bytes, so that 10 pieces are 70 bytes at most.
START_TEST(giant_words)
{
    static const char codes[] = "#version: 0.2\nl o\no w</w>\nlo w</w>\n";
    const struct {
        size_t bytes, pieces;
        bool at_least;
    } words[] = {{6, 4, false}, {69, 35, false}, {70, 36, false}, {71, 11, true}, {5000000, 11, true}};
    grus_tokenizer *tokenizer = open_bpe(codes, "lo@@ l@@ lo l <unk>", false);
    ck_assert_uint_lt(grus_tokenizer_memory(tokenizer, 16 << 20, 10), 100000);
    ck_assert_uint_gt(grus_tokenizer_memory(tokenizer, 16 << 20, 0), 16 << 20);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *word = malloc(words[i].bytes);
        ck_assert_ptr_nonnull(word);
        for (size_t k = 0; k < words[i].bytes; k++)
            word[k] = "lo"[k % 2];
        grus_ids ids = {.most = 10};
        grus_error error;
        ck_assert_int_eq(grus_tokenizer_encode(tokenizer, word, words[i].bytes, &ids, &error), GRUS_OK);
        ck_assert_uint_eq(ids.size, words[i].pieces);
        ck_assert(ids.at_least == words[i].at_least);
        free(ids.data);
        free(word);
    }
    grus_tokenizer_close(tokenizer);
}
END_TEST

Suite *bpe_suite(void)
{
    Suite *suite = suite_create("io/bpe and sentencepiece");
    TCase *bpe = tcase_create("bpe");
    tcase_add_checked_fixture(bpe, make_test_dir, remove_test_dir);
    tcase_add_loop_test(bpe, pieces, 0, (int)(sizeof cuts / sizeof *cuts));
    tcase_add_test(bpe, spaces);
    tcase_add_test(bpe, long_word);
    tcase_add_test(bpe, joined);
    tcase_add_test(bpe, bad_codes);
    tcase_add_test(bpe, giant_words);
    suite_add_tcase(suite, bpe);
    TCase *sentencepiece = tcase_create("sentencepiece");
    tcase_add_checked_fixture(sentencepiece, make_test_dir, remove_test_dir);
#ifdef GRUS_SENTENCEPIECE
    tcase_add_loop_test(sentencepiece, sentences, 0, (int)(sizeof squares / sizeof *squares));
    tcase_add_test(sentencepiece, own_pieces);
    tcase_add_test(sentencepiece, bad_models);
#else
    tcase_add_test(sentencepiece, not_built_in);
#endif
    suite_add_tcase(suite, sentencepiece);
    return suite;
}
