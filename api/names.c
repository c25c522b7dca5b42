// names.c: the words of enumerations, for those outside the library.
#include "config.h"

#include "grus.h"

#include "base/names.h"

const char *const *grus_names(grus_name_list list)
{
    switch (list) {
    case GRUS_NAMES_TASK:
        return grus_task_names;
    case GRUS_NAMES_LENGTH_NORM:
        return grus_norm_names;
    case GRUS_NAMES_ATTENTION:
        return grus_attention_names;
    case GRUS_NAMES_FORMAT:
        return grus_format_names;
    case GRUS_NAMES_SHARD_STATE:
        return grus_state_names;
    case GRUS_NAMES_COMPUTE:
        return grus_compute_names;
    case GRUS_NAMES_HEAD_OUTPUT:
        return grus_output_names;
    case GRUS_NAMES_COMPRESS:
        return grus_compress_names;
    }
    return NULL;
}
