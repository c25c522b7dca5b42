// safetensors_header.h: the header of a safetensors file, judged before anything is allocated for what it speaks of.
// Where the bytes come from, and reading the data, is its callers' business.
#ifndef GRUS_IO_MODEL_SAFETENSORS_HEADER_H
#define GRUS_IO_MODEL_SAFETENSORS_HEADER_H

#include "base/tensor.h"
#include "grus.h"

#define GRUS_SAFETENSORS_LENGTH_BYTES ((size_t)8) // the first of a file: the header's length, little-endian

typedef struct grus_safetensors_entry {
    grus_tensor tensor; // its data is NULL
    size_t begin, end;  // offsets in the data
} grus_safetensors_entry;

typedef struct grus_safetensors_header {
    grus_safetensors_entry *entries; // (n) in the order of the data, which they cover without gaps
    size_t n;
    size_t data_bytes;
    void *names; // owns the tensors' names
} grus_safetensors_header;

// Whose header it is.
typedef struct grus_safetensors_file {
    const char *path;
    grus_status status; // of every error
    size_t bytes;       // of the whole file; SIZE_MAX: not known
    size_t header_most; // bytes that its header may have
} grus_safetensors_file;

// The header's length, from the file's first GRUS_SAFETENSORS_LENGTH_BYTES.
grus_status grus_safetensors_header_length(const grus_safetensors_file *file, const unsigned char *first,
                                           size_t *length, grus_error *error);

// Fills *header, to be freed in every case. Where the file's size is not known the caller has to see that
// header->data_bytes are behind the header, and no more. Refused: bad JSON, duplicate names, an unknown dtype, a shape
// whose product overflows, offsets that are out of the data, do not fit shape and dtype, overlap or leave gaps.
grus_status grus_safetensors_header_parse(const grus_safetensors_file *file, const char *text, size_t length,
                                          grus_safetensors_header *header, grus_error *error);
void grus_safetensors_header_free(grus_safetensors_header *header);

#endif
