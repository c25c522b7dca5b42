// launcher.c: ranks from the environment.
#include "config.h"

#include "cli/launcher.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/message.h"

// false after a message when the variable is not a whole number; *value is untouched when it is not set.
static bool read_number(const char *name, size_t *value, bool *found)
{
    const char *text = getenv(name);
    *found = text && *text;
    if (!*found)
        return true;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number > SIZE_MAX / 2) {
        grus_usage_error("%s: \"%s\" is not a whole number; give --rank and --world-size", name, text);
        return false;
    }
    *value = (size_t)number;
    return true;
}

// A pair of variables: rank and size.
static bool read_pair(const char *rank_name, const char *size_name, size_t *rank, size_t *size, bool *found)
{
    bool has_rank, has_size;
    size_t own = 0, all = 1;
    if (!read_number(rank_name, &own, &has_rank) || !read_number(size_name, &all, &has_size))
        return false;
    *found = has_rank && has_size;
    if (*found && own >= all) {
        grus_usage_error("%s=%zu is not below %s=%zu; give --rank and --world-size", rank_name, own, size_name, all);
        return false;
    }
    if (*found) {
        *rank = own;
        *size = all;
    }
    return true;
}

static bool read_slurm_array(size_t *rank, size_t *size, bool *found)
{
    size_t id = 0, least = 0, step = 1, count = 1;
    bool has_id, has_least, has_step, has_count;
    if (!read_number("SLURM_ARRAY_TASK_ID", &id, &has_id) || !read_number("SLURM_ARRAY_TASK_MIN", &least, &has_least) ||
        !read_number("SLURM_ARRAY_TASK_STEP", &step, &has_step) ||
        !read_number("SLURM_ARRAY_TASK_COUNT", &count, &has_count))
        return false;
    *found = has_id && has_count;
    if (!*found)
        return true;
    if (step == 0 || id < least || (id - least) % step != 0 || (id - least) / step >= count) {
        grus_usage_error("SLURM_ARRAY_TASK_ID=%zu is not one of %zu from %zu in steps of %zu; "
                         "give --rank and --world-size",
                         id, count, least, step);
        return false;
    }
    *rank = (id - least) / step;
    *size = count;
    return true;
}

static bool read_slurm(size_t *rank, size_t *size)
{
    size_t task = 0, tasks = 1;
    bool in_array, in_step = false;
    if (!read_slurm_array(rank, size, &in_array))
        return false;
    // A bare batch script sees SLURM_PROCID too, though it is one process.
    const char *step = getenv("SLURM_STEP_ID");
    if (step && *step && !read_pair("SLURM_PROCID", "SLURM_NTASKS", &task, &tasks, &in_step))
        return false;
    if (in_step) {
        *rank = *rank * tasks + task;
        *size *= tasks;
    }
    return true;
}

bool grus_launcher_find(size_t *rank, size_t *world_size)
{
    bool found;
    *rank = 0;
    *world_size = 1;
    if (!read_pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", rank, world_size, &found))
        return false;
    if (found)
        return true;
    if (!read_pair("PMI_RANK", "PMI_SIZE", rank, world_size, &found))
        return false;
    return found || read_slurm(rank, world_size);
}
