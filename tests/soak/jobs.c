// jobs.c: runs the jobs it is told, one after the other, in one process, through the public library. Each line of standard
// input is a job, its words between tabs: MODEL TASK BEAM THREADS BATCH OUTDIR INPUT… (TASK a number of grus_task, 0s are
// the defaults). For each it prints one line: the status, then what the process holds once the job is over: resident kB,
// open descriptors, threads, bytes that malloc has given out, bytes that it keeps (both 0: not known); then the kB that
// the job was to take at most, and what failed.
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grus.h"

#define WORDS 32

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static long resident_kb(void)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &value) == 1)
            break;
    if (file)
        fclose(file);
    return value;
}

static void heap_bytes(size_t *given, size_t *kept)
{
    *given = *kept = 0;
#if defined __GLIBC__ && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();
    *given = info.uordblks + info.hblkhd;
    *kept = info.fordblks;
#endif
}

// The first input through grus_annotate as well, where it is plain JSONL.
static grus_status annotate(const grus_model *model, const grus_run_options *options, const char *path,
                            grus_error *error)
{
    static char lines[1 << 16];
    size_t length = strlen(path);
    if (length < 6 || strcmp(path + length - 6, ".jsonl") != 0)
        return GRUS_OK;
    FILE *file = fopen(path, "rb");
    if (!file)
        return GRUS_E_INPUT;
    size_t size = fread(lines, 1, sizeof lines, file);
    fclose(file);
    while (size > 0 && lines[size - 1] != '\n')
        size--;
    grus_text output;
    grus_status status = grus_annotate(model, options, lines, size, &output, error);
    grus_text_free(&output);
    return status;
}

static grus_status run(char *words[], size_t n, grus_progress *last, grus_error *error)
{
    grus_model *model = NULL;
    grus_status status = grus_model_load(words[0], NULL, &model, error);
    if (status)
        return status;
    grus_run_options options;
    grus_search search;
    grus_run_options_init(&options, sizeof options);
    grus_search_init(&search, sizeof search, model);
    options.task = (grus_task)atoi(words[1]);
    if (atoi(words[2]) > 0)
        search.beam_size = (size_t)atoi(words[2]);
    if (search.n_best > search.beam_size)
        search.n_best = search.beam_size;
    options.search = &search;
    options.threads = (size_t)atoi(words[3]);
    options.batch_tokens = (size_t)atoi(words[4]);
    options.outdir = words[5];
    options.inputs = (const char *const *)words + 6;
    options.n_inputs = n - 6;
    status = grus_run(model, &options, NULL, last, error);
    if (!status)
        status = annotate(model, &options, words[6], error);
    grus_model_free(model);
    return status;
}

static void report(grus_status status, const grus_progress *last, const grus_error *error)
{
    size_t given, kept;
    heap_bytes(&given, &kept);
    printf("%d %ld %zu %zu %zu %zu %zu %s\n", (int)status, resident_kb(), count_entries("/proc/self/fd"),
           count_entries("/proc/self/task"), given, kept, (size_t)(last->memory / 1024), status ? error->cause : "");
    fflush(stdout);
}

int main(void)
{
    static char line[8192];
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS + 1];
        size_t n = 0;
        for (char *word = strtok(line, "\t\n"); word && n < WORDS; word = strtok(NULL, "\t\n"))
            words[n++] = word;
        words[n] = NULL;
        grus_error error = {0};
        grus_progress last;
        grus_progress_init(&last, sizeof last);
        grus_status status = n >= 7 ? run(words, n, &last, &error) : GRUS_E_USAGE;
        report(status, &last, &error);
    }
    return EXIT_SUCCESS;
}
