// record_json.h: a line of JSONL to a record. Called by record_parse.c, which has emptied the record.
#ifndef GRUS_IO_SHARD_RECORD_JSON_H
#define GRUS_IO_SHARD_RECORD_JSON_H

#include "io/shard/record.h"

grus_status grus_record_parse_json(const grus_record_format *format, const char *line, size_t length,
                                   grus_record *record, grus_error *error);

#endif
