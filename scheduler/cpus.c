// cpus.c: affinity mask and cgroup quota (version 2: cpu.max; version 1: cpu.cfs_quota_us and cpu.cfs_period_us).
#include "config.h"

#include "scheduler/cpus.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/affinity.h"

#define PATH_SIZE 4096

// Reads a small file into text; false when that fails.
static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

static size_t quotient(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return (size_t)(quota / period + (quota % period != 0));
}

// The quota of the group in this directory, 0 for none.
static size_t group_cpus(const char *dir, bool unified)
{
    char path[PATH_SIZE + 32], text[128];
    long long quota = 0, period = 0;
    if (unified) {
        snprintf(path, sizeof path, "%s/cpu.max", dir);
        if (!read_text(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
            return 0;
        return quotient(quota, period);
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld", &quota) != 1)
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld", &period) != 1)
        return 0;
    return quotient(quota, period);
}

// The tightest quota from mount + group up to mount itself.
static size_t walk_up(const char *mount, const char *group, size_t group_length, bool unified)
{
    char dir[PATH_SIZE];
    size_t least = 0;
    int written = snprintf(dir, sizeof dir, "%s%.*s", mount, (int)group_length, group);
    if (written < 0 || (size_t)written >= sizeof dir)
        return 0;
    for (size_t length = (size_t)written; length >= strlen(mount);) {
        dir[length] = '\0';
        size_t cpus = group_cpus(dir, unified);
        if (cpus && (least == 0 || cpus < least))
            least = cpus;
        const char *slash = strrchr(dir, '/');
        if (!slash || length == strlen(mount))
            break;
        length = (size_t)(slash - dir) > strlen(mount) ? (size_t)(slash - dir) : strlen(mount);
    }
    return least;
}

// Whether the comma-separated list names the cpu controller.
static bool has_cpu(const char *list, size_t length)
{
    for (size_t start = 0, i = 0; i <= length; i++)
        if (i == length || list[i] == ',') {
            if (i - start == 3 && memcmp(list + start, "cpu", 3) == 0)
                return true;
            start = i + 1;
        }
    return false;
}

size_t grus_cgroup_cpus(const char *groups, const char *root)
{
    size_t least = 0;
    for (const char *line = groups; *line;) {
        // hierarchy-number:controllers:group
        const char *end = strchrnul(line, '\n');
        const char *controllers = memchr(line, ':', (size_t)(end - line));
        const char *group = controllers ? memchr(controllers + 1, ':', (size_t)(end - controllers - 1)) : NULL;
        if (group) {
            size_t list_length = (size_t)(group - controllers - 1), group_length = (size_t)(end - group - 1);
            bool unified = list_length == 0;
            char mount[PATH_SIZE];
            snprintf(mount, sizeof mount, "%s%s", root, unified ? "" : "/cpu");
            if (unified || has_cpu(controllers + 1, list_length)) {
                size_t cpus = walk_up(mount, group + 1, group_length, unified);
                if (cpus && (least == 0 || cpus < least))
                    least = cpus;
            }
        }
        line = *end ? end + 1 : end;
    }
    return least;
}

size_t grus_cpus(void)
{
    grus_affinity all;
    grus_affinity_find(&all);
    size_t cpus = grus_affinity_cpus(&all);
    grus_affinity_free(&all);
    char groups[16384];
    if (!read_text("/proc/self/cgroup", groups, sizeof groups))
        return cpus;
    size_t quota = grus_cgroup_cpus(groups, "/sys/fs/cgroup");
    return quota && quota < cpus ? quota : cpus;
}
