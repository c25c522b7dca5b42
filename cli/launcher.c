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

static bool read_array(grus_array_place *array, size_t *count, bool *found)
{
    bool has_id, has_first, has_step, has_count;
    array->first = 0;
    array->step = array->tasks = 1;
    if (!read_number("SLURM_ARRAY_TASK_ID", &array->id, &has_id) ||
        !read_number("SLURM_ARRAY_TASK_MIN", &array->first, &has_first) ||
        !read_number("SLURM_ARRAY_TASK_STEP", &array->step, &has_step) ||
        !read_number("SLURM_ARRAY_TASK_COUNT", count, &has_count))
        return false;
    *found = has_id && has_count;
    if (*found && (array->step == 0 || array->id < array->first)) {
        grus_usage_error("SLURM_ARRAY_TASK_ID=%zu is not in an array from %zu in steps of %zu; "
                         "give --rank and --world-size",
                         array->id, array->first, array->step);
        return false;
    }
    return true;
}

static bool read_slurm(grus_run_options *run)
{
    grus_array_place array = {0};
    size_t task = 0, tasks = 1, count = 1;
    bool in_array, in_step = false;
    if (!read_array(&array, &count, &in_array))
        return false;
    // A bare batch script sees SLURM_PROCID too, though it is one process.
    const char *step = getenv("SLURM_STEP_ID");
    if (step && *step && !read_pair("SLURM_PROCID", "SLURM_NTASKS", &task, &tasks, &in_step))
        return false;
    run->launched = in_array || in_step;
    run->rank = task;
    run->world_size = tasks;
    if (in_array) {
        array.task = task;
        array.tasks = tasks;
        run->array = array;
        size_t before;
        if (__builtin_mul_overflow((array.id - array.first) / array.step, tasks, &before) ||
            __builtin_add_overflow(before, task, &run->rank) ||
            __builtin_mul_overflow(count, tasks, &run->world_size)) {
            grus_usage_error("the job array is too large; give --rank and --world-size");
            return false;
        }
    }
    return true;
}

bool grus_launcher_find(grus_run_options *run)
{
    run->rank = 0;
    run->world_size = 1;
    run->launched = false;
    run->array = (grus_array_place){0};
    if (!read_pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", &run->rank, &run->world_size, &run->launched))
        return false;
    if (!run->launched && !read_pair("PMI_RANK", "PMI_SIZE", &run->rank, &run->world_size, &run->launched))
        return false;
    return run->launched || read_slurm(run);
}
