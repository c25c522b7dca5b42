// text.c: texts for the caller.
#include "config.h"

#include "base/text.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"

grus_status grus_text_take(grus_text *text, grus_buffer *buffer, grus_error *error)
{
    *text = (grus_text){0};
    grus_buffer_byte(buffer, '\0');
    if (buffer->failed) {
        grus_status status = grus_fail_memory(error, buffer->size);
        grus_buffer_free(buffer);
        return status;
    }
    GRUS_ASSERT(buffer->size > 0 && buffer->data[buffer->size - 1] == '\0');
    *text = (grus_text){.data = buffer->data, .size = buffer->size - 1};
    *buffer = (grus_buffer){0};
    return GRUS_OK;
}

void grus_text_free(grus_text *text)
{
    free(text->data);
    *text = (grus_text){0};
}
