// table.h: the table of tensors that a model and a shard of features are described with.
#ifndef GRUS_API_TABLE_H
#define GRUS_API_TABLE_H

#include "base/buffer.h"
#include "scheduler/model.h"

#define GRUS_TABLE_NAME 256 // bytes of a name, as far as it is shown

// The name without what could give orders to a terminal; returns text.
const char *grus_table_printable(const char *name, char text[GRUS_TABLE_NAME]);

// The width of the column of names, this one among them.
int grus_table_widen(const char *name, int widest);
void grus_table_begin(grus_buffer *to, int widest);
void grus_table_tensor(grus_buffer *to, int widest, const grus_tensor_line *line);

// The members of a tensor's JSON object.
void grus_table_json(grus_buffer *to, const grus_tensor_line *line);

#endif
