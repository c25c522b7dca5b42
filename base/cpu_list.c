// cpu_list.c: the affinity mask as text.
#include "config.h"

#include "base/cpu_list.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>

#define MOST_CPUS 65536

static void write_list(const cpu_set_t *set, char list[GRUS_CPU_LIST])
{
    size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
    int length = 0;
    for (size_t first = 0, end; first < MOST_CPUS; first = end + 1) {
        for (end = first; end < MOST_CPUS && CPU_ISSET_S(end, size, set);)
            end++;
        if (end == first)
            continue;
        length += snprintf(list + length, GRUS_CPU_LIST - (size_t)length, end - first > 1 ? "%s%zu-%zu" : "%s%zu",
                           length ? "," : "", first, end - 1);
        if (length >= GRUS_CPU_LIST) {
            list[0] = '\0';
            return;
        }
    }
}

void grus_cpu_list(char list[GRUS_CPU_LIST])
{
    size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
    cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
    list[0] = '\0';
    if (set && sched_getaffinity(0, size, set) == 0)
        write_list(set, list);
    if (set)
        CPU_FREE(set);
}
