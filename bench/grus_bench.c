// grus_bench.c: measures the table of cases.c, a line each, and writes it as JSON for plot.gp and scaling.gp.
//
// usage: grus-bench [--filter TEXT] [--seconds S] [--scaling] [--kernels] [--json FILE] [--list] [--model MODEL SHARD]
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/kernels.h"
#include "bench/measure.h"
#include "engine/kernel/choose.h"

#define KERNEL_K 512 // of the bare micro-kernel that every case is held against
#define KERNEL_BYTES ((size_t)256 << 10)
#define KERNEL_TILES 8

typedef struct program {
    bench_settings settings;
    const char *filter, *json;
    bool scaling, list, kernels;
    FILE *out; // JSON
    bool any;  // a case has been written to it
} program;

static const struct option options[] = {
    {"filter", required_argument, NULL, 'f'},
    {"seconds", required_argument, NULL, 's'},
    {"json", required_argument, NULL, 'j'},
    {"model", required_argument, NULL, 'm'},
    {"scaling", no_argument, NULL, 'c'},
    {"list", no_argument, NULL, 'l'},
    {"kernels", no_argument, NULL, 'k'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void print_help(void)
{
    printf("usage: grus-bench [OPTION]... [SHARD]\n\n"
           "  --filter TEXT   only the cases whose GROUP/VARIANT holds TEXT\n"
           "  --seconds S     for each case, about [1]; never fewer than three rounds\n"
           "  --scaling       the curves (time by H, layers, vocabulary, length, beam, sequences, threads)\n"
           "  --kernels       every kernel of every number type instead: tried, and timed in turns\n"
           "  --json FILE     all figures, for plot.gp, or scaling.gp with --scaling\n"
           "  --model MODEL   a model directory; with a SHARD the whole pipeline is measured too\n"
           "  --list          names of the cases\n");
}

static bool wanted(const program *p, const bench_row *row)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", row->group, row->variant);
    return row->scaling == p->scaling && (!p->filter || strstr(name, p->filter));
}

static void print_head(const program *p)
{
    printf("%-10s %-32s %-13s %9s %10s %21s %6s %7s %8s %8s\n", "", "", "", "items/s", p->scaling ? "s a run" : "rate",
           "min ... max", "", "of floor", "kernel", "padding");
}

// The kernel's share only where the kernel can be the measure: for FLOPs.
static void print_line(const program *p, const bench_row *row, const bench_measurement *m, const bench_summary *s)
{
    char value[32], padding[16] = "";
    bool flops = m->work.unit == BENCH_FLOPS;
    snprintf(value, sizeof value, "%s %zu", row->varied, m->value);
    if (m->work.padding >= 0)
        snprintf(padding, sizeof padding, "%.2f %%", 100 * m->work.padding);
    printf("%-10s %-32s %-13s %9.3g ", row->group, row->variant, value, m->work.items / s->wall.median);
    if (p->scaling)
        printf("%10.3g %9.3g ... %7.3g %6s ", s->wall.median, s->wall.min, s->wall.max, "s");
    else
        printf("%10.1f %9.1f ... %7.1f %6s ", s->rate.median / 1e9, s->rate.min / 1e9, s->rate.max / 1e9,
               flops ? "GFLOP" : "GB");
    printf("%6.1f %% ", 100 * s->of_floor.median);
    if (flops)
        printf("%6.1f %% ", 100 * s->of_kernel);
    else
        printf("%8s ", "");
    printf("%8s\n", padding);
    fflush(stdout);
}

static void write_spread(FILE *out, const char *name, const bench_spread *s)
{
    fprintf(out, ", \"%s\": [%.9g, %.9g, %.9g]", name, s->min, s->median, s->max);
}

static void write_case(program *p, const bench_row *row, const bench_measurement *m, const bench_summary *s)
{
    if (!p->out)
        return;
    fprintf(p->out, "%s\n  {\"group\": \"%s\", \"variant\": \"%s\", \"varied\": \"%s\", \"value\": %zu",
            p->any ? "," : "", row->group, row->variant, row->varied, m->value);
    fprintf(p->out, ", \"unit\": \"%s\", \"work\": %.9g, \"items\": %.9g, \"item\": \"%s\", \"padding\": ",
            m->work.unit == BENCH_FLOPS ? "FLOP" : "byte", m->work.work, m->work.items, m->work.item);
    if (m->work.padding >= 0)
        fprintf(p->out, "%.6g", m->work.padding);
    else
        fprintf(p->out, "null");
    fprintf(p->out, ", \"rounds\": %zu, \"runs\": %zu, \"threads\": %zu", m->n, m->iterations, m->work.threads);
    write_spread(p->out, "wall", &s->wall);
    write_spread(p->out, "cpu", &s->cpu);
    write_spread(p->out, "rate", &s->rate);
    write_spread(p->out, "of_floor", &s->of_floor);
    fprintf(p->out, ", \"floor\": %.9g, \"of_kernel\": %.6g}", s->floor, s->of_kernel);
    p->any = true;
}

static void run_row(program *p, const bench_row *row, const bench_panels *panels)
{
    static bench_measurement measurements[BENCH_MAX_CASES];
    size_t n;
    bench_measure(row, &p->settings, panels, measurements, &n);
    for (size_t i = 0; i < n; i++) {
        if (measurements[i].missing) {
            printf("%-10s %-32s %s %zu: left out: %s\n", row->group, row->variant, row->varied, measurements[i].value,
                   measurements[i].missing);
            continue;
        }
        bench_summary summary = bench_summarize(&measurements[i]);
        print_line(p, row, &measurements[i], &summary);
        write_case(p, row, &measurements[i], &summary);
    }
}

static bool run_all(program *p)
{
    const grus_kernel *kernel;
    grus_error error;
    char text[sizeof error];
    if (grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, &error) != GRUS_OK) {
        fprintf(stderr, "grus-bench: %s\n", grus_error_text(&error, text, sizeof text));
        return false;
    }
    bench_panels *panels = bench_panels_new(kernel, KERNEL_K, KERNEL_BYTES, KERNEL_TILES * kernel->tile);
    if (!panels)
        return false;
    double fma = bench_fma_rate(0.1), bare = bench_kernel_rate(panels, 0.1);
    printf("kernel %s: %zu lanes by %zu units; FMA loop (%s) %.1f GFLOP/s, bare micro-kernel in L2 %.1f\n"
           "fractions by CPU time, each round against floors measured right before it\n",
           kernel->name, kernel->tile, kernel->units, bench_fma_name(), fma / 1e9, bare / 1e9);
    if (p->out)
        fprintf(p->out, "{\"version\": \"%s\", \"kernel\": \"%s\", \"fma\": %.9g, \"bare_kernel\": %.9g, \"cases\": [",
                grus_version(), kernel->name, fma, bare);
    print_head(p);
    for (size_t i = 0; i < bench_n_rows; i++)
        if (wanted(p, &bench_rows[i]))
            run_row(p, &bench_rows[i], panels);
    if (p->out)
        fprintf(p->out, "\n]}\n");
    bench_panels_free(panels);
    return true;
}

static void list_all(const program *p)
{
    for (size_t i = 0; i < bench_n_rows; i++)
        if (wanted(p, &bench_rows[i]))
            printf("%s/%s, by %s\n", bench_rows[i].group, bench_rows[i].variant, bench_rows[i].varied);
}

// -1: go on.
static int parse(program *p, int argc, char **argv)
{
    for (int found; (found = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (found) {
        case 'f':
            p->filter = optarg;
            break;
        case 's':
            p->settings.seconds = strtod(optarg, NULL);
            break;
        case 'j':
            p->json = optarg;
            break;
        case 'm':
            p->settings.model = optarg;
            break;
        case 'c':
            p->scaling = true;
            break;
        case 'k':
            p->kernels = true;
            break;
        case 'l':
            p->list = true;
            break;
        case 'h':
            print_help();
            return 0;
        default:
            return 2;
        }
    p->settings.shard = argv[optind];
    return -1;
}

int main(int argc, char **argv)
{
    program p = {.settings = {.seconds = 1}};
    int done = parse(&p, argc, argv);
    if (done >= 0)
        return done;
    if (p.list) {
        list_all(&p);
        return 0;
    }
    if (p.kernels)
        return bench_kernels(p.settings.seconds) ? 0 : 1;
    if (p.json && !(p.out = fopen(p.json, "w"))) {
        perror(p.json);
        return 1;
    }
    bool ok = run_all(&p);
    if (p.out && fclose(p.out) != 0) {
        perror(p.json);
        return 1;
    }
    return ok ? 0 : 1;
}
