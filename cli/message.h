// message.h: what the command says on standard error, and what it returns to the shell.
#ifndef GRUS_CLI_MESSAGE_H
#define GRUS_CLI_MESSAGE_H

#include <grus.h>

// "grus: FILE:PLACE: what is wrong", fields of options as the flags that set them
void grus_print_error(const grus_error *error);
// "grus: warning: …"; a grus_warning_fn, the context is not looked at.
void grus_print_warning(void *context, const char *text);
// "grus: …", a mistake in the command line; returns the exit code for it.
int grus_usage_error(const char *format, ...) GRUS_PRINTF(1, 2);

// Prints the text on standard output and frees it; returns the exit code, after a message where it cannot be printed.
int grus_print_text(grus_text *text);

// Prints the error and returns the exit code for it.
int grus_fail_command(const grus_error *error);
int grus_exit_code(grus_status status);

#endif
