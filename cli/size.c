// size.c: reading sizes.
#include "config.h"

#include "cli/size.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

// The value of a unit; 0: there is none of this name.
static uint64_t unit_of(const char *text)
{
    static const char letters[] = "KMGT";
    const char *letter = *text ? strchr(letters, toupper((unsigned char)*text)) : NULL;
    if (!letter)
        return *text == '\0';
    bool binary = text[1] == '\0' || strcasecmp(text + 1, "iB") == 0;
    if (!binary && strcasecmp(text + 1, "B") != 0)
        return 0;
    uint64_t unit = 1;
    for (const char *of = letters; of <= letter; of++)
        unit *= binary ? 1024 : 1000;
    return unit;
}

grus_size_outcome grus_size_read(const char *text, uint64_t *size)
{
    uint64_t whole = 0, parts = 0, of = 1;
    bool great = false, digits = isdigit((unsigned char)*text);
    for (; isdigit((unsigned char)*text); text++)
        great = great || __builtin_mul_overflow(whole, 10, &whole) ||
                __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole);
    bool point = *text == '.';
    if (point)
        digits = digits && isdigit((unsigned char)*++text);
    for (; point && isdigit((unsigned char)*text); text++)
        if (of < 1000000000) { // further digits are less than two bytes of a G
            parts = parts * 10 + (uint64_t)(*text - '0');
            of *= 10;
        }
    uint64_t unit = unit_of(text);
    if (!digits || unit == 0 || (point && unit == 1))
        return GRUS_SIZE_NONE;
    if (great || __builtin_mul_overflow(whole, unit, &whole) ||
        __builtin_add_overflow(whole, parts * (unit / of) + parts * (unit % of) / of, &whole) || whole > SIZE_MAX)
        return GRUS_SIZE_TOO_GREAT;
    *size = whole;
    return GRUS_SIZE_READ;
}
