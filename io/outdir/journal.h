// journal.h: the checkpoints of a shard that is being written. Beside the output a journal holds the results once more,
// in pieces that are compressed each by itself, and behind them what was done when a checkpoint was taken. A killed
// shard is gone on with from the last whole checkpoint: its results are written to a fresh output, which so becomes the
// same bytes as if nothing had happened. What lies behind that checkpoint is not looked at; a journal that is damaged,
// of another run, or of another input is none.
//
// A journal belongs to the process that writes it, and only that one writes it; anybody may read it. It is a help and
// no proof: what is done is told by manifests alone.
#ifndef GRUS_IO_OUTDIR_JOURNAL_H
#define GRUS_IO_OUTDIR_JOURNAL_H

#include "io/outdir/output.h"

#define GRUS_CHECKPOINT_COUNTERS 32

typedef struct grus_checkpoint {
    uint64_t records;                            // done, from the first on; their results are in the journal
    uint64_t input_bytes, input_xxh64;           // of the input's file, as far as it was read for them
    uint64_t result_bytes;                       // filled in by the journal
    uint64_t counters[GRUS_CHECKPOINT_COUNTERS]; // the caller's
} grus_checkpoint;

// Whose journal: a shard of a run. All of it must be the same for a journal to be of use.
typedef struct grus_journal_key {
    const char *outdir, *stem;
    const char *run;   // what identifies the run, and the program that makes it
    const char *input; // the file's name
    uint64_t input_bytes;
} grus_journal_key;

// ---- writing ----

typedef struct grus_journal grus_journal;
typedef struct grus_resume grus_resume;

// Begins a journal, with all that resume holds (may be NULL) already in it; that is then on the disk, and the journals
// of dead processes for this shard are gone. GRUS_E_OUTPUT.
grus_status grus_journal_open(const grus_journal_key *key, grus_resume *resume, grus_journal **journal,
                              grus_error *error);
grus_status grus_journal_write(grus_journal *journal, const char *data, size_t size, grus_error *error);
// All that was written so far is the results of checkpoint->records records; brought to the disk (fsync, once).
grus_status grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error);
// Closes. The file stays where it has a checkpoint in it and the shard is not done. NULL is allowed.
void grus_journal_close(grus_journal *journal, bool done);

// Removes the journals of a shard that is done, but for those of other living processes on this host.
void grus_journals_drop(const char *outdir, const char *stem);

// Bytes of memory that writing one and reading one take; saturated.
size_t grus_journal_memory(void);

// ---- going on ----

// Looks for the journal of this shard that has the most records. *resume is NULL when there is none. The only failure
// is GRUS_E_MEMORY.
grus_status grus_resume_find(const grus_journal_key *key, grus_resume **resume, grus_error *error);
// The same of one file, which need not be one.
grus_status grus_resume_open(const char *path, const grus_journal_key *key, grus_resume **resume, grus_error *error);
const grus_checkpoint *grus_resume_checkpoint(const grus_resume *resume);
// Writes the results of its records to output.
grus_status grus_resume_replay(grus_resume *resume, grus_output *output, grus_error *error);
void grus_resume_close(grus_resume *resume);

#endif
