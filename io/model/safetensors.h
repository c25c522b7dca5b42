// safetensors.h: reads a .safetensors file: header validated whole before anything is allocated for its tensors, and of its
// data no more is kept than what is asked for.
#ifndef GRUS_IO_MODEL_SAFETENSORS_H
#define GRUS_IO_MODEL_SAFETENSORS_H

#include "base/model_config.h"
#include "base/tensor.h"

typedef struct grus_safetensors grus_safetensors;

// Reads the header. renames (n, may be 0) are the "tensors" map of config.json. Refused with GRUS_E_MODEL:
// header longer than the file or than 100 MB, bad JSON, a dtype that the format has not, a shape whose product overflows, offsets that
// are out of the file, do not fit shape and dtype, overlap or leave gaps, duplicate names.
grus_status grus_safetensors_open(const char *path, const grus_rename *renames, size_t n_renames,
                                  grus_safetensors **file, grus_error *error);
void grus_safetensors_close(grus_safetensors *file);

// For the engine, tensors of any dtype; valid as long as the file is. The data of a tensor is read when it is
// first found, and with one of I8 that of its scale. What cannot be read is not found, and neither is anything after it: see
// grus_safetensors_failure.
grus_tensors grus_safetensors_tensors(grus_safetensors *file);

size_t grus_safetensors_count(const grus_safetensors *file);
// Why a tensor could not be read; GRUS_OK: it could.
grus_status grus_safetensors_failure(const grus_safetensors *file, grus_error *error);
// Tensor i as it stands in the file; *used tells whether it was ever found, and has data.
void grus_safetensors_get(const grus_safetensors *file, size_t i, grus_tensor *tensor, bool *used);

// XXH64 of the whole file, for the hash of a model; reads what was not found.
grus_status grus_safetensors_hash(const grus_safetensors *file, uint64_t *xxh64, grus_error *error);

#endif
