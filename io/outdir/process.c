// process.c: asks the system, and /proc where there is one.
#include "config.h"

#include "io/outdir/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLACK_SECONDS 60 // between the clocks of the system and of a file system

// What /proc/PID/stat says behind the process's name, which may hold anything; NULL when it cannot be read.
static const char *read_state(long pid, char text[1024])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    size_t size = fread(text, 1, 1023, file);
    fclose(file);
    text[size] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' ? end + 2 : NULL;
}

// Field 22 of the file, of which the first two are cut off: ticks after the system's start.
static bool began_after(const char *state, time_t since)
{
    const char *at = state;
    for (int field = 3; field < 22 && at; field++)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    long ticks = sysconf(_SC_CLK_TCK);
    struct timespec up;
    if (!at || ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        return false;
    long long age = (long long)up.tv_sec - strtoll(at, NULL, 10) / ticks;
    return (long long)time(NULL) - age > (long long)since + SLACK_SECONDS;
}

bool grus_process_is_gone(long pid, time_t since)
{
    char text[1024];
    if (pid <= 0 || pid != (long)(pid_t)pid || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return true;
    const char *state = read_state(pid, text);
    return state && (*state == 'Z' || *state == 'X' || began_after(state, since));
}
