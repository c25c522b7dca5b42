// contract_models.c: the sound models, and writing them.
#include "config.h"

#include "tests/unit/contract_models.h"

#include <check.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/tensor.h"

// ---- the sound models ----

typedef struct base_tensor {
    const char *name;
    int shape[3]; // 0 where there are fewer dimensions
} base_tensor;

static const char *const configs[] = {
    [ENCODER] = "{\"model_type\": \"encoder\","
                " \"source\": {\"tokenizer\": {\"type\": \"char\", \"vocab\": \"a.vocab\"}, \"embedding_dim\": 4},"
                " \"encoder\": {\"hidden_size\": 3},"
                " \"pooling\": {\"type\": \"attention\", \"score\": \"additive\", \"size\": 2, \"query\": \"learned\"},"
                " \"heads\": {\"intent\": {\"on\": \"sequence\", \"labels\": \"three.labels\"},"
                "             \"slots\": {\"on\": \"token\", \"labels\": \"two.labels\"}}}",
    [SEQ2SEQ] =
        "{\"model_type\": \"seq2seq\","
        " \"source\": {\"tokenizer\": {\"type\": \"whitespace\", \"vocab\": \"a.vocab\", \"eos\": \"</s>\"},"
        "              \"embedding_dim\": 4},"
        " \"encoder\": {\"hidden_size\": 3, \"num_layers\": 2, \"bidirectional\": true},"
        " \"attention\": {\"score\": \"general\"},"
        " \"decoder\": {\"vocab\": \"a.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": \"<s>\", \"eos\": "
        "\"</s>\","
        "               \"embedding_dim\": 4, \"hidden_size\": 6, \"num_layers\": 2, \"bridge\": \"last\","
        "               \"attention\": {\"query\": \"previous_state\"}, \"input\": [\"context\", \"embedding\"],"
        "               \"readout\": {\"inputs\": [\"state\", \"context\"], \"size\": 4, \"activation\": \"tanh\"},"
        "               \"tied\": true},"
        " \"generation\": {\"beam_size\": 5, \"n_best\": 3}}",
    [FEATURES] = ("{\"model_type\": \"encoder\", \"source\": {\"input\": \"features\", \"feature_dim\": 4},"
                  " \"encoder\": {\"hidden_size\": 3}, \"pooling\": {\"type\": \"attention\", \"score\": \"dot\","
                  " \"query\": \"learned\"}}"),
    [IDS] =
        "{\"model_type\": \"encoder\", \"source\": {\"tokenizer\": {\"type\": \"ids\"}, \"embedding_dim\": 4},"
        " \"encoder\": {\"hidden_size\": 3}, \"heads\": {\"slots\": {\"on\": \"token\", \"labels\": \"two.labels\"}}}",
    [LSTM] = "{\"model_type\": \"seq2seq\", \"source\": {\"tokenizer\": {\"type\": \"ids\"}, \"embedding_dim\": 4},"
             " \"encoder\": {\"hidden_size\": 3, \"cell\": \"lstm\"}, \"attention\": {\"score\": \"dot\"},"
             " \"decoder\": {\"vocab\": \"a.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": \"<s>\", \"eos\": "
             "\"</s>\","
             "               \"cell\": \"lstm\", \"embedding_dim\": 4, \"hidden_size\": 3, \"bridge\": \"last\","
             "               \"attention\": {\"query\": \"state\"}, \"input\": [\"context\", \"embedding\"],"
             "               \"readout\": {\"inputs\": [\"state\"]}}}",
    [PLAIN] =
        "{\"model_type\": \"seq2seq\", \"source\": {\"tokenizer\": {\"type\": \"ids\"}, \"embedding_dim\": 4},"
        " \"encoder\": {\"hidden_size\": 3},"
        " \"decoder\": {\"vocab\": \"a.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": null, \"eos\": "
        "\"</s>\","
        "               \"embedding_dim\": 4, \"hidden_size\": 3, \"bridge\": \"last\", \"input\": [\"embedding\"],"
        "               \"readout\": {\"inputs\": [\"state\"]}},"
        " \"generation\": {\"suppress\": [\"<unk>\", \"<s>\"]}}",
    [HEADS] = "{\"model_type\": \"seq2seq\","
              " \"source\": {\"tokenizer\": {\"type\": \"ids\"}, \"embedding_dim\": 4},"
              " \"encoder\": {\"hidden_size\": 3},"
              " \"attention\": {\"score\": \"scaled_dot\", \"heads\": 3, \"size\": 6, \"context_dim\": 5},"
              " \"decoder\": {\"vocab\": \"a.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": null, \"eos\": "
              "\"</s>\","
              "               \"embedding_dim\": 4, \"hidden_size\": 2, \"bridge\": \"zeros\","
              "               \"attention\": {\"query\": \"state\"}, \"input\": [\"embedding\", \"context\"],"
              "               \"readout\": {\"inputs\": [\"state\", \"context\"]}}}",
    [LEARNED] = "{\"model_type\": \"encoder\", \"source\": {\"input\": \"features\", \"feature_dim\": 4},"
                " \"encoder\": {\"hidden_size\": 3, \"cell\": \"lstm\", \"direction\": \"both\", \"initial_state\": "
                "\"learned\"},"
                " \"pooling\": {\"type\": \"mean\"}}",
    [FRONTED] = "{\"model_type\": \"encoder\", \"source\": {\"input\": \"features\", \"feature_dim\": 2},"
                " \"front\": [{\"type\": \"conv1d\", \"channels\": 5, \"kernel\": 3, \"dilation\": 2, \"padding\": 2},"
                "             {\"type\": \"max_pool\", \"size\": 3, \"padding\": 1},"
                "             {\"type\": \"linear\", \"size\": 4, \"activation\": \"silu\"}],"
                " \"encoder\": {\"hidden_size\": 3}, \"pooling\": {\"type\": \"mean\"}}",

    [CONDITIONAL] =
        "{\"model_type\": \"seq2seq\", \"source\": {\"tokenizer\": {\"type\": \"ids\"}, \"embedding_dim\": 4},"
        " \"encoder\": {\"hidden_size\": 3}, \"attention\": {\"score\": \"additive\", \"size\": 2},"
        " \"decoder\": {\"vocab\": \"a.vocab\", \"tokenizer\": {\"type\": \"char\"}, \"bos\": null, \"eos\": "
        "\"</s>\","
        "               \"embedding_dim\": 4, \"hidden_size\": 4, \"bridge\": \"mean_tanh\", \"conditional\": true,"
        "               \"input\": [\"embedding\"], \"readout\": {\"inputs\": [\"state\", \"context\"]}}}",
};

#define TOKENS 5
static const char a_vocab[] = "a\nb\n<unk>\n<s>\n</s>\n";
static const char two_labels[] = "B\nO\n", three_labels[] = "x\ny\nz\n";

static const base_tensor tensors[][24] = {
    [ENCODER] = {{"encoder.embedding.weight", {TOKENS, 4}},
                 {"encoder.rnn.weight_ih_l0", {9, 4}},
                 {"encoder.rnn.weight_hh_l0", {9, 3}},
                 {"encoder.rnn.bias_ih_l0", {9, 0}},
                 {"encoder.rnn.bias_hh_l0", {9, 0}},
                 {"attention.key.weight", {2, 3}},
                 {"attention.key.bias", {2, 0}},
                 {"attention.energy.weight", {1, 2}},
                 {"heads.intent.weight", {3, 3}},
                 {"heads.intent.bias", {3, 0}},
                 {"heads.slots.weight", {2, 3}}},
    [SEQ2SEQ] = {{"encoder.embedding.weight", {TOKENS, 4}},
                 {"encoder.rnn.weight_ih_l0", {9, 4}},
                 {"encoder.rnn.weight_hh_l0", {9, 3}},
                 {"encoder.rnn.weight_ih_l0_reverse", {9, 4}},
                 {"encoder.rnn.weight_hh_l0_reverse", {9, 3}},
                 {"encoder.rnn.weight_ih_l1", {9, 6}},
                 {"encoder.rnn.weight_hh_l1", {9, 3}},
                 {"encoder.rnn.weight_ih_l1_reverse", {9, 6}},
                 {"encoder.rnn.weight_hh_l1_reverse", {9, 3}},
                 {"attention.general.weight", {6, 6}},
                 {"decoder.embedding.weight", {TOKENS, 4}},
                 {"decoder.rnn.weight_ih_l0", {18, 10}},
                 {"decoder.rnn.weight_hh_l0", {18, 6}},
                 {"decoder.rnn.weight_ih_l1", {18, 6}},
                 {"decoder.rnn.weight_hh_l1", {18, 6}},
                 {"decoder.readout.weight", {4, 12}},
                 {"decoder.readout.bias", {4, 0}},
                 {"decoder.output.bias", {TOKENS, 0}}},
    [FEATURES] = {{"encoder.rnn.weight_ih_l0", {9, 4}},
                  {"encoder.rnn.weight_hh_l0", {9, 3}},
                  {"attention.context", {3, 0}}},
    [IDS] = {{"encoder.embedding.weight", {7, 4}},
             {"encoder.rnn.weight_ih_l0", {9, 4}},
             {"encoder.rnn.weight_hh_l0", {9, 3}},
             {"heads.slots.weight", {2, 3}}},
    [LSTM] = {{"encoder.embedding.weight", {7, 4}},
              {"encoder.rnn.weight_ih_l0", {12, 4}},
              {"encoder.rnn.weight_hh_l0", {12, 3}},
              {"encoder.rnn.bias_ih_l0", {12, 0}},
              {"encoder.rnn.bias_hh_l0", {12, 0}},
              {"decoder.embedding.weight", {TOKENS, 4}},
              {"decoder.rnn.weight_ih_l0", {12, 7}},
              {"decoder.rnn.weight_hh_l0", {12, 3}},
              {"decoder.output.weight", {TOKENS, 3}}},
    [HEADS] = {{"encoder.embedding.weight", {7, 4}},
               {"encoder.rnn.weight_ih_l0", {9, 4}},
               {"encoder.rnn.weight_hh_l0", {9, 3}},
               {"attention.query.weight", {6, 2}},
               {"attention.key.weight", {6, 3}},
               {"attention.value.weight", {6, 3}},
               {"attention.output.weight", {5, 6}},
               {"attention.output.bias", {5, 0}},
               {"decoder.embedding.weight", {TOKENS, 4}},
               {"decoder.rnn.weight_ih_l0", {6, 9}},
               {"decoder.rnn.weight_hh_l0", {6, 2}},
               {"decoder.output.weight", {TOKENS, 7}}},
    [PLAIN] = {{"encoder.embedding.weight", {7, 4}},
               {"encoder.rnn.weight_ih_l0", {9, 4}},
               {"encoder.rnn.weight_hh_l0", {9, 3}},
               {"decoder.embedding.weight", {TOKENS, 4}},
               {"decoder.rnn.weight_ih_l0", {9, 4}},
               {"decoder.rnn.weight_hh_l0", {9, 3}},
               {"decoder.output.weight", {TOKENS, 3}}},
    [LEARNED] = {{"encoder.rnn.weight_ih_l0", {12, 4}},
                 {"encoder.rnn.weight_hh_l0", {12, 3}},
                 {"encoder.rnn.weight_ih_l0_reverse", {12, 4}},
                 {"encoder.rnn.weight_hh_l0_reverse", {12, 3}},
                 {"encoder.initial_state", {2, 3}},
                 {"encoder.initial_cell", {2, 3}}},
    [FRONTED] = {{"front.0.weight", {5, 2, 3}},
                 {"front.0.bias", {5}},
                 {"front.2.weight", {4, 5}},
                 {"encoder.rnn.weight_ih_l0", {9, 4}},
                 {"encoder.rnn.weight_hh_l0", {9, 3}}},
    [CONDITIONAL] = {{"encoder.embedding.weight", {7, 4}},
                     {"encoder.rnn.weight_ih_l0", {9, 4}},
                     {"encoder.rnn.weight_hh_l0", {9, 3}},
                     {"attention.query.weight", {2, 4}},
                     {"attention.key.weight", {2, 3}},
                     {"attention.energy.weight", {1, 2}},
                     {"bridge.weight", {4, 3}},
                     {"decoder.embedding.weight", {TOKENS, 4}},
                     {"decoder.rnn.weight_ih_l0", {12, 4}},
                     {"decoder.rnn.weight_hh_l0", {12, 4}},
                     {"decoder.rnn2.weight_ih_l0", {12, 3}},
                     {"decoder.rnn2.weight_hh_l0", {12, 4}},
                     {"decoder.rnn2.bias_ih_l0", {12}},
                     {"decoder.rnn2.bias_hh_l0", {12}},
                     {"decoder.output.weight", {TOKENS, 7}}},
};

// ---- writing a model ----

static char dir[256];

void contract_make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/grus-contract-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void contract_remove_dir(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *contract_dir(void)
{
    return dir;
}

static void write_file(const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

// The configuration with the value at a path of keys set, or removed where it is NULL.
static char *edited(const char *config, const char *path, const char *value)
{
    json_t *root = json_loads(config, 0, NULL), *object = root;
    char keys[128];
    ck_assert_ptr_nonnull(root);
    snprintf(keys, sizeof keys, "%s", path);
    char *key = keys;
    for (char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        *dot = '\0';
        if (json_is_object(object) && !json_object_get(object, key))
            json_object_set_new(object, key, json_object());
        object = json_is_array(object) ? json_array_get(object, strtoul(key, NULL, 10)) : json_object_get(object, key);
    }
    if (value && json_is_array(object))
        ck_assert_int_eq(json_array_set_new(object, strtoul(key, NULL, 10), json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    else if (value)
        ck_assert_int_eq(json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    else
        ck_assert_int_eq(json_object_del(object, key), 0);
    char *text = json_dumps(root, 0);
    json_decref(root);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void write_config(contract_base kind, const contract_mistake *edit)
{
    char *text = edit ? edited(configs[kind], edit->what, edit->value) : strdup(configs[kind]);
    write_file("config.json", text, strlen(text));
    free(text);
}

// One entry of the header; shape is "[2, 3]". Returns the bytes of its data.
static size_t add_entry(grus_buffer *header, const char *name, const char *dtype, const char *shape, size_t offset)
{
    json_t *sizes = json_loads(shape, 0, NULL), *size;
    size_t i, count = 1, bytes;
    ck_assert_ptr_nonnull(sizes);
    json_array_foreach(sizes, i, size) count *= (size_t)json_integer_value(size);
    ck_assert(grus_dtype_bytes(grus_dtype_named(dtype), count, &bytes));
    json_decref(sizes);
    grus_buffer_printf(header, "%s\"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": [%zu, %zu]}",
                       header->size > 1 ? ", " : "", name, dtype, shape, offset, offset + bytes);
    return bytes;
}

// All tensors of the model, zero; the one that edit names is another, or left out.
static void write_tensors(contract_base kind, const contract_mistake *edit)
{
    const char *name = edit ? edit->what + strlen("tensor ") : NULL;
    grus_buffer header = {0}, file = {0};
    size_t bytes = 0;
    bool found = false;
    grus_buffer_byte(&header, '{');
    for (const base_tensor *tensor = tensors[kind]; tensor->name || (name && !found); tensor += tensor->name != NULL) {
        char shape[64], dtype[8] = "F32", scale_shape[64] = "", scale_dtype[8];
        bool edits = name && (!tensor->name || strcmp(tensor->name, name) == 0);
        found = found || edits;
        if (edits && !edit->value)
            continue;
        if (edits)
            ck_assert_int_ge(sscanf(edit->value, "%7s %63[^;]; %7s %63[^;]", dtype, shape, scale_dtype, scale_shape),
                             2);
        else
            snprintf(shape, sizeof shape,
                     tensor->shape[2]   ? "[%d, %d, %d]"
                     : tensor->shape[1] ? "[%d, %d]"
                                        : "[%d]",
                     tensor->shape[0], tensor->shape[1], tensor->shape[2]);
        bytes += add_entry(&header, edits ? name : tensor->name, dtype, shape, bytes);
        if (*scale_shape) {
            char scale[128];
            snprintf(scale, sizeof scale, "%s_scale", name);
            bytes += add_entry(&header, scale, scale_dtype, scale_shape, bytes);
        }
    }
    grus_buffer_byte(&header, '}');
    for (size_t i = 0; i < 8; i++)
        grus_buffer_byte(&file, (char)(header.size >> 8 * i & 255));
    grus_buffer_append(&file, header.data, header.size);
    for (size_t i = 0; i < bytes; i++)
        grus_buffer_byte(&file, '\0');
    write_file("model.safetensors", file.data, file.size);
    grus_buffer_free(&header);
    grus_buffer_free(&file);
}

bool contract_is_about(const contract_mistake *edit, const char *what)
{
    return edit && strncmp(edit->what, what, strlen(what)) == 0;
}

void contract_write(contract_base kind, const contract_mistake *edit)
{
    bool tensor = contract_is_about(edit, "tensor "), file = contract_is_about(edit, "file ");
    write_config(kind, tensor || file ? NULL : edit);
    write_tensors(kind, tensor ? edit : NULL);
    write_file("a.vocab", a_vocab, strlen(a_vocab));
    write_file("two.labels", two_labels, strlen(two_labels));
    write_file("three.labels", three_labels, strlen(three_labels));
    const char *name = file ? edit->what + strlen("file ") : NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name ? name : "");
    if (file && edit->value)
        write_file(name, edit->value, strlen(edit->value));
    else if (file)
        ck_assert_int_eq(remove(path), 0);
}
