// survey_pool.c: the least keys, in a list without order: a record that is kept is rare.
#include "config.h"

#include "api/survey_pool.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

bool grus_pool_make(grus_pool *pool, size_t most)
{
    *pool = (grus_pool){.most = most};
    pool->list = calloc(most ? most : 1, sizeof *pool->list);
    return pool->list != NULL;
}

void grus_pool_free(grus_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        free(pool->list[i].line);
    free(pool->list);
    *pool = (grus_pool){0};
}

uint64_t grus_pool_key(uint64_t shard, uint64_t number)
{
    return XXH64(&number, sizeof number, shard);
}

static size_t find_greatest(const grus_pool *pool)
{
    size_t greatest = 0;
    for (size_t i = 1; i < pool->n; i++)
        if (pool->list[i].key > pool->list[greatest].key)
            greatest = i;
    return greatest;
}

bool grus_pool_wants(const grus_pool *pool, uint64_t key, size_t length)
{
    if (pool->most == 0 || length > GRUS_POOL_LONGEST)
        return false;
    return pool->n < pool->most || key < pool->list[find_greatest(pool)].key;
}

bool grus_pool_offer(grus_pool *pool, const grus_kept_record *record, const char *line)
{
    if (!grus_pool_wants(pool, record->key, record->length))
        return true;
    size_t place = pool->n < pool->most ? pool->n : find_greatest(pool);
    char *copy = malloc(record->length + 1);
    if (!copy)
        return false;
    memcpy(copy, line, record->length);
    if (place < pool->n)
        free(pool->list[place].line);
    else
        pool->n++;
    pool->list[place] = *record;
    pool->list[place].line = copy;
    return true;
}

static int by_place(const void *a, const void *b)
{
    const grus_kept_record *one = a, *other = b;
    if (one->shard != other->shard)
        return one->shard < other->shard ? -1 : 1;
    return one->number < other->number ? -1 : one->number > other->number;
}

void grus_pool_sort(grus_pool *pool)
{
    if (pool->n)
        qsort(pool->list, pool->n, sizeof *pool->list, by_place);
}
