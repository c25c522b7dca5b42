// survey_map.h: the attention or the alignment of a record as it stands in an output, as a map.
#ifndef GRUS_API_SURVEY_MAP_H
#define GRUS_API_SURVEY_MAP_H

#include "api/survey_text.h"

// Rows and columns of an attention; false where it is none. Where there is a matrix of heads for each row, *heads is how many,
// else 0.
typedef struct grus_map_shape {
    size_t rows, columns, heads;
} grus_map_shape;
bool grus_map_shape_read(const grus_json_span *attention, grus_map_shape *shape);
// Of an alignment: as far as its greatest numbers.
bool grus_map_shape_align(const grus_json_span *alignment, grus_map_shape *shape);

// The record's map, with tokens where they fit (survey_text.h); NULL where it has none, or when memory is short, which
// *failed tells. Of heads the mean.
const grus_attention_map *grus_map_make(const grus_sample_maker *maker, const grus_survey_record *record,
                                        const grus_survey_sample *sample, bool *failed);

#endif
