// json_write.c: members, strings and counts. Whatever bytes come in, valid JSON goes out.
#include "config.h"

#include "io/json/json_write.h"

#include <inttypes.h>
#include <string.h>
#include <unistr.h>

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

void grus_json_member(grus_buffer *out, const char *name)
{
    size_t at = out->size;
    while (at > 0 && is_space(out->data[at - 1]))
        at--;
    if (at > 0 && out->data[at - 1] != '{')
        grus_buffer_append(out, ", ", 2);
    grus_json_string(out, name, strlen(name));
    grus_buffer_append(out, ": ", 2);
}

static void append_escape(grus_buffer *out, unsigned char byte)
{
    static const char letters[] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (byte < sizeof letters && letters[byte]) {
        grus_buffer_byte(out, '\\');
        grus_buffer_byte(out, letters[byte]);
    } else {
        grus_buffer_printf(out, "\\u%04x", (unsigned)byte);
    }
}

// Valid UTF-8 goes out as it is but for what JSON wants escaped.
static void append_valid(grus_buffer *out, const char *text, size_t length)
{
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        grus_buffer_append(out, text + start, i - start);
        append_escape(out, byte);
        start = i + 1;
    }
    grus_buffer_append(out, text + start, length - start);
}

static void put_string(grus_buffer *out, const char *text, size_t length, bool is_name)
{
    grus_buffer_byte(out, '"');
    while (length > 0) {
        const char *bad = (const char *)u8_check((const uint8_t *)text, length);
        size_t valid = bad ? (size_t)(bad - text) : length;
        append_valid(out, text, valid);
        if (bad) {
            if (is_name)
                grus_buffer_printf(out, "\\udc%02x", (unsigned)(unsigned char)*bad);
            else
                grus_buffer_text(out, "\xEF\xBF\xBD"); // U+FFFD
            valid++;
        }
        text += valid;
        length -= valid;
    }
    grus_buffer_byte(out, '"');
}

void grus_json_string(grus_buffer *out, const char *text, size_t length)
{
    put_string(out, text, length, false);
}

void grus_json_name(grus_buffer *out, const char *name, size_t length)
{
    put_string(out, name, length, true);
}

void grus_json_text_member(grus_buffer *out, const char *name, const char *text)
{
    grus_json_member(out, name);
    grus_json_string(out, text ? text : "", text ? strlen(text) : 0);
}

void grus_json_name_member(grus_buffer *out, const char *member, const char *name)
{
    grus_json_member(out, member);
    grus_json_name(out, name ? name : "", name ? strlen(name) : 0);
}

void grus_json_count_member(grus_buffer *out, const char *name, uint64_t count)
{
    grus_json_member(out, name);
    grus_buffer_printf(out, "%" PRIu64, count);
}

void grus_json_end_line(grus_buffer *out)
{
    grus_buffer_append(out, "}\n", 2);
}
