// svg.c: places by arithmetic, text by escaping. Labels are in a monospaced font, so that their widths are known.
#include "config.h"

#include "cli/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/label.h"

#define CELL 24.0
#define FONT 13.0
#define GLYPH (0.61 * FONT) // width of a column of the font
#define GAP 8.0             // between cells and labels
#define EDGE 16.0
#define LINE 19.0
#define SLANT 0.70710678 // sine and cosine of the labels on top
#define LONGEST_LABEL 40 // columns
#define LEAST_WIDTH 420.0
#define TEXT_WIDTH 760.0 // that a long heading asks for, at most
#define SCALE_WIDTH 192.0
#define UPRIGHT 2 // columns of a label that need not be slanted
#define UNDER_HEADING 6.0

typedef struct svg_sheet {
    const grus_attention_map *map;
    FILE *to;
    grus_label *rows, *columns;
    grus_label **heads;   // labels of each token head, else NULL
    const float *weights; // that are drawn: n_maps maps, one after the other
    size_t n_maps;
    bool by_head;
    double left, top; // of the cells of the map that is drawn
    double step;      // from it to the next
    double band;      // height of what stands over the cells
    double width, height;
    double bands; // height of what stands below the cells
    float greatest;
    bool embedded; // in a page
} svg_sheet;

// ---- writing ----

static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
}

// From nearly white, so that the grid can be seen, to dark blue.
static const float stops[][3] = {{247, 251, 255}, {198, 219, 239}, {107, 174, 214}, {33, 113, 181}, {8, 48, 107}};
#define LAST_STOP (sizeof stops / sizeof *stops - 1)

static const char *color_of(float part, char text[16])
{
    float at = fminf(fmaxf(part, 0), 1) * (float)LAST_STOP;
    size_t low = (size_t)at < LAST_STOP ? (size_t)at : LAST_STOP - 1;
    int channel[3];
    for (int i = 0; i < 3; i++)
        channel[i] = (int)lroundf(stops[low][i] + (at - (float)low) * (stops[low + 1][i] - stops[low][i]));
    snprintf(text, 16, "#%02x%02x%02x", (unsigned)channel[0] & 255, (unsigned)channel[1] & 255,
             (unsigned)channel[2] & 255);
    return text;
}

static float part_of(const svg_sheet *sheet, float weight)
{
    return sheet->greatest > 0 ? weight / sheet->greatest : 0;
}

// ---- layout ----

static bool make_labels(svg_sheet *sheet)
{
    const grus_attention_map *map = sheet->map;
    sheet->rows = grus_labels_make(map->row_tokens, map->rows, GRUS_LABEL_TOKEN, LONGEST_LABEL);
    sheet->columns = grus_labels_make(map->column_tokens, map->columns, GRUS_LABEL_TOKEN, LONGEST_LABEL);
    sheet->heads = calloc(map->n_heads + 1, sizeof *sheet->heads);
    bool fine = sheet->rows && sheet->columns && sheet->heads;
    for (size_t i = 0; i < map->n_heads && fine; i++)
        if (map->heads[i]->on_token) {
            sheet->heads[i] = grus_labels_make(map->heads[i]->labels, map->columns, GRUS_LABEL_TEXT, LONGEST_LABEL);
            fine = sheet->heads[i] != NULL;
        }
    return fine;
}

static void free_labels(svg_sheet *sheet)
{
    const grus_attention_map *map = sheet->map;
    for (size_t i = 0; sheet->heads && i < map->n_heads; i++)
        grus_labels_free(sheet->heads[i], map->columns);
    free(sheet->heads);
    grus_labels_free(sheet->rows, map->rows);
    grus_labels_free(sheet->columns, map->columns);
}

// Height of a band of labels.
static double slanted(size_t width)
{
    if (width <= UPRIGHT)
        return width ? GAP + FONT : 0;
    return GAP + ((double)width * GLYPH + FONT) * SLANT;
}

static size_t widest_margin(const svg_sheet *sheet)
{
    size_t widest = grus_labels_widest(sheet->rows, sheet->map->rows);
    for (size_t i = 0; i < sheet->map->n_heads; i++) {
        size_t width = sheet->heads[i] ? strlen(sheet->map->heads[i]->name) : 0;
        widest = width > widest ? width : widest;
    }
    return widest;
}

static double band_height(const svg_sheet *sheet, size_t head)
{
    return slanted(grus_labels_widest(sheet->heads[head], sheet->map->columns)) + GAP;
}

static double cells_width(const svg_sheet *sheet)
{
    return (double)sheet->map->columns * CELL;
}

static double cells_height(const svg_sheet *sheet)
{
    return (double)sheet->map->rows * CELL;
}

static double heading_width(const char *text)
{
    return text ? 2 * EDGE + (double)(strlen("source ") + strlen(text)) * GLYPH : 0;
}

static void lay_out(svg_sheet *sheet, const char *source)
{
    const grus_attention_map *map = sheet->map;
    size_t numbers = map->columns ? 4 : 0; // features are numbered
    if (sheet->embedded && map->columns < 100)
        numbers = numbers ? UPRIGHT : 0;
    size_t widest = grus_labels_widest(sheet->columns, map->columns);
    sheet->band = slanted(widest ? widest : numbers);
    double overhang = sheet->band;
    for (size_t i = 0; i < sheet->n_maps * map->rows * map->columns; i++)
        sheet->greatest = fmaxf(sheet->greatest, sheet->weights[i]);
    sheet->left = EDGE + (double)widest_margin(sheet) * GLYPH + GAP;
    sheet->top += sheet->band + (sheet->top > EDGE ? UNDER_HEADING : 0) + (sheet->by_head ? LINE : 0);
    sheet->step = cells_height(sheet) + LINE + sheet->band + LINE;
    for (size_t i = 0; i < map->n_heads; i++)
        if (sheet->heads[i]) {
            sheet->bands += band_height(sheet, i);
            overhang = fmax(overhang, band_height(sheet, i));
        }
    double text = fmax(heading_width(source), heading_width(map->output));
    sheet->width = fmax(fmax(LEAST_WIDTH, fmin(text, TEXT_WIDTH)), sheet->left + cells_width(sheet) + overhang + EDGE);
    double last = sheet->top + (double)(sheet->n_maps - 1) * sheet->step;
    sheet->height = last + cells_height(sheet) + sheet->bands + LINE + FONT + EDGE;
}

// ---- parts ----

// Lines of the heading, cut where the sheet ends; each moves the top down.
static bool put_line(svg_sheet *sheet, double y, const char *name, const char *text)
{
    size_t room = (size_t)((sheet->width - 2 * EDGE) / GLYPH) - strlen(name) - 2;
    grus_label label;
    if (!grus_label_make(text, GRUS_LABEL_TEXT, room, &label))
        return false;
    fprintf(sheet->to, "<text x=\"%.1f\" y=\"%.1f\"><tspan class=\"name\">%s</tspan> ", EDGE, y, name);
    put_escaped(sheet->to, label.text);
    fputs("</text>\n", sheet->to);
    free(label.text);
    return true;
}

static void describe_head(const grus_attention_head *head, char *text, size_t size)
{
    snprintf(text, size, "%s (%.3f)", head->labels[0], (double)head->probs[0]);
}

static size_t count_lines(const grus_attention_map *map, const char *source)
{
    size_t lines = (source ? 1u : 0u) + (map->output ? 1u : 0u);
    for (size_t i = 0; i < map->n_heads; i++)
        if (!map->heads[i]->on_token)
            lines++;
    return lines;
}

static bool put_heading(svg_sheet *sheet, const char *source)
{
    const grus_attention_map *map = sheet->map;
    double y = EDGE + FONT;
    bool fine = true;
    if (source) {
        fine = put_line(sheet, y, "source", source);
        y += LINE;
    }
    if (fine && map->output) {
        fine = put_line(sheet, y, "output", map->output);
        y += LINE;
    }
    for (size_t i = 0; i < map->n_heads && fine; i++) {
        char text[512];
        grus_label name;
        if (map->heads[i]->on_token)
            continue;
        if (!grus_label_make(map->heads[i]->name, GRUS_LABEL_TEXT, LONGEST_LABEL, &name))
            return false;
        describe_head(map->heads[i], text, sizeof text);
        fine = put_line(sheet, y, name.text, text);
        y += LINE;
        free(name.text);
    }
    return fine;
}

// A label over the middle x of its column, its line at y.
static void put_top_label(const svg_sheet *sheet, double x, double y, const char *text, bool upright)
{
    if (upright)
        fprintf(sheet->to, "<text class=\"source upright\" x=\"%.1f\" y=\"%.1f\">", x, y);
    else
        fprintf(sheet->to, "<text class=\"source\" transform=\"translate(%.1f %.1f) rotate(-45)\">", x + FONT * 0.25,
                y);
    put_escaped(sheet->to, text);
    fputs("</text>\n", sheet->to);
}

// A short label, unless the one on its left is slanted and leans over it.
static bool stands_upright(const grus_label *labels, size_t i)
{
    return labels[i].width <= UPRIGHT && (i == 0 || labels[i - 1].width <= UPRIGHT);
}

static void put_top_labels(const svg_sheet *sheet)
{
    for (size_t i = 0; i < sheet->map->columns; i++) {
        double x = sheet->left + ((double)i + 0.5) * CELL, y = sheet->top - GAP * 0.75;
        char number[32];
        if (sheet->map->column_tokens[i][0])
            put_top_label(sheet, x, y, sheet->columns[i].text, stands_upright(sheet->columns, i));
        else
            put_top_label(sheet, x, y, number, snprintf(number, sizeof number, "%zu", i + 1) <= UPRIGHT);
    }
}

static void put_left_labels(const svg_sheet *sheet)
{
    for (size_t i = 0; i < sheet->map->rows; i++) {
        fprintf(sheet->to, "<text class=\"target\" x=\"%.1f\" y=\"%.1f\">", sheet->left - GAP,
                sheet->top + ((double)i + 0.5) * CELL + FONT * 0.36);
        put_escaped(sheet->to, sheet->rows[i].text);
        fputs("</text>\n", sheet->to);
    }
}

static void put_token(FILE *to, const grus_label *label, size_t i)
{
    if (label->text[0])
        put_escaped(to, label->text);
    fprintf(to, "%s(%zu)", label->text[0] ? " " : "", i + 1);
}

static void put_fill(const svg_sheet *sheet, float weight)
{
    char color[16];
    if (sheet->embedded)
        fprintf(sheet->to, "fill-opacity=\"%.3f\"", (double)part_of(sheet, weight));
    else
        fprintf(sheet->to, "fill=\"%s\"", color_of(part_of(sheet, weight), color));
}

static void put_cells(const svg_sheet *sheet)
{
    const grus_attention_map *map = sheet->map;
    for (size_t i = 0; i < map->rows; i++)
        for (size_t j = 0; j < map->columns; j++) {
            float weight = sheet->weights[i * map->columns + j];
            fprintf(sheet->to, "<rect class=\"cell\" x=\"%.1f\" y=\"%.1f\" width=\"%g\" height=\"%g\" ",
                    sheet->left + (double)j * CELL, sheet->top + (double)i * CELL, CELL, CELL);
            put_fill(sheet, weight);
            fputs("><title>", sheet->to);
            if (map->output || (sheet->embedded && map->rows > 1)) {
                put_token(sheet->to, &sheet->rows[i], i);
                fputs(" from ", sheet->to);
            }
            put_token(sheet->to, &sheet->columns[j], j);
            fprintf(sheet->to, ": %.6f</title></rect>\n", (double)weight);
        }
    if (map->columns)
        fprintf(sheet->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#9aa5b1\"/>\n",
                sheet->left, sheet->top, cells_width(sheet), cells_height(sheet));
    else
        fprintf(sheet->to, "<text x=\"%.1f\" y=\"%.1f\">no source positions to attend to</text>\n", sheet->left,
                sheet->top + CELL * 0.5 + FONT * 0.36);
}

// Each map that is drawn; the sheet is at the last one then.
static void put_maps(svg_sheet *sheet)
{
    for (size_t i = 0; i < sheet->n_maps; i++) {
        if (i > 0) {
            sheet->top += sheet->step;
            sheet->weights += sheet->map->rows * sheet->map->columns;
        }
        if (sheet->by_head)
            fprintf(sheet->to, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">head %zu of %zu</text>\n", EDGE,
                    sheet->top - sheet->band - GAP * 0.5, i + 1, sheet->n_maps);
        put_top_labels(sheet);
        put_left_labels(sheet);
        put_cells(sheet);
    }
}

static void put_bands(const svg_sheet *sheet)
{
    double y = sheet->top + cells_height(sheet);
    for (size_t h = 0; h < sheet->map->n_heads; h++) {
        if (!sheet->heads[h])
            continue;
        fprintf(sheet->to, "<text class=\"target name\" x=\"%.1f\" y=\"%.1f\">", sheet->left - GAP, y + GAP + FONT);
        put_escaped(sheet->to, sheet->map->heads[h]->name);
        fputs("</text>\n", sheet->to);
        for (size_t i = 0; i < sheet->map->columns; i++) {
            fprintf(sheet->to, "<text transform=\"translate(%.1f %.1f) rotate(45)\">",
                    sheet->left + ((double)i + 0.5) * CELL - FONT * 0.25, y + GAP + FONT * 0.45);
            put_escaped(sheet->to, sheet->heads[h][i].text);
            fputs("</text>\n", sheet->to);
        }
        y += band_height(sheet, h);
    }
}

static void put_scale(const svg_sheet *sheet)
{
    double x = EDGE + 9.5 * GLYPH, y = sheet->top + cells_height(sheet) + sheet->bands + LINE;
    char color[16];
    fputs("<linearGradient id=\"scale\">", sheet->to);
    for (size_t i = 0; i <= LAST_STOP; i++)
        fprintf(sheet->to, "<stop offset=\"%g\" stop-color=\"%s\"/>", (double)i / (double)LAST_STOP,
                color_of((float)i / (float)LAST_STOP, color));
    fprintf(sheet->to,
            "</linearGradient>\n<text x=\"%.1f\" y=\"%.1f\"><tspan class=\"name\">weight</tspan> 0</text>\n"
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%g\" height=\"%g\" fill=\"url(#scale)\" stroke=\"#9aa5b1\"/>\n"
            "<text x=\"%.1f\" y=\"%.1f\">%.3g</text>\n",
            EDGE, y + FONT * 0.9, x, y, SCALE_WIDTH, FONT, x + SCALE_WIDTH + GAP, y + FONT * 0.9,
            (double)sheet->greatest);
}

// ---- the picture ----

static void begin(const svg_sheet *sheet)
{
    fprintf(sheet->to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
            "<title>Attention, %zu by %zu</title>\n"
            "<style>text{font:%gpx 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace;fill:#1f2933;"
            "white-space:pre}.name{fill:#7b8794}.target{text-anchor:end}.upright{text-anchor:middle}.cell{stroke:#fff}<"
            "/style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            ceil(sheet->width), ceil(sheet->height), ceil(sheet->width), ceil(sheet->height), sheet->map->rows,
            sheet->map->columns, FONT);
}

bool grus_svg_draw(const grus_attention_map *map, const char *source, bool by_head, FILE *to)
{
    svg_sheet sheet = {.map = map,
                       .to = to,
                       .weights = by_head ? map->head_weights : map->weights,
                       .n_maps = by_head && map->columns ? map->n_attention_heads : 1,
                       .by_head = by_head && map->columns,
                       .top = EDGE + (double)count_lines(map, source) * LINE};
    bool fine = make_labels(&sheet);
    if (fine) {
        lay_out(&sheet, source);
        begin(&sheet);
        fine = put_heading(&sheet, source);
    }
    if (fine) {
        put_maps(&sheet);
        put_bands(&sheet);
        put_scale(&sheet);
        fputs("</svg>\n", to);
    }
    free_labels(&sheet);
    return fine;
}

bool grus_svg_embed(const grus_attention_map *map, FILE *to)
{
    svg_sheet sheet = {.map = map, .to = to, .weights = map->weights, .n_maps = 1, .top = EDGE, .embedded = true};
    bool fine = make_labels(&sheet);
    if (fine) {
        lay_out(&sheet, NULL);
        double height = sheet.top + cells_height(&sheet) + sheet.bands + EDGE;
        fprintf(to,
                "<svg class=\"map\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                "aria-label=\"Attention, %zu by %zu\">\n",
                ceil(sheet.width), ceil(height), ceil(sheet.width), ceil(height), map->rows, map->columns);
        put_maps(&sheet);
        put_bands(&sheet);
        fputs("</svg>\n", to);
    }
    free_labels(&sheet);
    return fine;
}
