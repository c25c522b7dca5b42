// progress.c: numbers for people.
#include "config.h"

#include "cli/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.09
#define LINE_SECONDS 1.0  // where lines are not redrawn
#define LEAST_SECONDS 1.0 // before which nobody can tell what is left
#define TEXT 32
#define PART 64
#define SEPARATOR ", "
#define USUAL_COLUMNS 80

void grus_display_init(grus_display *display, grus_progress_mode mode, bool quiet)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool can_redraw = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    *display = (grus_display){
        .quiet = quiet,
        .line = mode == GRUS_PROGRESS_ALWAYS || (mode == GRUS_PROGRESS_AUTO && can_redraw && !quiet),
        .redraw = can_redraw,
        .color = can_redraw && !(no_color && *no_color),
        .shown = -LINE_SECONDS,
    };
}

// 1234567 as "1,234,567".
static const char *grouped(uint64_t value, char text[TEXT])
{
    char digits[TEXT];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value), to = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text[to++] = ',';
        text[to++] = digits[i];
    }
    text[to] = '\0';
    return text;
}

static const char *bytes(uint64_t value, char text[TEXT])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double scaled = (double)value;
    size_t unit = 0;
    for (; scaled >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        scaled /= 1024;
    snprintf(text, TEXT, unit && scaled < 100 ? "%.1f %s" : "%.0f %s", scaled, units[unit]);
    return text;
}

static const char *duration(double seconds, char text[TEXT])
{
    if (seconds < 60) {
        snprintf(text, TEXT, "%.1f s", seconds);
        return text;
    }
    uint64_t whole = seconds < 1e15 ? (uint64_t)seconds : 0;
    if (whole < 3600)
        snprintf(text, TEXT, "%" PRIu64 ":%02" PRIu64 " min", whole / 60, whole % 60);
    else
        snprintf(text, TEXT, "%" PRIu64 ":%02" PRIu64 " h", whole / 3600, whole / 60 % 60);
    return text;
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static uint64_t rate(uint64_t amount, double seconds)
{
    return seconds > 0 ? (uint64_t)((double)amount / seconds + 0.5) : 0;
}

double grus_progress_rate(const grus_progress *progress)
{
    return progress->seconds > 0 ? (double)(progress->records - progress->records_resumed) / progress->seconds : 0;
}

bool grus_progress_left(const grus_progress *progress, double *seconds)
{
    uint64_t done = progress->bytes_in, before = progress->bytes_resumed;
    if (progress->bytes_total <= done || done <= before || progress->seconds <= LEAST_SECONDS)
        return false;
    *seconds = progress->seconds * (double)(progress->bytes_total - done) / (double)(done - before);
    return true;
}

void grus_display_plan(const grus_display *display, const grus_progress *plan)
{
    char memory[TEXT], input[TEXT];
    if (display->quiet)
        return;
    fputs("grus: ", stderr);
    if (*display->source)
        fprintf(stderr, "part %zu of %zu%s, from %s: ", plan->rank, plan->world_size,
                plan->world_size == display->world_size ? "" : " (as the run began)", display->source);
    fprintf(stderr, "%zu %s", plan->shards, plural(plan->shards, "shard", "shards"));
    if (plan->shards_skipped)
        fprintf(stderr, " (%zu done before)", plan->shards_skipped);
    if (plan->bytes_total)
        fprintf(stderr, ", %s to read", bytes(plan->bytes_total, input));
    fprintf(stderr, "; %zu %s, batches of %zu tokens, kernel %s%s%s; at most %s of memory\n", plan->threads,
            plural(plan->threads, "thread", "threads"), plan->batch_tokens, display->kernel,
            display->compute ? ", " : "", display->compute ? display->compute : "", bytes(plan->memory, memory));
    char note[GRUS_LAUNCHER_NOTE];
    if (!*display->source && grus_launcher_passed_over(note))
        fprintf(stderr, "grus: %s\n", note);
}

void grus_display_clear(grus_display *display)
{
    if (display->drawn)
        fputs("\r\033[K", stderr);
    display->drawn = false;
}

// ---- the line ----

enum { STEP, RECORDS, RECORDS_RATE, TOKENS_RATE, SHARDS, FAILED, LEFT, N_PARTS };

// What is left out first where the terminal is narrow; RECORDS stay where there is no STEP, and what stays is cut.
static const int leaving[] = {TOKENS_RATE, RECORDS_RATE, SHARDS, FAILED, LEFT, RECORDS};

typedef struct line_parts {
    char text[N_PARTS][PART]; // "" is not there
} line_parts;

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL_COLUMNS;
}

static size_t length(const line_parts *parts)
{
    size_t sum = 0;
    for (int i = 0; i < N_PARTS; i++)
        if (parts->text[i][0])
            sum += (sum ? strlen(SEPARATOR) : 0) + strlen(parts->text[i]);
    return sum;
}

static void fill_parts(const grus_progress *progress, line_parts *parts)
{
    char number[TEXT];
    double left;
    uint64_t tokens =
        progress->tokens_in - progress->tokens_in_resumed + progress->tokens_out - progress->tokens_out_resumed;
    snprintf(parts->text[RECORDS], PART, "%s records", grouped(progress->records, number));
    snprintf(parts->text[RECORDS_RATE], PART, "%s/s", grouped((uint64_t)(grus_progress_rate(progress) + 0.5), number));
    snprintf(parts->text[TOKENS_RATE], PART, "%s tokens/s", grouped(rate(tokens, progress->seconds), number));
    snprintf(parts->text[SHARDS], PART, "shards %zu/%zu", progress->shards_done + progress->shards_skipped,
             progress->shards);
    if (progress->shards_failed)
        snprintf(parts->text[FAILED], PART, "%zu failed", progress->shards_failed);
    if (grus_progress_left(progress, &left))
        snprintf(parts->text[LEFT], PART, "%s left", duration(left, number));
}

// width: columns that it may take.
static void print_line(const grus_display *display, const grus_progress *progress, size_t width)
{
    line_parts parts = {0};
    snprintf(parts.text[STEP], PART, "%s", display->step);
    if (progress)
        fill_parts(progress, &parts);
    int last = *display->step ? STEP : RECORDS;
    for (size_t i = 0; i < sizeof leaving / sizeof *leaving && leaving[i] != last && length(&parts) > width; i++)
        parts.text[leaving[i]][0] = '\0';
    if (length(&parts) > width)
        parts.text[last][width] = '\0';
    const char *separator = "";
    for (int i = 0; i < N_PARTS; i++) {
        if (!parts.text[i][0])
            continue;
        bool red = i == FAILED && display->color;
        fprintf(stderr, "%s%s%s%s", separator, red ? "\033[31m" : "", parts.text[i], red ? "\033[0m" : "");
        separator = SEPARATOR;
    }
}

// progress may be NULL.
static void draw(grus_display *display, double seconds, const grus_progress *progress)
{
    double pause = display->interval > 0 ? display->interval : display->redraw ? REDRAW_SECONDS : LINE_SECONDS;
    if (!display->line || seconds - display->shown < pause)
        return;
    display->shown = seconds;
    fputs(display->redraw ? "\r\033[K" : "grus: ", stderr);
    // In its last column a terminal may wrap already.
    print_line(display, progress, display->redraw ? columns() - 1 : SIZE_MAX);
    if (!display->redraw)
        fputc('\n', stderr);
    display->drawn = display->redraw;
    fflush(stderr);
}

void grus_display_progress(grus_display *display, const grus_progress *progress)
{
    draw(display, progress->seconds, progress);
}

void grus_display_step(grus_display *display, double seconds, const char *step, bool is_new,
                       const grus_progress *progress)
{
    snprintf(display->step, sizeof display->step, "%s", step);
    if (is_new)
        display->shown = -INFINITY;
    draw(display, seconds, progress);
}

void grus_display_summary(grus_display *display, const grus_progress *last, const char *outdir)
{
    char records[TEXT], per_second[TEXT], in[TEXT], out[TEXT], failed[TEXT], time[TEXT];
    grus_display_clear(display);
    if (display->quiet)
        return;
    if (last->shards_skipped == last->shards) {
        fprintf(stderr, "grus: nothing to do: %zu of %zu %s done before; results in %s\n", last->shards_skipped,
                last->shards, plural(last->shards, "shard was", "shards were"), outdir);
        return;
    }
    fprintf(stderr, "grus: %s %s in %s, %s/s; %s tokens in", grouped(last->records, records),
            plural(last->records, "record", "records"), duration(last->seconds, time),
            grouped((uint64_t)(grus_progress_rate(last) + 0.5), per_second), grouped(last->tokens_in, in));
    if (last->tokens_unknown)
        fprintf(stderr, " (%s unknown)", grouped(last->tokens_unknown, failed));
    if (last->tokens_out)
        fprintf(stderr, ", %s out", grouped(last->tokens_out, out));
    fprintf(stderr, "\ngrus: %zu of %zu %s done", last->shards_done + last->shards_skipped, last->shards,
            plural(last->shards, "shard", "shards"));
    if (last->shards_failed)
        fprintf(stderr, ", %zu failed", last->shards_failed);
    if (last->records_failed)
        fprintf(stderr, "; %s %s in error", grouped(last->records_failed, failed),
                plural(last->records_failed, "record", "records"));
    if (last->records_truncated)
        fprintf(stderr, "; %s cut at the limit", grouped(last->records_truncated, failed));
    if (strcmp(outdir, "-") != 0)
        fprintf(stderr, "; results in %s", outdir);
    fputc('\n', stderr);
}
