// format_values.c: numbers by number.h, with what stands between them.
#include "config.h"

#include "scheduler/format_values.h"

#include "io/json/number.h"

static void put_between(grus_buffer *out, const float *values, size_t n, const char *separator)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            grus_buffer_text(out, separator);
        grus_json_float(out, values[i]);
    }
}

void grus_format_floats(grus_buffer *out, const float *values, size_t n)
{
    grus_buffer_byte(out, '[');
    put_between(out, values, n, ", ");
    grus_buffer_byte(out, ']');
}

void grus_format_rows(grus_buffer *out, const float *values, size_t rows, size_t columns)
{
    grus_buffer_byte(out, '[');
    for (size_t i = 0; i < rows; i++) {
        if (i)
            grus_buffer_text(out, ", ");
        grus_format_floats(out, values ? values + i * columns : NULL, values ? columns : 0);
    }
    grus_buffer_byte(out, ']');
}

void grus_format_plain_floats(grus_buffer *out, const float *values, size_t n)
{
    put_between(out, values, n, " ");
}

void grus_format_plain(grus_buffer *out, const char *text, size_t length)
{
    size_t start = out->size;
    grus_buffer_append(out, text, length);
    for (size_t i = start; i < out->size; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}
