// commands.h: one function a command. argv[0] is the command's name; the result is the exit code.
#ifndef GRUS_CLI_COMMANDS_H
#define GRUS_CLI_COMMANDS_H

int grus_command_bench(int argc, char **argv);
int grus_command_run(int argc, char **argv);
int grus_command_inspect(int argc, char **argv);
int grus_command_attend(int argc, char **argv);
int grus_command_plan(int argc, char **argv);
int grus_command_report(int argc, char **argv);
int grus_command_status(int argc, char **argv);
int grus_command_verify(int argc, char **argv);

#endif
