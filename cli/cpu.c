// cpu.c: "model name" of /proc/cpuinfo, else uname's machine. ARM's cpuinfo has numbers alone.
#include "config.h"

#include "cli/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define MODEL "model name"

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
        snprintf(name, GRUS_CPU_NAME, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = *name != '\0';
    }
    if (file)
        fclose(file);
    return found;
}

void grus_cpu_name(char name[GRUS_CPU_NAME])
{
    struct utsname machine;
    if (!read_model(name))
        snprintf(name, GRUS_CPU_NAME, "%s", uname(&machine) == 0 ? machine.machine : "unknown");
    for (char *at = name; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            *at = '?';
}
