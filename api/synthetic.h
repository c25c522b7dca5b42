// synthetic.h: work that looks like text where there is none: log-normal lengths, ids drawn from a vocabulary.
#ifndef GRUS_API_SYNTHETIC_H
#define GRUS_API_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

// The same numbers on every machine; *state must not be 0.
uint64_t grus_synthetic_number(uint64_t *state);

// Median 20, sigma 0.5, cut to 2 … 120.
size_t grus_synthetic_length(uint64_t *state);

// n ids below vocab.
void grus_synthetic_ids(uint64_t *state, size_t vocab, uint32_t *ids, size_t n);

#endif
