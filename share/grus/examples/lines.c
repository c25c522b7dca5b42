// lines.c: a model over lines of text in memory, through libgrus: one call, no JSON, no files. Prints a line for each line of
// standard input, the one that `grus run --format txt` has: a translation, the text of a label, the labels of all positions,
// or the numbers of an embedding.
//
//     cc lines.c $(pkg-config --cflags --libs grus) -o lines
//     ./lines MODEL <texts.txt
#include <grus.h>
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

static void print_head(const grus_model *model, const grus_head_results *head, size_t record)
{
    for (size_t row = head->offsets[record]; row < head->offsets[record + 1] && head->labels; row++) {
        size_t length;
        const char *label = grus_model_label(model, head->head, head->labels[row], &length);
        printf("%s%.*s", row > head->offsets[record] ? " " : "", (int)length, label);
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
        print_head(model, results->heads[0], record);
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
