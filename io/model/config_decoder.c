// config_decoder.c: the seq2seq sections of config.json: decoder, attention, generation.
#include "config.h"

#include <math.h>

#include "base/memory.h"
#include "base/names.h"
#include "base/search_defaults.h"
#include "io/model/config_parts.h"

// What a decoder's input and a readout are made of.
static const grus_part input_parts[] = {GRUS_PART_EMBEDDING, GRUS_PART_CONTEXT, GRUS_PART_READOUT};
static const grus_part readout_parts[] = {GRUS_PART_STATE, GRUS_PART_CONTEXT, GRUS_PART_EMBEDDING};

// allowed: (GRUS_DECODER_PARTS)
static size_t read_parts(const grus_json_object *object, const char *key, const grus_part *allowed, grus_part *parts)
{
    const char *names[GRUS_DECODER_PARTS + 1] = {NULL};
    size_t indices[GRUS_DECODER_PARTS];
    for (size_t i = 0; i < GRUS_DECODER_PARTS; i++)
        names[i] = grus_part_names[allowed[i]];
    size_t n = grus_json_choices(object, key, GRUS_REQUIRED, names, indices);
    for (size_t i = 0; i < n; i++)
        parts[i] = allowed[indices[i]];
    return n;
}

static void read_readout(const grus_json_object *above, grus_decoder_config *decoder)
{
    static const char *const keys[] = {"inputs", "size", "activation", NULL};
    static const char *const activation_names[] = {"none", "tanh", NULL};
    grus_json_object object = grus_json_child(above, "readout", GRUS_REQUIRED);
    grus_json_allow(&object, keys);
    decoder->n_readout = read_parts(&object, "inputs", readout_parts, decoder->readout);
    if (!json_is_null(json_object_get(object.json, "size")))
        decoder->readout_size = grus_json_size(&object, "size", GRUS_OPTIONAL, 0, 1, GRUS_CONFIG_SIZE_MAX);
    decoder->readout_tanh = grus_json_choice(&object, "activation", GRUS_OPTIONAL, 0, activation_names) == 1;
    if (decoder->readout_tanh && decoder->readout_size == 0)
        grus_json_refuse(&object, "activation", "expected \"none\" for a readout without a size, found \"tanh\"");
}

static void read_query(const grus_json_object *above, grus_decoder_config *decoder)
{
    static const char *const keys[] = {"query", NULL};
    decoder->query = decoder->conditional ? GRUS_QUERY_STATE : GRUS_QUERY_NONE;
    if (!grus_json_has(above, "attention"))
        return;
    grus_json_object object = grus_json_child(above, "attention", GRUS_REQUIRED);
    grus_json_allow(&object, keys);
    decoder->query = (grus_query_kind)grus_json_choice(&object, "query", GRUS_REQUIRED, 0, grus_query_names);
    if (decoder->conditional && decoder->query != GRUS_QUERY_STATE)
        grus_json_refuse(&object, "query", "of a conditional decoder is its state: expected \"state\", found \"%s\"",
                         grus_query_names[decoder->query]);
}

// What a conditional decoder is not.
static void check_conditional(const grus_json_object *object, const grus_decoder_config *decoder)
{
    if (!decoder->conditional)
        return;
    if (decoder->num_layers != 1)
        grus_json_refuse(object, "num_layers", "of a conditional decoder: expected 1, found %zu", decoder->num_layers);
    if (decoder->cell.kind != GRUS_CELL_GRU)
        grus_json_refuse(object, "cell", "of a conditional decoder: expected \"gru\", found \"%s\"",
                         grus_cell_names[decoder->cell.kind]);
    for (size_t i = 0; i < decoder->n_inputs; i++)
        if (decoder->inputs[i] == GRUS_PART_CONTEXT)
            grus_json_refuse(object, "input",
                             "of a conditional decoder has no context, which its second cell reads: expected "
                             "\"embedding\" and \"readout\", found \"context\"");
}

static void check_bridge(const grus_json_object *object, const grus_config *config)
{
    const grus_decoder_config *decoder = &config->decoder;
    if (decoder->bridge != GRUS_BRIDGE_LAST)
        return;
    if (decoder->num_layers > config->encoder.num_layers)
        grus_json_refuse(object, "bridge",
                         "\"last\" needs an encoder layer for each decoder layer: expected at most %zu, found %zu",
                         config->encoder.num_layers, decoder->num_layers);
    if (decoder->hidden_size != grus_config_output_size(config))
        grus_json_refuse(object, "bridge",
                         "\"last\" needs a hidden_size that is the encoder's output size: expected %zu, found %zu",
                         grus_config_output_size(config), decoder->hidden_size);
    for (size_t i = config->encoder.num_layers - grus_min(decoder->num_layers, config->encoder.num_layers);
         i < config->encoder.num_layers; i++)
        if (grus_config_layer_size(config, i) != decoder->hidden_size)
            grus_json_refuse(
                object, "bridge",
                "\"last\" needs encoder layers as wide as the decoder's: expected %zu, found %zu in layer %zu",
                decoder->hidden_size, grus_config_layer_size(config, i), i);
}

static size_t readout_width(const grus_config *config)
{
    const grus_decoder_config *decoder = &config->decoder;
    const size_t widths[] = {[GRUS_PART_EMBEDDING] = decoder->embedding_dim,
                             [GRUS_PART_CONTEXT] = grus_config_context_size(config, &config->attention),
                             [GRUS_PART_STATE] = decoder->hidden_size};
    size_t width = 0;
    for (size_t i = 0; i < decoder->n_readout; i++)
        width += widths[decoder->readout[i]];
    return decoder->readout_size ? decoder->readout_size : width;
}

static void check_tied(const grus_json_object *object, const grus_config *config)
{
    if (config->decoder.tied && readout_width(config) != config->decoder.embedding_dim)
        grus_json_refuse(object, "tied", "needs a readout as wide as the embedding: expected %zu, found %zu",
                         config->decoder.embedding_dim, readout_width(config));
}

// Must be there, and may be null.
static char *read_bos(const grus_json_object *object)
{
    if (!grus_json_has(object, "bos"))
        grus_json_wrong(object, "bos", "a string or null");
    return grus_json_text(object, "bos", GRUS_OPTIONAL);
}

static void check_context(const grus_json_object *object, const grus_decoder_config *decoder)
{
    bool read = false;
    for (size_t i = 0; i < decoder->n_inputs; i++)
        read = read || decoder->inputs[i] == GRUS_PART_CONTEXT;
    if (read && decoder->query == GRUS_QUERY_NONE)
        grus_json_refuse(object, "input", "a model without \"attention\" has no \"context\"");
    read = false;
    for (size_t i = 0; i < decoder->n_readout; i++)
        read = read || decoder->readout[i] == GRUS_PART_CONTEXT;
    if (read && decoder->query == GRUS_QUERY_NONE)
        grus_json_refuse(object, "readout", "a model without \"attention\" has no \"context\"");
}

static void read_own(const grus_json_object *object, grus_config *config)
{
    static const char *const keys[] = {"vocab",       "tokenizer",  "bos",          "eos",         "embedding_dim",
                                       "hidden_size", "num_layers", GRUS_CELL_KEYS, "bridge",      "attention",
                                       "input",       "readout",    "tied",         "conditional", NULL};
    grus_decoder_config *decoder = &config->decoder;
    grus_json_allow(object, keys);
    grus_json_object tokenizer = grus_json_child(object, "tokenizer", GRUS_REQUIRED);
    grus_config_read_tokenizer(&tokenizer, object, &decoder->tokenizer);
    decoder->tokenizer.bos = read_bos(object);
    decoder->no_bos = !decoder->tokenizer.bos;
    decoder->tokenizer.eos = grus_json_text(object, "eos", GRUS_REQUIRED);
    decoder->embedding_dim = grus_json_size(object, "embedding_dim", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    decoder->hidden_size = grus_json_size(object, "hidden_size", GRUS_REQUIRED, 0, 1, GRUS_CONFIG_SIZE_MAX);
    decoder->num_layers = grus_json_size(object, "num_layers", GRUS_OPTIONAL, 1, 1, GRUS_CONFIG_LAYERS_MAX);
    grus_config_read_cell(object, &decoder->cell);
    decoder->bridge = (grus_bridge_kind)grus_json_choice(object, "bridge", GRUS_REQUIRED, 0, grus_bridge_names);
    decoder->conditional = grus_json_bool(object, "conditional", false);
    read_query(object, decoder);
    decoder->n_inputs = read_parts(object, "input", input_parts, decoder->inputs);
    read_readout(object, decoder);
    check_conditional(object, decoder);
    decoder->tied = grus_json_bool(object, "tied", false);
    check_bridge(object, config);
}

// Scores that compare query and key directly need them to be of one size.
static void check_score(const grus_json_object *attention, const grus_config *config)
{
    const grus_decoder_config *decoder = &config->decoder;
    size_t query = decoder->query == GRUS_QUERY_EMBEDDING ? decoder->embedding_dim : decoder->hidden_size;
    bool direct = !config->attention.heads && config->attention.score != GRUS_SCORE_GENERAL &&
                  config->attention.score != GRUS_SCORE_ADDITIVE;
    if (direct && query != grus_config_output_size(config))
        grus_json_refuse(attention, "score", "needs a query as wide as the encoder's output: expected %zu, found %zu",
                         grus_config_output_size(config), query);
}

void grus_config_read_decoder(const grus_json_object *root, grus_config *config)
{
    static const char *const attention_keys[] = {GRUS_ATTENTION_KEYS, NULL};
    grus_json_object decoder = grus_json_child(root, "decoder", GRUS_REQUIRED);
    read_own(&decoder, config);
    bool attends = config->decoder.query != GRUS_QUERY_NONE;
    if (config->decoder.conditional && !grus_json_has(root, "attention"))
        grus_json_refuse(root, "attention", "is missing; a conditional decoder needs it");
    else if (attends != grus_json_has(root, "attention"))
        grus_json_refuse(attends ? root : &decoder, "attention",
                         "is missing; a decoder with attention needs it at the top level and in \"decoder\", one "
                         "without in neither");
    check_context(&decoder, &config->decoder);
    if (attends) {
        grus_json_object attention = grus_json_child(root, "attention", GRUS_REQUIRED);
        grus_json_allow(&attention, attention_keys);
        grus_config_read_attention(&attention, &config->attention);
        check_score(&attention, config);
    }
    check_tied(&decoder, config);
}

static void check_number(const grus_json_object *object, const char *key, double value, int least, int most)
{
    char expected[64];
    snprintf(expected, sizeof expected, "a number from %d to %d", least, most);
    if (!(value >= least && value <= most))
        grus_json_wrong(object, key, expected);
}

// What is absent stays as it is.
static void read_size(const grus_json_object *object, const char *key, size_t least, size_t *size)
{
    *size = grus_json_size(object, key, GRUS_OPTIONAL, *size, least, GRUS_CONFIG_SIZE_MAX);
}

void grus_config_read_generation(const grus_json_object *root, grus_config *config)
{
    static const char *const keys[] = {
        "beam_size",  "n_best",   "length_norm", "length_penalty", "max_length_factor", "max_length",
        "min_length", "suppress", NULL};
    grus_search *search = &config->generation;
    grus_json_object object = grus_json_child(root, "generation", GRUS_OPTIONAL);
    grus_json_allow(&object, keys);
    *search = grus_search_defaults;
    read_size(&object, "beam_size", 1, &search->beam_size);
    read_size(&object, "n_best", 1, &search->n_best);
    search->length_norm =
        (grus_length_norm)grus_json_choice(&object, "length_norm", GRUS_OPTIONAL, search->length_norm, grus_norm_names);
    search->length_penalty = grus_json_number(&object, "length_penalty", search->length_penalty);
    search->max_length_factor = grus_json_number(&object, "max_length_factor", search->max_length_factor);
    read_size(&object, "max_length", 1, &search->max_length);
    read_size(&object, "min_length", 0, &search->min_length);
    config->decoder.suppressed = grus_json_texts(&object, "suppress", &config->decoder.n_suppressed);
    check_number(&object, "length_penalty", search->length_penalty, -GRUS_LENGTH_PENALTY_MOST,
                 GRUS_LENGTH_PENALTY_MOST);
    check_number(&object, "max_length_factor", search->max_length_factor, 0, GRUS_LENGTH_FACTOR_MOST);
    if (search->n_best > search->beam_size)
        grus_json_refuse(&object, "n_best", "cannot be above beam_size: expected at most %zu, found %zu",
                         search->beam_size, search->n_best);
}
