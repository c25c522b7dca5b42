// shard_name.c: the types of shards by their names' ends.
#include "config.h"

#include "io/shard/shard_name.h"

#include <stdlib.h>
#include <string.h>

#include "io/shard/codec.h"

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t n = strlen(end);
    return length >= n && memcmp(text + length - n, end, n) == 0;
}

// The length of path without its codec's suffix and its type; 0 and *kind untouched when it has none that grus knows.
static size_t stem_length(const char *path, grus_shard_kind *kind)
{
    static const char *const types[] = {[GRUS_SHARD_JSONL] = ".jsonl",
                                        [GRUS_SHARD_TXT] = ".txt",
                                        [GRUS_SHARD_TSV] = ".tsv",
                                        [GRUS_SHARD_SAFETENSORS] = ".safetensors"};
    size_t length = strlen(path);
    length -= strlen(grus_codec_of_name(path)->suffix);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (ends_with(path, length, types[i])) {
            *kind = (grus_shard_kind)i;
            return length - strlen(types[i]);
        }
    }
    return 0;
}

bool grus_shard_kind_of(const char *path, grus_shard_kind *kind)
{
    if (strcmp(path, "-") == 0) {
        *kind = GRUS_SHARD_JSONL;
        return true;
    }
    size_t length = stem_length(path, kind);
    return length > 0 && path[length - 1] != '/';
}

char *grus_shard_stem(const char *path)
{
    if (strcmp(path, "-") == 0)
        return strdup("stdin");
    grus_shard_kind kind;
    size_t length = stem_length(path, &kind);
    if (length == 0)
        length = strlen(path);
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return strndup(path + start, length - start);
}
