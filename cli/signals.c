// signals.c: the handlers.
#include "config.h"

#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <grus.h>

#define GRACE_SECONDS 4

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    if (caught)
        _exit(128 + number);
    caught = number;
    grus_run_stop();
    alarm(GRACE_SECONDS);
}

// A thread that waits for a dead disk or a silent pipe cannot be asked to stop.
static void on_alarm(int number)
{
    (void)number;
    _exit(128 + caught);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void grus_signals_install(void)
{
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    handle(SIGUSR1, on_signal);
    handle(SIGALRM, on_alarm);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
}

int grus_signals_caught(void)
{
    return caught;
}
