// affinity.c: looks at the mask before any library's constructor.
#include "config.h"

#include "cli/affinity.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// Written before main alone.
static union {
    unsigned char bytes[8192]; // 65536 CPUs
    cpu_set_t set;
} at_start;
static long known; // bytes of it

// No library is ready for use yet, a sanitizer's neither.
__attribute__((no_sanitize("address", "thread", "undefined"))) static void look(void)
{
    known = syscall(SYS_sched_getaffinity, 0, sizeof at_start, &at_start);
}

__attribute__((used, section(".preinit_array"))) static void (*const before_all)(void) = look;

void grus_affinity_restore(void)
{
    if (known > 0)
        sched_setaffinity(0, (size_t)known, &at_start.set);
}
