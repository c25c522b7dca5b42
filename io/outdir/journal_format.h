// journal_format.h: what a journal holds, and the bytes of it. All numbers are 64 bits, little-endian.
//
//     "GRUSJNL1"  length  key (length bytes)                      the beginning
//     "DATA"      raw size  packed size  one zstd frame           a piece of the results; any number
//     "CKPT"      records … counters  XXH64 of all bytes before   a checkpoint; data and checkpoints in any order
//
// As each checkpoint's hash goes over the whole file before it, none is believed whose past is not whole.
#ifndef GRUS_IO_OUTDIR_JOURNAL_FORMAT_H
#define GRUS_IO_OUTDIR_JOURNAL_FORMAT_H

#include <zstd.h>

#include "base/buffer.h"

#define GRUS_CHECKPOINT_COUNTERS 32

typedef struct grus_checkpoint {
    uint64_t records;                            // done, from the first on; their results are in the journal
    uint64_t input_bytes, input_xxh64;           // of the input's file, as far as it was read for them
    uint64_t result_bytes;                       // filled in by the journal
    uint64_t counters[GRUS_CHECKPOINT_COUNTERS]; // the caller's
} grus_checkpoint;

// Whose journal: a shard of a run. All of it must be the same for a journal to be of use.
typedef struct grus_journal_key {
    const char *outdir, *stem;
    const char *run;   // what identifies the run, and the program that makes it
    const char *input; // the file's name
    uint64_t input_bytes;
} grus_journal_key;

#define GRUS_JOURNAL_MAGIC 0x314c4e4a53555247u // "GRUSJNL1"
#define GRUS_JOURNAL_DATA 0x41544144u          // "DATA", and four zeros
#define GRUS_JOURNAL_CHECKPOINT 0x54504b43u    // "CKPT", and four zeros
// Bytes of results in a piece, at most.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define GRUS_JOURNAL_PIECE ((size_t)1 << 10)
#else
#define GRUS_JOURNAL_PIECE ((size_t)128 << 10)
#endif
#define GRUS_JOURNAL_PACKED ZSTD_COMPRESSBOUND(GRUS_JOURNAL_PIECE)

#define GRUS_JOURNAL_HEAD_BYTES 16                                                 // of the beginning, without the key
#define GRUS_JOURNAL_DATA_BYTES 24                                                 // without the frame
#define GRUS_JOURNAL_CHECKPOINT_BYTES (8 * (5 + (size_t)GRUS_CHECKPOINT_COUNTERS)) // without the hash

static inline void grus_put_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static inline uint64_t grus_get_u64(const unsigned char *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

// The key as a journal holds it; failed where memory is short.
void grus_journal_key_text(const grus_journal_key *key, grus_buffer *text);

#endif
