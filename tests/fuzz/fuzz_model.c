// fuzz_model.c: config.json, vocabularies, tokenizers. The oracles are naive readings of the same definitions, and for
// what has none the rules that every accepted file must keep.
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

#include "base/positions.h"
#include "io/model/model_dir.h"
#include "io/text/tokenizer.h"
#include "io/text/vocabulary.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/fuzz.h"

// ---- config.json ----

// A name that is absent, or stays in the model's directory.
static void check_name(const char *name)
{
    if (!name || *name == '\0')
        return;
    FUZZ_CHECK(*name != '/');
    grus_buffer parts = {0};
    grus_buffer_byte(&parts, '/');
    grus_buffer_text(&parts, name);
    grus_buffer_text(&parts, "/");
    grus_buffer_byte(&parts, '\0');
    FUZZ_CHECK(!strstr(parts.data, "/../"));
    grus_buffer_free(&parts);
}

static void check_tokenizer_names(const grus_tokenizer_config *tokenizer)
{
    check_name(tokenizer->vocab);
    check_name(tokenizer->codes);
    check_name(tokenizer->model);
}

// An LSTM has nothing else to choose.
static void check_cell(const grus_cell_config *cell)
{
    FUZZ_CHECK(cell->kind != GRUS_CELL_LSTM || (!cell->reset && !cell->gate_activation && !cell->activation));
}

// A direction for each layer, and a bridge `last` only over layers that are as wide as the decoder.
static void check_encoder(const grus_config *config)
{
    size_t layers = config->encoder.num_layers, taken = config->seq2seq ? config->decoder.num_layers : 0;
    for (size_t layer = 0; layer < layers; layer++) {
        FUZZ_CHECK(grus_config_direction(config, layer) <= GRUS_BOTH);
        if (config->seq2seq && config->decoder.bridge == GRUS_BRIDGE_LAST && layer + taken >= layers)
            FUZZ_CHECK(grus_config_layer_size(config, layer) == config->decoder.hidden_size);
    }
    check_cell(&config->encoder.cell);
    check_cell(&config->decoder.cell);
}

static void check_head(const grus_config *config, const grus_head_config *head)
{
    check_name(head->labels);
    FUZZ_CHECK(*head->labels || (head->activation == GRUS_HEAD_NUMBERS && head->n_labels > 0));
    FUZZ_CHECK(head->n_inputs <= GRUS_MAX_PARTS && head->n_hidden <= GRUS_MAX_HIDDEN);
    for (size_t i = 0; i < head->n_inputs; i++)
        FUZZ_CHECK(head->on_token && head->inputs[i] < GRUS_HEAD_LAYER + config->encoder.num_layers);
    for (size_t i = 0; i < head->n_hidden; i++)
        FUZZ_CHECK(head->hidden[i].size > 0);
    FUZZ_CHECK(head->threshold >= 0 && head->threshold <= 1);
    FUZZ_CHECK(head->decode == GRUS_HEAD_ARGMAX || (head->on_token && head->activation == GRUS_HEAD_SOFTMAX));
}

// Windows that always hold a position, and fronts that lengthen no sequence by more than is allowed.
static void check_front(const grus_config *config)
{
    size_t size = grus_config_source_size(config);
    for (size_t i = 0; i < config->n_front; size = config->front[i++].output) {
        const grus_front_layer_config *layer = config->front + i;
        size_t reach = layer->dilation * (layer->kernel - 1);
        FUZZ_CHECK(layer->input == size && layer->output > 0 && layer->kernel > 0 && layer->stride > 0);
        FUZZ_CHECK(layer->padding <= (layer->kind == GRUS_FRONT_MAX_POOL ? layer->kernel / 2 : reach));
        FUZZ_CHECK(layer->kind != GRUS_FRONT_LINEAR || (layer->kernel == 1 && layer->stride == 1));
        FUZZ_CHECK(layer->kind != GRUS_FRONT_MAX_POOL || (layer->input == layer->output && !layer->activation));
    }
    FUZZ_CHECK(grus_positions_of(config, 0) == 0 && grus_positions_of(config, 1000) <= 1000 + ((size_t)1 << 20));
    FUZZ_CHECK(grus_positions_of(config, 1000) <= grus_positions_most(config, 1000, 1));
}

void fuzz_config(const uint8_t *data, size_t size)
{
    fuzz_put("config.json", data, size);
    grus_config config;
    grus_error error = {0};
    grus_status status = grus_config_read(fuzz_dir(), &config, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(!status || status == GRUS_E_MODEL);
    if (!status) {
        size_t most = (size_t)1 << 24;
        FUZZ_CHECK(config.encoder.hidden_size - 1 < most && config.encoder.num_layers - 1 < 1024);
        FUZZ_CHECK(config.features ? config.feature_dim - 1 < most : config.embedding_dim - 1 < most);
        FUZZ_CHECK(!config.seq2seq || config.decoder.hidden_size - 1 < most);
        bool attends = config.seq2seq && config.decoder.query != GRUS_QUERY_NONE;
        FUZZ_CHECK(!attends || (config.attention.temperature > 0 && isfinite(config.attention.temperature)));
        FUZZ_CHECK(config.n_heads <= GRUS_MAX_HEADS && config.n_renames <= GRUS_MAX_RENAMES);
        check_front(&config);
        check_encoder(&config);
        check_tokenizer_names(&config.tokenizer);
        check_tokenizer_names(&config.decoder.tokenizer);
        for (size_t i = 0; i < config.n_heads; i++)
            check_head(&config, config.heads + i);
    }
    grus_config_free(&config);
}

// ---- vocabularies ----

typedef struct line_list {
    size_t n;
    const char **starts;
    size_t *lengths;
} line_list;

static void split_lines(const char *text, size_t size, line_list *lines)
{
    *lines = (line_list){.starts = malloc((size + 1) * sizeof(char *)), .lengths = malloc((size + 1) * sizeof(size_t))};
    for (size_t at = 0; at < size; lines->n++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        lines->starts[lines->n] = text + at;
        lines->lengths[lines->n] = length;
        at += length + 1;
    }
}

static uint32_t first_line(const line_list *lines, const char *text, size_t length)
{
    for (size_t i = 0; i < lines->n; i++)
        if (lines->lengths[i] == length && memcmp(lines->starts[i], text, length) == 0)
            return (uint32_t)i;
    return GRUS_NO_ID;
}

void fuzz_vocab(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    line_list lines;
    split_lines(text, size, &lines);
    bool mark = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    bool sound = size > 0 && !mark && !u8_check(data, size);
    grus_vocab *vocab = NULL;
    grus_error error = {0};
    grus_status status = grus_vocab_read(fuzz_put("vocab", data, size), &vocab, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == sound);
    if (status && size > 0)
        FUZZ_CHECK(strncmp(error.place, "line ", 5) == 0);
    if (!status) {
        FUZZ_CHECK(grus_vocab_size(vocab) == lines.n);
        for (size_t i = 0; i < lines.n; i++) {
            size_t length;
            const char *token = grus_vocab_token(vocab, (uint32_t)i, &length);
            FUZZ_CHECK(length == lines.lengths[i] && memcmp(token, lines.starts[i], length) == 0);
            FUZZ_CHECK(grus_vocab_id(vocab, token, length) == first_line(&lines, token, length));
            // Most likely no line.
            FUZZ_CHECK(length == 0 || grus_vocab_id(vocab, token, length - 1) == first_line(&lines, token, length - 1));
        }
        size_t length;
        grus_vocab_token(vocab, (uint32_t)lines.n, &length);
        FUZZ_CHECK(length == 0);
    }
    free(lines.starts);
    free(lines.lengths);
    grus_vocab_free(vocab);
}

// ---- tokenizers by words and code points ----

// Where the text of the tokenizer begins: behind the first NUL.
static void cut_in_two(fuzz_bytes bytes, fuzz_bytes *first, fuzz_bytes *second)
{
    const uint8_t *zero = bytes.size ? memchr(bytes.data, 0, bytes.size) : NULL;
    size_t at = zero ? (size_t)(zero - bytes.data) : bytes.size;
    *first = (fuzz_bytes){bytes.data, at};
    *second = (fuzz_bytes){bytes.data + at + (zero != NULL), bytes.size - at - (zero != NULL)};
}

static grus_tokenizer *open_tokenizer(grus_tokenizer_config *config, grus_error *error)
{
    grus_tokenizer *tokenizer = NULL;
    grus_status status = grus_tokenizer_open(fuzz_dir(), config, &tokenizer, error);
    fuzz_check_error(status, error);
    FUZZ_CHECK((status == GRUS_OK) == (tokenizer != NULL));
    return tokenizer;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void lower(const fuzz_bytes *text, grus_buffer *out)
{
    for (size_t at = 0; at < text->size;) {
        ucs4_t point;
        uint8_t bytes[6];
        int length = u8_mbtoucr(&point, text->data + at, text->size - at);
        FUZZ_CHECK(length > 0);
        grus_buffer_append(out, bytes, (size_t)u8_uctomb(bytes, uc_tolower(point), sizeof bytes));
        at += (size_t)length;
    }
}

// The tokens that the definition gives, each as the line of the vocabulary, and whether one is unknown.
static bool expect_ids(const line_list *vocab, bool words, const grus_buffer *text, grus_ids *ids)
{
    uint32_t unknown = first_line(vocab, "<unk>", 5);
    for (size_t at = 0; at < text->size;) {
        size_t end = at;
        if (words && is_space(text->data[at])) {
            at++;
            continue;
        }
        do
            end++;
        while (end < text->size && (words ? !is_space(text->data[end]) : (text->data[end] & 0xC0) == 0x80));
        uint32_t id = first_line(vocab, text->data + at, end - at);
        if (id == GRUS_NO_ID && unknown == GRUS_NO_ID)
            return false;
        ids->data[ids->size++] = id == GRUS_NO_ID ? unknown : id;
        at = end;
    }
    return true;
}

static void check_ids(const grus_tokenizer *tokenizer, const line_list *vocab, bool words, bool lowercase,
                      const fuzz_bytes *text)
{
    grus_buffer expected_text = {0}, decoded = {0};
    grus_ids found = {0}, expected = {.data = malloc((text->size + 1) * 4 * sizeof(uint32_t))};
    grus_error error = {0};
    if (lowercase)
        lower(text, &expected_text);
    else
        grus_buffer_append(&expected_text, text->data, text->size);
    bool known = expect_ids(vocab, words, &expected_text, &expected);
    grus_status status = grus_tokenizer_encode(tokenizer, (const char *)text->data, text->size, &found, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == known);
    FUZZ_CHECK(status || (found.size == expected.size &&
                          (found.size == 0 || !memcmp(found.data, expected.data, found.size * sizeof *found.data))));
    FUZZ_CHECK(!status || !strcmp(error.place, "unknown_token"));
    grus_tokenizer_decode(tokenizer, found.data, found.size, &decoded);
    FUZZ_CHECK(!u8_check((const uint8_t *)decoded.data, decoded.size));
    free(found.data);
    free(expected.data);
    grus_buffer_free(&decoded);
    grus_buffer_free(&expected_text);
}

// A list of decimal ids has no vocabulary, and no oracle but the number of its words.
static void try_ids(const fuzz_bytes *text)
{
    grus_tokenizer_config config = {.kind = GRUS_TOKENIZER_IDS};
    grus_error error = {0};
    grus_tokenizer *tokenizer = open_tokenizer(&config, &error);
    FUZZ_CHECK(tokenizer && grus_tokenizer_takes_ids(tokenizer));
    grus_tokenizer_set_size(tokenizer, 1000);
    grus_ids ids = {0};
    grus_status status = grus_tokenizer_encode(tokenizer, (const char *)text->data, text->size, &ids, &error);
    fuzz_check_error(status, &error);
    grus_buffer decoded = {0};
    grus_tokenizer_decode(tokenizer, ids.data, ids.size, &decoded);
    for (size_t i = 0; i < ids.size; i++)
        FUZZ_CHECK(ids.data[i] < 1000);
    char special[12] = {0};
    memcpy(special, text->data, text->size < sizeof special - 1 ? text->size : sizeof special - 1);
    uint32_t id = grus_tokenizer_special(tokenizer, special);
    FUZZ_CHECK(id == GRUS_NO_ID || id == strtoul(special, NULL, 10));
    grus_ids again = {0};
    if (!status && ids.size > 0) {
        FUZZ_CHECK(!grus_tokenizer_encode(tokenizer, decoded.data, decoded.size, &again, &error));
        FUZZ_CHECK(again.size == ids.size && !memcmp(again.data, ids.data, ids.size * sizeof *ids.data));
    }
    free(again.data);
    free(ids.data);
    grus_buffer_free(&decoded);
    grus_tokenizer_close(tokenizer);
}

void fuzz_tokenizer(const uint8_t *data, size_t size)
{
    static char vocab_name[] = "vocab", bos[] = "<s>";
    fuzz_bytes bytes = {data, size}, vocab, text;
    uint8_t flags = fuzz_byte(&bytes);
    cut_in_two(bytes, &vocab, &text);
    if (u8_check(text.data, text.size))
        return; // records are checked before
    if (flags & 1) {
        try_ids(&text);
        return;
    }
    grus_tokenizer_config config = {.kind = flags & 2 ? GRUS_TOKENIZER_WHITESPACE : GRUS_TOKENIZER_CHAR,
                                    .vocab = vocab_name,
                                    .lowercase = flags & 4,
                                    .bos = flags & 8 ? bos : NULL};
    fuzz_put(vocab_name, vocab.data, vocab.size);
    grus_error error = {0};
    line_list lines;
    grus_tokenizer *tokenizer = open_tokenizer(&config, &error);
    split_lines((const char *)vocab.data, vocab.size, &lines);
    if (tokenizer && !config.bos) {
        check_ids(tokenizer, &lines, flags & 2, flags & 4, &text);
        grus_buffer token = {0};
        FUZZ_CHECK(grus_tokenizer_size(tokenizer) == lines.n);
        grus_tokenizer_token(tokenizer, 0, &token);
        FUZZ_CHECK(token.size == lines.lengths[0]);
        grus_buffer_free(&token);
    }
    FUZZ_CHECK(!tokenizer || !config.bos || first_line(&lines, bos, 3) != GRUS_NO_ID);
    free(lines.starts);
    free(lines.lengths);
    grus_tokenizer_close(tokenizer);
}

// ---- SentencePiece ----

// The library judges the model and cuts the text; that it is called rightly, and that what it refuses is an error and not
// the end of the process, is looked at here. The first two bytes are the size of the text and a call to refuse, 0: none.
void fuzz_sentencepiece(const uint8_t *data, size_t size)
{
#ifdef GRUS_SENTENCEPIECE
    static char name[] = "model";
    fuzz_bytes bytes = {data, size};
    size_t text_size = fuzz_byte(&bytes);
    unsigned call = fuzz_byte(&bytes);
    text_size = text_size < bytes.size ? text_size : bytes.size;
    if (u8_check(bytes.data, text_size))
        return;
    grus_tokenizer_config config = {.kind = GRUS_TOKENIZER_SENTENCEPIECE, .model = name};
    grus_error error = {0};
    fuzz_put(name, bytes.data + text_size, bytes.size - text_size);
    fuzz_refuse(call);
    grus_tokenizer *tokenizer = open_tokenizer(&config, &error);
    if (!tokenizer) {
        FUZZ_CHECK(error.status != GRUS_E_MEMORY || fuzz_refuse_end());
        fuzz_refuse_end();
        return;
    }
    grus_ids ids = {0};
    grus_buffer decoded = {0};
    grus_status status = grus_tokenizer_encode(tokenizer, (const char *)bytes.data, text_size, &ids, &error);
    fuzz_check_error(status, &error);
    for (size_t i = 0; i < ids.size; i++)
        FUZZ_CHECK(ids.data[i] < grus_tokenizer_size(tokenizer));
    grus_tokenizer_decode(tokenizer, ids.data, ids.size, &decoded);
    grus_tokenizer_token(tokenizer, (uint32_t)text_size, &decoded);
    grus_tokenizer_special(tokenizer, "<s>");
    bool refused = fuzz_refuse_end();
    FUZZ_CHECK(refused || (status != GRUS_E_MEMORY && !decoded.failed));
    free(ids.data);
    grus_buffer_free(&decoded);
    grus_tokenizer_close(tokenizer);
#else
    (void)data, (void)size;
#endif
}
