// model_dir.h: reads DIR/config.json into a grus_config, every rule of the model contract checked, nothing opened
// outside DIR. Building the model from it is the scheduler's business.
#ifndef GRUS_IO_MODEL_MODEL_DIR_H
#define GRUS_IO_MODEL_MODEL_DIR_H

#include "base/model_config.h"

// Fails with GRUS_E_MODEL naming file, key, what was expected and what was found. Free with grus_config_free, also
// after a failure.
grus_status grus_config_read(const char *dir, grus_config *config, grus_error *error);
void grus_config_free(grus_config *config);

#endif
