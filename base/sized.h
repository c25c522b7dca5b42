// sized.h: structs of grus.h that begin with their size, between a caller who may know fewer of their fields, or more,
// and the library. Each begins with a size_t, which tells how many bytes of it the caller has.
#ifndef GRUS_BASE_SIZED_H
#define GRUS_BASE_SIZED_H

#include "grus.h"

// Makes the caller's struct of `size` bytes out of the library's defaults (known bytes); what the library does not know
// becomes 0. A size below that of size_t does nothing.
void grus_sized_init(void *to, size_t size, const void *defaults, size_t known);

// Writes over *to, the library's struct with the defaults in it (known bytes), what the caller's covers. name stands for
// the struct in the error. GRUS_E_USAGE: from was not made by its _init, or says something that lies behind `known`.
grus_status grus_sized_read(void *to, size_t known, const void *from, const char *name, grus_error *error);

// Writes as much of a result (known bytes) into the caller's struct as its size covers; its size stays.
void grus_sized_fill(void *to, const void *result, size_t known);

#endif
