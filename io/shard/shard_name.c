// shard_name.c: the types of shards by their names' ends.
#include "config.h"

#include "io/shard/shard_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "io/shard/codec.h"

#define JSON ".json"

// The length of path without its codec's suffix.
static size_t uncoded_length(const char *path)
{
    return strlen(path) - strlen(grus_codec_of_name(path)->suffix);
}

// The same without its type, too; 0 and *kind untouched when it has none that grus knows.
static size_t stem_length(const char *path, grus_shard_kind *kind)
{
    static const struct {
        const char *suffix;
        grus_shard_kind kind;
    } types[] = {
        {".jsonl", GRUS_SHARD_JSONL}, {JSON, GRUS_SHARD_JSONL}, {".ndjson", GRUS_SHARD_JSONL},
        {".txt", GRUS_SHARD_TXT},     {".tsv", GRUS_SHARD_TSV}, {".safetensors", GRUS_SHARD_SAFETENSORS},
    };
    size_t length = uncoded_length(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (grus_path_ends(path, length, types[i].suffix)) {
            *kind = types[i].kind;
            return length - strlen(types[i].suffix);
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

bool grus_shard_is_json(const char *path)
{
    return grus_path_ends(path, uncoded_length(path), JSON);
}

char *grus_shard_whole_stem(const char *name)
{
    if (strcmp(name, "-") == 0)
        return strdup("stdin");
    grus_shard_kind kind;
    size_t length = stem_length(name, &kind);
    return strndup(name, length ? length : strlen(name));
}

char *grus_shard_stem(const char *path)
{
    char *whole = grus_shard_whole_stem(path);
    char *stem = whole ? strdup(grus_path_name(whole)) : NULL;
    free(whole);
    return stem;
}
