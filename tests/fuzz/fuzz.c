// fuzz.c: what the targets share. Files lie in memory where the system has a place for that, so that no run waits for a
// disk.
#include "config.h"

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 32
#define NAME_BYTES 64
#define PATH_BYTES 256

static char directory[PATH_BYTES - NAME_BYTES];

static struct memory_file {
    char name[NAME_BYTES];
    char path[PATH_BYTES];
    int fd;
} files[FILES];

void fuzz_abort(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

#define FUZZ_ENTRY(name) {#name, fuzz_##name},

fuzz_target_fn *fuzz_find(const char *name)
{
    static const struct {
        const char *name;
        fuzz_target_fn *run;
    } targets[] = {FUZZ_TARGETS(FUZZ_ENTRY)};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(name, targets[i].name) == 0)
            return targets[i].run;
    return NULL;
}

// ---- files ----

static void remove_directory(void)
{
    for (size_t i = 0; i < FILES && files[i].name[0]; i++) {
        unlink(files[i].path);
        for (char *slash; (slash = strrchr(files[i].path, '/')) > files[i].path + strlen(directory);) {
            *slash = '\0';
            rmdir(files[i].path);
        }
    }
    rmdir(directory);
}

const char *fuzz_dir(void)
{
    if (directory[0] == '\0') {
        const char *tmp = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(directory, sizeof directory, "%s/grus-fuzz-XXXXXX", tmp);
        FUZZ_CHECK(mkdtemp(directory));
        atexit(remove_directory);
    }
    return directory;
}

static void make_file(struct memory_file *file, const char *name)
{
    snprintf(file->path, sizeof file->path, "%s/%s", fuzz_dir(), name);
    for (char *slash = file->path + strlen(directory) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(file->path, 0700);
        *slash = '/';
    }
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_CHECK(file->fd >= 0);
    snprintf(file->name, sizeof file->name, "%s", name);
}

const char *fuzz_put(const char *name, const void *data, size_t size)
{
    size_t i = 0;
    while (i < FILES && files[i].name[0] && strcmp(files[i].name, name) != 0)
        i++;
    FUZZ_CHECK(i < FILES);
    if (!files[i].name[0])
        make_file(&files[i], name);
    FUZZ_CHECK(ftruncate(files[i].fd, 0) == 0);
    FUZZ_CHECK(size == 0 || pwrite(files[i].fd, data, size, 0) == (ssize_t)size);
    return files[i].path;
}

// ---- input ----

uint8_t fuzz_byte(fuzz_bytes *bytes)
{
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

uint32_t fuzz_word(fuzz_bytes *bytes)
{
    uint32_t word = 0;
    for (int i = 0; i < 4; i++)
        word = word << 8 | fuzz_byte(bytes);
    return word;
}

void fuzz_check_error(grus_status status, const grus_error *error)
{
    if (status == GRUS_OK)
        return;
    FUZZ_CHECK(error->status == status);
    FUZZ_CHECK(memchr(error->file, '\0', sizeof error->file));
    FUZZ_CHECK(memchr(error->place, '\0', sizeof error->place));
    FUZZ_CHECK(memchr(error->cause, '\0', sizeof error->cause));
    FUZZ_CHECK(error->cause[0] != '\0');
}
