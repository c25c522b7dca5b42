// stop.c: one stop a run, which only ever goes from not asked to asked.
#include "config.h"

#include "scheduler/stop.h"

#include <stdlib.h>

// A signal handler may ask: no lock may be behind it.
_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "atomic_bool takes a lock");

grus_stop *grus_stop_new(void)
{
    grus_stop *stop = malloc(sizeof *stop);
    if (stop)
        atomic_init(&stop->asked, false);
    return stop;
}

void grus_stop_free(grus_stop *stop)
{
    free(stop);
}

void grus_stop_ask(grus_stop *stop)
{
    atomic_store_explicit(&stop->asked, true, memory_order_relaxed);
}

const atomic_bool *grus_stop_flag(const grus_stop *stop)
{
    return stop ? &stop->asked : NULL;
}
