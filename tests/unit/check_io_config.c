// check_io_config.c: config.json: what is read, the defaults, and what is no configuration at all.
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/model/model_dir.h"
#include "tests/unit/check_io.h"

static const char encoder_json[] =
    "{\"model_type\": \"encoder\","
    " \"source\": {\"tokenizer\": {\"type\": \"char\", \"vocab\": \"v.vocab\"}, \"embedding_dim\": 8},"
    " \"encoder\": {\"hidden_size\": 16},"
    " \"pooling\": {\"type\": \"attention\", \"score\": \"additive\", \"size\": 4, \"query\": \"learned\"},"
    " \"heads\": {\"intent\": {\"on\": \"sequence\", \"labels\": \"i.labels\"},"
    "             \"slots\": {\"on\": \"token\", \"labels\": \"sub/s.labels\"}}}";

static const char seq2seq_json[] =
    "{\"model_type\": \"seq2seq\","
    " \"source\": {\"tokenizer\": {\"type\": \"whitespace\", \"vocab\": \"s.vocab\", \"lowercase\": true,"
    "              \"bos\": null, \"eos\": \"</s>\"}, \"embedding_dim\": 8},"
    " \"encoder\": {\"hidden_size\": 16, \"num_layers\": 2, \"bidirectional\": true},"
    " \"attention\": {\"score\": \"general\", \"temperature\": 0.5},"
    " \"decoder\": {\"vocab\": \"t.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": \"<s>\", \"eos\": \"</s>\","
    "               \"embedding_dim\": 12, \"hidden_size\": 32, \"num_layers\": 2, \"bridge\": \"last\","
    "               \"attention\": {\"query\": \"previous_state\"}, \"input\": [\"context\", \"embedding\"],"
    "               \"readout\": {\"inputs\": [\"state\", \"context\"], \"size\": 12, \"activation\": \"tanh\"},"
    "               \"tied\": true},"
    " \"generation\": {\"beam_size\": 5, \"n_best\": 3, \"length_norm\": \"gnmt\", \"length_penalty\": 0.6,"
    "                  \"max_length_factor\": 1.5, \"max_length\": 80, \"min_length\": 2},"
    " \"tensors\": {\"encoder.rnn\": \"enc.gru\", \"decoder\": \"dec\"}}";

static grus_status read_config(const char *text, size_t size, grus_config *config, grus_error *error)
{
    write_file("config.json", text, size);
    char dir[512];
    snprintf(dir, sizeof dir, "%s", test_path(""));
    dir[strlen(dir) - 1] = '\0';
    return grus_config_read(dir, config, error);
}

static void read_good(const char *text, grus_config *config)
{
    grus_error error = {0};
    grus_status status = read_config(text, strlen(text), config, &error);
    ck_assert_msg(status == GRUS_OK, "%s: %s", error.place, error.cause);
}

START_TEST(encoder_defaults)
{
    grus_config config;
    read_good(encoder_json, &config);
    ck_assert(!config.seq2seq && !config.features);
    ck_assert_int_eq(config.tokenizer.kind, GRUS_TOKENIZER_CHAR);
    ck_assert_str_eq(config.tokenizer.vocab, "v.vocab");
    ck_assert_str_eq(config.tokenizer.codes, "");
    ck_assert_str_eq(config.tokenizer.model, "");
    ck_assert(!config.tokenizer.lowercase);
    ck_assert_ptr_null(config.tokenizer.bos);
    ck_assert_ptr_null(config.tokenizer.eos);
    ck_assert_uint_eq(config.embedding_dim, 8);
    ck_assert_uint_eq(config.encoder.hidden_size, 16);
    ck_assert_uint_eq(config.encoder.num_layers, 1);
    ck_assert(config.encoder.direction == GRUS_FORWARD && !config.encoder.directions);
    ck_assert_uint_eq(grus_config_output_size(&config), 16);
    ck_assert_int_eq(config.pooling.kind, GRUS_POOL_ATTENTION);
    ck_assert_int_eq(config.pooling.attention.score, GRUS_SCORE_ADDITIVE);
    ck_assert_uint_eq(config.pooling.attention.size, 4);
    ck_assert(config.pooling.attention.temperature >= 1 && config.pooling.attention.temperature <= 1);
    ck_assert(config.pooling.learned_query && !config.pooling.normalize);
    ck_assert_uint_eq(config.n_heads, 2);
    ck_assert_str_eq(config.heads[0].name, "intent");
    ck_assert_str_eq(config.heads[0].labels, "i.labels");
    ck_assert(!config.heads[0].on_token);
    ck_assert_str_eq(config.heads[1].name, "slots");
    ck_assert(config.heads[1].on_token);
    ck_assert_uint_eq(config.heads[1].n_inputs, 1);
    ck_assert_uint_eq(config.heads[1].inputs[0], GRUS_HEAD_STATE);
    ck_assert_uint_eq(config.n_renames, 0);
    ck_assert_uint_eq(config.generation.beam_size, 1);
    grus_config_free(&config);
}
END_TEST

START_TEST(seq2seq_values)
{
    grus_config config;
    read_good(seq2seq_json, &config);
    const grus_decoder_config *decoder = &config.decoder;
    ck_assert(config.seq2seq);
    ck_assert_int_eq(config.tokenizer.kind, GRUS_TOKENIZER_WHITESPACE);
    ck_assert(config.tokenizer.lowercase);
    ck_assert_ptr_null(config.tokenizer.bos);
    ck_assert_str_eq(config.tokenizer.eos, "</s>");
    ck_assert_uint_eq(grus_config_output_size(&config), 32);
    ck_assert_int_eq(config.attention.score, GRUS_SCORE_GENERAL);
    ck_assert(config.attention.temperature >= 0.5 && config.attention.temperature <= 0.5);
    ck_assert_str_eq(decoder->tokenizer.vocab, "t.vocab");
    ck_assert_str_eq(decoder->tokenizer.bos, "<s>");
    ck_assert_uint_eq(decoder->embedding_dim, 12);
    ck_assert_uint_eq(decoder->hidden_size, 32);
    ck_assert_int_eq(decoder->bridge, GRUS_BRIDGE_LAST);
    ck_assert_int_eq(decoder->query, GRUS_QUERY_PREVIOUS_STATE);
    ck_assert_uint_eq(decoder->n_inputs, 2);
    ck_assert_int_eq(decoder->inputs[0], GRUS_PART_CONTEXT);
    ck_assert_int_eq(decoder->inputs[1], GRUS_PART_EMBEDDING);
    ck_assert_uint_eq(decoder->n_readout, 2);
    ck_assert_int_eq(decoder->readout[0], GRUS_PART_STATE);
    ck_assert_int_eq(decoder->readout[1], GRUS_PART_CONTEXT);
    ck_assert_uint_eq(decoder->readout_size, 12);
    ck_assert(decoder->readout_tanh && decoder->tied);
    ck_assert_uint_eq(config.generation.beam_size, 5);
    ck_assert_uint_eq(config.generation.n_best, 3);
    ck_assert_int_eq(config.generation.length_norm, GRUS_NORM_GNMT);
    ck_assert(config.generation.length_penalty >= 0.6 && config.generation.length_penalty <= 0.6);
    ck_assert(config.generation.max_length_factor >= 1.5 && config.generation.max_length_factor <= 1.5);
    ck_assert_uint_eq(config.generation.max_length, 80);
    ck_assert_uint_eq(config.generation.min_length, 2);
    ck_assert_uint_eq(config.n_renames, 2);
    ck_assert_str_eq(config.renames[0].from, "encoder.rnn");
    ck_assert_str_eq(config.renames[0].to, "enc.gru");
    grus_config_free(&config);
}
END_TEST

// Sets the value at a path of keys; NULL removes it.
static char *edited(const char *text, const char *path, const char *value)
{
    json_t *root = json_loads(text, 0, NULL), *object = root;
    char keys[128];
    snprintf(keys, sizeof keys, "%s", path);
    char *key = keys;
    for (char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        *dot = '\0';
        if (!json_object_get(object, key))
            json_object_set_new(object, key, json_object());
        object = json_object_get(object, key);
    }
    if (value)
        json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, key);
    char *result = json_dumps(root, 0);
    json_decref(root);
    ck_assert_ptr_nonnull(result);
    return result;
}

// path is set to value, and the mistake is reported at place (NULL: at path).
typedef struct mistake {
    const char *path, *value, *cause, *place;
} mistake;

static void expect_mistakes(const char *text, const mistake *mistakes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        grus_config config;
        grus_error error = {0};
        char *edit = edited(text, mistakes[i].path, mistakes[i].value);
        grus_status status = read_config(edit, strlen(edit), &config, &error);
        ck_assert_msg(status == GRUS_E_MODEL, "%s = %s is accepted", mistakes[i].path, mistakes[i].value);
        expect_error(&error, "/config.json", mistakes[i].place ? mistakes[i].place : mistakes[i].path,
                     mistakes[i].cause);
        grus_config_free(&config);
        free(edit);
    }
}

// What is just about allowed, and what two keys together make a mistake; check_contract.c has one row for each rule.
START_TEST(limits)
{
    static const struct {
        const char *path, *value;
    } allowed[] = {{"decoder.tokenizer.type", "\"ids\""}, {"attention.score", "\"dot\""}};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        grus_config config;
        char *edit = edited(seq2seq_json, allowed[i].path, allowed[i].value);
        read_good(edit, &config);
        grus_config_free(&config);
        free(edit);
    }
    // A query of another width than the encoder's output fits no direct score.
    char *query = edited(seq2seq_json, "decoder.attention.query", "\"embedding\"");
    static const mistake direct = {"attention.score", "\"cosine\"", "encoder's output: expected 32, found 12", NULL};
    expect_mistakes(query, &direct, 1);
    free(query);
}
END_TEST

START_TEST(directions_of_layers)
{
    static const struct {
        const char *path, *value;
        grus_direction direction[2];
        size_t size;
    } good[] = {
        {"encoder.bidirectional", "true", {GRUS_BOTH, GRUS_BOTH}, 32},
        {"encoder.direction", "\"both\"", {GRUS_BOTH, GRUS_BOTH}, 32},
        {"encoder.direction", "\"backward\"", {GRUS_BACKWARD, GRUS_BACKWARD}, 16},
        {"encoder.direction", "[\"both\", \"backward\"]", {GRUS_BOTH, GRUS_BACKWARD}, 16},
        {"encoder.direction", "[\"backward\", \"both\"]", {GRUS_BACKWARD, GRUS_BOTH}, 32},
        {"encoder.direction", "[\"forward\", \"forward\"]", {GRUS_FORWARD, GRUS_FORWARD}, 16},
    };
    char *text = edited(encoder_json, "encoder.num_layers", "2");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        grus_config config;
        char *edit = edited(text, good[i].path, good[i].value);
        read_good(edit, &config);
        for (size_t layer = 0; layer < 2; layer++)
            ck_assert_int_eq(grus_config_direction(&config, layer), good[i].direction[layer]);
        ck_assert_uint_eq(grus_config_output_size(&config), good[i].size);
        grus_config_free(&config);
        free(edit);
    }
    free(text);
    // Bridge `last` takes layers that are all as wide as the decoder's.
    text = edited(seq2seq_json, "encoder.bidirectional", NULL);
    static const mistake narrow = {"encoder.direction", "[\"forward\", \"both\"]", "expected 32, found 16 in layer 0",
                                   "decoder.bridge"};
    expect_mistakes(text, &narrow, 1);
    free(text);
}
END_TEST

START_TEST(pooling_can_be_absent)
{
    grus_config config;
    char *heads = edited(encoder_json, "heads.intent", NULL), *text = edited(heads, "pooling", NULL);
    read_good(text, &config);
    ck_assert_int_eq(config.pooling.kind, GRUS_POOL_NONE);
    grus_config_free(&config);
    static const mistake mistakes[] = {
        {"heads", NULL, "is missing; only a model whose heads are all on tokens", "pooling"},
        {"heads", "{}", "is missing", "pooling"},
        {"heads.slots.inputs", "[\"state\", \"pooled\"]", "reads the pooled vector", "heads.slots"},
    };
    expect_mistakes(text, mistakes, sizeof mistakes / sizeof *mistakes);
    free(text);
    free(heads);
}
END_TEST

START_TEST(keys_of_heads)
{
    static const mistake mistakes[] = {
        {"heads.slots.inputs", "[\"state\", \"layer1\"]", "state, pooled, source, layer0, found", NULL},
        {"heads.slots.hidden", "{}", "expected a list, found an object", NULL},
        {"heads.slots.hidden", "[{\"size\": 0}]", "from 1 to", "heads.slots.hidden.0.size"},
        {"heads.slots.hidden", "[{\"size\": 3}, 4]", "expected an object, found 4", "heads.slots.hidden.1"},
        {"heads.slots.hidden", "[{\"size\": 3, \"activation\": \"gelu\"}]", "none, tanh, relu, sigmoid, silu",
         "heads.slots.hidden.0.activation"},
        {"heads.slots.activation", "\"tanh\"", "softmax, sigmoid, none", NULL},
        {"heads.slots.threshold", "0.25", "only a head with the activation \"sigmoid\"", NULL},
        {"heads.slots.size", "7", "only a head with the activation \"none\"", NULL},
        {"heads.slots.decode", "\"viterbi\"", "argmax, crf, ctc", NULL},
        {"heads.intent.decode", "\"crf\"", "only a head on tokens", NULL},
        {"heads.slots.blank", "1", "only a head with the decode \"ctc\"", NULL},
        {"heads.slots.join", "\" \"", "only a head with the decode \"ctc\"", NULL},
        {"heads", "{\"a.b\": {\"on\": \"token\", \"labels\": \"l\", \"hidden\": []}}", "without a dot", "heads.a.b"},
        {"heads.output", "{\"on\": \"token\", \"labels\": \"l\", \"hidden\": []}", "no field of a result",
         "heads.output"},
        {"heads.numbers", "{\"on\": \"token\", \"activation\": \"none\"}", "is missing", "heads.numbers.size"},
        {"heads.many", "{\"on\": \"token\", \"labels\": \"l\", \"activation\": \"sigmoid\", \"threshold\": 1.5}",
         "from 0 to 1", "heads.many.threshold"},
    };
    expect_mistakes(encoder_json, mistakes, sizeof mistakes / sizeof *mistakes);
}
END_TEST

START_TEST(too_many)
{
    grus_buffer text = {0};
    grus_config config;
    grus_error error;
    grus_buffer_append(&text, encoder_json, strlen(encoder_json) - 2);
    for (int i = 0; i < 15; i++)
        grus_buffer_printf(&text, ", \"h%d\": {\"on\": \"token\", \"labels\": \"l\"}", i);
    grus_buffer_text(&text, "}}");
    ck_assert_int_eq(read_config(text.data, text.size, &config, &error), GRUS_E_MODEL);
    expect_error(&error, "/config.json", "heads.h14", "expected at most 16 heads, found more");
    grus_config_free(&config);
    grus_buffer_clear(&text);
    grus_buffer_append(&text, encoder_json, strlen(encoder_json) - 1);
    grus_buffer_text(&text, ", \"tensors\": {");
    for (int i = 0; i < 65; i++)
        grus_buffer_printf(&text, "%s\"t%d\": \"u\"", i ? ", " : "", i);
    grus_buffer_text(&text, "}}");
    ck_assert_int_eq(read_config(text.data, text.size, &config, &error), GRUS_E_MODEL);
    expect_error(&error, "/config.json", "tensors.t64", "expected at most 64 prefixes, found more");
    grus_config_free(&config);
    grus_buffer_free(&text);
}
END_TEST

START_TEST(not_json)
{
    static const struct {
        const char *text, *place, *cause;
    } cases[] = {
        {"", "1:1", "expected a value"},
        {"[]", "1:1", "expected one JSON object"},
        {"{\n \"model_type\": }", "2:16", "expected a value"},
        {"{\"encoder\": {}, \"encoder\": {}}", "1:17", "duplicate"},
        {"{\"a\\u0000b\": 1}", NULL, "\\u0000"},
        {"{} x", "1:4", "more text behind the value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_config config;
        grus_error error;
        ck_assert_int_eq(read_config(cases[i].text, strlen(cases[i].text), &config, &error), GRUS_E_MODEL);
        expect_error(&error, "/config.json", cases[i].place, cases[i].cause);
        grus_config_free(&config);
    }
    grus_config config;
    grus_error error;
    ck_assert_int_eq(grus_config_read(test_path("nowhere"), &config, &error), GRUS_E_MODEL);
    expect_error(&error, "/nowhere/config.json", "", "No such file");
    grus_config_free(&config);
}
END_TEST

// A pipe and a device are refused, and nobody waits for their other side.
START_TEST(special_files)
{
    const char *path = test_path("config.json");
    char dir[512];
    snprintf(dir, sizeof dir, "%s", test_path("."));
    for (int device = 0; device < 2; device++) {
        ck_assert_int_eq(device ? symlink("/dev/zero", path) : mkfifo(path, 0600), 0);
        grus_config config;
        grus_error error = {0};
        alarm(20);
        ck_assert_int_eq(grus_config_read(dir, &config, &error), GRUS_E_MODEL);
        alarm(0);
        expect_error(&error, "/config.json", "", "is not a regular file");
        grus_config_free(&config);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("io/model_dir");
    TCase *tests = tcase_create("config.json");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, encoder_defaults);
    tcase_add_test(tests, seq2seq_values);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, directions_of_layers);
    tcase_add_test(tests, pooling_can_be_absent);
    tcase_add_test(tests, keys_of_heads);
    tcase_add_test(tests, too_many);
    tcase_add_test(tests, not_json);
    tcase_add_test(tests, special_files);
    suite_add_tcase(suite, tests);
    return suite;
}
