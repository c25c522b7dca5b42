// launcher_table.h: what starts the processes of a run, and the variables by which each of them finds its number. How they
// are read is launcher.c's.
#ifndef GRUS_CLI_LAUNCHER_TABLE_H
#define GRUS_CLI_LAUNCHER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

// Names of variables; NULL: there is none.
typedef struct grus_launcher {
    const char *rank;     // number of the process, from 0
    const char *sizes[2]; // how many there are: the first that is set; both NULL: only --world-size says it
    const char *within;   // without it rank means nothing: a batch script has the rank too
    const char *terminal; // where it is set and the process has a terminal, rank is that of a person's shell
    const char *id;       // element of a job array
    const char *first;    // the array's first element
    size_t least;         // the same where `first` is not set
    const char *step;     // from element to element; 1 where it is not set
    const char *last;     // the array's last element, from which its size comes; or
    const char *count;    // its size
    const char *no_array; // value of id that stands for none
    const char *empty;    // value of id in an array of no elements, which was started all the same
    bool only_when_asked; // shells are full of such variables: they count under --launcher alone
} grus_launcher;

// The words of --launcher, ended by NULL: auto, none, then the names of the rows below, in their order.
enum { GRUS_LAUNCHER_AUTO, GRUS_LAUNCHER_NONE, GRUS_LAUNCHER_FIRST };
extern const char *const grus_launcher_words[];

// In the order in which they are looked for.
extern const grus_launcher grus_launchers[];
extern const size_t grus_n_launchers;

#endif
