// text.h: a buffer's bytes, handed over to the caller of the library.
#ifndef GRUS_BASE_TEXT_H
#define GRUS_BASE_TEXT_H

#include "base/buffer.h"

// Moves what is in buffer to *text, with a \0 behind it; buffer is empty then. GRUS_E_MEMORY where an append has failed:
// *text is empty then, buffer freed.
grus_status grus_text_take(grus_text *text, grus_buffer *buffer, grus_error *error);

#endif
