// check_scheduler_affinity.c: the CPUs of a team's threads. tests/command/affinity.sh runs these under OpenMP's variables.
#include "config.h"

#include <omp.h>
#include <stdatomic.h>

#include "scheduler/affinity.h"
#include "scheduler/team.h"
#include "tests/unit/check_scheduler.h"

#define THREADS 3

typedef struct looked {
    grus_affinity all;
    atomic_size_t right; // threads that may run on all of these
} looked;

static void look(void *argument, size_t number)
{
    looked *seen = argument;
    grus_affinity own = {CPU_ALLOC(8 * seen->all.bytes), seen->all.bytes};
    ck_assert_uint_lt(number, THREADS);
    if (sched_getaffinity(0, own.bytes, own.set) == 0 && CPU_EQUAL_S(own.bytes, own.set, seen->all.set))
        atomic_fetch_add(&seen->right, 1);
    grus_affinity_free(&own);
}

static size_t own_cpus(void)
{
    cpu_set_t own;
    ck_assert_int_eq(sched_getaffinity(0, sizeof own, &own), 0);
    return (size_t)CPU_COUNT(&own);
}

START_TEST(threads_run_on_all_cpus)
{
    looked seen = {0};
    grus_error error;
    grus_affinity_find(&seen.all);
    size_t cpus = grus_affinity_cpus(&seen.all), before = own_cpus();
    ck_assert_uint_eq(cpus, (size_t)omp_get_num_procs());
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(grus_team_run(THREADS, look, &seen, &error), GRUS_OK);
        ck_assert_uint_eq(atomic_exchange(&seen.right, 0), THREADS);
        ck_assert_uint_eq(own_cpus(), before);
    }
    grus_affinity_free(&seen.all);
}
END_TEST

START_TEST(mask_comes_back)
{
    grus_affinity all, before;
    grus_affinity_find(&all);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET_S(cpu, all.bytes, all.set))
            CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    grus_affinity_enter(&all, &before);
    ck_assert_uint_eq(own_cpus(), grus_affinity_cpus(&all));
    grus_affinity_leave(&before);
    ck_assert_uint_eq(own_cpus(), 1);
    // What is not known changes nothing.
    grus_affinity unknown = {0};
    ck_assert_uint_eq(grus_affinity_cpus(&unknown), 1);
    grus_affinity_enter(&unknown, &before);
    ck_assert_uint_eq(own_cpus(), 1);
    grus_affinity_leave(&before);
    grus_affinity_free(&all);
}
END_TEST

TCase *affinity_case(void)
{
    TCase *cpus = tcase_create("cpus");
    tcase_add_test(cpus, threads_run_on_all_cpus);
    tcase_add_test(cpus, mask_comes_back);
    return cpus;
}
