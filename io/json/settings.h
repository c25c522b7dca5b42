// settings.h: reads a JSON object of settings key by key, every value checked. The first mistake is kept, with the path of
// its key as place; after it every call returns at once, so that a reader is written straight down and looks at
// reader->status once, at its end.
#ifndef GRUS_IO_JSON_SETTINGS_H
#define GRUS_IO_JSON_SETTINGS_H

#include <jansson.h>

#include "grus.h"

typedef struct grus_json_reader {
    const char *file;
    grus_error *error;
    grus_status status;
} grus_json_reader;

// An object in the file, and where it stands. json is NULL when it is absent or after a mistake.
typedef struct grus_json_object {
    grus_json_reader *reader;
    const struct grus_json_object *above; // NULL: the file's own object
    const char *name;
    json_t *json;
} grus_json_object;

#define GRUS_REQUIRED true
#define GRUS_OPTIONAL false
#define GRUS_JSON_INDEX 24 // bytes of an index in words

// Parses text; duplicate keys are a mistake. Free root->json with json_decref.
void grus_json_open(grus_json_reader *reader, const char *text, size_t size, grus_json_object *root);

// Records a mistake at this key (NULL: the object itself): what was expected; what was found is added.
void grus_json_wrong(const grus_json_object *object, const char *key, const char *expected);
// Records a mistake at this key in the caller's own words.
void grus_json_refuse(const grus_json_object *object, const char *key, const char *format, ...) GRUS_PRINTF(3, 4);

// Every key of the object must be one of these (NULL-terminated).
void grus_json_allow(const grus_json_object *object, const char *const keys[]);
// This key has no meaning here; the words say why, what was found is added.
void grus_json_forbid(const grus_json_object *object, const char *key, const char *format, ...) GRUS_PRINTF(3, 4);
bool grus_json_has(const grus_json_object *object, const char *key);
bool grus_json_is_list(const grus_json_object *object, const char *key);

// Values. One that is absent gives otherwise; a required key must be there; null is a wrong type where nothing else is
// said.
grus_json_object grus_json_child(const grus_json_object *object, const char *key, bool required);
// A list at this key, of at most so many items; as an object, whose json_array_size says how many there are.
grus_json_object grus_json_list(const grus_json_object *object, const char *key, size_t most);
// Item i of such a list, which must be an object. name gets its number and lives as long as the item.
grus_json_object grus_json_item(const grus_json_object *list, size_t i, char name[GRUS_JSON_INDEX]);
size_t grus_json_size(const grus_json_object *object, const char *key, bool required, size_t otherwise, size_t least,
                      size_t most);
double grus_json_number(const grus_json_object *object, const char *key, double otherwise);
bool grus_json_bool(const grus_json_object *object, const char *key, bool otherwise);
// A fresh string, NULL when absent; null is the same as absent.
char *grus_json_text(const grus_json_object *object, const char *key, bool required);
// A list of strings, each fresh, *n of them, in a fresh array; NULL and 0 when absent or empty. What there is after a mistake is
// the caller's to free all the same.
char **grus_json_texts(const grus_json_object *object, const char *key, size_t *n);
// The index of the value among these names (NULL-terminated).
size_t grus_json_choice(const grus_json_object *object, const char *key, bool required, size_t otherwise,
                        const char *const names[]);
// A list of such values, not empty, none twice; returns how many were put into indices, which has room for all names.
size_t grus_json_choices(const grus_json_object *object, const char *key, bool required, const char *const names[],
                         size_t *indices);
// A list of n such values, any of them any number of times; false after a mistake.
bool grus_json_choice_list(const grus_json_object *object, const char *key, const char *const names[], size_t *indices,
                           size_t n);

#endif
