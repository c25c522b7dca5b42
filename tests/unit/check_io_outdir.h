// check_io_outdir.h: an output directory in the test's own, for the tests of what is committed there.
#ifndef GRUS_TESTS_UNIT_CHECK_IO_OUTDIR_H
#define GRUS_TESTS_UNIT_CHECK_IO_OUTDIR_H

#include <stddef.h>

extern char outdir[512]; // its path

// Fixture: makes the test's directory and the output directory in it; remove_test_dir removes both.
void make_outdir(void);
// The path of a file in it, one of a few static texts.
const char *in_outdir(const char *name);
// How many files are in the works there.
size_t partials(void);

#endif
