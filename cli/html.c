// html.c: escaping, and the words for numbers.
#include "config.h"

#include "cli/html.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistr.h>

// ---- texts ----

#define REPLACEMENT "\xEF\xBF\xBD"
#define ELLIPSIS "\xE2\x80\xA6"

static const char *entity(ucs4_t point)
{
    switch (point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
        return " ";
    case 0x7F:
        return "\xE2\x90\xA1"; // its picture
    default:
        return NULL;
    }
}

// What a reader would not see, or would see something else by: controls, directions, ends of lines, joins, tags, and what is
// no character.
static bool is_hidden(ucs4_t point)
{
    static const ucs4_t ranges[][2] = {
        {0x80, 0x9F},     {0xAD, 0xAD},       {0x61C, 0x61C},   {0x180E, 0x180E},    {0x200B, 0x200B},
        {0x200E, 0x200F}, {0x2028, 0x202E},   {0x2060, 0x206F}, {0xFDD0, 0xFDEF},    {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}, {0xE000, 0xF8FF}, {0xF0000, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (point >= ranges[i][0] && point <= ranges[i][1])
            return true;
    return (point & 0xFFFE) == 0xFFFE;
}

static void put_point(FILE *to, ucs4_t point, const char *bytes, size_t size)
{
    const char *escaped = entity(point);
    if (escaped)
        fputs(escaped, to);
    else if (point < 0x20 && point != '\n')
        fprintf(to, "\xE2\x90%c", (char)(0x80 + point)); // U+2400 and so on
    else if (is_hidden(point))
        fprintf(to, "\xE2\x80\xB9U+%04" PRIX32 "\xE2\x80\xBA", (uint32_t)point);
    else
        fwrite(bytes, 1, size, to);
}

void grus_html_text(FILE *to, const char *text, size_t most)
{
    size_t length = strlen(text), n = 0;
    for (size_t at = 0; at < length; n++) {
        ucs4_t point;
        if (most && n == most) {
            fputs(ELLIPSIS, to);
            return;
        }
        int size = u8_mbtoucr(&point, (const uint8_t *)text + at, length - at);
        if (size > 0)
            put_point(to, point, text + at, (size_t)size);
        else
            fputs(REPLACEMENT, to);
        at += size > 0 ? (size_t)size : 1;
    }
}

// ---- numbers ----

const char *grus_html_digits(uint64_t n, char *text)
{
    char plain[GRUS_HTML_NUMBER];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, n);
    size_t to = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[to++] = ',';
        text[to++] = plain[i];
    }
    text[to] = '\0';
    return text;
}

const char *grus_html_number(double x, char text[GRUS_HTML_NUMBER])
{
    double size = fabs(x);
    if (size >= 1000 && size < 1e15) {
        double unit = size >= 10000 ? 100 : 10;
        text[0] = '-';
        grus_html_digits((uint64_t)(round(size / unit) * unit), text + (x < 0));
    } else if (size > 0 && size < 0.001) {
        snprintf(text, GRUS_HTML_NUMBER, "%.1e", x);
    } else {
        snprintf(text, GRUS_HTML_NUMBER, "%.3g", x);
    }
    return text;
}

void grus_html_count(FILE *to, const char *id, uint64_t n)
{
    char text[GRUS_HTML_NUMBER];
    fputs("<data", to);
    if (id)
        fprintf(to, " id=\"%s\"", id);
    fprintf(to, " value=\"%" PRIu64 "\">%s</data>", n, grus_html_digits(n, text));
}

const char *grus_html_bytes(uint64_t n, char text[GRUS_HTML_NUMBER])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)n;
    size_t unit = 0;
    for (; amount >= 1000 && unit < sizeof units / sizeof *units - 1; unit++)
        amount /= 1024;
    snprintf(text, GRUS_HTML_NUMBER, amount < 10 && unit ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return text;
}

const char *grus_html_percent(double part, char text[GRUS_HTML_NUMBER])
{
    snprintf(text, GRUS_HTML_NUMBER, part > 0 && part < 0.0995 ? "%.2g %%" : "%.3g %%", 100 * part);
    return text;
}

const char *grus_html_duration(double seconds, char text[GRUS_HTML_NUMBER])
{
    double whole = round(seconds);
    if (seconds < 60) {
        snprintf(text, GRUS_HTML_NUMBER, seconds < 9.95 ? "%.2g s" : "%.0f s", seconds);
        return text;
    }
    uint64_t n = whole < 1e15 ? (uint64_t)whole : UINT64_C(1000000000000000);
    if (n < 3600)
        snprintf(text, GRUS_HTML_NUMBER, "%" PRIu64 " min %" PRIu64 " s", n / 60, n % 60);
    else if (n < 48 * 3600)
        snprintf(text, GRUS_HTML_NUMBER, "%" PRIu64 " h %" PRIu64 " min", n / 3600, n / 60 % 60);
    else
        snprintf(text, GRUS_HTML_NUMBER, "%" PRIu64 " d %" PRIu64 " h", n / 86400, n / 3600 % 24);
    return text;
}

void grus_html_time(FILE *to, int64_t time)
{
    time_t seconds = (time_t)(time / 1000000000);
    struct tm parts;
    char exact[64], shown[64];
    if (!gmtime_r(&seconds, &parts) || parts.tm_year + 1900 > 9999 || parts.tm_year + 1900 < 1) {
        fputs("?", to);
        return;
    }
    strftime(exact, sizeof exact, "%Y-%m-%dT%H:%M:%SZ", &parts);
    strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S", &parts);
    fprintf(to, "<time datetime=\"%s\">%s</time>", exact, shown);
}
