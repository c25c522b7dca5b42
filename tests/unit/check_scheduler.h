// check_scheduler.h: the cases of the suite that have files of their own.
#ifndef GRUS_TESTS_UNIT_CHECK_SCHEDULER_H
#define GRUS_TESTS_UNIT_CHECK_SCHEDULER_H

#include <check.h>

TCase *affinity_case(void);
TCase *queue_case(void);
TCase *shards_case(void);

#endif
