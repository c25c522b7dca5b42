// launcher.h: which of how many processes this one is, as the program that started it tells in the environment.
#ifndef GRUS_CLI_LAUNCHER_H
#define GRUS_CLI_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>

// Looks for Open MPI, then PMI (MPICH, Intel MPI), then Slurm: the index in a job array, combined with the task's
// number inside a step. Leaves 0 of 1 where there is none. false after a message: what is there makes no sense.
bool grus_launcher_find(size_t *rank, size_t *world_size);

#endif
