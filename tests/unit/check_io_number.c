// check_io_number.c: numbers as JSON text, against printf and strtod, and in a locale with a decimal comma.
#include "config.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json/number.h"
#include "tests/unit/check_io.h"

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The rule, by the C library.
static void expect_float(float value)
{
    char expected[64];
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(expected, sizeof expected, "%.*g", precision, (double)value);
        float back = strtof(expected, NULL);
        if (memcmp(&back, &value, sizeof value) == 0)
            break;
    }
    grus_buffer text = {0};
    grus_json_float(&text, value);
    expect_text(&text, expected);
    grus_buffer_free(&text);
}

static void expect_double(double value)
{
    char expected[64];
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(expected, sizeof expected, "%.*g", precision, value);
        double back = strtod(expected, NULL);
        if (memcmp(&back, &value, sizeof value) == 0)
            break;
    }
    grus_buffer text = {0};
    grus_json_double(&text, value);
    expect_text(&text, expected);
    grus_buffer_free(&text);
}

START_TEST(written_out)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.5, "0.5"},
        {0.1f, "0.1"},
        {100000, "100000"},
        {1e6, "1e+06"},
        {1e-4f, "0.0001"},
        {1e-5f, "1e-05"},
        {-2.25, "-2.25"},
        {16777216, "16777216"},
        {3.4028234663852886e38f, "3.4028235e+38"},
        {0x1p-149f, "1.4013e-45"},
        {0x1p-126f, "1.1754944e-38"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer text = {0};
        grus_json_float(&text, cases[i].value);
        expect_text(&text, cases[i].text);
        grus_buffer_free(&text);
    }
    grus_buffer text = {0};
    grus_json_double(&text, 0.1);
    grus_buffer_byte(&text, ' ');
    grus_json_double(&text, 1.0 / 3);
    grus_buffer_byte(&text, ' ');
    grus_json_double(&text, DBL_MAX);
    grus_buffer_byte(&text, ' ');
    grus_json_double(&text, -12345678);
    expect_text(&text, "0.1 0.3333333333333333 1.7976931348623157e+308 -12345678");
    grus_buffer_free(&text);
}
END_TEST

START_TEST(not_finite)
{
    grus_buffer text = {0};
    grus_json_float(&text, NAN);
    grus_json_float(&text, -INFINITY);
    grus_json_double(&text, (double)NAN);
    grus_json_double(&text, HUGE_VAL);
    expect_text(&text, "nullnullnullnull");
    grus_buffer_free(&text);
}
END_TEST

START_TEST(floats)
{
    uint32_t state = 1;
    for (int i = 0; i < 100000; i++) {
        state = state * 1664525u + 1013904223u;
        float value = float_of(state ^ state >> 15);
        if (isfinite(value))
            expect_float(value);
        // Where probabilities and weights lie.
        expect_float((float)(state >> 8) * 0x1p-24f);
        expect_float(-(float)(state >> 8) * 0x1p-20f);
        // Few digits, short fractions, and their neighbours.
        float step = (float)(state >> 16) * 0x1p-9f;
        expect_float(step);
        expect_float(nextafterf(step, INFINITY));
    }
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (uint32_t low = 0; low < 64; low++) {
            expect_float(float_of(exponent << 23 | low));
            expect_float(float_of(exponent << 23 | (0x7fffffu - low)));
        }
    for (int power = -45; power <= 38; power++)
        for (int step = -2; step <= 2; step++) {
            float value = strtof("1", NULL) * (float)pow(10, power);
            for (int k = 0; k < abs(step); k++)
                value = nextafterf(value, step < 0 ? 0 : INFINITY);
            expect_float(value);
        }
}
END_TEST

START_TEST(doubles)
{
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value;
        uint64_t bits = state ^ state >> 29;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            expect_double(value);
        expect_double(-(double)(state >> 11) * 0x1p-47);
    }
}
END_TEST

START_TEST(decimal_comma)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!setlocale(LC_NUMERIC, names[i]))
            continue;
        grus_buffer text = {0};
        grus_json_float(&text, 1.5e-20f);
        grus_buffer_byte(&text, ' ');
        grus_json_double(&text, 1234.5625);
        expect_text(&text, "1.5e-20 1234.5625");
        grus_buffer_free(&text);
    }
    setlocale(LC_NUMERIC, "C");
}
END_TEST

Suite *number_suite(void)
{
    Suite *suite = suite_create("io/json_number");
    TCase *tests = tcase_create("numbers");
    tcase_add_test(tests, written_out);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, floats);
    tcase_add_test(tests, doubles);
    tcase_add_test(tests, decimal_comma);
    suite_add_tcase(suite, tests);
    return suite;
}
