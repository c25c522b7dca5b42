// log.c: lines of key=value, or of JSON.
#include "config.h"

#include "cli/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unistr.h>

#include "cli/message.h"

bool grus_log_open(grus_log *log, const char *path, bool json)
{
    *log = (grus_log){.fd = -1, .json = json};
    if (gethostname(log->host, sizeof log->host - 1) != 0)
        log->host[0] = '\0';
    if (!path)
        return true;
    log->fd = strcmp(path, "-") == 0 ? dup(STDERR_FILENO) : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->fd < 0)
        grus_usage_error("%s: cannot be opened for the log: %s", path, strerror(errno));
    return log->fd >= 0;
}

void grus_log_close(grus_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

// As a JSON string; a byte that is no part of valid UTF-8 becomes \udc80 to \udcff, as in the files of the library.
static void put_quoted(FILE *to, const char *text)
{
    fputc('"', to);
    for (size_t left = strlen(text); left > 0;) {
        ucs4_t character;
        int length = u8_mbtoucr(&character, (const uint8_t *)text, left);
        size_t size = length > 0 ? (size_t)length : 1;
        if (length < 0)
            fprintf(to, "\\udc%02x", (unsigned)(unsigned char)*text);
        else if (character < ' ' || character == 0x7f)
            fprintf(to, "\\u%04x", (unsigned)character);
        else if (character == '"' || character == '\\')
            fprintf(to, "\\%c", (char)character);
        else
            fwrite(text, 1, size, to);
        text += size;
        left -= size;
    }
    fputc('"', to);
}

// Whether it needs no quotes as a value of key=value.
static bool is_bare(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '=' || *at == '\\')
            return false;
    return *text != '\0';
}

static void put_key(grus_log *log, const char *key)
{
    fprintf(log->line,
            log->json ? "%s\"%s\": " : "%s%s=", ftell(log->line) > (log->json ? 1 : 0) ? (log->json ? ", " : " ") : "",
            key);
}

void grus_log_text(grus_log *log, const char *key, const char *text)
{
    if (!log->line)
        return;
    put_key(log, key);
    if (!log->json && is_bare(text))
        fputs(text, log->line);
    else
        put_quoted(log->line, text);
}

void grus_log_count(grus_log *log, const char *key, uint64_t count)
{
    if (!log->line)
        return;
    put_key(log, key);
    fprintf(log->line, "%" PRIu64, count);
}

void grus_log_real(grus_log *log, const char *key, double value)
{
    if (!log->line)
        return;
    put_key(log, key);
    fprintf(log->line, "%.6g", value);
}

void grus_log_begin(grus_log *log, const char *level, const char *event)
{
    struct timespec now;
    struct tm parts;
    char date[32], time[48];
    if (log->fd < 0)
        return;
    log->line = open_memstream(&log->text, &log->size);
    if (!log->line)
        return;
    if (log->json)
        fputc('{', log->line);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time, sizeof time, "%s.%03ldZ", date, now.tv_nsec / 1000000);
    grus_log_text(log, "time", time);
    grus_log_text(log, "level", level);
    grus_log_count(log, "rank", log->rank);
    grus_log_text(log, "host", log->host);
    grus_log_text(log, "event", event);
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

void grus_log_end(grus_log *log)
{
    if (!log->line)
        return;
    fputs(log->json ? "}\n" : "\n", log->line);
    bool whole = fclose(log->line) == 0;
    log->line = NULL;
    if (!(whole && write_all(log->fd, log->text, log->size)) && !log->failed) {
        grus_print_warning(NULL, "the log cannot be written");
        log->failed = true;
    }
    free(log->text);
    log->text = NULL;
}
