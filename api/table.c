// table.c: the table of tensors that a model and a shard of features are described with.
#include "config.h"

#include "api/table.h"

#include <string.h>

#include "base/error.h"
#include "io/json/json_write.h"

const char *grus_table_printable(const char *name, char text[GRUS_TABLE_NAME])
{
    snprintf(text, GRUS_TABLE_NAME, "%s", name);
    grus_make_printable(text);
    return text;
}

int grus_table_widen(const char *name, int widest)
{
    size_t length = strlen(name);
    return length < 80 && (int)length > widest ? (int)length : widest;
}

void grus_table_begin(grus_buffer *to, int widest)
{
    grus_buffer_printf(to, "\n%-*s  %-5s  %10s  shape\n", widest, "tensor", "type", "bytes");
}

void grus_table_tensor(grus_buffer *to, int widest, const grus_tensor_line *line)
{
    char shown[GRUS_TABLE_NAME];
    grus_buffer_printf(to, "%-*s  %-5s  %10zu  [", widest, grus_table_printable(line->name, shown), line->dtype,
                       line->bytes);
    for (size_t k = 0; k < line->rank; k++)
        grus_buffer_printf(to, "%s%zu", k ? ", " : "", line->shape[k]);
    grus_buffer_text(to, line->used ? "]\n" : "]  not used\n");
}

void grus_table_json(grus_buffer *to, const grus_tensor_line *line)
{
    grus_json_member(to, "name");
    grus_json_string(to, line->name, strlen(line->name));
    grus_json_member(to, "dtype");
    grus_json_string(to, line->dtype, strlen(line->dtype));
    grus_json_member(to, "bytes");
    grus_buffer_printf(to, "%zu", line->bytes);
    grus_json_member(to, "shape");
    grus_buffer_byte(to, '[');
    for (size_t k = 0; k < line->rank; k++)
        grus_buffer_printf(to, "%s%zu", k ? ", " : "", line->shape[k]);
    grus_buffer_byte(to, ']');
}
