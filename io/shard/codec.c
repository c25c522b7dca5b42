// codec.c: the table of codecs.
#include "config.h"

#include "io/shard/codec.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"

// The last one takes what no other does.
static const grus_codec *const codecs[] = {&grus_codec_zstd, &grus_codec_gzip, &grus_codec_plain};
#define N_CODECS (sizeof codecs / sizeof *codecs)

const grus_codec *grus_codec_of_name(const char *name)
{
    size_t length = strlen(name), i = 0;
    while (i < N_CODECS - 1 && !grus_path_ends(name, length, codecs[i]->suffix))
        i++;
    return codecs[i];
}

bool grus_codec_may_begin(const grus_raw *raw)
{
    bool may = false;
    for (size_t i = 0; i < N_CODECS; i++)
        may = may || (codecs[i]->may_begin && codecs[i]->may_begin(raw));
    return may;
}

const grus_codec *grus_codec_of_content(const grus_raw *raw)
{
    size_t i = 0;
    while (i < N_CODECS - 1 && !codecs[i]->begins(raw))
        i++;
    return codecs[i];
}

size_t grus_codec_memory(unsigned window_log)
{
    size_t bytes = 0;
    for (size_t i = 0; i < N_CODECS; i++)
        bytes = grus_max(bytes, codecs[i]->memory(window_log));
    return bytes;
}

size_t grus_codec_compressor_memory(int level)
{
    size_t bytes = 0;
    for (size_t i = 0; i < N_CODECS; i++)
        if (codecs[i]->compressor)
            bytes = grus_max(bytes, grus_add_sat(codecs[i]->out_capacity(), codecs[i]->compressor_memory(level)));
    return bytes;
}

grus_status grus_codec_check_level(int level, grus_error *error)
{
    int least = INT_MAX, most = INT_MIN;
    for (size_t i = 0; i < N_CODECS; i++) {
        int own_least, own_most;
        if (!codecs[i]->levels)
            continue;
        codecs[i]->levels(&own_least, &own_most);
        least = own_least < least ? own_least : least;
        most = own_most > most ? own_most : most;
    }
    return level >= least && level <= most
               ? GRUS_OK
               : grus_fail(error, GRUS_E_USAGE, NULL, NULL, "compression level %d is not between %d and %d", level,
                           least, most);
}
