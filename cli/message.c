// message.c: messages and exit codes.
#include "config.h"

#include "cli/message.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/fields.h"

// A place is the name of a field only where the options are at fault: a tensor may have such a name too.
void grus_print_error(const grus_error *error)
{
    char text[sizeof(grus_error)];
    grus_error shown = *error;
    grus_fields_to_flags(error->cause, shown.cause, sizeof shown.cause);
    if (error->status == GRUS_E_USAGE)
        grus_fields_to_flags(error->place, shown.place, sizeof shown.place);
    fprintf(stderr, "grus: %s\n", grus_error_text(&shown, text, sizeof text));
}

void grus_print_warning(void *context, const char *text)
{
    char shown[sizeof(grus_error)];
    (void)context;
    grus_fields_to_flags(text, shown, sizeof shown);
    fprintf(stderr, "grus: warning: %s\n", shown);
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

int grus_print_text(grus_text *text)
{
    bool printed = fwrite(text->data, 1, text->size, stdout) == text->size;
    printed = fflush(stdout) == 0 && printed;
    int cause = errno;
    grus_text_free(text);
    if (printed)
        return GRUS_OK;
    grus_error error = {.status = GRUS_E_OUTPUT};
    snprintf(error.cause, sizeof error.cause, "cannot be printed: %s", strerror(cause));
    return grus_fail_command(&error);
}

int grus_exit_code(grus_status status)
{
    return status == GRUS_E_MEMORY || status == GRUS_E_INTERRUPTED ? 1 : (int)status;
}
