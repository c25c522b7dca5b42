// report_samples.c: a card a record.
#include "config.h"

#include "cli/report_samples.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/html.h"
#include "cli/report_settings.h"
#include "cli/svg.h"

#define LONGEST_TEXT 1200  // characters of a text that are shown
#define LONGEST_MATRIX 160 // of features
#define MOST_TOKENS 200
#define MOST_ROWS 48 // of an attention
#define MOST_COLUMNS 64
#define MOST_VALUES 256

static void put_text(const char *name, const char *text, FILE *to)
{
    if (!text)
        return;
    bool is_matrix = text[0] == '[' && text[1] == '[';
    fprintf(to, "<dt>%s</dt><dd><bdi>", name);
    grus_html_text(to, text, is_matrix ? LONGEST_MATRIX : LONGEST_TEXT);
    fputs(*text ? "</bdi></dd>\n" : "</bdi><small>(empty)</small></dd>\n", to);
}

// ---- heads ----

static void begin_head(const grus_attention_head *head, const char *kind, FILE *to)
{
    fputs("<dt><bdi>", to);
    grus_html_text(to, head->name, 60);
    fprintf(to, "</bdi></dt><dd%s>", kind);
}

static void put_labels(const grus_attention_head *head, FILE *to)
{
    begin_head(head, "", to);
    for (size_t i = 0; i < head->n && i < MOST_TOKENS; i++) {
        fputs(i ? ", <b><bdi>" : "<b><bdi>", to);
        grus_html_text(to, head->labels[i], 200);
        fputs("</bdi></b>", to);
        if (head->probs)
            fprintf(to, " (%.3f)", (double)head->probs[i]);
    }
    fputs(head->n ? "</dd>\n" : "<small>(none)</small></dd>\n", to);
}

static const char white[] = " \t\n\v\f\r";

static size_t count_words(const char *text)
{
    size_t n = 0;
    for (text += strspn(text, white); *text; text += strspn(text, white)) {
        text += strcspn(text, white);
        n++;
    }
    return n;
}

static void put_word(const char *word, size_t length, FILE *to)
{
    char *copy = strndup(word, length);
    if (copy)
        grus_html_text(to, copy, 60);
    free(copy);
}

// A label below each word; where there are more positions than words, they are pieces of words, and stand alone.
static void put_tags(const grus_attention_head *head, const char *source, FILE *to)
{
    bool paired = source && count_words(source) == head->n;
    begin_head(head, " class=\"tokens\"", to);
    for (size_t i = 0; i < head->n && i < MOST_TOKENS; i++) {
        const char *label = head->labels[i];
        fputs("<span class=\"token\">", to);
        if (paired) {
            source += strspn(source, white);
            size_t length = strcspn(source, white);
            fputs("<bdi>", to);
            put_word(source, length, to);
            fputs("</bdi>", to);
            source += length;
        }
        fputs(strcmp(label, "O") == 0 ? "<small class=\"o\"><bdi>" : "<small><bdi>", to);
        grus_html_text(to, label, 60);
        fputs("</bdi></small></span>", to);
    }
    fputs(head->n > MOST_TOKENS ? "\xE2\x80\xA6</dd>\n" : head->n ? "</dd>\n" : "<small>(none)</small></dd>\n", to);
}

// ---- numbers ----

static void put_scores(const grus_survey_sample *sample, FILE *to)
{
    if (sample->has_score)
        fprintf(to, "<dt>Score</dt><dd>%.4f <small>log-probability %.4f</small></dd>\n", sample->score,
                sample->logprob);
    if (sample->n_token_logprobs == 0)
        return;
    fputs("<dt>Tokens</dt><dd class=\"tokens\">", to);
    for (size_t i = 0; i < sample->n_token_logprobs && i < MOST_TOKENS; i++)
        fprintf(to, "<span class=\"token\">%.3f</span>", (double)sample->token_logprobs[i]);
    fputs(sample->n_token_logprobs > MOST_TOKENS ? "\xE2\x80\xA6</dd>\n" : "</dd>\n", to);
}

// Bars up and down from the middle.
static void put_strip(const float *values, size_t n, FILE *to)
{
    double greatest = 0;
    size_t shown = n < MOST_VALUES ? n : MOST_VALUES;
    for (size_t i = 0; i < shown; i++)
        greatest = isfinite(values[i]) && fabs(values[i]) > greatest ? fabs(values[i]) : greatest;
    fprintf(to,
            "<svg class=\"strip\" viewBox=\"0 0 %zu 2\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"The values of the embedding\"><path d=\"M0 1H%zu\"/>\n",
            shown, shown);
    for (size_t i = 0; i < shown; i++) {
        double part = isfinite(values[i]) && greatest > 0 ? values[i] / greatest : 0;
        fprintf(to, "<rect x=\"%.1f\" y=\"%.3f\" width=\".8\" height=\"%.3f\"><title>%zu: %.6g</title></rect>\n",
                (double)i + 0.1, part > 0 ? 1 - part : 1, fabs(part), i, (double)values[i]);
    }
    fputs("</svg>\n", to);
    if (shown < n)
        fprintf(to, "<p class=\"note\">The first %zu of %zu values.</p>\n", shown, n);
}

// ---- attention ----

// As much of the map as fits on a page.
static bool put_map(const grus_attention_map *map, FILE *to)
{
    grus_attention_map part = *map;
    float *weights = NULL;
    part.n_heads = 0; // their labels stand above
    part.rows = map->rows < MOST_ROWS ? map->rows : MOST_ROWS;
    part.columns = map->columns < MOST_COLUMNS ? map->columns : MOST_COLUMNS;
    bool cut = part.rows < map->rows || part.columns < map->columns;
    if (map->columns == 0)
        return true;
    if (cut) {
        weights = calloc(part.rows * part.columns, sizeof *weights);
        if (!weights)
            return false;
        for (size_t i = 0; i < part.rows; i++)
            memcpy(weights + i * part.columns, map->weights + i * map->columns, part.columns * sizeof *weights);
        part.weights = weights;
    }
    fputs("<div class=\"scroll\">\n", to);
    bool fine = grus_svg_embed(&part, to);
    fputs("</div>\n", to);
    if (cut)
        fprintf(to, "<p class=\"note\">%zu by %zu of %zu by %zu weights.</p>\n", part.rows, part.columns, map->rows,
                map->columns);
    free(weights);
    return fine;
}

// A map that the model has for the sample; NULL where the model says something else of it than the run did, or has none.
static grus_attention_map *attend(const grus_survey *survey, const grus_model *model, const grus_survey_sample *sample)
{
    grus_search search;
    grus_attention_map *map;
    grus_error ignored;
    if (!model || sample->error || !sample->source)
        return NULL;
    grus_report_search(survey, model, &search);
    if (grus_attend_text(model, sample->source, strlen(sample->source), &search, &map, &ignored) != GRUS_OK)
        return NULL;
    bool same = map->output ? sample->output && strcmp(map->output, sample->output) == 0 : !sample->output;
    for (size_t i = 0; i < map->n_heads && i < sample->n_heads && same; i++)
        if (map->n_heads == sample->n_heads && !map->heads[i]->on_token && sample->heads[i]->n == 1)
            same = strcmp(map->heads[i]->labels[0], sample->heads[i]->labels[0]) == 0;
    if (same)
        return map;
    grus_attention_map_free(map);
    return NULL;
}

// ---- cards ----

static bool put_sample(const grus_survey_sample *sample, const grus_attention_map *map, FILE *to)
{
    fprintf(to, "<article class=\"sample%s\">\n<h3><bdi>", sample->error ? " failed" : "");
    grus_html_text(to, sample->input, 120);
    fprintf(to, "</bdi>, record %" PRIu64 "</h3>\n<dl>\n", sample->record);
    put_text("Error", sample->error, to);
    put_text("Source", sample->source, to);
    put_text("Target", sample->target, to);
    put_text("Output", sample->output, to);
    for (size_t i = 0; i < sample->n_heads; i++)
        if (sample->heads[i]->on_token)
            put_tags(sample->heads[i], sample->source, to);
        else
            put_labels(sample->heads[i], to);
    put_scores(sample, to);
    fputs("</dl>\n", to);
    if (sample->n_values)
        put_strip(sample->values, sample->n_values, to);
    bool fine = !map || put_map(map, to);
    fputs("</article>\n", to);
    return fine;
}

static void put_notes(const grus_survey *survey, const grus_model *model, FILE *to)
{
    bool has_map = model != NULL;
    for (size_t i = 0; i < survey->n_samples; i++)
        has_map |= survey->samples[i]->map != NULL;
    fputs("<p class=\"note\">Chosen by a hash of the shard\xE2\x80\x99s name and the record\xE2\x80\x99s number: the "
          "same ones every time.",
          to);
    if (has_map)
        fputs(" Attention: source across, output down; the stronger the colour, the more weight.", to);
    if (has_map && !model)
        fputs(" Numbers stand for positions whose tokens the records do not tell.", to);
    if (model)
        fputs(" It is drawn by the model, where that gives a sample what the run gave it.", to);
    fputs("</p>\n", to);
}

bool grus_report_samples(const grus_survey *survey, const grus_model *model, FILE *to)
{
    bool fine = true;
    if (survey->n_samples == 0)
        return true;
    fputs("<section id=\"samples\">\n<h2>Sample records</h2>\n", to);
    put_notes(survey, model, to);
    for (size_t i = 0; i < survey->n_samples && fine; i++) {
        const grus_survey_sample *sample = survey->samples[i];
        grus_attention_map *made = attend(survey, model, sample);
        fine = put_sample(sample, made ? made : sample->map, to);
        grus_attention_map_free(made);
    }
    fputs("</section>\n", to);
    return fine;
}
