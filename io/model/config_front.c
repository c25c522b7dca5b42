// config_front.c: the list "front" of config.json: its layers, each with what it needs and nothing else.
#include "config.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "io/model/config_parts.h"

#define WINDOW_MAX ((size_t)1 << 16) // of a kernel, a stride and a dilation
#define GROWTH_MAX ((size_t)1 << 20) // positions by which a front may make a sequence longer

static size_t read_window(const grus_json_object *object, const char *key, bool required, size_t otherwise)
{
    return grus_json_size(object, key, required, otherwise, 1, WINDOW_MAX);
}

// At both ends of a sequence; no more of it than `most`, which the words explain.
static size_t read_padding(const grus_json_object *object, size_t most, const char *words)
{
    size_t padding = grus_json_size(object, "padding", GRUS_OPTIONAL, 0, 0, GRUS_CONFIG_SIZE_MAX);
    if (padding > most)
        grus_json_refuse(object, "padding", "expected at most %zu, %s; found %zu", most, words, padding);
    return padding;
}

// A key that such a layer has not may have its default alone.
static void refuse_size(const grus_json_object *object, const grus_front_layer_config *layer, const char *key,
                        size_t otherwise)
{
    size_t found = grus_json_size(object, key, GRUS_OPTIONAL, otherwise, 0, GRUS_CONFIG_SIZE_MAX);
    if (found != otherwise)
        grus_json_refuse(object, key, "is not of a \"%s\": expected %zu or no such key, found %zu",
                         grus_front_names[layer->kind], otherwise, found);
}

static void read_conv1d(const grus_json_object *object, grus_front_layer_config *layer)
{
    grus_json_forbid(object, "size", "a \"conv1d\" has \"channels\"");
    layer->output = grus_json_size(object, "channels", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    layer->kernel = read_window(object, "kernel", GRUS_REQUIRED, 1);
    layer->stride = read_window(object, "stride", GRUS_OPTIONAL, 1);
    layer->dilation = read_window(object, "dilation", GRUS_OPTIONAL, 1);
    layer->padding = read_padding(object, layer->dilation * (layer->kernel - 1), "dilation * (kernel - 1)");
    layer->activation = grus_config_read_activation(object);
}

static void read_linear(const grus_json_object *object, grus_front_layer_config *layer)
{
    grus_json_forbid(object, "channels", "a \"linear\" has \"size\"");
    grus_json_forbid(object, "kernel", "a \"linear\" reads one position");
    layer->output = grus_json_size(object, "size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    refuse_size(object, layer, "stride", 1);
    refuse_size(object, layer, "padding", 0);
    refuse_size(object, layer, "dilation", 1);
    layer->activation = grus_config_read_activation(object);
}

static void read_max_pool(const grus_json_object *object, grus_front_layer_config *layer)
{
    grus_json_forbid(object, "channels", "a \"max_pool\" gives as many values as it reads");
    grus_json_forbid(object, "kernel", "a \"max_pool\" has \"size\"");
    layer->output = layer->input;
    layer->kernel = read_window(object, "size", GRUS_REQUIRED, 1);
    layer->stride = read_window(object, "stride", GRUS_OPTIONAL, layer->kernel);
    layer->padding = read_padding(object, layer->kernel / 2, "half of size");
    refuse_size(object, layer, "dilation", 1);
    grus_activation activation = grus_config_read_activation(object);
    if (activation != GRUS_ACTIVATION_NONE)
        grus_json_refuse(object, "activation",
                         "is not of a \"max_pool\": expected \"none\" or no such key, found \"%s\"",
                         grus_activation_names[activation]);
}

static void read_layer(const grus_json_object *object, grus_front_layer_config *layer)
{
    static void (*const read[])(const grus_json_object *object, grus_front_layer_config *layer) = {
        [GRUS_FRONT_CONV1D] = read_conv1d,
        [GRUS_FRONT_LINEAR] = read_linear,
        [GRUS_FRONT_MAX_POOL] = read_max_pool,
    };
    static const char *const keys[] = {"type",    "channels", "size",       "kernel", "stride",
                                       "padding", "dilation", "activation", NULL};
    grus_json_allow(object, keys);
    layer->kernel = layer->stride = layer->dilation = 1;
    layer->kind = (grus_front_kind)grus_json_choice(object, "type", GRUS_REQUIRED, 0, grus_front_names);
    read[layer->kind](object, layer);
}

// Positions by which it makes a sequence longer at most: one of a single position, where it strides.
static size_t growth_of(const grus_front_layer_config *layer)
{
    size_t window = layer->dilation * (layer->kernel - 1), padding = 2 * layer->padding;
    return padding > window ? (padding - window) / layer->stride : 0;
}

void grus_config_read_front(const grus_json_object *root, grus_config *config)
{
    grus_json_object list = grus_json_list(root, "front", GRUS_CONFIG_LAYERS_MAX);
    size_t n = json_array_size(list.json), growth = 0;
    if (n == 0)
        return;
    config->front = grus_alloc_zero(n, sizeof *config->front);
    if (!config->front) {
        root->reader->status = grus_fail_memory(root->reader->error, n * sizeof *config->front);
        return;
    }
    for (size_t i = 0; i < n && !root->reader->status; i++) {
        char index[GRUS_JSON_INDEX];
        grus_json_object object = grus_json_item(&list, i, index);
        grus_front_layer_config *layer = config->front + i;
        layer->input = grus_config_input_size(config);
        read_layer(&object, layer);
        growth += growth_of(layer);
        if (growth > GROWTH_MAX)
            grus_json_refuse(&object, "padding",
                             "makes sequences longer by %zu positions with the layers before it; expected at most %zu",
                             growth, GROWTH_MAX);
        config->n_front = i + 1;
    }
}
