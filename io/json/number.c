// number.c: numbers as text: the fewest significant digits that read back as the same value, in the notation of
// printf's %g, whatever the locale. No infinity or NaN ever comes out: they become null. And text as the nearest float.
#include "config.h"

#include "io/json/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MAX_DIGITS 17

// The value is 0.d1d2…dn × 10^(exponent + 1), digits without trailing zeros.
struct decimal {
    char digits[MAX_DIGITS + 1];
    int n;
    int exponent;  // of the first digit
    int precision; // digits tried, which decides the notation as in %.*g
};

static void append_zeros(grus_buffer *out, int count)
{
    for (int i = 0; i < count; i++)
        grus_buffer_byte(out, '0');
}

static void append_decimal(grus_buffer *out, const struct decimal *decimal)
{
    const char *digits = decimal->digits;
    size_t n = (size_t)decimal->n;
    int exponent = decimal->exponent;
    if (exponent < -4 || exponent >= decimal->precision) {
        grus_buffer_byte(out, digits[0]);
        if (n > 1)
            grus_buffer_byte(out, '.');
        grus_buffer_append(out, digits + 1, n - 1);
        grus_buffer_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        grus_buffer_append(out, "0.", 2);
        append_zeros(out, -1 - exponent);
        grus_buffer_append(out, digits, n);
    } else {
        size_t whole = grus_min(n, (size_t)exponent + 1);
        grus_buffer_append(out, digits, whole);
        append_zeros(out, exponent + 1 - (int)whole);
        if (n > whole)
            grus_buffer_byte(out, '.');
        grus_buffer_append(out, digits + whole, n - whole);
    }
}

static void drop_trailing_zeros(struct decimal *decimal)
{
    while (decimal->n > 1 && decimal->digits[decimal->n - 1] == '0')
        decimal->n--;
    decimal->digits[decimal->n] = '\0';
}

// Rounds value > 0 to this many digits by the C library. Only digits and the exponent are taken from its text: what
// stands between the first two digits depends on the locale.
static void round_by_printf(double value, int precision, struct decimal *decimal)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    const char *e = strchr(text, 'e');
    decimal->n = 0;
    decimal->digits[decimal->n++] = text[0];
    for (const char *digit = e - (precision - 1); digit < e; digit++)
        decimal->digits[decimal->n++] = *digit;
    decimal->digits[decimal->n] = '\0';
    decimal->exponent = atoi(e + 1);
    decimal->precision = precision;
}

// What the decimal reads back as; an integer and an exponent, so that no locale's point is needed.
static void integer_text(const struct decimal *decimal, char text[MAX_DIGITS + 16])
{
    snprintf(text, MAX_DIGITS + 16, "%se%d", decimal->digits, decimal->exponent - (decimal->n - 1));
}

static void shortest_double(double value, struct decimal *decimal)
{
    for (int precision = 6; precision <= 17; precision++) {
        char text[MAX_DIGITS + 16];
        round_by_printf(value, precision, decimal);
        integer_text(decimal, text);
        if (strtod(text, NULL) >= value && strtod(text, NULL) <= value)
            break;
    }
    drop_trailing_zeros(decimal);
}

static void shortest_float(float value, struct decimal *decimal)
{
    for (int precision = 6; precision <= 9; precision++) {
        char text[MAX_DIGITS + 16];
        round_by_printf((double)value, precision, decimal);
        integer_text(decimal, text);
        if (strtof(text, NULL) >= value && strtof(text, NULL) <= value)
            break;
    }
    drop_trailing_zeros(decimal);
}

// Powers of ten that a double holds exactly.
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static double scale(double value, int power)
{
    return power >= 0 ? value * powers[power] : value / powers[-power];
}

// Exactly between two neighbouring (normal) floats.
static bool is_midpoint(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1fffffffu) == 0x10000000u;
}

static void set_digits(struct decimal *decimal, uint64_t integer, int exponent, int precision)
{
    for (int i = precision - 1; i >= 0; i--, integer /= 10)
        decimal->digits[i] = (char)('0' + integer % 10);
    decimal->n = precision;
    decimal->exponent = exponent;
    decimal->precision = precision;
    drop_trailing_zeros(decimal);
}

// The same as shortest_float, some twenty times faster, for values near 1; false where it cannot be sure. Each
// product or quotient below is one correctly rounded operation on exact numbers, so the result is on the right side
// of a boundary (a half of the last digit, the midpoint of two floats) unless it falls on the boundary itself.
static bool shortest_float_fast(float value, struct decimal *decimal)
{
    if (!(value >= 1e-12f && value < 1e12f))
        return false;
    int exponent = 0;
    for (; exponent < 12 && (double)value >= powers[exponent + 1]; exponent++)
        ;
    for (; exponent > -13 && scale((double)value, -exponent) < 1; exponent--)
        ;
    for (int precision = 6; precision <= 9; precision++) {
        int power = precision - 1 - exponent;
        double scaled = scale((double)value, power), down = floor(scaled), part = scaled - down;
        uint64_t integer = (uint64_t)down + (part > 0.5);
        if ((part >= 0.5 && part <= 0.5) || integer < (uint64_t)powers[precision - 1] ||
            integer >= (uint64_t)powers[precision])
            return false;
        double back = scale((double)integer, -power);
        if (is_midpoint(back))
            return false;
        if ((float)back >= value && (float)back <= value) {
            set_digits(decimal, integer, exponent, precision);
            return true;
        }
    }
    return false;
}

static bool append_special(grus_buffer *out, double value)
{
    if (!isfinite(value)) {
        grus_buffer_text(out, "null");
        return true;
    }
    if (signbit(value))
        grus_buffer_byte(out, '-');
    if (value < 0 || value > 0)
        return false;
    grus_buffer_byte(out, '0');
    return true;
}

void grus_json_float(grus_buffer *out, float value)
{
    struct decimal decimal;
    if (append_special(out, (double)value))
        return;
    value = fabsf(value);
    if (!shortest_float_fast(value, &decimal))
        shortest_float(value, &decimal);
    append_decimal(out, &decimal);
}

void grus_json_double(grus_buffer *out, double value)
{
    struct decimal decimal;
    if (append_special(out, value))
        return;
    shortest_double(fabs(value), &decimal);
    append_decimal(out, &decimal);
}

// ---- reading ----

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

// The power of ten behind e or E, kept from overflow: what a number's digits can add to it is far less.
static int64_t read_exponent(const char *at, const char *end)
{
    const int64_t great = INT64_C(100000000000000000);
    if (at == end)
        return 0;
    at++;
    bool negative = *at == '-';
    at += negative || *at == '+';
    int64_t exponent = 0;
    for (; at < end && exponent < great; at++)
        exponent = 10 * exponent + (*at - '0');
    return negative ? -exponent : exponent;
}

#define EXACT_INTEGER (UINT64_C(1) << 53)
#define EXACT_POWER 22

// Digits and power of ten that a double holds exactly give, by one operation, the double nearest to the number; unless
// that is a midpoint of two floats, it is on the same side of every midpoint as the number.
static bool to_float_fast(const char *at, const char *end, float *value)
{
    uint64_t digits = 0;
    int64_t exponent = 0;
    bool fraction = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        digits = 10 * digits + (uint64_t)(*at - '0');
        exponent -= fraction;
        if (digits >= EXACT_INTEGER)
            return false;
    }
    exponent += read_exponent(at, end);
    if (exponent < -EXACT_POWER || exponent > EXACT_POWER)
        return false;
    double near = scale((double)digits, (int)exponent);
    *value = (float)near;
    return !is_midpoint(near);
}

#define PLAIN_DIGITS 15

bool grus_json_plain_float(const char **at, float *value)
{
    const char *next = *at;
    bool negative = *next == '-';
    next += negative;
    uint64_t digits = 0;
    const char *start = next, *point = NULL;
    for (; is_digit(*next) || (*next == '.' && !point); next++) {
        if (*next == '.')
            point = next;
        else
            digits = 10 * digits + (uint64_t)(*next - '0');
        if (next - start > PLAIN_DIGITS)
            return false;
    }
    double near = point ? (double)digits / powers[next - point - 1] : (double)digits;
    if (next == start || (*next != ',' && *next != ']') || is_midpoint(near))
        return false;
    *value = (float)(negative ? -near : near);
    *at = next;
    return true;
}

#define FLOAT_DIGITS 128    // more than any midpoint of two floats has
#define FLOAT_EXPONENT 9999 // beyond this, with so many digits, all is 0 or infinite

// Any number, by the C library, as an integer and an exponent, so that no locale's point is needed. Digits too many to
// matter one by one become a single 1.
static float to_float_slow(const char *at, const char *end)
{
    char text[FLOAT_DIGITS + 32];
    size_t n = 0;
    int64_t exponent = 0;
    bool fraction = false, more = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
        } else if (n < FLOAT_DIGITS) {
            exponent -= fraction;
            if (n > 0 || *at != '0')
                text[n++] = *at;
        } else {
            exponent += !fraction;
            more = more || *at != '0';
        }
    }
    if (n == 0)
        return 0;
    if (more) {
        text[n++] = '1';
        exponent--;
    }
    exponent += read_exponent(at, end);
    exponent = exponent > FLOAT_EXPONENT ? FLOAT_EXPONENT : exponent < -FLOAT_EXPONENT ? -FLOAT_EXPONENT : exponent;
    snprintf(text + n, sizeof text - n, "e%d", (int)exponent);
    return strtof(text, NULL);
}

bool grus_json_to_float(const grus_json_span *number, float *value)
{
    const char *at = number->text, *end = at + number->length;
    bool negative = *at == '-';
    at += negative;
    if (!to_float_fast(at, end, value))
        *value = to_float_slow(at, end);
    if (negative)
        *value = -*value;
    return isfinite(*value);
}
