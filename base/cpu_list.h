// cpu_list.h: which of the machine's CPUs are ours.
#ifndef GRUS_BASE_CPU_LIST_H
#define GRUS_BASE_CPU_LIST_H

#define GRUS_CPU_LIST 256

// The CPUs that the calling thread may run on, as Linux writes them: "0-3,8"; "" where they are not known or are in too many
// pieces for it.
void grus_cpu_list(char list[GRUS_CPU_LIST]);

#endif
