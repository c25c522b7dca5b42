// buffer.h: a growing byte buffer. Failure to grow is remembered, so that a run of appends is checked once at its end.
#ifndef GRUS_BASE_BUFFER_H
#define GRUS_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "grus.h"

// Zero-initialised is empty and valid.
typedef struct grus_buffer {
    char *data;
    size_t size, capacity;
    size_t most; // bytes that growing ahead of need must not go beyond; 0: no such bound
    bool failed; // an append was refused for want of memory; the content is then incomplete
} grus_buffer;

void grus_buffer_free(grus_buffer *buffer);
void grus_buffer_clear(grus_buffer *buffer); // keeps the memory, forgets a failure
void grus_buffer_append(grus_buffer *buffer, const void *data, size_t size);
void grus_buffer_text(grus_buffer *buffer, const char *text);
void grus_buffer_byte(grus_buffer *buffer, char byte);
void grus_buffer_printf(grus_buffer *buffer, const char *format, ...) GRUS_PRINTF(2, 3);

#endif
