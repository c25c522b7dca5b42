// signals.c: the handlers.
#include "config.h"

#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include "cli/message.h"

#define GRACE_SECONDS 4

static volatile sig_atomic_t caught;
static grus_stop *stop; // set before the handlers are there

static void on_signal(int number)
{
    if (caught)
        _exit(128 + number);
    caught = number;
    grus_stop_ask(stop);
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

const grus_stop *grus_signals_install(void)
{
    stop = grus_stop_new();
    if (!stop) {
        grus_print_error(&(grus_error){.status = GRUS_E_MEMORY, .cause = "out of memory"});
        return NULL;
    }
    handle(SIGINT, on_signal);
    handle(SIGTERM, on_signal);
    handle(SIGUSR1, on_signal);
    handle(SIGALRM, on_alarm);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
    return stop;
}

int grus_signals_caught(void)
{
    return caught;
}
