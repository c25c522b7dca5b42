// contract_models.h: a small sound model for each kind, written to a directory, as it is or with one mistake in it.
#ifndef GRUS_TESTS_UNIT_CONTRACT_MODELS_H
#define GRUS_TESTS_UNIT_CONTRACT_MODELS_H

#include <stdbool.h>

typedef enum contract_base {
    ENCODER,
    SEQ2SEQ,
    FEATURES,
    IDS,
    LSTM,
    PLAIN,
    HEADS,
    LEARNED,
    FRONTED,
    CONDITIONAL,
    N_BASES
} contract_base;

// In config.json the value at a path of keys, or numbers of a list's items, is set (NULL: removed); "tensor NAME" is given a dtype and shape (NULL:
// left out; a new name: added), and after a semicolon those of NAME_scale; "file NAME" is given this content (NULL: removed). The error's place is `place` (NULL:
// the path or the name), and its cause holds the other two.
typedef struct contract_mistake {
    contract_base base;
    const char *what, *value, *place, *expected, *found;
} contract_mistake;

// A fresh directory, and the end of it.
void contract_make_dir(void);
void contract_remove_dir(void);
const char *contract_dir(void);

// Writes the model into the directory; edit may be NULL.
void contract_write(contract_base base, const contract_mistake *edit);
bool contract_is_about(const contract_mistake *edit, const char *what);

#endif
