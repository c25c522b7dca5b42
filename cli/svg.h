// svg.h: an attention map as an SVG picture: source across on top, target down, one rectangle a weight.
#ifndef GRUS_CLI_SVG_H
#define GRUS_CLI_SVG_H

#include <stdio.h>

#include <grus.h>

// Writes the picture. source is what the model read, for the heading; NULL: none. Every cell stands on a line of its
// own and has a <title> with its weight. Labels of token heads stand below their columns. false when memory is short;
// errors of the stream are left in it. With by_head, of a map that has attention heads, the cells of each below the other.
bool grus_svg_draw(const grus_attention_map *map, const char *source, bool by_head, FILE *to);

// The same for a page that has its own style and says what source and output are: cells and their labels alone, a cell of class
// "cell" as opaque as its weight is a part of the greatest.
bool grus_svg_embed(const grus_attention_map *map, FILE *to);

#endif
