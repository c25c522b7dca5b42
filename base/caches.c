// caches.c: /sys/devices/system/cpu/cpu0/cache.
#include "config.h"

#include "base/caches.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "/sys/devices/system/cpu/cpu0/cache"

// The first line of a file of cache `index`, without what could not stand in a JSON string.
static bool read_word(size_t index, const char *name, char *word, int size)
{
    char path[128];
    snprintf(path, sizeof path, FOLDER "/index%zu/%s", index, name);
    FILE *file = fopen(path, "re");
    bool found = file && fgets(word, size, file);
    if (file)
        fclose(file);
    if (!found)
        return false;
    word[strcspn(word, "\n")] = '\0';
    for (char *at = word; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            *at = '?';
    return *word != '\0';
}

// "32K", "8192K", "8M".
static bool read_size(size_t index, size_t *bytes)
{
    char word[32], unit = 'B';
    if (!read_word(index, "size", word, sizeof word) || sscanf(word, "%9zu%c", bytes, &unit) < 1)
        return false;
    *bytes *= unit == 'K' ? (size_t)1 << 10 : unit == 'M' ? (size_t)1 << 20 : unit == 'B' ? 1 : 0;
    return *bytes > 0;
}

size_t grus_caches(grus_cache caches[GRUS_MOST_CACHES])
{
    size_t n = 0;
    for (size_t index = 0; index < GRUS_MOST_CACHES; index++) {
        grus_cache *cache = &caches[n];
        char level[16];
        *cache = (grus_cache){0};
        if (!read_word(index, "level", level, sizeof level) || sscanf(level, "%3u", &cache->level) != 1 ||
            !read_word(index, "type", cache->type, sizeof cache->type) || !read_size(index, &cache->bytes))
            continue;
        if (!read_word(index, "shared_cpu_list", cache->cpus, sizeof cache->cpus))
            cache->cpus[0] = '\0';
        n++;
    }
    return n;
}
