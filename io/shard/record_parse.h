// record_parse.h: one line of a shard to one record.
#ifndef GRUS_IO_SHARD_RECORD_PARSE_H
#define GRUS_IO_SHARD_RECORD_PARSE_H

#include "io/shard/record.h"

// Parses one line. On GRUS_E_FAILED the record is in error: error->place is the short name of the cause ("blank",
// "bad_json", "bad_utf8", "no_text", "no_target", "bad_text", "bad_id", "no_features", "bad_features", "result_field"),
// error->cause says it in words. GRUS_E_MEMORY otherwise.
grus_status grus_record_parse(const grus_record_format *format, const char *line, size_t length, grus_record *record,
                              grus_error *error);

#endif
