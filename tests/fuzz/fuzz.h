// fuzz.h: the readers of untrusted bytes as functions of those bytes, for libFuzzer (fuzzer.c) and for the replay of a
// corpus without it (replay.c). A target aborts when grus breaks a promise or differs from its oracle.
#ifndef GRUS_TESTS_FUZZ_FUZZ_H
#define GRUS_TESTS_FUZZ_FUZZ_H

#include "base/buffer.h"

#define FUZZ_TARGETS(X) \
    X(bpe)              \
    X(claim)            \
    X(config)           \
    X(features)         \
    X(gzip)             \
    X(journal)          \
    X(manifest)         \
    X(npy)              \
    X(number)           \
    X(partial)          \
    X(record)           \
    X(safetensors)      \
    X(sentencepiece)    \
    X(stream)           \
    X(text)             \
    X(tokenizer)        \
    X(vocab)

typedef void fuzz_target_fn(const uint8_t *data, size_t size);

#define FUZZ_DECLARE(name) void fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(FUZZ_DECLARE)

// NULL: there is none of this name.
fuzz_target_fn *fuzz_find(const char *name);

// A directory of this process's own, removed at its end.
const char *fuzz_dir(void);
// Gives the file of this name in it this content; returns its path. A name may have directories before it.
// There are at most 16 of them.
const char *fuzz_put(const char *name, const void *data, size_t size);

// The next byte or bytes of the input, zeros once it is used up.
typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
} fuzz_bytes;
uint8_t fuzz_byte(fuzz_bytes *bytes);
uint32_t fuzz_word(fuzz_bytes *bytes);

// An error has a cause, a place where one is to be had, and everything in it ends.
void fuzz_check_error(grus_status status, const grus_error *error);

// Ends the process unless what is true.
#define FUZZ_CHECK(what) ((what) ? (void)0 : fuzz_abort(#what, __FILE__, __LINE__))
_Noreturn void fuzz_abort(const char *what, const char *file, int line);

#endif
