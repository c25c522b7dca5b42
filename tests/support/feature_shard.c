// features.c: feature_shard DTYPE FIRST N SEED BASE: N random sequences of 3 values a row, as BASE.jsonl and the
// same as BASE.safetensors, whose data begins at byte 512 and whose first tensor is FIRST (features or offsets). The
// values are exact in every DTYPE (F32, F16, BF16). Some sequences are empty; number 57 is too long for a record, and
// number 58 is long.
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM 3
#define HEADER_BYTES 504
#define EXTRA_BYTES 8 // of a tensor that nobody asks for

static uint64_t state;

static unsigned random_below(unsigned n)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * 2685821657736338717u) >> 33) % n;
}

static size_t length_of(size_t i)
{
    if (i == 57)
        return 17000;
    return i == 58 ? 2000 : random_below(4) == 0 ? 0 : random_below(30);
}

static void put(FILE *file, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 0xff), file);
}

// value is k/64, |k| <= 128: exact everywhere, and 0 or a normal number of binary16.
static void put_value(FILE *file, float value, const char *dtype)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t half = bits >> 31 << 15;
    if (value > 0 || value < 0)
        half |= ((bits >> 23 & 0xff) - 112) << 10 | (bits >> 13 & 0x3ff);
    if (strcmp(dtype, "F16") == 0)
        put(file, half, 2);
    else if (strcmp(dtype, "BF16") == 0)
        put(file, bits >> 16, 2);
    else
        put(file, bits, 4);
}

// Writes the text of all sequences and returns their rows; ends (n) are where they end.
static size_t make_sequences(FILE *text, size_t n, size_t *ends, float **values)
{
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = length_of(i);
        *values = realloc(*values, (rows + length + 1) * DIM * sizeof **values);
        if (!*values)
            exit(2);
        fprintf(text, "{\"features\": [");
        for (size_t k = 0; k < length * DIM; k++) {
            float value = ((float)random_below(257) - 128) / 64;
            (*values)[rows * DIM + k] = value;
            fprintf(text, "%s%.9g%s", k % DIM ? ", " : k ? ", [" : "[", (double)value, k % DIM == DIM - 1 ? "]" : "");
        }
        fprintf(text, "]}\n");
        ends[i] = rows += length;
    }
    return rows;
}

static void put_header(FILE *file, const char *dtype, bool offsets_first, size_t n, size_t rows)
{
    char header[HEADER_BYTES + 1];
    size_t features = rows * DIM * (strcmp(dtype, "F32") == 0 ? 4 : 2), offsets = (n + 1) * 8;
    size_t at_features = offsets_first ? offsets : 0, at_offsets = offsets_first ? 0 : features;
    int used = snprintf(header, sizeof header,
                        "{\"features\":{\"dtype\":\"%s\",\"shape\":[%zu,%d],\"data_offsets\":[%zu,%zu]},"
                        "\"offsets\":{\"dtype\":\"I64\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]},"
                        "\"extra\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}}",
                        dtype, rows, DIM, at_features, at_features + features, n + 1, at_offsets, at_offsets + offsets,
                        features + offsets, features + offsets + EXTRA_BYTES);
    put(file, HEADER_BYTES, 8);
    fprintf(file, "%s%*s", header, HEADER_BYTES - used, "");
}

static FILE *create(const char *base, const char *type)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", base, type);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(2);
    }
    return file;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: feature_shard DTYPE FIRST N SEED BASE\n");
        return 2;
    }
    const char *dtype = argv[1];
    bool offsets_first = strcmp(argv[2], "offsets") == 0;
    size_t n = strtoul(argv[3], NULL, 10), *ends = calloc(n + 1, sizeof *ends);
    state = strtoul(argv[4], NULL, 10);
    if (!ends || state == 0)
        return 2;
    float *values = NULL;
    FILE *text = create(argv[5], ".jsonl"), *file = create(argv[5], ".safetensors");
    size_t rows = make_sequences(text, n, ends, &values);
    put_header(file, dtype, offsets_first, n, rows);
    for (int part = 0; part < 2; part++) {
        bool offsets = (part == 0) == offsets_first;
        if (offsets)
            put(file, 0, 8);
        for (size_t i = 0; offsets && i < n; i++)
            put(file, ends[i], 8);
        for (size_t i = 0; !offsets && i < rows * DIM; i++)
            put_value(file, values[i], dtype);
    }
    put(file, 0, EXTRA_BYTES);
    free(values);
    free(ends);
    bool failed = fclose(text) != 0;
    return fclose(file) != 0 || failed ? 2 : 0;
}
