// label.c: characters, one after the other, into what can be shown.
#include "config.h"

#include "cli/label.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <uniwidth.h>

#define REPLACEMENT 0xFFFD
#define OPEN_BOX 0x2423
#define ELLIPSIS 0x2026

// Marks that turn the direction of all that follows, and what XML or HTML cannot hold.
static bool is_unsafe(ucs4_t point)
{
    return point == 0x061C || point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFE) == 0xFFFE;
}

static bool is_space(ucs4_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85 || point == 0xA0 || point == 0x3000 ||
           (point >= 0x2000 && point <= 0x200A) || point == 0x202F || point == 0x205F;
}

static ucs4_t shown(ucs4_t point, grus_label_kind kind)
{
    if (is_space(point)) {
        if (kind == GRUS_LABEL_TEXT)
            return ' ';
        return kind == GRUS_LABEL_ASCII ? '_' : OPEN_BOX;
    }
    if (uc_width(point, "UTF-8") < 0 || is_unsafe(point))
        return kind == GRUS_LABEL_ASCII ? '?' : REPLACEMENT;
    return point;
}

static size_t width_of(ucs4_t point)
{
    int width = uc_width(point, "UTF-8");
    return width > 0 ? (size_t)width : 0;
}

// Cuts the label at the last glyph after which the mark still fits.
static void cut(grus_label *label, grus_label_kind kind, size_t most)
{
    size_t at = 0, width = 0, glyph_width;
    for (size_t size; (size = grus_label_glyph(label->text + at, &glyph_width)) > 0; at += size) {
        if (width + glyph_width + 1 > most)
            break;
        width += glyph_width;
    }
    int size = u8_uctomb((uint8_t *)label->text + at, kind == GRUS_LABEL_ASCII ? '~' : ELLIPSIS, 3);
    label->text[at + (size > 0 ? (size_t)size : 0)] = '\0';
    label->width = width + 1;
}

bool grus_label_make(const char *token, grus_label_kind kind, size_t most, grus_label *label)
{
    size_t length = strlen(token), to = 0;
    *label = (grus_label){.text = malloc(3 * length + 4)}; // U+FFFD and the ellipsis take three bytes
    if (!label->text)
        return false;
    for (size_t at = 0; at < length;) {
        ucs4_t point;
        int size = u8_mbtouc(&point, (const uint8_t *)token + at, length - at);
        at += size > 0 ? (size_t)size : 1;
        point = shown(point, kind);
        size = u8_uctomb((uint8_t *)label->text + to, point, 4);
        to += size > 0 ? (size_t)size : 0;
        label->width += width_of(point);
    }
    label->text[to] = '\0';
    if (most && label->width > most)
        cut(label, kind, most);
    return true;
}

grus_label *grus_labels_make(const char *const *tokens, size_t n, grus_label_kind kind, size_t most)
{
    grus_label *labels = calloc(n + 1, sizeof *labels);
    for (size_t i = 0; labels && i < n; i++)
        if (!grus_label_make(tokens[i], kind, most, &labels[i])) {
            grus_labels_free(labels, n);
            return NULL;
        }
    return labels;
}

void grus_labels_free(grus_label *labels, size_t n)
{
    for (size_t i = 0; labels && i < n; i++)
        free(labels[i].text);
    free(labels);
}

size_t grus_labels_widest(const grus_label *labels, size_t n)
{
    size_t widest = 0;
    for (size_t i = 0; i < n; i++)
        if (labels[i].width > widest)
            widest = labels[i].width;
    return widest;
}

size_t grus_label_glyph(const char *text, size_t *width)
{
    ucs4_t point;
    size_t length = strlen(text);
    *width = 0;
    if (length == 0)
        return 0;
    int first = u8_mbtouc(&point, (const uint8_t *)text, length);
    size_t size = first > 0 ? (size_t)first : 1;
    *width = width_of(point);
    while (size < length) {
        int next = u8_mbtouc(&point, (const uint8_t *)text + size, length - size);
        if (next <= 0 || width_of(point) > 0)
            break;
        size += (size_t)next;
    }
    return size;
}
