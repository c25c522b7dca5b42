// journal.h: the checkpoints of a shard that is being written. Beside the output a journal holds the results once more,
// in pieces that are compressed each by itself, and behind them what was done when a checkpoint was taken. A killed
// shard is gone on with from the last whole checkpoint: its results are written to a fresh output, which so becomes the
// same bytes as if nothing had happened (resume.h).
//
// A journal belongs to the process that writes it, and only that one writes it; anybody may read it. It is a help and
// no proof: what is done is told by manifests alone.
#ifndef GRUS_IO_OUTDIR_JOURNAL_H
#define GRUS_IO_OUTDIR_JOURNAL_H

#include "io/outdir/resume.h"

typedef struct grus_journal grus_journal;

// Begins a journal, with all that resume holds (may be NULL) already in it; that is then on the disk, and the journals
// of dead processes for this shard are gone. GRUS_E_OUTPUT.
grus_status grus_journal_open(const grus_journal_key *key, grus_resume *resume, grus_journal **journal,
                              grus_error *error);
grus_status grus_journal_write(grus_journal *journal, const char *data, size_t size, grus_error *error);
// All that was written so far is the results of checkpoint->records records; brought to the disk (fsync, once).
grus_status grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error);
// Closes. The file stays where it has a checkpoint in it and the shard is not done. NULL is allowed.
void grus_journal_close(grus_journal *journal, bool done);

// Removes the journals of a shard that is done, but for those of processes that live or may live elsewhere.
void grus_journals_drop(const char *outdir, const char *stem);

// Bytes of memory that writing one and reading one take; saturated.
size_t grus_journal_memory(void);

#endif
