// process.h: whether the process that wrote something is still there.
#ifndef GRUS_IO_OUTDIR_PROCESS_H
#define GRUS_IO_OUTDIR_PROCESS_H

#include <stdbool.h>
#include <time.h>

// Of this host: there is no process of this number, it has ended and nobody has waited for it, or it began after `since`
// (in seconds of the clock of day), so that it is another one that was given the number again.
bool grus_process_is_gone(long pid, time_t since);

#endif
