// assert.h: what must hold inside grus whatever the data are: bounds of lanes, rows and slots, hand-overs of ownership,
// the order of a commit. Never for data, whose mistakes are grus_error values. Looked at in builds for tests
// (./configure --enable-assert, and every build with a sanitizer); a release has nothing of it.
#ifndef GRUS_BASE_ASSERT_H
#define GRUS_BASE_ASSERT_H

#ifdef GRUS_ASSERTIONS
#include <stdio.h>
#include <stdlib.h>
#define GRUS_ASSERT(condition) \
    ((condition) ? (void)0     \
                 : (fprintf(stderr, "%s:%d: grus is at fault: %s\n", __FILE__, __LINE__, #condition), abort()))
#else
#define GRUS_ASSERT(condition) ((void)sizeof(!(condition)))
#endif

#endif
