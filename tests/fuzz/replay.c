// replay.c: runs every file of corpora through their targets, without a fuzzer. Arguments are directories, each of the
// name of its target.
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)

static const char *current = "";
static char *input;

static void replay_file(fuzz_target_fn *target, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        exit(1);
    }
    size_t size = fread(input, 1, INPUT_MAX, file);
    fclose(file);
    // In memory of exactly this size, so that a byte too many is seen by whoever watches.
    uint8_t *data = malloc(size ? size : 1);
    FUZZ_CHECK(data);
    memcpy(data, input, size);
    current = path;
    target(data, size);
    free(data);
}

static size_t replay_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    fuzz_target_fn *target = fuzz_find(slash ? slash + 1 : path);
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (!target || n < 0) {
        fprintf(stderr, "%s: no directory of a target\n", path);
        exit(1);
    }
    size_t files = 0;
    for (int i = 0; i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            replay_file(target, name);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    return files;
}

static void say_where(void)
{
    if (*current)
        fprintf(stderr, "while replaying %s\n", current);
}

int main(int argc, char **argv)
{
    size_t files = 0;
    input = malloc(INPUT_MAX);
    FUZZ_CHECK(input);
    atexit(say_where);
    for (int i = 1; i < argc; i++)
        files += replay_directory(argv[i]);
    current = "";
    free(input);
    printf("%zu files of %d targets replayed\n", files, argc - 1);
    return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
