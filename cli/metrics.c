// metrics.c: one table of figures, written to a temporary file and renamed.
#include "config.h"

#include "cli/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <unistr.h>

#include "cli/message.h"

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

void grus_metrics_init(grus_metrics *metrics, const char *path, const char *outdir)
{
    *metrics = (grus_metrics){.path = path, .outdir = outdir, .started = now()};
}

// The value of a label.
static void put_label(FILE *to, const char *text)
{
    for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
        ucs4_t character;
        int length = u8_mbtoucr(&character, (const uint8_t *)text, left);
        size = length > 0 ? (size_t)length : 1;
        if (length < 0)
            fputs("\xef\xbf\xbd", to); // U+FFFD for what is not UTF-8
        else if (*text == '\n')
            fputs("\\n", to);
        else if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else
            fwrite(text, 1, size, to);
    }
}

static void put_labels(FILE *to, const grus_metrics *metrics, const grus_progress *progress, const char *more)
{
    fprintf(to, "{rank=\"%zu\",outdir=\"", progress->rank);
    put_label(to, metrics->outdir);
    fprintf(to, "\"%s}", more);
}

typedef struct metric {
    const char *name, *type, *help;
    uint64_t value;
} metric;

static void put_head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_count(FILE *to, const grus_metrics *metrics, const grus_progress *progress, const metric *figure)
{
    put_head(to, figure->name, figure->type, figure->help);
    fputs(figure->name, to);
    put_labels(to, metrics, progress, "");
    fprintf(to, " %" PRIu64 "\n", figure->value);
}

static void put_seconds(FILE *to, const grus_metrics *metrics, const grus_progress *progress, const char *name,
                        const char *help, double value)
{
    put_head(to, name, "gauge", help);
    fputs(name, to);
    put_labels(to, metrics, progress, "");
    fprintf(to, " %.3f\n", value);
}

static void put_shards(FILE *to, const grus_metrics *metrics, const grus_progress *progress)
{
    size_t over = progress->shards_done + progress->shards_skipped + progress->shards_failed;
    const struct {
        const char *label;
        size_t n;
    } states[] = {
        {",state=\"done\"", progress->shards_done},
        {",state=\"done_before\"", progress->shards_skipped},
        {",state=\"failed\"", progress->shards_failed},
        {",state=\"left\"", progress->shards > over ? progress->shards - over : 0},
    };
    put_head(to, "grus_shards", "gauge", "Shards of this process by state.");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        fputs("grus_shards", to);
        put_labels(to, metrics, progress, states[i].label);
        fprintf(to, " %zu\n", states[i].n);
    }
}

static void put_all(FILE *to, const grus_metrics *metrics, const grus_progress *p, int exit_code)
{
    const metric figures[] = {
        {"grus_records_total", "counter", "Records done.", p->records},
        {"grus_records_failed_total", "counter", "Records in error.", p->records_failed},
        {"grus_records_resumed_total", "counter", "Records taken from the checkpoints of an earlier run.",
         p->records_resumed},
        {"grus_source_tokens_total", "counter", "Source positions done.", p->tokens_in},
        {"grus_target_tokens_total", "counter", "Tokens generated.", p->tokens_out},
        {"grus_input_read_bytes_total", "counter", "Bytes of the input files done.", p->bytes_in},
        {"grus_input_size_bytes", "gauge", "Bytes of the input files to be done, 0 where not known.", p->bytes_total},
        {"grus_memory_limit_bytes", "gauge", "Memory that the run takes at most.", p->memory},
        {"grus_threads", "gauge", "Threads that compute.", p->threads},
        {"grus_running", "gauge", "Whether the run goes on.", exit_code < 0},
        {"grus_exit_code", "gauge", "Exit code of a run that has ended.", exit_code < 0 ? 0 : (uint64_t)exit_code},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (exit_code >= 0 || strcmp(figures[i].name, "grus_exit_code") != 0)
            put_count(to, metrics, p, &figures[i]);
    put_shards(to, metrics, p);
    put_seconds(to, metrics, p, "grus_start_time_seconds", "Start of the run, in seconds since 1970.",
                metrics->started);
    put_seconds(to, metrics, p, "grus_run_seconds", "Time that the run has taken.", p->seconds);
}

// A failure is told once.
static bool refuse(grus_metrics *metrics, const char *what)
{
    int reason = errno;
    if (!metrics->failed)
        grus_usage_error("%s: %s: %s", metrics->path, what, strerror(reason));
    metrics->failed = true;
    return false;
}

// A pipe that nobody reads is an error, and not waited for.
static FILE *open_to(const char *path, bool direct)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (direct ? O_NONBLOCK : 0), 0666);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (fd >= 0 && !to)
        close(fd);
    return to;
}

bool grus_metrics_write(grus_metrics *metrics, const grus_progress *progress, int exit_code)
{
    if (!metrics->path)
        return true;
    char *temporary;
    struct stat about;
    // A device or a pipe is written to, for a rename would put a file in its place.
    bool direct = stat(metrics->path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
    // The collector looks at names that end in .prom alone.
    if ((direct ? asprintf(&temporary, "%s", metrics->path)
                : asprintf(&temporary, "%s.%ld.tmp", metrics->path, (long)getpid())) < 0)
        return refuse(metrics, "cannot be written");
    FILE *to = open_to(temporary, direct);
    bool written = to != NULL;
    if (written) {
        put_all(to, metrics, progress, exit_code);
        written = !ferror(to);
        written = fclose(to) == 0 && written;
    }
    written = written && (direct || rename(temporary, metrics->path) == 0);
    if (!written) {
        refuse(metrics, "the metrics cannot be written");
        if (to && !direct)
            unlink(temporary);
    }
    free(temporary);
    return written;
}
