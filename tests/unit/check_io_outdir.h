// check_io_outdir.h: an output directory in the test's own, for the tests of what is committed there.
#ifndef GRUS_TESTS_UNIT_CHECK_IO_OUTDIR_H
#define GRUS_TESTS_UNIT_CHECK_IO_OUTDIR_H

#include <stddef.h>

#include "io/outdir/output.h"

#define OUTDIR_SUFFIX ".jsonl.zst"

extern char outdir[512]; // its path

// Fixture: makes the test's directory and the output directory in it; remove_test_dir removes both.
void make_outdir(void);
// The path of a file in it, one of a few static texts.
const char *in_outdir(const char *name);
// How many files are in the works there.
size_t partials(void);

// An output of this stem, and some more of its text.
grus_output *open_output(const char *stem, const char *suffix);
void write_output(grus_output *output, const char *text);
// A manifest for it, without what the commit fills in; and all of it at once, with OUTDIR_SUFFIX.
grus_manifest some_manifest(void);
grus_status commit(const char *stem, const char *text, grus_error *error);
// packed is one frame of this text, with a checksum.
void expect_decompressed(const grus_buffer *packed, const char *expected, size_t size);

#endif
