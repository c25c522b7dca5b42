// survey_map.c: numbers out of JSON into a matrix, and words beside it.
#include "config.h"

#include "api/survey_map.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/json/value.h"

#define MOST_CELLS ((size_t)1 << 20) // of a map
#define MOST_PLACE ((size_t)1 << 16) // in an alignment

// ---- shapes ----

static bool next_list(grus_json_scan *scan, grus_json_span *item)
{
    return grus_json_next_item(scan, item) && item->type == GRUS_JSON_ARRAY;
}

bool grus_map_shape_read(const grus_json_span *attention, grus_map_shape *shape)
{
    grus_json_scan rows, heads;
    grus_json_span row, head;
    *shape = (grus_map_shape){0};
    if (attention->type != GRUS_JSON_ARRAY || attention->n_items == 0)
        return false;
    grus_json_scan_items(&rows, attention);
    if (!next_list(&rows, &row))
        return false;
    shape->rows = attention->n_items;
    shape->columns = row.n_items;
    grus_json_scan_items(&heads, &row);
    if (next_list(&heads, &head)) {
        shape->heads = row.n_items;
        shape->columns = head.n_items;
    }
    return true;
}

// One number and what stands behind it; false where there is none, or a great one.
static bool take_place(const char **at, const char *end, char behind, size_t *place)
{
    const char *begun = *at;
    *place = 0;
    for (; *at < end && **at >= '0' && **at <= '9' && *place <= MOST_PLACE; ++*at)
        *place = 10 * *place + (size_t)(**at - '0');
    bool fine = *at > begun && *place <= MOST_PLACE && (*at == end ? behind == ' ' : **at == behind);
    *at += *at < end;
    return fine;
}

// The pairs of an alignment, of which the text is inside the quotes.
static bool next_pair(const char **at, const char *end, size_t *source, size_t *target)
{
    return *at < end && take_place(at, end, '-', source) && take_place(at, end, ' ', target);
}

bool grus_map_shape_align(const grus_json_span *alignment, grus_map_shape *shape)
{
    *shape = (grus_map_shape){0};
    if (alignment->type != GRUS_JSON_STRING)
        return false;
    const char *at = alignment->text + 1, *end = alignment->text + alignment->length - 1;
    size_t source, target;
    while (next_pair(&at, end, &source, &target)) {
        shape->columns = grus_max(shape->columns, source + 1);
        shape->rows = grus_max(shape->rows, target + 1);
    }
    return shape->rows > 0 && at >= end;
}

// ---- weights ----

// Adds up the rows of the heads, or the one row.
static bool add_row(const grus_json_span *row, const grus_map_shape *shape, float *weights)
{
    grus_json_scan scan;
    grus_json_span item;
    size_t n = 0;
    grus_json_scan_items(&scan, row);
    for (; n < shape->columns && grus_json_next_item(&scan, &item); n++)
        weights[n] += grus_survey_number(&item);
    return n == shape->columns && row->n_items == n;
}

static bool add_heads(const grus_json_span *heads, const grus_map_shape *shape, float *weights)
{
    grus_json_scan scan;
    grus_json_span row;
    bool fine = true;
    grus_json_scan_items(&scan, heads);
    for (size_t i = 0; i < shape->heads && fine; i++)
        fine = next_list(&scan, &row) && add_row(&row, shape, weights);
    for (size_t j = 0; j < shape->columns; j++)
        weights[j] /= (float)shape->heads;
    return fine;
}

static bool fill_soft(const grus_json_span *attention, const grus_map_shape *shape, float *weights)
{
    grus_json_scan scan;
    grus_json_span row;
    bool fine = true;
    grus_json_scan_items(&scan, attention);
    for (size_t i = 0; i < shape->rows && fine; i++) {
        float *to = weights + i * shape->columns;
        fine = next_list(&scan, &row) && (shape->heads ? add_heads(&row, shape, to) : add_row(&row, shape, to));
    }
    for (size_t i = 0; i < shape->rows * shape->columns && fine; i++)
        fine = isfinite(weights[i]);
    return fine;
}

static void fill_hard(const grus_json_span *alignment, const grus_map_shape *shape, float *weights)
{
    const char *at = alignment->text + 1, *end = alignment->text + alignment->length - 1;
    size_t source, target;
    while (next_pair(&at, end, &source, &target))
        weights[target * shape->columns + source] = 1;
}

// ---- tokens ----

// Bytes of the next word or character at *at, which is moved to its beginning.
static size_t next_piece(const char *text, size_t *at, bool words)
{
    size_t length = 0;
    if (words)
        *at += strspn(text + *at, " \t\n\v\f\r");
    if (words)
        return strcspn(text + *at, " \t\n\v\f\r");
    do
        length += text[*at + length] != '\0';
    while (((unsigned char)text[*at + length] & 0xC0) == 0x80);
    return length;
}

// What stands at n positions: `before` marks, the pieces of the text, and end marks; "" everywhere where text is NULL.
static const char *const *put_tokens(grus_arena *arena, const char *text, bool words, size_t before, size_t n)
{
    const char **tokens = grus_arena_alloc(arena, grus_max(n, 1), sizeof *tokens);
    size_t at = 0;
    for (size_t i = 0; tokens && i < n; i++) {
        size_t length = text && i >= before ? next_piece(text, &at, words) : 0;
        tokens[i] = !text ? "" : i < before ? "<s>" : length == 0 ? "</s>" : grus_arena_text(arena, text + at, length);
        if (!tokens[i])
            return NULL;
        at += length;
    }
    return tokens;
}

// The source's positions have a constant number of marks beyond the text's pieces.
static const char *const *source_tokens(const grus_sample_maker *maker, const char *text, size_t n)
{
    const grus_text_fit *fit = maker->source;
    bool words = fit->words_least == fit->words_most && fit->words_least >= 0 && fit->words_least <= 2;
    bool characters =
        fit->characters_least == fit->characters_most && fit->characters_least >= 0 && fit->characters_least <= 2;
    bool fits = fit->n && (words || characters);
    size_t marks = (size_t)(words ? fit->words_least : characters ? fit->characters_least : 0);
    return put_tokens(maker->arena, fits ? text : NULL, words, marks == 2, n);
}

// An output has its end token, or was cut before it.
static const char *const *output_tokens(const grus_sample_maker *maker, const char *text, size_t n)
{
    const grus_text_fit *fit = maker->output;
    bool words = fit->words_least >= 0 && fit->words_most <= 1;
    bool characters = fit->characters_least >= 0 && fit->characters_most <= 1;
    return put_tokens(maker->arena, fit->n && (words || characters) ? text : NULL, words, 0, n);
}

// ---- the map ----

const grus_attention_map *grus_map_make(const grus_sample_maker *maker, const grus_survey_record *record,
                                        const grus_survey_sample *sample, bool *failed)
{
    const grus_json_span *attention = &record->results[GRUS_RESULT_ATTENTION];
    const grus_json_span *alignment = &record->results[GRUS_RESULT_ALIGNMENT];
    grus_map_shape shape;
    bool soft = grus_map_shape_read(attention, &shape);
    if (!soft && !grus_map_shape_align(alignment, &shape))
        return NULL;
    size_t cells = grus_mul_sat(shape.rows, shape.columns);
    if (cells > MOST_CELLS)
        return NULL;
    grus_attention_map *map = grus_arena_alloc(maker->arena, 1, sizeof *map);
    float *weights = grus_arena_alloc(maker->arena, grus_max(cells, 1), sizeof *weights);
    bool pooled = record->results[GRUS_RESULT_LOGPROB].type == GRUS_JSON_NONE;
    const char *const *rows = output_tokens(maker,
                                            pooled           ? NULL
                                            : sample->output ? sample->output
                                                             : sample->target,
                                            shape.rows);
    const char *const *columns = source_tokens(maker, soft ? sample->source : NULL, shape.columns);
    if (!map || !weights || !rows || !columns) {
        *failed = true;
        return NULL;
    }
    memset(weights, 0, cells * sizeof *weights);
    if (soft && !fill_soft(attention, &shape, weights))
        return NULL;
    if (!soft)
        fill_hard(alignment, &shape, weights);
    *map = (grus_attention_map){
        .size = sizeof *map,
        .rows = shape.rows,
        .columns = shape.columns,
        .weights = weights,
        .row_tokens = rows,
        .column_tokens = columns,
    };
    return map;
}
