// search_defaults.h: how a search goes where neither the model nor the caller says it.
#ifndef GRUS_BASE_SEARCH_DEFAULTS_H
#define GRUS_BASE_SEARCH_DEFAULTS_H

#include "grus.h"

// Those of the model contract's "generation".
extern const grus_search grus_search_defaults;

#endif
