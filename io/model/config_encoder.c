// config_encoder.c: the encoder section of config.json, and which way its layers read.
#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "io/model/config_parts.h"

// One direction for all layers, or a list of one for each.
static void read_direction(const grus_json_object *object, grus_config *config)
{
    size_t layers = config->encoder.num_layers;
    if (!grus_json_is_list(object, "direction")) {
        bool both = grus_json_bool(object, "bidirectional", false);
        if (grus_json_has(object, "direction"))
            grus_json_forbid(object, "bidirectional", "\"direction\" says what it would");
        config->encoder.direction = (grus_direction)grus_json_choice(
            object, "direction", GRUS_OPTIONAL, both ? GRUS_BOTH : GRUS_FORWARD, grus_direction_names);
        return;
    }
    grus_json_forbid(object, "bidirectional", "\"direction\" says what it would");
    size_t indices[GRUS_CONFIG_LAYERS_MAX];
    if (!grus_json_choice_list(object, "direction", grus_direction_names, indices, layers))
        return;
    config->encoder.directions = grus_alloc(layers, sizeof *config->encoder.directions);
    if (!config->encoder.directions) {
        object->reader->status = grus_fail_memory(object->reader->error, layers);
        return;
    }
    for (size_t i = 0; i < layers; i++)
        config->encoder.directions[i] = (grus_direction)indices[i];
}

void grus_config_read_encoder(const grus_json_object *root, grus_config *config)
{
    static const char *const keys[] = {"hidden_size",  "num_layers", "bidirectional", "direction", "initial_state",
                                       GRUS_CELL_KEYS, NULL};
    static const char *const states[] = {"zeros", "learned", NULL};
    grus_json_object object = grus_json_child(root, "encoder", GRUS_REQUIRED);
    grus_json_allow(&object, keys);
    config->encoder.hidden_size = grus_json_size(&object, "hidden_size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    config->encoder.num_layers = grus_json_size(&object, "num_layers", GRUS_OPTIONAL, 1, 1, GRUS_CONFIG_LAYERS_MAX);
    read_direction(&object, config);
    config->encoder.learned_state = grus_json_choice(&object, "initial_state", GRUS_OPTIONAL, 0, states) == 1;
    grus_config_read_cell(&object, &config->encoder.cell);
}
