// model_config.h: what a model is, as plain data: config.json after validation. io fills it, the engine builds from it.
// No pointers into JSON; sizes that only the tensors or vocabularies tell are filled in by the loader.
#ifndef GRUS_BASE_MODEL_CONFIG_H
#define GRUS_BASE_MODEL_CONFIG_H

#include "grus.h"

#define GRUS_MAX_HEADS 16
#define GRUS_MAX_RENAMES 64
#define GRUS_MAX_PARTS 8     // inputs side by side: of a decoder, a readout or a token head
#define GRUS_DECODER_PARTS 3 // words for those of a decoder, and of a readout
#define GRUS_MAX_HIDDEN 16   // hidden layers of a head

// What is applied to each value behind a layer of the front or of a head.
typedef enum grus_activation {
    GRUS_ACTIVATION_NONE,
    GRUS_ACTIVATION_TANH,
    GRUS_ACTIVATION_RELU,
    GRUS_ACTIVATION_SIGMOID,
    GRUS_ACTIVATION_SILU,
} grus_activation;

// Whether its values lie in [-1, 1] by what they are.
static inline bool grus_activation_is_bounded(grus_activation activation)
{
    return activation == GRUS_ACTIVATION_TANH || activation == GRUS_ACTIVATION_SIGMOID;
}

// A recurrent cell (spec "Cells"): the kind, and of a GRU whether the reset gate comes before the recurrent product of the
// candidate, and the activations of the gates and of the candidate; an LSTM leaves them 0.
typedef enum grus_cell_kind { GRUS_CELL_GRU, GRUS_CELL_LSTM } grus_cell_kind;
typedef enum grus_cell_reset { GRUS_RESET_AFTER, GRUS_RESET_BEFORE } grus_cell_reset;
typedef enum grus_gate_activation { GRUS_GATE_SIGMOID, GRUS_GATE_HARD_SIGMOID } grus_gate_activation;
typedef enum grus_cell_activation { GRUS_CELL_TANH, GRUS_CELL_RELU, GRUS_CELL_LINEAR } grus_cell_activation;

typedef struct grus_cell_config {
    grus_cell_kind kind;
    grus_cell_reset reset;
    grus_gate_activation gate_activation;
    grus_cell_activation activation;
} grus_cell_config;

// Which way a layer of an encoder reads a sequence.
typedef enum grus_direction { GRUS_FORWARD, GRUS_BACKWARD, GRUS_BOTH } grus_direction;

// A layer of the front, before the encoder. Positions are read in windows of `kernel`, each `dilation` from the next and a
// window `stride` from the next; `padding` positions are added at both ends of a sequence. A linear layer has a window of one
// position.
typedef enum grus_front_kind { GRUS_FRONT_CONV1D, GRUS_FRONT_LINEAR, GRUS_FRONT_MAX_POOL } grus_front_kind;

typedef struct grus_front_layer_config {
    grus_front_kind kind;
    size_t input, output; // values of a position before it and behind it
    size_t kernel, stride, padding, dilation;
    grus_activation activation;
} grus_front_layer_config;

typedef enum grus_score_kind {
    GRUS_SCORE_DOT,
    GRUS_SCORE_SCALED_DOT,
    GRUS_SCORE_COSINE,
    GRUS_SCORE_EUCLIDEAN,
    GRUS_SCORE_GENERAL,
    GRUS_SCORE_ADDITIVE,
} grus_score_kind;

typedef struct grus_attention_config {
    grus_score_kind score;
    size_t size; // A of additive and of heads, else 0
    double temperature;
    size_t heads;       // torch.nn.MultiheadAttention's, which divide size; 0: a single one without projections
    size_t context_dim; // with heads: values of a context
} grus_attention_config;

typedef enum grus_tokenizer_kind {
    GRUS_TOKENIZER_CHAR,
    GRUS_TOKENIZER_WHITESPACE,
    GRUS_TOKENIZER_BPE,
    GRUS_TOKENIZER_SENTENCEPIECE,
    GRUS_TOKENIZER_IDS,
    GRUS_N_TOKENIZERS,
} grus_tokenizer_kind;

// Paths are as in the file, checked to stay inside the model directory; "" means absent. Owned by the config.
typedef struct grus_tokenizer_config {
    grus_tokenizer_kind kind;
    char *vocab, *codes, *model;
    bool lowercase;
    char *bos, *eos; // tokens; NULL means null
} grus_tokenizer_config;

typedef enum grus_pooling_kind {
    GRUS_POOL_NONE,
    GRUS_POOL_ATTENTION,
    GRUS_POOL_MEAN,
    GRUS_POOL_MAX,
    GRUS_POOL_LAST
} grus_pooling_kind;

typedef struct grus_pooling_config {
    grus_pooling_kind kind;
    grus_attention_config attention;
    bool learned_query; // else last_hidden
    bool normalize;
} grus_pooling_config;

// What a token head reads of a position: GRUS_HEAD_LAYER + k is the output of layer k, GRUS_HEAD_SOURCE what enters the
// encoder.
enum { GRUS_HEAD_STATE, GRUS_HEAD_POOLED, GRUS_HEAD_SOURCE, GRUS_HEAD_LAYER };
typedef size_t grus_head_input;

typedef enum grus_head_activation { GRUS_HEAD_SOFTMAX, GRUS_HEAD_SIGMOID, GRUS_HEAD_NUMBERS } grus_head_activation;
typedef enum grus_head_decode { GRUS_HEAD_ARGMAX, GRUS_HEAD_CRF, GRUS_HEAD_CTC } grus_head_decode;

// A layer between a head's inputs and its last linear one.
typedef struct grus_hidden_config {
    size_t size;
    grus_activation activation;
} grus_hidden_config;

typedef struct grus_head_config {
    char *name;
    char *labels; // path; "": there are none, and what it says are numbers
    bool on_token;
    size_t n_inputs;
    grus_head_input inputs[GRUS_MAX_PARTS]; // token heads
    size_t n_hidden;
    grus_hidden_config hidden[GRUS_MAX_HIDDEN];
    grus_head_activation activation;
    float threshold;         // of sigmoid: labels at or above it are told
    grus_head_decode decode; // of token heads with softmax
    size_t blank;            // of ctc: the label that is never printed
    char *join;              // of ctc: what stands between labels; NULL: nothing
    size_t n_labels; // of numbers what config.json says, or 0; else filled in by the loader from the labels file
} grus_head_config;

typedef enum grus_bridge_kind {
    GRUS_BRIDGE_ZEROS,
    GRUS_BRIDGE_LAST,
    GRUS_BRIDGE_LINEAR_TANH,
    GRUS_BRIDGE_MEAN_TANH
} grus_bridge_kind;
// What the attention of a decoder asks with; without attention there is no context.
typedef enum grus_query_kind {
    GRUS_QUERY_PREVIOUS_STATE,
    GRUS_QUERY_STATE,
    GRUS_QUERY_EMBEDDING,
    GRUS_QUERY_NONE,
} grus_query_kind;
// The parts of a decoder's input (embedding, context, readout) and of a readout (state, context, embedding).
typedef enum grus_part { GRUS_PART_EMBEDDING, GRUS_PART_CONTEXT, GRUS_PART_READOUT, GRUS_PART_STATE } grus_part;

typedef struct grus_decoder_config {
    grus_tokenizer_config tokenizer; // vocab and bos/eos of the decoder are in here
    size_t embedding_dim, hidden_size, num_layers;
    grus_cell_config cell;
    bool conditional; // a second cell goes on from the first one's state and reads the context it asked for
    grus_bridge_kind bridge;
    grus_query_kind query;
    size_t n_inputs;
    grus_part inputs[GRUS_DECODER_PARTS];
    size_t n_readout;
    grus_part readout[GRUS_DECODER_PARTS];
    size_t readout_size; // 0: no projection
    bool readout_tanh;
    bool tied;
    size_t vocab_size; // filled in by the loader; 0: what the tensor says
    bool no_bos;       // the first step's embedding is zeros
    size_t bos, eos;   // ids, filled in by the loader
    bool has_unk;      // there is an <unk>; filled in by the loader
    size_t unk;        // its id
    size_t n_suppressed;
    char **suppressed;       // tokens that are never candidates; owned by the config
    uint32_t *suppressed_id; // (n_suppressed), filled in by the loader; owned by the config
} grus_decoder_config;

typedef struct grus_rename {
    char *from, *to; // prefix used here -> prefix in the file
} grus_rename;

typedef struct grus_config {
    bool seq2seq;
    bool features; // source of float vectors
    grus_tokenizer_config tokenizer;
    size_t embedding_dim, feature_dim;
    size_t source_vocab_size; // filled in by the loader; 0: what the tensor says
    size_t n_front;
    grus_front_layer_config *front; // (n_front); owned by the config
    struct {
        size_t hidden_size, num_layers;
        grus_direction direction;   // of every layer, where the next is NULL
        grus_direction *directions; // (num_layers); owned by the config
        bool learned_state;         // sequences begin with learned states, not with zeros
        grus_cell_config cell;
    } encoder;
    grus_pooling_config pooling;
    size_t n_heads;
    grus_head_config heads[GRUS_MAX_HEADS];
    grus_attention_config attention;
    grus_decoder_config decoder;
    grus_search generation;
    size_t n_renames;
    grus_rename renames[GRUS_MAX_RENAMES];
} grus_config;

// Values of a position of the source: of an embedding, or of features.
static inline size_t grus_config_source_size(const grus_config *config)
{
    return config->features ? config->feature_dim : config->embedding_dim;
}

// Values per position of what enters the encoder, behind the front.
static inline size_t grus_config_input_size(const grus_config *config)
{
    return config->n_front ? config->front[config->n_front - 1].output : grus_config_source_size(config);
}

// Whether what a layer of the front gives lies in [-1, 1] by what it is.
static inline bool grus_config_front_is_bounded(const grus_config *config, size_t layer)
{
    while (config->front[layer].kind == GRUS_FRONT_MAX_POOL && layer > 0)
        layer--;
    return grus_activation_is_bounded(config->front[layer].activation);
}

// Whether what enters the encoder does.
static inline bool grus_config_input_is_bounded(const grus_config *config)
{
    return config->n_front > 0 && grus_config_front_is_bounded(config, config->n_front - 1);
}

static inline grus_direction grus_config_direction(const grus_config *config, size_t layer)
{
    return config->encoder.directions ? config->encoder.directions[layer] : config->encoder.direction;
}

// Values per position of the output of an encoder layer.
static inline size_t grus_config_layer_size(const grus_config *config, size_t layer)
{
    return config->encoder.hidden_size * (grus_config_direction(config, layer) == GRUS_BOTH ? 2 : 1);
}

// Values per position of the encoder's output: D.
static inline size_t grus_config_output_size(const grus_config *config)
{
    return grus_config_layer_size(config, config->encoder.num_layers - 1);
}

// Values of a context of this attention over the encoder's outputs.
static inline size_t grus_config_context_size(const grus_config *config, const grus_attention_config *attention)
{
    return attention->heads ? attention->context_dim : grus_config_output_size(config);
}

// Values of a pooled vector.
static inline size_t grus_config_pooled_size(const grus_config *config)
{
    return grus_config_context_size(config, &config->pooling.attention);
}

// The attention of such a model: of its decoder, or of its pooling.
static inline const grus_attention_config *grus_config_attention(const grus_config *config)
{
    return config->seq2seq ? &config->attention : &config->pooling.attention;
}

// Rows of weights that a step or a pooled vector has: with by_head one for each head of its attention.
static inline size_t grus_config_attention_rows(const grus_config *config, bool by_head)
{
    size_t heads = grus_config_attention(config)->heads;
    return by_head && heads ? heads : 1;
}

// Whether a head reads the outputs of a layer below the last, so that they are kept.
static inline bool grus_config_keeps_layer(const grus_config *config, size_t layer)
{
    for (size_t i = 0; i < config->n_heads && layer + 1 < config->encoder.num_layers; i++)
        for (size_t k = 0; k < config->heads[i].n_inputs; k++)
            if (config->heads[i].inputs[k] == GRUS_HEAD_LAYER + layer)
                return true;
    return false;
}

// Values per position of the layers below this one that are kept.
static inline size_t grus_config_kept_below(const grus_config *config, size_t layer)
{
    size_t size = 0;
    while (layer-- > 0)
        size += grus_config_keeps_layer(config, layer) ? grus_config_layer_size(config, layer) : 0;
    return size;
}

// Whether the states of such a cell lie in [-1, 1], if its first one does.
static inline bool grus_cell_config_is_bounded(const grus_cell_config *cell)
{
    return cell->activation == GRUS_CELL_TANH;
}

// Whether the encoder's outputs, and so their sums weighted by attention, lie in [-1, 1] by what they are.
static inline bool grus_config_is_bounded(const grus_config *config)
{
    return grus_cell_config_is_bounded(&config->encoder.cell) && !config->encoder.learned_state;
}

#endif
