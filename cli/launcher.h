// launcher.h: which of how many processes this one is, as the program that started it tells in the environment.
#ifndef GRUS_CLI_LAUNCHER_H
#define GRUS_CLI_LAUNCHER_H

#include <grus.h>

#define GRUS_LAUNCHER_SOURCE 128
#define GRUS_LAUNCHER_NOTE 256

// What the command line says of it.
typedef struct grus_launcher_wish {
    size_t word;       // of grus_launcher_words
    bool has_size;     // --world-size is given, without --rank
    size_t world_size; // that
} grus_launcher_wish;

// Looks for the launchers of the table in its order, or for the one that is wished. Sets rank, world_size, launched and
// array of run; 0 of 1, not launched, where there is none. source gets the names of the variables that were taken, "" for
// none. Whether an array's element is one of the run's is left to grus_run. false after a message: what is there makes
// no sense, or the size is missing.
bool grus_launcher_find(const grus_launcher_wish *wish, grus_run_options *run, char source[GRUS_LAUNCHER_SOURCE]);

// Of a launcher with several processes that is set and was not taken, in words; false: there is none.
bool grus_launcher_passed_over(char text[GRUS_LAUNCHER_NOTE]);

#endif
