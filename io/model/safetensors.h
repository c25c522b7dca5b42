// safetensors.h: reads a .safetensors file: header validated whole before anything is allocated for its tensors.
#ifndef GRUS_IO_MODEL_SAFETENSORS_H
#define GRUS_IO_MODEL_SAFETENSORS_H

#include "base/model_config.h"
#include "base/tensor.h"

typedef struct grus_safetensors grus_safetensors;

// Maps or reads the whole file. renames (n, may be 0) are the "tensors" map of config.json. Refused with GRUS_E_MODEL:
// header longer than the file or than 100 MB, bad JSON, unknown dtype, a shape whose product overflows, offsets that
// are out of the file, do not fit shape and dtype, overlap or leave gaps, duplicate names.
grus_status grus_safetensors_open(const char *path, const grus_rename *renames, size_t n_renames,
                                  grus_safetensors **file, grus_error *error);
void grus_safetensors_close(grus_safetensors *file);

// For the engine; valid as long as the file is.
grus_tensors grus_safetensors_tensors(grus_safetensors *file);

size_t grus_safetensors_count(const grus_safetensors *file);
// Tensor i as it stands in the file; *used tells whether it was ever found.
void grus_safetensors_get(const grus_safetensors *file, size_t i, grus_tensor *tensor, bool *used);

// XXH64 of the whole file, for the hash of a model.
uint64_t grus_safetensors_hash(const grus_safetensors *file);

#endif
