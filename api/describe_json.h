// describe_json.h: a model as JSON.
#ifndef GRUS_API_DESCRIBE_JSON_H
#define GRUS_API_DESCRIBE_JSON_H

#include "base/buffer.h"

// Appends one object and the end of its line.
void grus_describe_json(const grus_model *model, grus_buffer *to);

#endif
