// journal_format.h: the bytes of a journal. All numbers are 64 bits, little-endian.
//
//     "GRUSJNL1"  length  key (length bytes)                      the beginning
//     "DATA"      raw size  packed size  one zstd frame           a piece of the results; any number
//     "CKPT"      records … counters  XXH64 of all bytes before   a checkpoint; data and checkpoints in any order
//
// As each checkpoint's hash goes over the whole file before it, none is believed whose past is not whole.
#ifndef GRUS_IO_OUTDIR_JOURNAL_FORMAT_H
#define GRUS_IO_OUTDIR_JOURNAL_FORMAT_H

#include <zstd.h>

#include "io/outdir/journal.h"

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

// What a journal that goes on from this one has to begin with: the descriptor and how many bytes.
int grus_resume_file(const grus_resume *resume, uint64_t *bytes);

#endif
