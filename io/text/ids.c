// ids.c: a growing list.
#include "config.h"

#include "io/text/ids.h"

#include "base/memory.h"

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
