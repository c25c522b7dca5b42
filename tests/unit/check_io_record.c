// check_io_record.c: lines to records, and results back into them.
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/shard/record_parse.h"
#include "tests/unit/check_io.h"

static const char *const result_fields[] = {"output", "score"};

static const grus_record_format jsonl = {
    .kind = GRUS_SHARD_JSONL,
    .text_key = "text",
    .id_key = "id",
    .target_key = "target",
    .text_column = 1,
    .target_column = 2,
    .result_fields = result_fields,
    .n_result_fields = 2,
};

static grus_record_format changed(grus_shard_kind kind, bool want_target)
{
    grus_record_format format = jsonl;
    format.kind = kind;
    format.want_target = want_target;
    return format;
}

START_TEST(names)
{
    static const struct {
        const char *path, *stem;
        bool known;
        grus_shard_kind kind;
    } cases[] = {
        {"a.jsonl", "a", true, GRUS_SHARD_JSONL},
        {"a.jsonl.zst", "a", true, GRUS_SHARD_JSONL},
        {"/x.y/b.c.txt", "b.c", true, GRUS_SHARD_TXT},
        {"d/a.tsv.zst", "a", true, GRUS_SHARD_TSV},
        {"a.safetensors", "a", true, GRUS_SHARD_SAFETENSORS},
        {"-", "stdin", true, GRUS_SHARD_JSONL},
        {"a.json", "a", true, GRUS_SHARD_JSONL},
        {"a.ndjson", "a", true, GRUS_SHARD_JSONL},
        {"d/A.JSONL.Zst", "A", true, GRUS_SHARD_JSONL},
        {"a.b.NDJson.ZST", "a.b", true, GRUS_SHARD_JSONL},
        {"x.TXT", "x", true, GRUS_SHARD_TXT},
        {"x.SafeTensors", "x", true, GRUS_SHARD_SAFETENSORS},
        {"a.jsn", "a.jsn", false, GRUS_SHARD_JSONL},
        {"ajson", "ajson", false, GRUS_SHARD_JSONL},
        {"a.j\xd3onl", "a.j\xd3onl", false, GRUS_SHARD_JSONL},
        {"dir/.jsonl", "", false, GRUS_SHARD_JSONL},
        {"dir/.JSON", "", false, GRUS_SHARD_JSONL},
        {"a.zst", "a.zst", false, GRUS_SHARD_JSONL},
        {"", "", false, GRUS_SHARD_JSONL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_shard_kind kind = GRUS_SHARD_JSONL;
        ck_assert_int_eq(grus_shard_kind_of(cases[i].path, &kind), cases[i].known);
        if (cases[i].known)
            ck_assert_int_eq(kind, cases[i].kind);
        char *stem = grus_shard_stem(cases[i].path);
        ck_assert_str_eq(stem, cases[i].stem);
        free(stem);
    }
}
END_TEST

START_TEST(texts)
{
    static const struct {
        const char *line, *text;
        size_t size;
    } cases[] = {
        {"{\"text\": \"abc\"}", "abc", 3},
        {" {\"text\":\"\"} \t\r", "", 0},
        {"{\"x\": [1, {\"text\": 2}], \"text\": \"\\u00e9\\ud83d\\ude00\"}", "\xC3\xA9\xF0\x9F\x98\x80", 6},
        {"{\"text\": \"a\\u0000b\"}", "a\0b", 3},
        {"{\"text\": \"a\", \"text\": \"b\"}", "b", 1},
        {"{\"n\": 123456789012345678901234567890, \"text\": \"c\"}", "c", 1},
        {"{\"n\": [1e400, -1e400], \"text\": \"d\"}", "d", 1},
        {"{\"text\\u0000\": 1, \"te\\u0078t\": \"e\"}", "e", 1},
        {"{\"text\": 1, \"\\u0074ext\": \"f\"}", "f", 1},
    };
    grus_record record = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_error error;
        ck_assert_int_eq(grus_record_parse(&jsonl, cases[i].line, strlen(cases[i].line), &record, &error), GRUS_OK);
        expect_bytes(&record.text, cases[i].text, cases[i].size);
        ck_assert(record.is_object);
    }
    grus_record_free(&record);
}
END_TEST

START_TEST(causes)
{
    static const struct {
        const char *line, *cause, *words;
        bool is_object;
    } cases[] = {
        {"", "blank", "blank", false},
        {" \t\r ", "blank", "blank", false},
        {"{\"text\": \"a\"", "bad_json", "column", false},
        {"{\"text\": \"a\"} x", "bad_json", "column", false},
        {"{'text': 1}", "bad_json", "column", false},
        {"{\"text\": \"a\\ud800\"}", "bad_json", "column", false},
        {"{\"text\": \"a\\udc00\\ud800\"}", "bad_json", "column", false},
        {"{\"text\": \"a\tb\"}", "bad_json", "column", false},
        {"{\"text\": NaN}", "bad_json", "column", false},
        {"{\"n\": 01, \"text\": \"\"}", "bad_json", "column", false},
        {"[\"text\"]", "bad_json", "object", false},
        {"\"text\"", "bad_json", NULL, false},
        {"{\"text\": \"\xFF\"}", "bad_utf8", NULL, false},
        {"{\"text\": \"\xED\xA0\x80\"}", "bad_utf8", NULL, false},
        {"{\"text\": \"\xC0\x80\"}", "bad_utf8", NULL, false},
        {"{}", "no_text", "\"text\"", true},
        {"{\"TEXT\": \"a\"}", "no_text", "\"text\"", true},
        {"{\"text\": 1}", "bad_text", "not a string", true},
        {"{\"text\": null}", "bad_text", "not a string", true},
        {"{\"text\": \"a\", \"score\": 1}", "result_field", "\"score\"", true},
        {"{\"score\": 1, \"\\u006futput\": 2}", "result_field", "\"output\"", true},
        {"\xEF\xBB\xBF{\"text\": \"a\"}", "bad_json", "byte order mark", false},
        {"{\"text\": \"a\", \"text\": {}}", "bad_text", "not a string", true},
        {"{\"error\": \"mine\"}", "no_text", NULL, true},
    };
    grus_record record = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_error error;
        const char *line = cases[i].line;
        ck_assert_int_eq(grus_record_parse(&jsonl, line, strlen(line), &record, &error), GRUS_E_FAILED);
        expect_error(&error, "", cases[i].cause, cases[i].words);
        ck_assert_msg(record.is_object == cases[i].is_object, "%s", line);
        ck_assert_msg(record.has_error == (strncmp(line, "{\"error\"", 8) == 0), "%s", line);
    }
    grus_record_free(&record);
}
END_TEST

START_TEST(deep_nesting)
{
    grus_buffer line = {0};
    grus_record record = {0};
    grus_error error;
    for (int i = 0; i < 1000000; i++)
        grus_buffer_byte(&line, '[');
    ck_assert_int_eq(grus_record_parse(&jsonl, line.data, line.size, &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "bad_json", "depth");
    grus_buffer_free(&line);
    grus_record_free(&record);
}
END_TEST

START_TEST(target)
{
    grus_record_format format = changed(GRUS_SHARD_JSONL, true);
    grus_record record = {0};
    grus_error error;
    const char *line = "{\"target\": \"t\", \"text\": \"s\"}", *without = "{\"text\": \"s\"}";
    ck_assert_int_eq(grus_record_parse(&format, line, strlen(line), &record, &error), GRUS_OK);
    expect_text(&record.text, "s");
    expect_text(&record.target, "t");
    ck_assert_int_eq(grus_record_parse(&format, without, strlen(without), &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "no_target", "\"target\"");
    grus_record_free(&record);
}
END_TEST

START_TEST(lists_of_ids)
{
    grus_record_format format = changed(GRUS_SHARD_JSONL, true);
    format.want_ids = format.want_target_ids = true;
    grus_record record = {0};
    grus_error error;
    const char *line = "{\"text\": [3, 0, 9007199254740993], \"target\": []}";
    ck_assert_int_eq(grus_record_parse(&format, line, strlen(line), &record, &error), GRUS_OK);
    ck_assert_uint_eq(record.n_ids, 3);
    ck_assert_uint_eq(record.ids[0], 3);
    ck_assert_uint_eq(record.ids[1], 0);
    ck_assert_uint_eq(record.ids[2], 9007199254740993u);
    ck_assert_uint_eq(record.n_target_ids, 0);
    static const struct {
        const char *line, *cause;
    } bad[] = {
        {"{\"text\": \"3\"}", "bad_text"},
        {"{\"text\": [3, \"4\"]}", "bad_text"},
        {"{\"text\": [1.0]}", "bad_id"},
        {"{\"text\": [1e2]}", "bad_id"},
        {"{\"text\": [-1]}", "bad_id"},
        {"{\"text\": [-1], \"text\": [[]]}", "bad_text"},
        {"{\"text\": [99999999999999999999]}", "bad_id"},
        {"{\"text\": [1]}", "no_target"},
        {"{\"target\": [1]}", "no_text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(grus_record_parse(&format, bad[i].line, strlen(bad[i].line), &record, &error), GRUS_E_FAILED);
        expect_error(&error, "", bad[i].cause, NULL);
    }
    grus_record_free(&record);
}
END_TEST

START_TEST(features)
{
    grus_record_format format = jsonl;
    format.want_features = true;
    format.feature_dim = 2;
    grus_record record = {0};
    grus_error error;
    const char *line = "{\"features\": [[1, -0.5], [3.4028235e38, 1e-50]]}";
    ck_assert_int_eq(grus_record_parse(&format, line, strlen(line), &record, &error), GRUS_OK);
    static const float expected[] = {1.0f, -0.5f, 3.4028234663852886e38f, 0.0f};
    ck_assert_uint_eq(record.n_positions, 2);
    ck_assert_mem_eq(record.features, expected, sizeof expected);
    ck_assert_int_eq(grus_record_parse(&format, "{\"features\": []}", 16, &record, &error), GRUS_OK);
    ck_assert_uint_eq(record.n_positions, 0);
    static const struct {
        const char *line, *cause, *words;
    } bad[] = {
        {"{\"text\": \"a\"}", "no_features", "missing"},
        {"{\"features\": 1}", "bad_features", "list of rows"},
        {"{\"features\": [1, 2]}", "bad_features", "row 0"},
        {"{\"features\": [[1, 2], [1]]}", "bad_features", "row 1"},
        {"{\"features\": [[1, 2], [1, 2, 3]]}", "bad_features", "row 1"},
        {"{\"features\": [[], [1, 2]]}", "bad_features", "row 0"},
        {"{\"features\": [[1, \"2\"]]}", "bad_features", "value 1 in row 0"},
        {"{\"features\": [[1, null]]}", "bad_features", "value 1 in row 0"},
        {"{\"features\": [[1, 3.5e38]]}", "bad_features", "not a finite number"},
        {"{\"features\": [[1, -1e999]]}", "bad_features", "value 1 in row 0"},
        {"{\"features\": [[[1, 2]]]}", "bad_features", "row 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(grus_record_parse(&format, bad[i].line, strlen(bad[i].line), &record, &error), GRUS_E_FAILED);
        expect_error(&error, "", bad[i].cause, bad[i].words);
    }
    grus_record_free(&record);
}
END_TEST

START_TEST(text_and_columns)
{
    grus_record_format txt = changed(GRUS_SHARD_TXT, false), tsv = changed(GRUS_SHARD_TSV, true);
    tsv.text_column = 3;
    grus_record record = {0};
    grus_error error;
    ck_assert_int_eq(grus_record_parse(&txt, "", 0, &record, &error), GRUS_OK);
    ck_assert_uint_eq(record.text.size, 0);
    ck_assert(!record.is_object);
    ck_assert_int_eq(grus_record_parse(&txt, "{\t\0}", 4, &record, &error), GRUS_OK);
    expect_bytes(&record.text, "{\t\0}", 4);
    ck_assert_int_eq(grus_record_parse(&txt, "abc\xE2\x82", 5, &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "bad_utf8", "byte 4");
    ck_assert_int_eq(grus_record_parse(&tsv, "a\tb\tc\td", 7, &record, &error), GRUS_OK);
    expect_text(&record.text, "c");
    expect_text(&record.target, "b");
    ck_assert_int_eq(grus_record_parse(&tsv, "\t\t", 2, &record, &error), GRUS_OK);
    expect_text(&record.text, "");
    ck_assert_int_eq(grus_record_parse(&tsv, "a\tb", 3, &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "no_text", "column 3");
    tsv.text_column = 1;
    ck_assert_int_eq(grus_record_parse(&tsv, "", 0, &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "no_target", "column 2");
    grus_record_free(&record);
}
END_TEST

START_TEST(splicing)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"{}", "{\"output\": \"x\", \"score\": -1.5}\n"},
        {"{ }", "{ \"output\": \"x\", \"score\": -1.5}\n"},
        {" { \t}\t ", " { \t\"output\": \"x\", \"score\": -1.5}\n"},
        {"{\"a\":{}}", "{\"a\":{}, \"output\": \"x\", \"score\": -1.5}\n"},
        {"{\"a\":{\"b\":[]}}  \r", "{\"a\":{\"b\":[]}, \"output\": \"x\", \"score\": -1.5}\n"},
        {"{\"a\": \"}\\\"{\"}", "{\"a\": \"}\\\"{\", \"output\": \"x\", \"score\": -1.5}\n"},
        {"{\"a\": 1.50e+02 }", "{\"a\": 1.50e+02 , \"output\": \"x\", \"score\": -1.5}\n"},
        {"{\"t\": \"\\u0000\\/\"}", "{\"t\": \"\\u0000\\/\", \"output\": \"x\", \"score\": -1.5}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer out = {0};
        // Another record before it: the comma must not depend on where the buffer begins.
        grus_buffer_text(&out, "{}\n");
        grus_record_begin(&jsonl, &(grus_record_line){cases[i].line, strlen(cases[i].line), 7, false, false}, &out);
        grus_json_member(&out, "output");
        grus_json_string(&out, "x", 1);
        grus_json_member(&out, "score");
        grus_json_float(&out, -1.5f);
        grus_record_end(&out);
        grus_buffer line = {.data = out.data + 3, .size = out.size - 3};
        expect_text(&line, cases[i].expected);
        json_t *json = json_loadb(line.data, line.size, JSON_ALLOW_NUL, NULL);
        ck_assert_ptr_nonnull(json);
        json_decref(json);
        grus_buffer_free(&out);
    }
}
END_TEST

START_TEST(lines_of_text)
{
    grus_record_format txt = changed(GRUS_SHARD_TXT, false);
    grus_buffer out = {0};
    grus_record_begin(&txt, &(grus_record_line){"abc", 3, 12, false, false}, &out);
    grus_json_member(&out, "output");
    grus_json_string(&out, "y", 1);
    grus_record_end(&out);
    grus_record_error(&txt, &(grus_record_line){"\xFF", 1, 13, false, false}, "bad_utf8", &out);
    expect_text(&out, "{\"id\": 12, \"output\": \"y\"}\n{\"error\": \"bad_utf8\", \"line\": 13}\n");
    grus_buffer_free(&out);
}
END_TEST

START_TEST(errors)
{
    grus_buffer out = {0};
    grus_record_error(&jsonl, &(grus_record_line){"{\"id\": 5} ", 10, 1, true, false}, "no \"text\"", &out);
    grus_record_error(&jsonl, &(grus_record_line){"{}", 2, 2, true, false}, "none", &out);
    grus_record_error(&jsonl, &(grus_record_line){"{\"id\": ", 7, 3, false, false}, "cut \xE2\x82", &out);
    grus_record_error(&jsonl, &(grus_record_line){"{\"error\": 1}", 12, 4, true, true}, "late", &out);
    expect_text(&out, "{\"id\": 5, \"error\": \"no \\\"text\\\"\"}\n{\"error\": \"none\"}\n"
                      "{\"error\": \"cut \xEF\xBF\xBD\xEF\xBF\xBD\", \"line\": 3}\n"
                      "{\"error\": 1, \"grus_error\": \"late\"}\n");
    grus_buffer_free(&out);
}
END_TEST

START_TEST(strings)
{
    static const struct {
        const char *text, *json;
        size_t size;
    } cases[] = {
        {"", "\"\"", 0},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\"", 6},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"", 5},
        {"\0\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\"", 4},
        {"\xC3\xA9\xF0\x9F\x98\x80", "\"\xC3\xA9\xF0\x9F\x98\x80\"", 6},
        {"a\xFF"
         "b\xED\xA0\x80",
         "\"a\xEF\xBF\xBD"
         "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"",
         6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer out = {0};
        grus_json_string(&out, cases[i].text, cases[i].size);
        expect_text(&out, cases[i].json);
        grus_buffer_free(&out);
    }
}
END_TEST

Suite *record_suite(void)
{
    Suite *suite = suite_create("io/record");
    TCase *tests = tcase_create("records");
    tcase_add_test(tests, names);
    tcase_add_test(tests, texts);
    tcase_add_test(tests, causes);
    tcase_add_test(tests, deep_nesting);
    tcase_add_test(tests, target);
    tcase_add_test(tests, lists_of_ids);
    tcase_add_test(tests, features);
    tcase_add_test(tests, text_and_columns);
    tcase_add_test(tests, splicing);
    tcase_add_test(tests, lines_of_text);
    tcase_add_test(tests, errors);
    tcase_add_test(tests, strings);
    suite_add_tcase(suite, tests);
    return suite;
}
