// signals.h: SIGINT, SIGTERM and SIGUSR1 stop the run in good order; a broken pipe and a file over its limit are
// errors of a write, not the end of the process.
#ifndef GRUS_CLI_SIGNALS_H
#define GRUS_CLI_SIGNALS_H

#include <grus.h>

// From here on the first such signal asks the run to stop and bounds the time that this may take; the second ends the
// process at once. What is committed by then stays, what is not leaves nothing that looks finished. Returns the stop, which
// lives until the process ends; NULL after a message.
const grus_stop *grus_signals_install(void);

// The signal that came, or 0.
int grus_signals_caught(void);

#endif
