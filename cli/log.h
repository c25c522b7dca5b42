// log.h: events of a run as lines of a file, each with its time, the process's rank and its host.
#ifndef GRUS_CLI_LOG_H
#define GRUS_CLI_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct grus_log {
    int fd; // -1: there is none, and nothing is written
    bool json;
    bool failed; // a line could not be written, which has been told
    size_t rank;
    char host[256];
    FILE *line; // of the event that is begun
    char *text; // what is in it
    size_t size;
} grus_log;

// Opens path, to be appended to; "-" is standard error, NULL none. The format is JSON, an object a line, or key=value. false
// after a message.
bool grus_log_open(grus_log *log, const char *path, bool json);
void grus_log_close(grus_log *log);

// A line is begun, gets its members, and is written as a whole, so that several processes may share the file.
void grus_log_begin(grus_log *log, const char *level, const char *event);
void grus_log_text(grus_log *log, const char *key, const char *text);
void grus_log_count(grus_log *log, const char *key, uint64_t count);
void grus_log_real(grus_log *log, const char *key, double value);
void grus_log_end(grus_log *log);

#endif
