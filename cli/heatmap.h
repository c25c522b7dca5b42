// heatmap.h: an attention map as a picture of characters: source across, target down.
#ifndef GRUS_CLI_HEATMAP_H
#define GRUS_CLI_HEATMAP_H

#include <stdio.h>

#include <grus.h>

typedef enum grus_heatmap_style {
    GRUS_HEATMAP_COLOR,  // 256 colours
    GRUS_HEATMAP_BLOCKS, // the shades of Unicode
    GRUS_HEATMAP_ASCII,
} grus_heatmap_style;

#define GRUS_HEATMAP_LEAST_WIDTH 24

// Draws the map within `width` columns, at least GRUS_HEATMAP_LEAST_WIDTH. Source tokens stand above their columns:
// across where all fit side by side, else letter below letter, else as numbers with a list below the map; features have
// numbers alone. A source that is too long goes on below. With by_head, of a map that has attention heads, one picture for
// each below the other. The shades go from 0 to the greatest weight drawn. false when memory is short.
bool grus_heatmap_draw(const grus_attention_map *map, grus_heatmap_style style, size_t width, bool by_head, FILE *to);

#endif
