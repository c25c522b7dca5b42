// launcher.h: which of how many processes this one is, as the program that started it tells in the environment.
#ifndef GRUS_CLI_LAUNCHER_H
#define GRUS_CLI_LAUNCHER_H

#include <grus.h>

// Looks for Open MPI, then PMI (MPICH, Intel MPI), then Slurm: the index in a job array, combined with the task's
// number inside a step. Sets rank, world_size, launched and array of run; 0 of 1, not launched, where there is none.
// Whether the index is one of the array's is left to grus_run. false after a message: what is there makes no sense.
bool grus_launcher_find(grus_run_options *run);

#endif
