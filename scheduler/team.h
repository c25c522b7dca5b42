// team.h: whether the system gives an OpenMP team its threads: a team that does not get them ends the process.
#ifndef GRUS_SCHEDULER_TEAM_H
#define GRUS_SCHEDULER_TEAM_H

#include <stdbool.h>
#include <stddef.h>

// Starts as many threads as a team of this size needs beside the caller, all at once, and ends them again. false: one of
// them was refused.
bool grus_team_is_granted(size_t threads);

#endif
