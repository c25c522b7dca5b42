// stop.h: a wish that a run end.
#ifndef GRUS_SCHEDULER_STOP_H
#define GRUS_SCHEDULER_STOP_H

#include <stdatomic.h>

#include "grus.h"

struct grus_stop {
    atomic_bool asked; // written by grus_stop_ask, by any thread or signal handler; read by all that the run has
};

// What the engine and the threads of a run look at; NULL where nobody can ask.
const atomic_bool *grus_stop_flag(const grus_stop *stop);

#endif
