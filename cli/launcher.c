// launcher.c: ranks from the environment, by the table.
#include "config.h"

#include "cli/launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launcher_table.h"
#include "cli/message.h"

// What one launcher has set.
typedef struct grus_launched {
    const grus_launcher *row;
    bool has_rank, has_size, has_id, has_count;
    const char *size_name;
    size_t rank, size; // of the process among those of the job, or of the array's element
    grus_array_place array;
    size_t count; // elements of the array
} grus_launched;

#define WAY_OUT "give --rank and --world-size"
#define RESERVED_STEPS 0xfffffff0u // from here on Slurm numbers what is no step of srun: batch scripts, shells

static bool is_set(const char *name)
{
    const char *text = name ? getenv(name) : NULL;
    return text && *text;
}

// false after a message when the variable is not a whole number; *value is untouched when it is not set.
static bool read_number(const char *name, size_t *value, bool *found)
{
    *found = is_set(name);
    if (!*found)
        return true;
    const char *text = getenv(name);
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number > SIZE_MAX / 2) {
        grus_usage_error("%s: \"%s\" is not a whole number; " WAY_OUT, name, text);
        return false;
    }
    *value = (size_t)number;
    return true;
}

// Whether the rank is that of a process which the launcher has started as one of several.
static bool counts(const grus_launcher *row, bool asked)
{
    if (row->within) {
        const char *step = getenv(row->within);
        if (!step || !*step || strtoull(step, NULL, 10) >= RESERVED_STEPS)
            return false;
    }
    return asked || !is_set(row->terminal) || !(isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO));
}

static bool read_process(const grus_launcher *row, bool asked, grus_launched *found)
{
    if (!row->rank || !counts(row, asked))
        return true;
    found->size_name = is_set(row->sizes[0]) || !row->sizes[1] ? row->sizes[0] : row->sizes[1];
    return read_number(row->rank, &found->rank, &found->has_rank) &&
           read_number(found->size_name, &found->size, &found->has_size);
}

static bool read_element(const grus_launcher *row, grus_launched *found)
{
    grus_array_place *array = &found->array;
    bool has_first, has_step, has_last;
    size_t last = 0;
    *array = (grus_array_place){.first = row->least, .step = 1, .tasks = 1};
    if (!is_set(row->id) || (row->no_array && strcmp(getenv(row->id), row->no_array) == 0))
        return true;
    if (row->empty && strcmp(getenv(row->id), row->empty) == 0) {
        grus_usage_error("%s=%s: the job array is empty, as --array= makes it; nothing was left to do, or give "
                         "--rank and --world-size",
                         row->id, row->empty);
        return false;
    }
    if (!read_number(row->id, &array->id, &found->has_id) || !read_number(row->first, &array->first, &has_first) ||
        !read_number(row->step, &array->step, &has_step) || !read_number(row->last, &last, &has_last) ||
        !read_number(row->count, &found->count, &found->has_count))
        return false;
    if (array->step == 0 || array->id < array->first || (has_last && last < array->id)) {
        grus_usage_error("%s=%zu is not in an array from %zu in steps of %zu; " WAY_OUT, row->id, array->id,
                         array->first, array->step);
        return false;
    }
    if (has_last) {
        found->count = (last - array->first) / array->step + 1;
        found->has_count = true;
    }
    return true;
}

// Half a pair is none.
static bool is_there(const grus_launched *found)
{
    return found->has_id || (found->has_rank && (found->has_size || !found->row->sizes[0]));
}

// --world-size where the launcher itself names no size, or another one than the run is to have.
static bool take_size(const grus_launcher_wish *wish, grus_launched *found)
{
    size_t *size = found->has_id ? &found->count : &found->size;
    bool *has_size = found->has_id ? &found->has_count : &found->has_size;
    const char *name = found->has_id ? found->row->id : found->row->rank;
    size_t tasks = found->has_id && found->has_rank ? found->size : 1;
    if (wish->has_size && wish->world_size % tasks != 0) {
        grus_usage_error("--world-size: %zu is no multiple of %s=%zu, the tasks of each element", wish->world_size,
                         found->size_name, tasks);
        return false;
    }
    if (wish->has_size)
        *size = wish->world_size / tasks;
    if (!wish->has_size && !*has_size) {
        grus_usage_error("%s is set, and nothing says of how many; give --world-size, or --launcher none", name);
        return false;
    }
    return true;
}

static bool check_rank(const grus_launcher_wish *wish, const grus_launched *found)
{
    if (!found->has_rank || found->rank < found->size)
        return true;
    grus_usage_error("%s=%zu is not below %s=%zu; " WAY_OUT, found->row->rank, found->rank,
                     wish->has_size && !found->has_id ? "--world-size" : found->size_name, found->size);
    return false;
}

static bool settle(const grus_launched *found, grus_run_options *run)
{
    run->rank = found->has_rank ? found->rank : 0;
    run->world_size = found->has_rank ? found->size : 1;
    if (!found->has_id)
        return true;
    grus_array_place array = found->array;
    array.task = run->rank;
    array.tasks = run->world_size;
    run->array = array;
    size_t before;
    if (__builtin_mul_overflow((array.id - array.first) / array.step, array.tasks, &before) ||
        __builtin_add_overflow(before, array.task, &run->rank) ||
        __builtin_mul_overflow(found->count, array.tasks, &run->world_size)) {
        grus_usage_error("the job array is too large; " WAY_OUT);
        return false;
    }
    return true;
}

// false after a message; *there: this launcher has started the process.
static bool try_launcher(const grus_launcher *row, const grus_launcher_wish *wish, grus_run_options *run, bool *there,
                         char source[GRUS_LAUNCHER_SOURCE])
{
    grus_launched found = {.row = row};
    if (!read_process(row, wish->word != GRUS_LAUNCHER_AUTO, &found) || !read_element(row, &found))
        return false;
    found.has_rank = found.has_rank && (found.has_size || !row->sizes[0]);
    *there = is_there(&found);
    if (!*there)
        return true;
    if (!take_size(wish, &found) || !check_rank(wish, &found) || !settle(&found, run))
        return false;
    run->launched = found.has_id || !wish->has_size;
    snprintf(source, GRUS_LAUNCHER_SOURCE, "%s%s%s", found.has_id ? row->id : "",
             found.has_id && found.has_rank ? " and " : "", found.has_rank ? row->rank : "");
    return true;
}

// Nothing was found.
static bool miss(const grus_launcher_wish *wish)
{
    if (wish->word >= GRUS_LAUNCHER_FIRST) {
        const grus_launcher *row = &grus_launchers[wish->word - GRUS_LAUNCHER_FIRST];
        const char *rank = row->rank ? row->rank : row->id, *size = row->rank ? row->sizes[0] : NULL;
        grus_usage_error("--launcher %s: %s%s%s%s not set for this process", grus_launcher_words[wish->word], rank,
                         size ? " and " : " is", size ? size : "", size ? " are" : "");
        return false;
    }
    if (wish->has_size)
        grus_usage_error("--world-size needs --rank, or a launcher that tells it");
    return !wish->has_size;
}

bool grus_launcher_find(const grus_launcher_wish *wish, grus_run_options *run, char source[GRUS_LAUNCHER_SOURCE])
{
    run->rank = 0;
    run->world_size = 1;
    run->launched = false;
    run->array = (grus_array_place){0};
    *source = '\0';
    for (size_t i = 0; i < grus_n_launchers && wish->word != GRUS_LAUNCHER_NONE; i++) {
        bool there;
        bool asked = wish->word == i + GRUS_LAUNCHER_FIRST;
        if (!asked && (wish->word != GRUS_LAUNCHER_AUTO || grus_launchers[i].only_when_asked))
            continue;
        if (!try_launcher(&grus_launchers[i], wish, run, &there, source))
            return false;
        if (there)
            return true;
    }
    return miss(wish);
}

// Whether the variable is set to more than 1.
static bool is_several(const char *name)
{
    return is_set(name) && strtoull(getenv(name), NULL, 10) > 1;
}

bool grus_launcher_passed_over(char text[GRUS_LAUNCHER_NOTE])
{
    for (size_t i = 0; i < grus_n_launchers; i++) {
        const grus_launcher *row = &grus_launchers[i];
        bool unheard = row->only_when_asked || !counts(row, false);
        if (!unheard || !is_set(row->rank) || !(is_several(row->sizes[0]) || is_several(row->sizes[1])))
            continue;
        if (row->only_when_asked || counts(row, true))
            snprintf(text, GRUS_LAUNCHER_NOTE, "%s is not taken for its part; --launcher %s does that", row->rank,
                     grus_launcher_words[i + GRUS_LAUNCHER_FIRST]);
        else
            snprintf(text, GRUS_LAUNCHER_NOTE, "%s is not that of a step, and no part of the work", row->rank);
        return true;
    }
    return false;
}
