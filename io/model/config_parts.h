// config_parts.h: the sections of config.json, each read into its part of grus_config. For model_dir.c and the
// config_*.c files alone. A mistake is left in the reader of the object.
#ifndef GRUS_IO_MODEL_CONFIG_PARTS_H
#define GRUS_IO_MODEL_CONFIG_PARTS_H

#include "base/model_config.h"
#include "io/json/settings.h"

#define GRUS_CONFIG_SIZE_MAX ((size_t)1 << 24) // of any dimension or count that a configuration may ask for
#define GRUS_CONFIG_LAYERS_MAX ((size_t)1024)

// An attention object: the keys that GRUS_ATTENTION_KEYS lists (its others are the caller's).
#define GRUS_ATTENTION_KEYS "score", "size", "temperature", "heads", "context_dim"
void grus_config_read_attention(const grus_json_object *object, grus_attention_config *attention);

// The cell of an encoder or decoder object: the keys that GRUS_CELL_KEYS lists.
#define GRUS_CELL_KEYS "cell", "reset", "gate_activation", "activation"
void grus_config_read_cell(const grus_json_object *object, grus_cell_config *cell);

// The activation of a layer at the key "activation", none by default.
grus_activation grus_config_read_activation(const grus_json_object *object);

// A tokenizer object. vocab_from is the object that holds "vocab": the tokenizer's own, or the decoder's.
void grus_config_read_tokenizer(const grus_json_object *object, const grus_json_object *vocab_from,
                                grus_tokenizer_config *tokenizer);

// A file's name at this key, checked to stay inside the model directory; "" when absent and not required.
char *grus_config_read_path(const grus_json_object *object, const char *key, bool required);

// The list "front"; config's source is read before. root is the file's own object.
void grus_config_read_front(const grus_json_object *root, grus_config *config);

// The encoder's section. root is the file's own object.
void grus_config_read_encoder(const grus_json_object *root, grus_config *config);

// The heads; config's encoder and pooling are read before. root is the file's own object.
void grus_config_read_heads(const grus_json_object *root, grus_config *config);

// The sections of seq2seq models; config's encoder is read before. root is the file's own object.
void grus_config_read_decoder(const grus_json_object *root, grus_config *config);
void grus_config_read_generation(const grus_json_object *root, grus_config *config);

#endif
