// heatmap.c: the layout of the picture, and its lines.
#include "config.h"

#include "cli/heatmap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/label.h"

#define LONGEST_STACKED 16 // letters below one another, at most
#define WIDEST_ROW 28      // of a row's label
#define INDENT 2           // of a list that goes on

typedef enum heading_kind { HEADING_ACROSS, HEADING_STACKED, HEADING_NUMBERED } heading_kind;

typedef struct heatmap {
    const grus_attention_map *map;
    const float *weights; // that are drawn: n_maps maps, one after the other
    size_t n_maps;
    bool by_head;
    grus_heatmap_style style;
    size_t width; // of a line
    FILE *to;
    grus_label *rows, *columns;
    size_t margin; // what stands left of the cells
    heading_kind heading;
    size_t cell; // width of a column; 0: that of its label and a space
    float greatest;
} heatmap;

// ---- shades ----

static const char ascii_shades[] = " .:-=+*#%@";
static const char *const block_shades[] = {" ", "░", "▒", "▓", "█"};
static const int color_shades[] = {236, 17, 18, 24, 30, 36, 42, 78, 114, 150, 186, 228};

static size_t count_shades(grus_heatmap_style style)
{
    switch (style) {
    case GRUS_HEATMAP_COLOR:
        return sizeof color_shades / sizeof *color_shades;
    case GRUS_HEATMAP_BLOCKS:
        return sizeof block_shades / sizeof *block_shades;
    case GRUS_HEATMAP_ASCII:
        break;
    }
    return sizeof ascii_shades - 1;
}

static size_t shade_of(const heatmap *picture, float weight)
{
    size_t n = count_shades(picture->style);
    float part = picture->greatest > 0 ? weight / picture->greatest : 0;
    size_t shade = part > 0 ? (size_t)(part * (float)n) : 0;
    return shade < n ? shade : n - 1;
}

static void put_spaces(FILE *to, size_t n)
{
    fprintf(to, "%*s", (int)n, "");
}

static void put_shade(const heatmap *picture, size_t shade, size_t width)
{
    if (picture->style == GRUS_HEATMAP_COLOR) {
        fprintf(picture->to, "\033[48;5;%dm%*s\033[0m", color_shades[shade], (int)width, "");
        return;
    }
    for (size_t i = 0; i < width; i++) {
        if (picture->style == GRUS_HEATMAP_BLOCKS)
            fputs(block_shades[shade], picture->to);
        else
            fputc(ascii_shades[shade], picture->to);
    }
}

// ---- layout ----

static size_t count_digits(size_t n)
{
    size_t digits = 1;
    for (; n >= 10; n /= 10)
        digits++;
    return digits;
}

static size_t column_width(const heatmap *picture, size_t column)
{
    if (picture->cell)
        return picture->cell;
    size_t width = picture->columns[column].width + 1;
    return width > 2 ? width : 2;
}

// The first column behind those that fit on a line with `first`; one at least.
static size_t panel_end(const heatmap *picture, size_t first)
{
    size_t room = picture->width - picture->margin, end = first, used = 0;
    while (end < picture->map->columns && (end == first || used + column_width(picture, end) <= room))
        used += column_width(picture, end++);
    return end;
}

static void choose_heading(heatmap *picture)
{
    size_t n = picture->map->columns, room = picture->width - picture->margin;
    size_t widest = grus_labels_widest(picture->columns, n);
    picture->heading = HEADING_ACROSS;
    if (widest && (widest == 1 || panel_end(picture, 0) == n))
        return;
    if (widest && widest <= LONGEST_STACKED) {
        picture->heading = HEADING_STACKED;
        picture->cell = n <= room / 3 ? 3 : 2;
        return;
    }
    picture->heading = HEADING_NUMBERED;
    picture->cell = count_digits(n) + 1;
}

static bool lay_out(heatmap *picture)
{
    const grus_attention_map *map = picture->map;
    grus_label_kind kind = picture->style == GRUS_HEATMAP_ASCII ? GRUS_LABEL_ASCII : GRUS_LABEL_TOKEN;
    size_t most = picture->width / 3;
    picture->rows = grus_labels_make(map->row_tokens, map->rows, kind, most < WIDEST_ROW ? most : WIDEST_ROW);
    picture->columns = grus_labels_make(map->column_tokens, map->columns, kind, picture->width - INDENT - 8);
    if (!picture->rows || !picture->columns)
        return false;
    picture->margin = grus_labels_widest(picture->rows, map->rows);
    picture->margin += picture->margin > 0;
    for (size_t i = 0; i < picture->n_maps * map->rows * map->columns; i++)
        picture->greatest = fmaxf(picture->greatest, picture->weights[i]);
    choose_heading(picture);
    return true;
}

// ---- above the cells ----

static void put_across(const heatmap *picture, size_t first, size_t end)
{
    put_spaces(picture->to, picture->margin);
    for (size_t i = first; i < end; i++) {
        const grus_label *label = &picture->columns[i];
        fputs(label->text, picture->to);
        if (i + 1 < end)
            put_spaces(picture->to, column_width(picture, i) - label->width);
    }
    fputc('\n', picture->to);
}

static size_t count_glyphs(const char *text)
{
    size_t n = 0, width;
    for (size_t size; (size = grus_label_glyph(text, &width)) > 0; text += size)
        n++;
    return n;
}

// The letter of a stacked label that stands in this line, when `height` lines end at the cells.
static void put_letter(const heatmap *picture, const char *text, size_t line, size_t height, size_t cell)
{
    size_t n = count_glyphs(text), width, size;
    if (line + n < height) {
        put_spaces(picture->to, cell);
        return;
    }
    for (size_t skip = line + n - height; (size = grus_label_glyph(text, &width)) > 0 && skip > 0; skip--)
        text += size;
    fwrite(text, 1, size, picture->to);
    put_spaces(picture->to, cell - (width < cell ? width : cell));
}

static void put_stacked(const heatmap *picture, size_t first, size_t end)
{
    size_t height = 0;
    for (size_t i = first; i < end; i++) {
        size_t n = count_glyphs(picture->columns[i].text);
        height = n > height ? n : height;
    }
    for (size_t line = 0; line < height; line++) {
        put_spaces(picture->to, picture->margin);
        for (size_t i = first; i < end; i++)
            put_letter(picture, picture->columns[i].text, line, height, picture->cell);
        fputc('\n', picture->to);
    }
}

static void put_numbers(const heatmap *picture, size_t first, size_t end)
{
    put_spaces(picture->to, picture->margin);
    for (size_t i = first; i < end; i++)
        fprintf(picture->to, "%-*zu", (int)picture->cell, i + 1);
    fputc('\n', picture->to);
}

// ---- the cells ----

static void put_row(const heatmap *picture, const float *weights, size_t row, size_t first, size_t end)
{
    const grus_label *label = &picture->rows[row];
    if (picture->margin) {
        put_spaces(picture->to, picture->margin - 1 - label->width);
        fprintf(picture->to, "%s ", label->text);
    }
    for (size_t i = first; i < end; i++) {
        size_t width = column_width(picture, i);
        size_t gap = picture->style != GRUS_HEATMAP_COLOR && width > 2 ? 1 : 0;
        put_shade(picture, shade_of(picture, weights[row * picture->map->columns + i]), width - gap);
        put_spaces(picture->to, gap);
    }
    fputc('\n', picture->to);
}

static void put_panel(const heatmap *picture, const float *weights, size_t first, size_t end)
{
    if (end - first < picture->map->columns)
        fprintf(picture->to, "%ssource %zu to %zu of %zu\n", first ? "\n" : "", first + 1, end, picture->map->columns);
    if (picture->heading == HEADING_ACROSS)
        put_across(picture, first, end);
    else if (picture->heading == HEADING_STACKED)
        put_stacked(picture, first, end);
    else
        put_numbers(picture, first, end);
    for (size_t row = 0; row < picture->map->rows; row++)
        put_row(picture, weights, row, first, end);
}

static void put_map(const heatmap *picture, size_t number)
{
    const float *weights = picture->weights + number * picture->map->rows * picture->map->columns;
    if (picture->by_head)
        fprintf(picture->to, "%shead %zu of %zu\n", number ? "\n" : "", number + 1, picture->n_maps);
    for (size_t first = 0, end; first < picture->map->columns; first = end) {
        end = panel_end(picture, first);
        put_panel(picture, weights, first, end);
    }
}

static void put_scale(const heatmap *picture)
{
    fputs("\nweight 0 ", picture->to);
    for (size_t shade = 0; shade < count_shades(picture->style); shade++)
        put_shade(picture, shade, picture->style == GRUS_HEATMAP_ASCII ? 1 : 2);
    fprintf(picture->to, " %.3g\n", (double)picture->greatest);
}

// ---- lists ----

// One more item of a list that began at *used columns; a new line where it does not fit.
static void put_item(const heatmap *picture, const char *before, const grus_label *label, const char *between,
                     const grus_label *more, size_t *used)
{
    size_t width = strlen(before) + label->width + strlen(between) + (more ? more->width : 0) + 2;
    if (*used + width > picture->width && *used > INDENT) {
        fputc('\n', picture->to);
        put_spaces(picture->to, INDENT);
        *used = INDENT;
    }
    fprintf(picture->to, "  %s%s%s%s", before, label->text, between, more ? more->text : "");
    *used += width;
}

static void put_names(const heatmap *picture)
{
    size_t used = strlen("source:");
    fputs("\nsource:", picture->to);
    for (size_t i = 0; i < picture->map->columns; i++) {
        char number[32];
        snprintf(number, sizeof number, "%zu ", i + 1);
        put_item(picture, number, &picture->columns[i], "", NULL, &used);
    }
    fputc('\n', picture->to);
}

static bool put_head(const heatmap *picture, const grus_attention_head *head)
{
    size_t most = picture->width / 2;
    grus_label name, *labels = grus_labels_make(head->labels, head->n, GRUS_LABEL_TEXT, most);
    if (!labels)
        return false;
    if (!grus_label_make(head->name, GRUS_LABEL_TEXT, most, &name)) {
        grus_labels_free(labels, head->n);
        return false;
    }
    fprintf(picture->to, "%s:", name.text);
    size_t used = name.width + 1;
    for (size_t i = 0; i < head->n; i++) {
        if (head->on_token)
            put_item(picture, "", &picture->columns[i], picture->columns[i].width ? "/" : "", &labels[i], &used);
        else
            fprintf(picture->to, " %s (%.3f)", labels[i].text, (double)head->probs[i]);
    }
    fputc('\n', picture->to);
    free(name.text);
    grus_labels_free(labels, head->n);
    return true;
}

static bool put_result(const heatmap *picture)
{
    const grus_attention_map *map = picture->map;
    bool fine = true;
    if (map->output) {
        grus_label output;
        if (!grus_label_make(map->output, GRUS_LABEL_TEXT, 0, &output))
            return false;
        fprintf(picture->to, "output: %s\nlogprob %.4f, score %.4f\n", output.text, map->logprob, map->score);
        free(output.text);
    }
    for (size_t i = 0; i < map->n_heads && fine; i++)
        fine = put_head(picture, map->heads[i]);
    if (map->output || map->n_heads)
        fputc('\n', picture->to);
    return fine;
}

// ---- the picture ----

bool grus_heatmap_draw(const grus_attention_map *map, grus_heatmap_style style, size_t width, bool by_head, FILE *to)
{
    heatmap picture = {
        .map = map,
        .weights = by_head ? map->head_weights : map->weights,
        .n_maps = by_head ? map->n_attention_heads : 1,
        .by_head = by_head,
        .style = style,
        .width = width > GRUS_HEATMAP_LEAST_WIDTH ? width : GRUS_HEATMAP_LEAST_WIDTH,
        .to = to,
    };
    bool fine = lay_out(&picture) && put_result(&picture);
    if (fine && map->columns == 0)
        fputs("There are no source positions to attend to.\n", to);
    for (size_t i = 0; fine && map->columns && i < picture.n_maps; i++)
        put_map(&picture, i);
    if (fine && map->columns) {
        put_scale(&picture);
        if (picture.heading == HEADING_NUMBERED && grus_labels_widest(picture.columns, map->columns))
            put_names(&picture);
    }
    grus_labels_free(picture.rows, map->rows);
    grus_labels_free(picture.columns, map->columns);
    return fine;
}
