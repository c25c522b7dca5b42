// features.h: a shard of feature sequences: a safetensors file, plain, zstd or gzip, with `features` [N, D] (F32, F16 or
// BF16) and `offsets` [n+1] (I64); sequence i is the rows from offsets[i] up to, not including, offsets[i+1]. Read from
// the front to the end with memory that does not depend on N and n, in whichever order the two tensors stand.
#ifndef GRUS_IO_SHARD_FEATURES_H
#define GRUS_IO_SHARD_FEATURES_H

#include "io/model/safetensors_header.h"
#include "io/shard/stream.h"

typedef struct grus_feature_shard grus_feature_shard;

// A regular file. GRUS_E_INPUT: it cannot be read, the header is damaged or over 1 MiB, `features` or `offsets` is
// missing or of another form. Other tensors are passed over. window_log is grus_stream_open's.
grus_status grus_feature_shard_open(const char *path, unsigned window_log, grus_feature_shard **shard,
                                    grus_error *error);
void grus_feature_shard_close(grus_feature_shard *shard);

const grus_safetensors_header *grus_feature_shard_header(const grus_feature_shard *shard);
size_t grus_feature_shard_dim(const grus_feature_shard *shard);           // D
size_t grus_feature_shard_sequences(const grus_feature_shard *shard);     // n
size_t grus_feature_shard_element_bytes(const grus_feature_shard *shard); // of `features`

// The length of the next sequence, whose values are then to be read, or not. *end: there is none, and the file is sound
// to its end. GRUS_E_INPUT: offsets that begin above 0, fall, or end elsewhere than N; a damaged or truncated file.
grus_status grus_feature_shard_next(grus_feature_shard *shard, bool *end, size_t *rows, grus_error *error);

// All values of the sequence, (rows, D); once.
grus_status grus_feature_shard_values(grus_feature_shard *shard, float *values, grus_error *error);

// Passes over them instead.
grus_status grus_feature_shard_pass(grus_feature_shard *shard, grus_error *error);

// What counts the file's bytes. It reads every one of them, in order.
grus_stream *grus_feature_shard_stream(const grus_feature_shard *shard);
// Bytes of bytes_out that are in no sequence so far.
size_t grus_feature_shard_ahead(const grus_feature_shard *shard);

// Of the file as far as it was read; complete after the end.
grus_stream_counts grus_feature_shard_count(const grus_feature_shard *shard);

// Bytes that a shard takes of memory at most.
size_t grus_feature_shard_memory(unsigned window_log);

#endif
