// scan.c: the grammar of RFC 8259, and UTF-8 as the Unicode standard's table 3-7 has it. Depth costs no recursion:
// what is open within a value is one bit a level.
#include "config.h"

#include "io/json/scan.h"

#include <string.h>

// ---- errors ----

// The bytes of the character at `at`, which is not ASCII; 0 where they are not UTF-8.
static size_t character_bytes(const char *at, const char *end)
{
    const uint8_t *bytes = (const uint8_t *)at;
    uint8_t lead = bytes[0];
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < length)
        return 0;
    uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80; // no overlong forms
    uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // no surrogates, none above U+10FFFF
    if (bytes[1] < least || bytes[1] > most)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

// What is at `at` is wrong. Always false.
static bool refuse(grus_json_scan *scan, const char *at, const char *reason)
{
    scan->bad_utf8 = at < scan->end && (uint8_t)*at >= 0x80 && character_bytes(at, scan->end) == 0;
    scan->reason = scan->bad_utf8 ? "not UTF-8" : reason;
    scan->column = (size_t)(at - scan->start) + 1;
    return false;
}

// ---- tokens ----

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool peek(const grus_json_scan *scan, char byte)
{
    return scan->at < scan->end && *scan->at == byte;
}

static void skip_space(grus_json_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    scan->at = at;
}

// ASCII that stands for itself in a string.
static bool is_plain(char byte)
{
    return (uint8_t)byte >= 0x20 && (uint8_t)byte < 0x80 && byte != '"' && byte != '\\';
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

// All eight bytes are plain. A byte's top bit is set in `marks` when it is below 0x20, a quote, a backslash, or not
// ASCII; borrows may set it in bytes above such a one, nowhere else.
static bool is_plain_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
    uint64_t marks = (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | word;
    return (marks & EACH_BYTE(0x80)) == 0;
}

static const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8 && is_plain_word(at))
        at += 8;
    while (at < end && is_plain(*at))
        at++;
    return at;
}

static bool is_hex(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

// At \u and four hexadecimal digits.
static bool is_unicode_escape(const char *at, const char *end)
{
    return end - at >= 6 && at[0] == '\\' && at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) &&
           is_hex(at[5]);
}

// \uD800 to \uDBFF, or to \uDFFF where it is the low half.
static bool is_surrogate(const char *escape, bool low)
{
    char first = (char)(escape[2] | 0x20), second = (char)(escape[3] | 0x20); // digits stay what they are
    return first == 'd' && second >= '8' && (second >= 'c') == low;
}

// \uDC80 to \uDCFF, which stands for a byte of a name.
static bool is_name_byte(const char *escape)
{
    return (escape[3] | 0x20) == 'c' && escape[4] >= '8';
}

// `at` is a backslash; afterwards behind the escape, a pair of surrogates being one.
static bool scan_escape(grus_json_scan *scan, const char **at)
{
    const char *escape = *at, *end = scan->end;
    if (end - escape < 2 || escape[1] == '\0' || !strchr("\"\\/bfnrtu", escape[1]))
        return refuse(scan, escape + 1, "unknown escape");
    *at += 2;
    if (escape[1] != 'u')
        return true;
    if (!is_unicode_escape(escape, end))
        return refuse(scan, escape, "\\u without four hexadecimal digits");
    *at += 4;
    if (is_surrogate(escape, true))
        return (scan->names && is_name_byte(escape)) || refuse(scan, escape, "second half of a surrogate pair alone");
    if (!is_surrogate(escape, false))
        return true;
    if (!is_unicode_escape(*at, end) || !is_surrogate(*at, true))
        return refuse(scan, escape, "first half of a surrogate pair alone");
    *at += 6;
    return true;
}

// At the opening quote; afterwards behind the closing one.
static bool scan_string(grus_json_scan *scan)
{
    const char *at = scan->at + 1, *end = scan->end;
    for (;;) {
        at = skip_plain(at, end);
        if (at == end)
            return refuse(scan, at, "string without end");
        if (*at == '"')
            break;
        if (*at == '\\') {
            if (!scan_escape(scan, &at))
                return false;
            continue;
        }
        if ((uint8_t)*at < 0x20)
            return refuse(scan, at, "control character in a string");
        size_t length;
        for (; at < end && (uint8_t)*at >= 0x80; at += length)
            if ((length = character_bytes(at, end)) == 0)
                return refuse(scan, at, NULL);
    }
    scan->at = at + 1;
    return true;
}

static bool scan_digits(grus_json_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    while (at < end && is_digit(*at))
        at++;
    if (at == scan->at)
        return refuse(scan, at, "expected a digit");
    scan->at = at;
    return true;
}

static bool scan_number(grus_json_scan *scan, grus_json_type *type)
{
    scan->at += *scan->at == '-';
    bool zero = peek(scan, '0');
    if (zero && scan->end - scan->at > 1 && is_digit(scan->at[1]))
        return refuse(scan, scan->at, "number with a leading zero");
    if (!scan_digits(scan))
        return false;
    *type = GRUS_JSON_INTEGER;
    if (peek(scan, '.')) {
        *type = GRUS_JSON_REAL;
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (peek(scan, 'e') || peek(scan, 'E')) {
        *type = GRUS_JSON_REAL;
        scan->at++;
        scan->at += peek(scan, '+') || peek(scan, '-');
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(grus_json_scan *scan, grus_json_type *type)
{
    static const struct {
        const char *text;
        size_t length;
        grus_json_type type;
    } words[] = {{"null", 4, GRUS_JSON_NULL}, {"false", 5, GRUS_JSON_FALSE}, {"true", 4, GRUS_JSON_TRUE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = words[i].length;
        if ((size_t)(scan->end - scan->at) >= length && memcmp(scan->at, words[i].text, length) == 0) {
            scan->at += length;
            *type = words[i].type;
            return true;
        }
    }
    return refuse(scan, scan->at, "expected a value");
}

static bool scan_scalar(grus_json_scan *scan, grus_json_type *type)
{
    *type = GRUS_JSON_STRING;
    if (peek(scan, '"'))
        return scan_string(scan);
    if (peek(scan, '-') || (scan->at < scan->end && is_digit(*scan->at)))
        return scan_number(scan, type);
    return scan_word(scan, type);
}

// A key, its colon, and what white space there is up to the value.
static bool scan_key(grus_json_scan *scan, grus_json_span *key)
{
    if (!peek(scan, '"'))
        return refuse(scan, scan->at, "expected a key in double quotes");
    const char *start = scan->at;
    if (!scan_string(scan))
        return false;
    if (key)
        *key = (grus_json_span){.type = GRUS_JSON_STRING, .text = start, .length = (size_t)(scan->at - start)};
    skip_space(scan);
    if (!peek(scan, ':'))
        return refuse(scan, scan->at, "expected a colon");
    scan->at++;
    skip_space(scan);
    return true;
}

// ---- arrays and objects within a value ----

#define WORD_BITS 64

struct nest {
    uint64_t objects[GRUS_JSON_DEPTH / WORD_BITS]; // a bit for each level: 1 is an object
    size_t depth, most;
};

static bool in_object(const struct nest *nest)
{
    size_t level = nest->depth - 1;
    return nest->objects[level / WORD_BITS] >> level % WORD_BITS & 1;
}

static bool push(grus_json_scan *scan, struct nest *nest)
{
    if (nest->depth == nest->most)
        return refuse(scan, scan->at, "nested beyond the greatest depth");
    size_t level = nest->depth++;
    uint64_t bit = UINT64_C(1) << level % WORD_BITS, *word = &nest->objects[level / WORD_BITS];
    *word = *scan->at == '{' ? *word | bit : *word & ~bit;
    scan->at++;
    skip_space(scan);
    return true;
}

// Behind a value, or at the end of what is empty: closes what closes here and goes to the next value. false: an error,
// or everything is closed.
static bool next_value(grus_json_scan *scan, struct nest *nest, size_t *n_items)
{
    for (;;) {
        bool object = in_object(nest);
        if (peek(scan, ',')) {
            *n_items += nest->depth == 1;
            scan->at++;
            skip_space(scan);
            return !object || scan_key(scan, NULL);
        }
        if (!peek(scan, object ? '}' : ']'))
            return refuse(scan, scan->at, object ? "expected a comma or '}'" : "expected a comma or ']'");
        scan->at++;
        if (--nest->depth == 0)
            return false;
        skip_space(scan);
    }
}

// Behind digits, and a fraction if there is one; NULL where there is none of that, or a leading zero.
static const char *skip_decimal(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && is_digit(*at))
        at++;
    if (at == start || (*start == '0' && at - start > 1))
        return NULL;
    if (at == end || *at != '.')
        return at;
    start = ++at;
    while (at < end && is_digit(*at))
        at++;
    return at > start ? at : NULL;
}

// In an array: passes the numbers without exponents that have a comma right behind them, as most in rows of features, with
// their commas and the space behind the last one.
static void skip_numbers(grus_json_scan *scan, size_t *n_items)
{
    const char *start = scan->at;
    for (const char *at; scan->at < scan->end; ++*n_items) {
        at = skip_decimal(scan->at + (*scan->at == '-'), scan->end);
        if (!at || at == scan->end || *at != ',')
            break;
        scan->at = at + 1;
    }
    if (scan->at > start)
        skip_space(scan);
}

// At an opening bracket; afterwards behind its closing one.
static bool scan_nest(grus_json_scan *scan, size_t most_depth, size_t *n_items)
{
    struct nest nest = {.most = most_depth};
    for (;;) {
        if (nest.depth > 0 && !in_object(&nest))
            skip_numbers(scan, nest.depth == 1 ? n_items : &(size_t){0});
        if (peek(scan, '{') || peek(scan, '[')) {
            if (!push(scan, &nest))
                return false;
            bool object = in_object(&nest);
            if (!peek(scan, object ? '}' : ']')) {
                *n_items += nest.depth == 1;
                if (object && !scan_key(scan, NULL))
                    return false;
                continue;
            }
        } else {
            grus_json_type type;
            if (!scan_scalar(scan, &type))
                return false;
            skip_space(scan);
        }
        if (!next_value(scan, &nest, n_items))
            return !scan->reason;
    }
}

static bool scan_value(grus_json_scan *scan, size_t most_depth, grus_json_span *value)
{
    bool object = peek(scan, '{'), nested = object || peek(scan, '[');
    *value = (grus_json_span){.type = object ? GRUS_JSON_OBJECT : GRUS_JSON_ARRAY, .text = scan->at};
    if (nested ? scan_nest(scan, most_depth, &value->n_items) : scan_scalar(scan, &value->type)) {
        value->length = (size_t)(scan->at - value->text);
        return true;
    }
    value->type = GRUS_JSON_NONE;
    return false;
}

// ---- the interface ----

static bool scan_end(grus_json_scan *scan)
{
    skip_space(scan);
    return scan->at == scan->end || refuse(scan, scan->at, "more text behind the value");
}

bool grus_json_scan_object(grus_json_scan *scan, const char *text, size_t length, grus_json_span *other)
{
    *scan = (grus_json_scan){.start = text, .at = text, .end = text + length, .close = '}'};
    *other = (grus_json_span){.type = GRUS_JSON_NONE};
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        return refuse(scan, text, "byte order mark");
    skip_space(scan);
    if (peek(scan, '{')) {
        scan->at++;
        return true;
    }
    if (scan_value(scan, GRUS_JSON_DEPTH, other) && !scan_end(scan))
        other->type = GRUS_JSON_NONE;
    return false;
}

void grus_json_scan_items(grus_json_scan *scan, const grus_json_span *array)
{
    *scan =
        (grus_json_scan){.start = array->text, .at = array->text + 1, .end = array->text + array->length, .close = ']'};
}

// To the next member or item, over the comma. false: an error, or the end is passed.
static bool next_part(grus_json_scan *scan)
{
    if (scan->reason)
        return false;
    skip_space(scan);
    if (peek(scan, scan->close)) {
        scan->at++;
        scan_end(scan);
        return false;
    }
    if (scan->begun) {
        if (!peek(scan, ','))
            return refuse(scan, scan->at, scan->close == '}' ? "expected a comma or '}'" : "expected a comma or ']'");
        scan->at++;
        skip_space(scan);
    }
    scan->begun = true;
    return true;
}

bool grus_json_next_member(grus_json_scan *scan, grus_json_span *key, grus_json_span *value)
{
    return next_part(scan) && scan_key(scan, key) && scan_value(scan, GRUS_JSON_DEPTH - 1, value);
}

bool grus_json_next_item(grus_json_scan *scan, grus_json_span *item)
{
    return next_part(scan) && scan_value(scan, GRUS_JSON_DEPTH, item);
}
