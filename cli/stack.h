// stack.h: a stack for the command that does not hang on the limit of the process (ulimit -s).
#ifndef GRUS_CLI_STACK_H
#define GRUS_CLI_STACK_H

// Calls main, in a thread of its own where the process has too small a stack, and returns what it returns.
int grus_stack_call(int (*main)(int argc, char **argv), int argc, char **argv);

#endif
