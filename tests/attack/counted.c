// counted.c: a run, by the library, that counts the sequences whose computing was begun, in a file that outlives it, and
// that can hold itself up where most is done that is in no checkpoint, and die there. What follows is redone.py's business.
//
//     counted COUNTS PLACE N MILLISECONDS MODEL OUTDIR THREADS RECORDS INPUT…
//
// COUNTS gets 8 bytes, the number. RECORDS is --checkpoint-records. At the N-th sequence (PLACE 0), checkpoint (1) or
// commit of a shard (2) its thread waits so long, and the process dies by SIGKILL before it goes on. N = 0: never.
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "grus.h"
#include "io/outdir/journal.h"
#include "io/outdir/output.h"

enum place { SEQUENCE, CHECKPOINT, COMMIT, N_PLACES };

static _Atomic uint64_t *counted; // sequences; in the file
static _Atomic uint64_t reached[N_PLACES];
static enum place place;
static uint64_t fatal; // of what is reached there
static long milliseconds;

// n more of a place are reached.
static void reach(enum place at, uint64_t n)
{
    uint64_t before = atomic_fetch_add(&reached[at], n);
    if (at != place || before >= fatal || before + n < fatal)
        return;
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000}, NULL);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

// The linker sends the calls of other files here (--wrap).
grus_status __real_grus_infer(const grus_engine *engine, const grus_batch *batch, const grus_infer_options *options,
                              const grus_work *work, grus_result *results);
grus_status __wrap_grus_infer(const grus_engine *engine, const grus_batch *batch, const grus_infer_options *options,
                              const grus_work *work, grus_result *results);
grus_status __real_grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error);
grus_status __wrap_grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error);
grus_status __real_grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error);
grus_status __wrap_grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error);

grus_status __wrap_grus_infer(const grus_engine *engine, const grus_batch *batch, const grus_infer_options *options,
                              const grus_work *work, grus_result *results)
{
    atomic_fetch_add(counted, batch->n);
    reach(SEQUENCE, batch->n);
    return __real_grus_infer(engine, batch, options, work, results);
}

grus_status __wrap_grus_journal_checkpoint(grus_journal *journal, const grus_checkpoint *checkpoint, grus_error *error)
{
    reach(CHECKPOINT, 1);
    return __real_grus_journal_checkpoint(journal, checkpoint, error);
}

grus_status __wrap_grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error)
{
    reach(COMMIT, 1);
    return __real_grus_output_commit(output, manifest, error);
}

static bool open_counts(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, sizeof *counted) != 0)
        return false;
    void *mapped = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    counted = mapped;
    return mapped != MAP_FAILED;
}

int main(int n_words, char *words[])
{
    grus_error error = {0};
    grus_model *model = NULL;
    grus_run_options options;
    if (n_words < 10 || !open_counts(words[1])) {
        fputs("counted COUNTS PLACE N MILLISECONDS MODEL OUTDIR THREADS RECORDS INPUT...\n", stderr);
        return 2;
    }
    place = (enum place)atoi(words[2]);
    fatal = strtoull(words[3], NULL, 10);
    milliseconds = atol(words[4]);
    grus_status status = grus_model_load(words[5], NULL, &model, &error);
    if (status == GRUS_OK) {
        grus_run_options_init(&options, sizeof options);
        options.threads = strtoull(words[7], NULL, 10);
        options.checkpoint_records = strtoull(words[8], NULL, 10);
        options.outdir = words[6];
        options.inputs = (const char *const *)words + 9;
        options.n_inputs = (size_t)n_words - 9;
        status = grus_run(model, &options, NULL, NULL, &error);
    }
    grus_model_free(model);
    if (status != GRUS_OK)
        fprintf(stderr, "counted: %s: %s\n", error.file, error.cause);
    return status == GRUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
