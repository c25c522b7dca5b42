// ids.c: a growing list. A text is its length, two bytes, and its bytes.
#include "config.h"

#include "io/text/ids.h"

#include <string.h>

#include "base/memory.h"

#define TOO_LONG UINT16_MAX

bool grus_ids_append(grus_ids *ids, uint32_t id)
{
    if (ids->most && ids->size >= ids->most) {
        ids->size++;
        return true;
    }
    void *data = ids->data;
    if (!grus_grow(&data, &ids->capacity, ids->size + 1, sizeof *ids->data))
        return false;
    ids->data = data;
    ids->data[ids->size++] = id;
    return true;
}

void grus_ids_tell_unknown(grus_ids *ids, const char *text, size_t length)
{
    if (!ids->unknown || (ids->most && ids->size >= ids->most))
        return;
    bool kept = length <= GRUS_UNKNOWN_MOST;
    uint16_t prefix = kept ? (uint16_t)length : TOO_LONG;
    grus_buffer_append(ids->unknown, &prefix, sizeof prefix);
    if (kept)
        grus_buffer_append(ids->unknown, text, length);
}

grus_token_text grus_ids_find_unknown(const char *unknown, size_t n)
{
    for (uint16_t prefix;; n--) {
        memcpy(&prefix, unknown, sizeof prefix);
        unknown += sizeof prefix;
        if (n == 0)
            return prefix == TOO_LONG ? (grus_token_text){0} : (grus_token_text){unknown, prefix};
        unknown += prefix == TOO_LONG ? 0 : prefix;
    }
}
