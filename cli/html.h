// html.h: texts, numbers and times into a page of HTML. What a text holds is not trusted: whatever its bytes, it stays a text.
#ifndef GRUS_CLI_HTML_H
#define GRUS_CLI_HTML_H

#include <stdint.h>
#include <stdio.h>

// Writes the text so that it can stand between tags and between quotes: markup escaped; bytes that are not UTF-8 as U+FFFD;
// control characters as their pictures, what turns the direction of writing, ends lines, cannot be seen or is no character as
// its number. A newline stays. most: characters, behind which "…" stands for the rest; 0: all.
void grus_html_text(FILE *to, const char *text, size_t most);

// A number for reading, with its exact value for programs: 12,345. id may be NULL.
void grus_html_count(FILE *to, const char *id, uint64_t n);

// Texts of numbers; each returns `text`.
#define GRUS_HTML_NUMBER 48
const char *grus_html_digits(uint64_t n, char *text);                    // 12,345; 27 bytes at most
const char *grus_html_number(double x, char text[GRUS_HTML_NUMBER]);     // three digits or so: 12,300, 1.23, 4.5e-07
const char *grus_html_bytes(uint64_t n, char text[GRUS_HTML_NUMBER]);    // 1.2 MiB
const char *grus_html_percent(double part, char text[GRUS_HTML_NUMBER]); // of 1: 12.3 %
const char *grus_html_duration(double seconds, char text[GRUS_HTML_NUMBER]); // 1.2 s, 3 min 20 s, 2 h 5 min

// A moment of UTC, nanoseconds since 1970.
void grus_html_time(FILE *to, int64_t time);

#endif
