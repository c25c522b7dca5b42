// message.c: messages and exit codes.
#include "config.h"

#include "cli/message.h"

#include <stdarg.h>

void grus_print_error(const grus_error *error)
{
    char text[sizeof(grus_error)];
    fprintf(stderr, "grus: %s\n", grus_error_text(error, text, sizeof text));
}

void grus_print_warning(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "grus: warning: %s\n", text);
}

int grus_usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("grus: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return GRUS_E_USAGE;
}

int grus_fail_command(const grus_error *error)
{
    grus_print_error(error);
    return grus_exit_code(error->status);
}

int grus_exit_code(grus_status status)
{
    return status == GRUS_E_MEMORY || status == GRUS_E_INTERRUPTED ? 1 : (int)status;
}
