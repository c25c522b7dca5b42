// vector_generic.c: vector.h in plain four-float vectors, for every other CPU.
#include "config.h"

#define VECTOR_TABLE grus_vector_generic
#define VECTOR_NAME "generic"
#define LANES 4
#define VSELECT(mask, a, b) ((vec)(((mask) & (veci)(a)) | (~(mask) & (veci)(b))))
#define VMIN(a, b) VSELECT((a) < (b), a, b)
#define VMAX(a, b) VSELECT((a) > (b), a, b)
#include "engine/vector_impl.h"
