// tokenize.c: a tokenizer from the command line, for comparison with the tools that it has to agree with.
//
//   tokenize [--lowercase] [--decode] DIR TYPE [VOCAB [CODES]]
//   tokenize [--lowercase] [--decode] DIR sentencepiece MODEL
//
// Reads lines and prints the ids of each, or "error: " and the place of the error; with --decode the other way round.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "io/text/tokenizer.h"

static bool take_kind(const char *name, grus_tokenizer_kind *kind)
{
    size_t index;
    if (!grus_name_find(grus_tokenizer_names, name, &index))
        return false;
    *kind = (grus_tokenizer_kind)index;
    return true;
}

static void encode_line(const grus_tokenizer *tokenizer, const char *line, size_t length)
{
    grus_ids ids = {0};
    grus_error error;
    if (grus_tokenizer_encode(tokenizer, line, length, &ids, &error) == GRUS_OK)
        for (size_t i = 0; i < ids.size; i++)
            printf("%s%u", i > 0 ? " " : "", ids.data[i]);
    else
        printf("error: %s", error.place);
    putchar('\n');
    free(ids.data);
}

static bool decode_line(const grus_tokenizer *tokenizer, char *line)
{
    uint32_t *ids = calloc(strlen(line) / 2 + 1, sizeof *ids);
    if (!ids)
        return false;
    size_t n = 0;
    for (char *id = strtok(line, " "); id; id = strtok(NULL, " "))
        ids[n++] = (uint32_t)strtoul(id, NULL, 10);
    grus_buffer text = {0};
    grus_tokenizer_decode(tokenizer, ids, n, &text);
    bool done = !text.failed;
    if (text.size > 0)
        fwrite(text.data, 1, text.size, stdout);
    putchar('\n');
    grus_buffer_free(&text);
    free(ids);
    return done;
}

static bool run(const grus_tokenizer *tokenizer, bool decode)
{
    char *line = NULL;
    size_t capacity = 0;
    bool done = true;
    for (ssize_t size; done && (size = getline(&line, &capacity, stdin)) >= 0;) {
        size_t length = (size_t)size;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (decode)
            done = decode_line(tokenizer, line);
        else
            encode_line(tokenizer, line, length);
    }
    free(line);
    return done && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    grus_tokenizer_config config = {0};
    bool decode = false;
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        config.lowercase |= strcmp(argv[at], "--lowercase") == 0;
        decode |= strcmp(argv[at], "--decode") == 0;
    }
    if (argc - at < 2 || argc - at > 4 || !take_kind(argv[at + 1], &config.kind)) {
        fprintf(stderr, "usage: tokenize [--lowercase] [--decode] DIR TYPE [VOCAB [CODES]]|MODEL\n");
        return 2;
    }
    char *file = at + 2 < argc ? argv[at + 2] : NULL;
    config.vocab = config.kind == GRUS_TOKENIZER_SENTENCEPIECE ? NULL : file;
    config.model = config.kind == GRUS_TOKENIZER_SENTENCEPIECE ? file : NULL;
    config.codes = at + 3 < argc ? argv[at + 3] : NULL;
    grus_tokenizer *tokenizer;
    grus_error error;
    if (grus_tokenizer_open(argv[at], &config, &tokenizer, &error) != GRUS_OK) {
        char text[sizeof error];
        fprintf(stderr, "tokenize: %s\n", grus_error_text(&error, text, sizeof text));
        return 1;
    }
    bool done = run(tokenizer, decode);
    grus_tokenizer_close(tokenizer);
    return done ? 0 : 1;
}
