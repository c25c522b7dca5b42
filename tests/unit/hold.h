// hold.h: assertions for loops of thousands. Check tells its parent of every assertion that is passed, by a call of the system,
// which is most of the time of such a loop; these say nothing until one fails.
#ifndef GRUS_TESTS_HOLD_H
#define GRUS_TESTS_HOLD_H

#include <check.h>

// As ck_assert_msg and ck_assert.
#define hold_msg(condition, ...)       \
    do {                               \
        if (!(condition))              \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)
#define hold(condition) hold_msg(condition, "%s", "Assertion '" #condition "' failed")

#endif
