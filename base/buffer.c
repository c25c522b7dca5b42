// buffer.c: the growing byte buffer.
#include "config.h"

#include "base/buffer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void grus_buffer_free(grus_buffer *buffer)
{
    free(buffer->data);
    *buffer = (grus_buffer){0};
}

void grus_buffer_clear(grus_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

// Room for need bytes, and for more that may come, but for that not beyond most.
static bool grow(grus_buffer *buffer, size_t need)
{
    void *data = buffer->data;
    if (need <= buffer->most && buffer->capacity < need && buffer->capacity > buffer->most / 2) {
        data = realloc(data, buffer->most);
        if (!data)
            return false;
        buffer->capacity = buffer->most;
    } else if (!grus_grow(&data, &buffer->capacity, need, 1)) {
        return false;
    }
    buffer->data = data;
    return true;
}

static bool make_room(grus_buffer *buffer, size_t more)
{
    size_t need;
    if (!buffer->failed && grus_add(buffer->size, more, &need) && grow(buffer, need))
        return true;
    buffer->failed = true;
    return false;
}

void grus_buffer_append(grus_buffer *buffer, const void *data, size_t size)
{
    if (size == 0 || !make_room(buffer, size))
        return;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void grus_buffer_text(grus_buffer *buffer, const char *text)
{
    grus_buffer_append(buffer, text, strlen(text));
}

void grus_buffer_byte(grus_buffer *buffer, char byte)
{
    grus_buffer_append(buffer, &byte, 1);
}

void grus_buffer_printf(grus_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && make_room(buffer, (size_t)length + 1)) {
        vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
}
