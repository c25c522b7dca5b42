// journal_format.c: the key as text.
#include "config.h"

#include "io/outdir/journal_format.h"

#include "io/json/json_write.h"

void grus_journal_key_text(const grus_journal_key *key, grus_buffer *text)
{
    grus_buffer_byte(text, '{');
    grus_json_text_member(text, "run", key->run);
    grus_json_name_member(text, "stem", key->stem);
    grus_json_name_member(text, "input", key->input);
    grus_json_count_member(text, "input_bytes", key->input_bytes);
    grus_json_end_line(text);
}
