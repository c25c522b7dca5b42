// config_heads.c: the heads section of config.json.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "io/model/config_parts.h"

// ---- what a head reads ----

// The words for inputs, those of the encoder's layers among them.
typedef struct input_names {
    const char *list[GRUS_HEAD_LAYER + GRUS_CONFIG_LAYERS_MAX + 1];
    char layer[GRUS_CONFIG_LAYERS_MAX][GRUS_HEAD_INPUT_NAME];
} input_names;

static void name_inputs(input_names *names, size_t layers)
{
    for (size_t i = 0; i < GRUS_HEAD_LAYER; i++)
        names->list[i] = grus_head_input_names[i];
    for (size_t i = 0; i < layers; i++)
        names->list[GRUS_HEAD_LAYER + i] = grus_head_input_name(GRUS_HEAD_LAYER + i, names->layer[i]);
    names->list[GRUS_HEAD_LAYER + layers] = NULL;
}

static void read_inputs(const grus_json_object *object, const grus_config *config, grus_head_config *head)
{
    input_names names;
    size_t indices[GRUS_HEAD_LAYER + GRUS_CONFIG_LAYERS_MAX];
    if (!head->on_token) {
        grus_json_forbid(object, "inputs", "a sequence head reads the pooled vector");
        return;
    }
    name_inputs(&names, config->encoder.num_layers);
    head->n_inputs = grus_json_choices(object, "inputs", GRUS_OPTIONAL, names.list, indices);
    if (head->n_inputs > GRUS_MAX_PARTS) {
        grus_json_refuse(object, "inputs", "expected at most %d inputs, found %zu", GRUS_MAX_PARTS, head->n_inputs);
        head->n_inputs = GRUS_MAX_PARTS;
    }
    for (size_t i = 0; i < head->n_inputs; i++)
        head->inputs[i] = indices[i];
    if (head->n_inputs == 0)
        head->inputs[head->n_inputs++] = GRUS_HEAD_STATE;
}

static bool reads(const grus_head_config *head, grus_head_input least, grus_head_input most)
{
    for (size_t i = 0; i < head->n_inputs; i++)
        if (head->inputs[i] >= least && head->inputs[i] <= most)
            return true;
    return false;
}

static void read_hidden(const grus_json_object *object, grus_head_config *head)
{
    static const char *const keys[] = {"size", "activation", NULL};
    grus_json_object list = grus_json_list(object, "hidden", GRUS_MAX_HIDDEN);
    head->n_hidden = json_array_size(list.json);
    for (size_t i = 0; i < head->n_hidden; i++) {
        char index[GRUS_JSON_INDEX];
        grus_json_object item = grus_json_item(&list, i, index);
        grus_json_allow(&item, keys);
        head->hidden[i].size = grus_json_size(&item, "size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
        head->hidden[i].activation = grus_config_read_activation(&item);
    }
}

// ---- what it makes of it ----

// A key that only some heads have may have its default alone in others.
static void refuse_unless(bool known, const grus_json_object *object, const char *key, bool is_default,
                          const char *whose)
{
    if (!known && !is_default)
        grus_json_forbid(object, key, "only %s has it", whose);
}

static void read_threshold(const grus_json_object *object, grus_head_config *head)
{
    double threshold = grus_json_number(object, "threshold", 0.5);
    head->threshold = (float)threshold;
    if (!(threshold >= 0 && threshold <= 1))
        grus_json_wrong(object, "threshold", "a number from 0 to 1");
    refuse_unless(head->activation == GRUS_HEAD_SIGMOID, object, "threshold", !(threshold < 0.5 || threshold > 0.5),
                  "a head with the activation \"sigmoid\"");
}

static void read_decode(const grus_json_object *object, grus_head_config *head)
{
    static const char ctc[] = "a head with the decode \"ctc\"";
    head->decode =
        (grus_head_decode)grus_json_choice(object, "decode", GRUS_OPTIONAL, GRUS_HEAD_ARGMAX, grus_head_decode_names);
    refuse_unless(head->on_token && head->activation == GRUS_HEAD_SOFTMAX, object, "decode",
                  head->decode == GRUS_HEAD_ARGMAX, "a head on tokens with the activation \"softmax\"");
    head->blank = grus_json_size(object, "blank", GRUS_OPTIONAL, 0, 0, GRUS_CONFIG_SIZE_MAX);
    refuse_unless(head->decode == GRUS_HEAD_CTC, object, "blank", head->blank == 0, ctc);
    if (grus_json_has(object, "join"))
        head->join = grus_json_text(object, "join", GRUS_REQUIRED);
    refuse_unless(head->decode == GRUS_HEAD_CTC, object, "join", !head->join || !*head->join, ctc);
}

// Numbers need no labels; then their count is said.
static void read_labels(const grus_json_object *object, grus_head_config *head)
{
    bool numbers = head->activation == GRUS_HEAD_NUMBERS;
    bool labelled = !numbers || grus_json_has(object, "labels");
    if (!numbers)
        grus_json_forbid(object, "size", "only a head with the activation \"none\" has it");
    head->labels = grus_config_read_path(object, "labels", labelled);
    if (numbers)
        head->n_labels = grus_json_size(object, "size", !labelled, 0, 1, GRUS_CONFIG_SIZE_MAX);
}

// ---- the heads ----

// Tensors' names and records' fields must be told apart.
static void check_name(const grus_json_object *object, const char *name, const grus_head_config *head)
{
    static const char *const later[] = {"hidden", "activation", "threshold", "decode", "blank", "join", "size", NULL};
    size_t field;
    bool uses = reads(head, GRUS_HEAD_SOURCE, SIZE_MAX);
    for (size_t i = 0; later[i]; i++)
        uses = uses || grus_json_has(object, later[i]);
    if (!uses)
        return;
    if (strchr(name, '.'))
        grus_json_refuse(object, NULL, "expected a name without a dot for a head like this, found \"%.80s\"", name);
    if (grus_name_find(grus_result_own_names, name, &field))
        grus_json_refuse(object, NULL, "expected a name that no field of a result has, found \"%s\"", name);
}

static void read_head(const grus_json_object *heads, const char *name, const grus_config *config,
                      grus_head_config *head)
{
    static const char *const keys[] = {"on",     "labels", "inputs", "hidden", "activation", "threshold",
                                       "decode", "blank",  "join",   "size",   NULL};
    static const char *const places[] = {"sequence", "token", NULL};
    grus_json_object object = grus_json_child(heads, name, GRUS_REQUIRED);
    grus_json_allow(&object, keys);
    head->on_token = grus_json_choice(&object, "on", GRUS_REQUIRED, 0, places) == 1;
    head->activation = (grus_head_activation)grus_json_choice(&object, "activation", GRUS_OPTIONAL, GRUS_HEAD_SOFTMAX,
                                                              grus_head_activation_names);
    read_labels(&object, head);
    read_inputs(&object, config, head);
    read_hidden(&object, head);
    read_threshold(&object, head);
    read_decode(&object, head);
    check_name(&object, name, head);
    if (config->pooling.kind == GRUS_POOL_NONE && (!head->on_token || reads(head, GRUS_HEAD_POOLED, GRUS_HEAD_POOLED)))
        grus_json_refuse(&object, NULL, "reads the pooled vector, and the model has no \"pooling\"");
}

void grus_config_read_heads(const grus_json_object *root, grus_config *config)
{
    const char *name;
    json_t *value;
    grus_json_object object = grus_json_child(root, "heads", GRUS_OPTIONAL);
    json_object_foreach(object.json, name, value)
    {
        if (config->n_heads == GRUS_MAX_HEADS) {
            grus_json_refuse(&object, name, "expected at most %d heads, found more", GRUS_MAX_HEADS);
            return;
        }
        if (*name == '\0')
            grus_json_refuse(&object, NULL, "expected a name for each head, found \"\"");
        grus_head_config *head = &config->heads[config->n_heads++];
        head->name = strdup(name);
        if (!head->name)
            object.reader->status = grus_fail_memory(object.reader->error, strlen(name));
        read_head(&object, name, config, head);
    }
}
