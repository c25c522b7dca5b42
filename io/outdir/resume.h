// resume.h: going on from a journal that another process has left. What lies behind its last whole checkpoint is not
// looked at; a journal that is damaged, of another run, or of another input is none.
#ifndef GRUS_IO_OUTDIR_RESUME_H
#define GRUS_IO_OUTDIR_RESUME_H

#include "io/outdir/journal_format.h"
#include "io/outdir/output.h"

typedef struct grus_resume grus_resume;

// Looks for the journal of this shard that has the most records. *resume is NULL when there is none. The only failure
// is GRUS_E_MEMORY.
grus_status grus_resume_find(const grus_journal_key *key, grus_resume **resume, grus_error *error);
// The same of one file, which need not be one.
grus_status grus_resume_open(const char *path, const grus_journal_key *key, grus_resume **resume, grus_error *error);
const grus_checkpoint *grus_resume_checkpoint(const grus_resume *resume);
// Writes the results of its records to output.
grus_status grus_resume_replay(grus_resume *resume, grus_output *output, grus_error *error);
void grus_resume_close(grus_resume *resume);

// What a journal that goes on from this one has to begin with: the descriptor and how many bytes.
int grus_resume_file(const grus_resume *resume, uint64_t *bytes);

#endif
