// cpu.c: what the processor of this machine calls itself: "model name" of /proc/cpuinfo, else uname's machine. ARM's cpuinfo has numbers alone.
#include "config.h"

#include "grus.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define MODEL "model name"

static char text[128]; // written once, under once
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool read_model(char *name)
{
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *colon = strncmp(line, MODEL, strlen(MODEL)) == 0 ? strchr(line, ':') : NULL;
        if (!colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(name, sizeof text, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = *name != '\0';
    }
    if (file)
        fclose(file);
    return found;
}

static void find(void)
{
    struct utsname machine;
    if (!read_model(text))
        snprintf(text, sizeof text, "%s", uname(&machine) == 0 ? machine.machine : "unknown");
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            *at = '?';
}

const char *grus_cpu_name(void)
{
    pthread_once(&once, find);
    return text;
}
