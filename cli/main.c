// main.c: finds the command and calls it.
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/affinity.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/stack.h"
#include "cli/suggest.h"
#include <grus.h>

static const struct {
    const char *name;
    int (*command)(int argc, char **argv);
    const char *arguments, *help;
} commands[] = {
    {"run", grus_command_run, "MODEL INPUT... -o OUTDIR", "run a model over every record of the inputs"},
    {"plan", grus_command_plan, "INPUT... --per-task SIZE", "propose how many tasks a run is to have"},
    {"inspect", grus_command_inspect, "MODEL|SHARD", "tell what a model or a shard holds"},
    {"status", grus_command_status, "OUTDIR", "tell what is done, missing and failed"},
    {"report", grus_command_report, "OUTDIR --html FILE", "write a page about a run for a browser"},
    {"verify", grus_command_verify, "OUTDIR", "read every output again and compare it with its manifest"},
    {"bench", grus_command_bench, "MODEL [INPUT...]", "measure the throughput"},
    {"attend", grus_command_attend, "MODEL TEXT", "draw the attention of one record"},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static int print_help(void)
{
    printf("usage: grus COMMAND [ARGUMENT]...\n\nTrained GRU and attention models over large corpora, on CPUs.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  grus %-8s %-26s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    printf("\n  grus help COMMAND                    what the command takes, as grus COMMAND --help\n"
           "  grus version                         version and kernel\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

typedef int command_function(int argc, char **argv);

// NULL after a message.
static command_function *find_command(const char *name)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].command;
        names[i] = commands[i].name;
    }
    const char *meant = grus_suggest(name, strlen(name), names, N_COMMANDS);
    if (meant)
        grus_usage_error("%s: no such command; did you mean %s? grus --help lists them", name, meant);
    else
        grus_usage_error("%s: no such command; grus --help lists them", name);
    return NULL;
}

// `grus help COMMAND` is `grus COMMAND --help`.
static int help(int argc, char **argv)
{
    static char option[] = "--help";
    if (argc < 2)
        return print_help();
    command_function *command = find_command(argv[1]);
    return command ? command(2, (char *[]){argv[1], option, NULL}) : GRUS_E_USAGE;
}

// For the completion of shells.
static int list_commands(void)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("%s\t%s\n", commands[i].name, commands[i].help);
    printf("help\twhat a command takes\nversion\tversion and kernel\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static int print_version(void)
{
    printf("grus %s (kernel %s)\n", grus_version(), grus_kernel_name());
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        return grus_usage_error("no command is given; grus --help lists them");
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    if (strcmp(name, "help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 || strcmp(name, "version") == 0)
        return print_version();
    if (strcmp(name, "--list-commands") == 0)
        return list_commands();
    command_function *command = find_command(name);
    return command ? command(argc - 1, argv + 1) : GRUS_E_USAGE;
}

int main(int argc, char **argv)
{
    grus_affinity_restore();
    return grus_stack_call(run_command, argc, argv);
}
