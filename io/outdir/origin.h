// origin.h: where a process runs, as far as its number means the same process: host, boot and pid namespace. Only a process
// of the same origin can tell that another one is gone.
#ifndef GRUS_IO_OUTDIR_ORIGIN_H
#define GRUS_IO_OUTDIR_ORIGIN_H

#include "grus.h"

#define GRUS_HOST_MAX 64
#define GRUS_ORIGIN_MAX 112 // HOST~BOOT~NAMESPACE and \0

// Letters, digits, dots and dashes of this machine's name.
void grus_origin_host(char host[GRUS_HOST_MAX]);

// Of this process: the host, 12 hexadecimal digits of the boot's identity, and the number of the pid namespace; a 0 for
// what this system does not tell. GRUS_E_OUTPUT: it could not be asked.
grus_status grus_origin_this(char origin[GRUS_ORIGIN_MAX], grus_error *error);

// Bytes of an origin, with or without boot and namespace, at the beginning of text, which ends at a plus or \0; 0: it is
// none. *host: those of the host's name.
size_t grus_origin_length(const char *text, size_t *host);

// Whether an origin of so many bytes is this process's. One without boot and namespace, as version 0.1.0 wrote them, is
// where the host is the same.
bool grus_origin_is(const char *origin, size_t length, const char *this_origin);

#endif
