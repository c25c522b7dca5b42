// measure.c: turns and statistics.
#include "config.h"

#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_SECONDS 0.05 // of a round of one case
#define SHORT_SECONDS 0.2  // a run in which cold caches would count
#define LEAST_ROUNDS 3
#define FLOOR_SECONDS 0.002

static void time_case(const bench_case *c, size_t iterations, double *wall, double *cpu)
{
    double process = bench_process_cpu();
    bench_clock start = bench_now();
    for (size_t i = 0; i < iterations; i++)
        c->run(c->state);
    bench_clock spent = bench_since(start);
    *wall = spent.wall / (double)iterations;
    *cpu = (c->threads > 1 ? bench_process_cpu() - process : spent.cpu) / (double)iterations;
}

static size_t or_default(size_t value, size_t otherwise)
{
    return value ? value : otherwise;
}

static bench_parameters with_defaults(bench_parameters p)
{
    p.hidden = or_default(p.hidden, bench_defaults.hidden);
    p.layers = or_default(p.layers, bench_defaults.layers);
    p.directions = or_default(p.directions, bench_defaults.directions);
    p.sequences = or_default(p.sequences, bench_defaults.sequences);
    p.length = or_default(p.length, bench_defaults.length);
    p.vocab = or_default(p.vocab, bench_defaults.vocab);
    p.beam = or_default(p.beam, bench_defaults.beam);
    p.threads = or_default(p.threads, bench_defaults.threads);
    p.bits = or_default(p.bits, bench_defaults.bits);
    return p;
}

static void make(const bench_row *row, const bench_settings *settings, size_t value, bench_measurement *m)
{
    bench_parameters p = with_defaults(row->base);
    memcpy((char *)&p + row->varied_at, &value, sizeof value);
    p.model = settings->model;
    p.shard = settings->shard;
    memset(m, 0, sizeof *m);
    m->value = value;
    if (!row->make(&p, &m->work, &m->missing))
        return;
    m->missing = NULL;
    double wall, cpu;
    time_case(&m->work, 1, &wall, &cpu);
    m->is_short = wall < SHORT_SECONDS;
    m->iterations = wall < LEAST_SECONDS ? (size_t)(LEAST_SECONDS / (wall + 1e-9)) + 1 : 1;
}

// A short run follows one that is not timed: the case before has filled the caches, as nothing does within a long run.
static void run_round(bench_measurement *m, const bench_panels *panels)
{
    if (m->is_short)
        m->work.run(m->work.state);
    size_t i = m->n++;
    bool flops = m->work.unit == BENCH_FLOPS;
    m->floor[i] = flops ? bench_fma_rate(FLOOR_SECONDS) : bench_copy_rate((size_t)m->work.work / 2, FLOOR_SECONDS);
    m->kernel[i] = flops ? bench_kernel_rate(panels, FLOOR_SECONDS) : 0;
    time_case(&m->work, m->iterations, &m->wall[i], &m->cpu[i]);
}

void bench_measure(const bench_row *row, const bench_settings *settings, const bench_panels *panels,
                   bench_measurement *measurements, size_t *n)
{
    for (*n = 0; row->values[*n] && *n < BENCH_MAX_CASES; (*n)++)
        make(row, settings, row->values[*n], &measurements[*n]);
    bench_clock start = bench_now();
    double budget = settings->seconds * (double)*n;
    for (size_t round = 0; round < BENCH_MAX_ROUNDS && (round < LEAST_ROUNDS || bench_since(start).wall < budget);
         round++)
        for (size_t i = 0; i < *n; i++)
            if (!measurements[i].missing)
                run_round(&measurements[i], panels);
    for (size_t i = 0; i < *n; i++)
        if (!measurements[i].missing)
            measurements[i].work.free(measurements[i].work.state);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bench_spread bench_spread_of(const double *values, size_t n)
{
    double sorted[BENCH_MAX_ROUNDS];
    memcpy(sorted, values, n * sizeof *values);
    qsort(sorted, n, sizeof *sorted, compare);
    double median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return (bench_spread){sorted[0], median, sorted[n - 1]};
}

bench_summary bench_summarize(const bench_measurement *m)
{
    double rate[BENCH_MAX_ROUNDS], of_floor[BENCH_MAX_ROUNDS], of_kernel[BENCH_MAX_ROUNDS];
    bool flops = m->work.unit == BENCH_FLOPS;
    for (size_t i = 0; i < m->n; i++) {
        rate[i] = m->work.work / m->wall[i];
        of_floor[i] = m->work.work / m->cpu[i] / m->floor[i];
        of_kernel[i] = flops ? m->work.work / m->cpu[i] / m->kernel[i] : 0;
    }
    return (bench_summary){.wall = bench_spread_of(m->wall, m->n),
                           .cpu = bench_spread_of(m->cpu, m->n),
                           .rate = bench_spread_of(rate, m->n),
                           .of_floor = bench_spread_of(of_floor, m->n),
                           .floor = bench_spread_of(m->floor, m->n).median,
                           .of_kernel = bench_spread_of(of_kernel, m->n).median};
}
