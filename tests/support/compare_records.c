// compare_records.c: compare_records EXPECTED FOUND: two files of JSON lines, equal but for numbers, which may differ by
// 1e-5 + 1e-5 |expected|. Prints the first difference of each line; exit 1 when there is any, 2 when a file is no good.
#include "config.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-5

// Writes where the two differ into place (PATH_SIZE), and returns whether they do.
#define PATH_SIZE 256

static bool differ(json_t *expected, json_t *found, char *place, size_t used);

static bool differ_in(char *place, size_t used, const char *what)
{
    snprintf(place + used, PATH_SIZE - used, " %s", what);
    return true;
}

static bool objects_differ(json_t *expected, json_t *found, char *place, size_t used)
{
    const char *key;
    json_t *value;
    if (json_object_size(expected) != json_object_size(found))
        return differ_in(place, used, "(number of members)");
    json_object_foreach(expected, key, value)
    {
        size_t more = used + (size_t)snprintf(place + used, PATH_SIZE - used, ".%.40s", key);
        json_t *other = json_object_get(found, key);
        if (!other)
            return differ_in(place, more, "(missing)");
        if (more >= PATH_SIZE - 64 || differ(value, other, place, more))
            return true;
        place[used] = '\0';
    }
    return false;
}

static bool arrays_differ(json_t *expected, json_t *found, char *place, size_t used)
{
    if (json_array_size(expected) != json_array_size(found))
        return differ_in(place, used, "(length)");
    for (size_t i = 0; i < json_array_size(expected); i++) {
        size_t more = used + (size_t)snprintf(place + used, PATH_SIZE - used, "[%zu]", i);
        if (more >= PATH_SIZE - 64 || differ(json_array_get(expected, i), json_array_get(found, i), place, more))
            return true;
        place[used] = '\0';
    }
    return false;
}

static bool differ(json_t *expected, json_t *found, char *place, size_t used)
{
    if (json_is_number(expected) && json_is_number(found)) {
        double x = json_number_value(expected), y = json_number_value(found);
        if (fabs(x - y) <= TOLERANCE + TOLERANCE * fabs(x))
            return false;
        snprintf(place + used, PATH_SIZE - used, " is %.9g, expected %.9g", y, x);
        return true;
    }
    if (json_typeof(expected) != json_typeof(found))
        return differ_in(place, used, "(type)");
    if (json_is_object(expected))
        return objects_differ(expected, found, place, used);
    if (json_is_array(expected))
        return arrays_differ(expected, found, place, used);
    return json_equal(expected, found) ? false : differ_in(place, used, "(value)");
}

static json_t *parse(const char *name, size_t number, const char *line, size_t length)
{
    json_error_t error;
    json_t *value = json_loadb(line, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!value)
        fprintf(stderr, "%s:%zu: %s\n", name, number, error.text);
    return value;
}

// One pair of lines: 0 equal, 1 different, 2 not JSON.
static int compare_lines(char **argv, size_t number, const char *expected, size_t n_expected, const char *found,
                         size_t n_found)
{
    json_t *left = parse(argv[1], number, expected, n_expected), *right = parse(argv[2], number, found, n_found);
    char place[PATH_SIZE] = "";
    int result = !left || !right ? 2 : differ(left, right, place, 0) ? 1 : 0;
    if (result == 1)
        printf("%s:%zu: %s\n", argv[2], number, place);
    json_decref(left);
    json_decref(right);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: compare_records EXPECTED FOUND\n"), 2;
    FILE *files[2] = {fopen(argv[1], "r"), fopen(argv[2], "r")};
    if (!files[0] || !files[1])
        return perror("compare_records"), 2;
    char *lines[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0}, number = 0;
    int worst = 0;
    for (;;) {
        ssize_t expected = getline(&lines[0], &sizes[0], files[0]), found = getline(&lines[1], &sizes[1], files[1]);
        if (expected < 0 && found < 0)
            break;
        number++;
        int result = 1;
        if (expected < 0 || found < 0)
            printf("%s: %s line %zu\n", argv[2], found < 0 ? "ends before" : "goes on at", number);
        else
            result = compare_lines(argv, number, lines[0], (size_t)expected, lines[1], (size_t)found);
        worst = result > worst ? result : worst;
        if (expected < 0 || found < 0)
            break;
    }
    free(lines[0]);
    free(lines[1]);
    fclose(files[0]);
    fclose(files[1]);
    return number == 0 ? 2 : worst;
}
