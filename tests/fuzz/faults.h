// faults.h: calls of grus's readers that are refused on purpose: for memory, for zstd's and xxHash's states, and of read.
// They are counted from fuzz_refuse on; calls that libraries make themselves are none of them.
#ifndef GRUS_TESTS_FUZZ_FAULTS_H
#define GRUS_TESTS_FUZZ_FAULTS_H

#include <stdbool.h>

// Refuses the n-th call from here on, 1 the first; 0: none.
void fuzz_refuse(unsigned n);
// All is granted again. Returns whether a call was refused.
bool fuzz_refuse_end(void);

#endif
