// cpus.h: how many threads this process may keep busy.
#ifndef GRUS_SCHEDULER_CPUS_H
#define GRUS_SCHEDULER_CPUS_H

#include <stddef.h>

// The CPUs of the affinity mask and of OpenMP's places, bounded by the cgroup's quota; at least 1.
size_t grus_cpus(void);

// The CPUs that a cgroup quota allows, rounded up; 0 where there is none. groups is the content of /proc/self/cgroup,
// root where the hierarchies are mounted (/sys/fs/cgroup). The tightest of the group and its ancestors counts.
size_t grus_cgroup_cpus(const char *groups, const char *root);

#endif
