// codec.h: how the bytes of shards and of outputs are coded. A codec is one file, codec_NAME.c, and one row of the table in
// codec.c: whatever it needs it keeps to itself. Files and hashes are raw.h's, what the content means is its readers'.
#ifndef GRUS_IO_SHARD_CODEC_H
#define GRUS_IO_SHARD_CODEC_H

#include "io/shard/raw.h"

#define GRUS_CODEC_MAGIC_BYTES ((size_t)4) // that tell the codecs apart

typedef struct grus_codec_counts {
    uint64_t frames, skippable_frames; // met so far; of gzip its members
    uint64_t window;                   // bytes, the largest of the frames'
} grus_codec_counts;

// One call of compress. Both ends move on by what was done.
typedef struct grus_codec_step {
    const char *content; // (content_bytes) not compressed yet
    size_t content_bytes;
    bool end;  // the content ends behind it
    char *out; // (out_capacity)
    size_t out_capacity, out_bytes;
    bool more; // to be called again for this content
} grus_codec_step;

typedef struct grus_codec {
    const char *suffix; // of files; "" for plain ones

    // ---- reading ----
    // Whether the bytes available, GRUS_CODEC_MAGIC_BYTES or all that there are, begin such a file.
    bool (*begins)(const grus_raw *raw);
    // Whether fewer bytes than that may become such a beginning; NULL: never.
    bool (*may_begin)(const grus_raw *raw);
    const char *not_begun; // what is wrong with a file of this suffix that does not begin so
    const char *no_bytes;  // and with one that has no bytes
    // Frames whose window is over 2^window_log bytes are refused. *state is taken down by close, also after a failure, where
    // it may be NULL.
    grus_status (*open)(grus_raw *raw, unsigned window_log, void **state, grus_error *error);
    // Some of the content, valid until the next call; *size 0: it is at its end.
    grus_status (*next)(void *state, grus_raw *raw, const char **data, size_t *size, grus_error *error);
    grus_codec_counts (*count)(const void *state);
    void (*close)(void *state);
    size_t (*memory)(unsigned window_log); // bytes at most, raw's apart

    // ---- writing; all NULL where the content is written as it is ----
    void (*levels)(int *least, int *most);
    void *(*compressor)(int level); // of levels the nearest; NULL when memory is short
    size_t (*out_capacity)(void);   // that compress wants to have
    // NULL, or why it failed.
    const char *(*compress)(void *compressor, grus_codec_step *step);
    void (*free_compressor)(void *compressor); // NULL is allowed
    size_t (*compressor_memory)(int level);    // bytes at most; SIZE_MAX when memory is short
} grus_codec;

extern const grus_codec grus_codec_plain, grus_codec_zstd, grus_codec_gzip;

// By the suffix of a name, in any case of its letters; plain for all others.
const grus_codec *grus_codec_of_name(const char *name);
// Whether the bytes available are too few to tell, and may become what a codec's file begins with.
bool grus_codec_may_begin(const grus_raw *raw);
// By what the file begins with.
const grus_codec *grus_codec_of_content(const grus_raw *raw);
// Bytes that reading any of them takes at most, raw's apart.
size_t grus_codec_memory(unsigned window_log);
// Bytes that writing any of them takes at most, the block for what comes out included.
size_t grus_codec_compressor_memory(int level);
// GRUS_E_USAGE: no codec knows this level.
grus_status grus_codec_check_level(int level, grus_error *error);

#endif
