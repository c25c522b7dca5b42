// error.c: grus_error values: filling them and putting them into words.
#include "config.h"

#include "base/error.h"

#include <stdarg.h>
#include <string.h>

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

grus_status grus_fail(grus_error *error, grus_status status, const char *file, const char *place, const char *format,
                      ...)
{
    if (!error)
        return status;
    error->status = status;
    copy_text(error->file, sizeof error->file, file);
    copy_text(error->place, sizeof error->place, place);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->cause, sizeof error->cause, format, arguments);
    va_end(arguments);
    return status;
}

grus_status grus_fail_memory(grus_error *error, size_t bytes)
{
    return grus_fail(error, GRUS_E_MEMORY, NULL, NULL, "out of memory: %zu bytes were refused", bytes);
}

grus_status grus_error_in_file(grus_error *error, const char *file)
{
    if (error->file[0] == '\0')
        copy_text(error->file, sizeof error->file, file);
    return error->status;
}

// U+0080 to U+009F, which terminals obey too.
static bool is_upper_control(const char *at)
{
    return (unsigned char)at[0] == 0xC2 && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] <= 0x9F;
}

void grus_make_printable(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
        else if (is_upper_control(text))
            text[0] = text[1] = '?';
    }
}

const char *grus_error_text(const grus_error *error, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s%s", error->file, error->file[0] ? ":" : "", error->place,
             error->place[0] ? ": " : (error->file[0] ? " " : ""), error->cause);
    if (size > 0)
        grus_make_printable(text);
    return text;
}
