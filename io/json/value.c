// value.c: strings and integers as they stand in JSON.
#include "config.h"

#include "io/json/value.h"

#include <string.h>

#define ESCAPE_MOST 6 // bytes of JSON for one of text: \u0061

static uint32_t read_hex(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t byte = (uint8_t)at[i];
        code = code << 4 | (byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
    }
    return code;
}

static size_t put_utf8(uint32_t code, char bytes[4])
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(leads[length] | code);
    return length;
}

// *at is a backslash, afterwards behind the escape; returns how many bytes it stands for.
static size_t resolve_escape(const char **at, char bytes[4])
{
    static const char letters[] = {
        ['"'] = '"', ['/'] = '/', ['\\'] = '\\', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const char *escape = *at;
    if (escape[1] != 'u') {
        bytes[0] = letters[(uint8_t)escape[1]];
        *at += 2;
        return 1;
    }
    uint32_t code = read_hex(escape + 2);
    *at += 6;
    if ((code & 0xFF80) == 0xDC80) {
        bytes[0] = (char)(code & 0xFF);
        return 1;
    }
    if ((code & 0xF800) == 0xD800) {
        code = 0x10000 + ((code & 0x3FF) << 10) + (read_hex(*at + 2) & 0x3FF);
        *at += 6;
    }
    return put_utf8(code, bytes);
}

void grus_json_unescape(const grus_json_span *string, grus_buffer *out)
{
    const char *at = string->text + 1, *end = string->text + string->length - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        grus_buffer_append(out, at, plain);
        at += plain;
        if (escape) {
            char bytes[4];
            size_t length = resolve_escape(&at, bytes);
            grus_buffer_append(out, bytes, length);
        }
    }
}

// A key longer than the name can only be the same by its escapes.
static bool escaped_key_is(const char *at, const char *end, const char *name, size_t length)
{
    while (at < end) {
        char bytes[4] = {*at};
        size_t n = 1;
        if (*at == '\\')
            n = resolve_escape(&at, bytes);
        else
            at++;
        if (n > length || memcmp(bytes, name, n) != 0)
            return false;
        name += n;
        length -= n;
    }
    return length == 0;
}

bool grus_json_key_is(const grus_json_span *key, const char *name)
{
    return grus_json_key_equals(key, name, strlen(name));
}

bool grus_json_key_equals(const grus_json_span *key, const char *name, size_t length)
{
    const char *at = key->text + 1;
    size_t size = key->length - 2;
    if (size == length)
        return memcmp(at, name, length) == 0 && !memchr(at, '\\', length);
    return size > length && size / ESCAPE_MOST <= length && escaped_key_is(at, at + size, name, length);
}

bool grus_json_to_uint64(const grus_json_span *integer, uint64_t *value)
{
    uint64_t result = 0;
    bool negative = integer->text[0] == '-';
    for (size_t i = negative; i < integer->length; i++)
        if (__builtin_mul_overflow(result, 10, &result) ||
            __builtin_add_overflow(result, (uint64_t)(integer->text[i] - '0'), &result))
            return false;
    *value = result;
    return !negative || result == 0;
}
