// lines.c: a model over lines of text in memory, through libgrus: one call, no JSON, no files. Prints a line for each line of
// standard input, the one that `grus run --format txt` has: a translation, the text of a label, the labels of all positions,
// or the numbers of an embedding. Of a model with several heads the line has what each says, with tabs between.
//
//     cc lines.c $(pkg-config --cflags --libs grus) -o lines
//     ./lines MODEL <texts.txt
#include <grus.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Texts end to end, as grus_sequences has them.
struct texts {
    char *bytes;
    size_t size, capacity;
    size_t *lengths;
    size_t n, room;
};

static void *grow(void *array, size_t bytes)
{
    void *larger = realloc(array, bytes);
    if (!larger) {
        fputs("lines: memory is short\n", stderr);
        exit(GRUS_E_MEMORY);
    }
    return larger;
}

static void add_text(struct texts *texts, const char *text, size_t length)
{
    while (texts->capacity < texts->size + length || !texts->bytes) {
        texts->capacity = 2 * texts->capacity + 4096;
        texts->bytes = grow(texts->bytes, texts->capacity);
    }
    if (texts->n == texts->room) {
        texts->room = 2 * texts->room + 64;
        texts->lengths = grow(texts->lengths, texts->room * sizeof *texts->lengths);
    }
    memcpy(texts->bytes + texts->size, text, length);
    texts->size += length;
    texts->lengths[texts->n++] = length;
}

static void read_texts(FILE *file, struct texts *texts)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) >= 0)
        add_text(texts, line, (size_t)length - (length > 0 && line[length - 1] == '\n'));
    free(line);
}

static void print_label(const grus_model *model, size_t head, size_t label, const char *before)
{
    size_t length;
    const char *text = grus_model_label(model, head, label, &length);
    printf("%s%.*s", before, (int)length, text);
}

// Of a head that tells numbers, or the labels whose numbers are at or above its threshold.
static void print_numbers(const grus_model *model, const grus_head_results *head, size_t row)
{
    const char *before = "";
    for (size_t i = 0; i < head->columns; i++) {
        double number = (double)head->numbers[row * head->columns + i];
        if (isnan(head->threshold))
            printf("%s%.9g", before, number);
        else if (number >= (double)head->threshold)
            print_label(model, head->head, i, before);
        else
            continue;
        before = " ";
    }
}

static void print_head(const grus_model *model, const grus_head_results *head, size_t record)
{
    size_t first = head->offsets[record], end = head->offsets[record + 1];
    if (head->text_offsets) {
        size_t from = head->text_offsets[record];
        if (head->text_offsets[record + 1] > from)
            fwrite(head->text + from, 1, head->text_offsets[record + 1] - from, stdout);
        return;
    }
    for (size_t row = first; row < end; row++) {
        if (head->labels) {
            print_label(model, head->head, head->labels[row], row > first ? " " : "");
        } else if (head->numbers) {
            fputs(row > first ? "  " : "", stdout);
            print_numbers(model, head, row);
        }
    }
}

static void print_record(const grus_model *model, const grus_results *results, size_t record)
{
    const grus_hypotheses *hypotheses = results->hypotheses;
    if (results->errors[record]) {
        fprintf(stderr, "lines: line %zu: %s\n", record + 1, results->errors[record]);
    } else if (hypotheses) {
        size_t best = hypotheses->offsets[record], from = hypotheses->text_offsets[best];
        if (hypotheses->text_offsets[best + 1] > from)
            fwrite(hypotheses->text + from, 1, hypotheses->text_offsets[best + 1] - from, stdout);
    } else if (results->n_heads > 0) {
        for (size_t i = 0; i < results->n_heads; i++) {
            fputs(i ? "\t" : "", stdout);
            print_head(model, results->heads[i], record);
        }
    } else {
        for (size_t i = 0; i < results->dim; i++)
            printf("%s%.9g", i ? " " : "", (double)results->embeddings[record * results->dim + i]);
    }
    putchar('\n');
}

static grus_status run(const grus_model *model, const struct texts *texts, grus_error *error)
{
    grus_run_options options;
    grus_sequences sources;
    grus_runner *runner;
    grus_results *results;
    grus_run_options_init(&options, sizeof options);
    grus_sequences_init(&sources, sizeof sources);
    sources.n = texts->n;
    sources.lengths = texts->lengths;
    sources.text = texts->bytes;
    grus_status status = grus_runner_new(model, &options, &runner, error);
    if (status != GRUS_OK)
        return status;
    status = grus_runner_run(runner, &sources, NULL, &results, error);
    for (size_t i = 0; status == GRUS_OK && i < results->n; i++)
        print_record(model, results, i);
    if (status == GRUS_OK)
        grus_results_free(results);
    grus_runner_free(runner);
    return status;
}

int main(int argc, char **argv)
{
    struct texts texts = {0};
    grus_model *model;
    grus_error error;
    char words[2048];
    if (argc != 2) {
        fputs("usage: lines MODEL <TEXTS\n", stderr);
        return GRUS_E_USAGE;
    }
    grus_status status = grus_model_load(argv[1], NULL, &model, &error);
    if (status == GRUS_OK) {
        read_texts(stdin, &texts);
        status = run(model, &texts, &error);
        grus_model_free(model);
    }
    if (status != GRUS_OK)
        fprintf(stderr, "lines: %s\n", grus_error_text(&error, words, sizeof words));
    free(texts.bytes);
    free(texts.lengths);
    return (int)status;
}
