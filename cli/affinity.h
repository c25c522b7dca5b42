// affinity.h: the CPUs that the command was started with. OpenMP binds the first thread before main where the environment has
// OMP_PLACES or OMP_PROC_BIND, and what it leaves of the mask would be taken for the machine.
#ifndef GRUS_CLI_AFFINITY_H
#define GRUS_CLI_AFFINITY_H

// Gives the calling thread the mask of the start back, where that is known.
void grus_affinity_restore(void);

#endif
