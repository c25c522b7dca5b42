// make_model.c: make_model DIR SOURCE TARGET: gives the model directory DIR, which has a config.json, random weights in
// float32 as model.safetensors. SOURCE and TARGET are the sizes of its vocabularies; TARGET is 0 without a decoder.
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "io/model/model_dir.h"
#include "tests/support/random_model.h"

static char *write_header(const random_model *model)
{
    size_t capacity = 4096 + model->n * 256, at = 0, offset = 0;
    char *text = calloc(1, capacity);
    for (size_t i = 0; i < model->n; i++) {
        const random_tensor *tensor = &model->tensors[i];
        size_t bytes = tensor->count * sizeof(float);
        at += (size_t)snprintf(text + at, capacity - at, "%s\"%s\": {\"dtype\": \"F32\", \"shape\": [", i ? ", " : "{",
                               tensor->name);
        for (size_t d = 0; d < tensor->rank; d++)
            at += (size_t)snprintf(text + at, capacity - at, "%s%zu", d ? ", " : "", tensor->shape[d]);
        at += (size_t)snprintf(text + at, capacity - at, "], \"data_offsets\": [%zu, %zu]}", offset, offset + bytes);
        offset += bytes;
    }
    at += (size_t)snprintf(text + at, capacity - at, "}");
    for (; at % 8; at++)
        text[at] = ' ';
    return text;
}

static int write_tensors(const random_model *model, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    char *header = write_header(model);
    uint64_t size = strlen(header);
    for (int i = 0; i < 8; i++)
        fputc((int)(size >> 8 * i & 0xff), file);
    fwrite(header, 1, size, file);
    for (size_t i = 0; i < model->n; i++)
        fwrite(model->tensors[i].data, sizeof(float), model->tensors[i].count, file);
    free(header);
    if (ferror(file) | fclose(file)) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    grus_config config;
    grus_error error;
    if (argc != 4) {
        fprintf(stderr, "usage: make_model DIR SOURCE TARGET\n");
        return 2;
    }
    if (grus_config_read(argv[1], &config, &error) != GRUS_OK) {
        fprintf(stderr, "make_model: %s: %s\n", error.place, error.cause);
        grus_config_free(&config);
        return 1;
    }
    config.source_vocab_size = strtoul(argv[2], NULL, 10);
    config.decoder.vocab_size = strtoul(argv[3], NULL, 10);
    random_model *model = calloc(1, sizeof *model);
    random_model_make(model, &config, 3);
    char *path = grus_path_join(argv[1], "model.safetensors");
    int code = write_tensors(model, path);
    free(path);
    random_model_free(model);
    free(model);
    grus_config_free(&config);
    return code;
}
