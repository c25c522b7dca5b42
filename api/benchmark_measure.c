// benchmark_measure.c: repetitions, their seconds on the clock and of all CPUs.
#include "config.h"

#include "api/benchmark_measure.h"

#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "scheduler/clock.h"

double grus_benchmark_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static grus_benchmark_part *add_part(grus_benchmark_state *bench, const char *name, double *wall, double *cpu, size_t n)
{
    grus_benchmark_memory *memory = bench->memory;
    GRUS_ASSERT(memory->result.n < GRUS_BENCHMARK_PARTS && n > 0);
    grus_benchmark_part *part = &memory->parts[memory->result.n];
    *part = (grus_benchmark_part){.size = sizeof *part,
                                  .name = name,
                                  .threads = bench->used,
                                  .repetitions = n,
                                  .records = (double)bench->work.records,
                                  .tokens = (double)bench->work.positions,
                                  .median = median(wall, n),
                                  .cpu = median(cpu, n)};
    part->min = wall[0];
    part->max = wall[n - 1];
    memory->list[memory->result.n++] = part;
    return part;
}

void grus_benchmark_tell(grus_benchmark_state *bench, const grus_progress *run)
{
    if (!bench->how.on_progress)
        return;
    bench->now.seconds = grus_seconds() - bench->started;
    bench->now.run = run;
    bench->how.on_progress(bench->how.context, &bench->now);
}

// Whether another repetition is wanted after n that took so long together.
static bool goes_on(const grus_benchmark_repeated *repeated, size_t n, double took, double seconds)
{
    return n < repeated->least || (n < GRUS_BENCHMARK_MOST && took + took / (double)n <= seconds);
}

grus_status grus_benchmark_measure(grus_benchmark_state *bench, const grus_benchmark_repeated *repeated,
                                   grus_benchmark_part **part, grus_error *error)
{
    double wall[GRUS_BENCHMARK_MOST], cpu[GRUS_BENCHMARK_MOST], started = grus_seconds();
    size_t n = 0;
    GRUS_ASSERT(repeated->least > 0 && repeated->least <= GRUS_BENCHMARK_MOST);
    bench->used = repeated->threads;
    bench->now.name = repeated->name;
    bench->now.part++;
    while (goes_on(repeated, n, grus_seconds() - started, bench->how.seconds)) {
        bench->now.repetition = n + 1;
        grus_benchmark_tell(bench, NULL);
        bench->apart = bench->apart_cpu = 0;
        double from = grus_seconds(), cpu_from = grus_benchmark_cpu_seconds();
        grus_status status = repeated->function(bench, error);
        if (status != GRUS_OK)
            return status;
        wall[n] = grus_seconds() - from - bench->apart;
        cpu[n++] = grus_benchmark_cpu_seconds() - cpu_from - bench->apart_cpu;
    }
    *part = add_part(bench, repeated->name, wall, cpu, n);
    return GRUS_OK;
}
