// check_base.c: what every layer stands on: exact conversions, checked sizes, the arena, the buffer, error texts.
#include "config.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/tensor.h"
#include "tests/unit/hold.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The value of a binary floating-point number, by its definition.
static float value_of(unsigned bits, int exponent_bits, int fraction_bits)
{
    int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1), bias = (1 << (exponent_bits - 1)) - 1;
    double fraction = (double)(bits & ((1u << fraction_bits) - 1)), one = ldexp(1, fraction_bits), value;
    if (exponent == (1 << exponent_bits) - 1)
        value = fraction > 0 ? (double)NAN : HUGE_VAL;
    else if (exponent == 0)
        value = ldexp(fraction, 1 - bias - fraction_bits);
    else
        value = ldexp(one + fraction, exponent - bias - fraction_bits);
    return (float)(bits >> (exponent_bits + fraction_bits) ? -value : value);
}

static void expect_all(grus_dtype dtype, int exponent_bits, int fraction_bits)
{
    static unsigned char data[2 * 65536 + 1];
    static float values[65536];
    for (unsigned i = 0; i < 65536; i++) {
        data[2 * i + 1] = (unsigned char)(i & 0xff);
        data[2 * i + 2] = (unsigned char)(i >> 8);
    }
    // No alignment is promised.
    grus_tensor tensor = {.dtype = dtype, .rank = 1, .shape = {65536}, .count = 65536, .data = data + 1};
    grus_tensor_floats(&tensor, 0, 65536, values);
    for (unsigned i = 0; i < 65536; i++) {
        float expected = value_of(i, exponent_bits, fraction_bits);
        if (dtype == GRUS_BF16 && fabsf(expected) < 0x1p-126f)
            expected = 0;
        if (isnan(expected))
            hold_msg(isnan(values[i]), "%04x is not NaN", i);
        else
            hold_msg(bits_of(values[i]) == bits_of(expected), "%04x is %a, not %a", i, (double)values[i],
                     (double)expected);
    }
}

START_TEST(half_floats)
{
    expect_all(GRUS_F16, 5, 10);
    expect_all(GRUS_BF16, 8, 7);
}
END_TEST

START_TEST(floats)
{
    // 1, -2.5, a NaN of some payload, -FLT_MIN, and the greatest and least denormal, little-endian.
    static const unsigned char data[] = {0, 0, 128, 63,  0,   0,   32,  192, 5, 0, 192, 127,
                                         0, 0, 128, 128, 255, 255, 127, 0,   1, 0, 0,   128};
    grus_tensor tensor = {.dtype = GRUS_F32, .rank = 1, .shape = {6}, .count = 6, .data = data};
    float values[5];
    grus_tensor_floats(&tensor, 1, 5, values);
    ck_assert_uint_eq(bits_of(values[0]), bits_of(-2.5f));
    ck_assert_uint_eq(bits_of(values[1]), 0x7fc00005);
    ck_assert_uint_eq(bits_of(values[2]), bits_of(-0x1p-126f));
    ck_assert_uint_eq(bits_of(values[3]), 0);
    ck_assert_uint_eq(bits_of(values[4]), 0);
    ck_assert_str_eq(grus_dtype_name(GRUS_BF16), "BF16");
    ck_assert_uint_eq(grus_dtype_size(GRUS_I64), 8);
}
END_TEST

#define ROWS 5
#define COLUMNS 7

// All of -128 to 127 among them; scales beside them: a power of two, one that rounds, a negative one, 0 and a denormal one.
static float scale_of[ROWS] = {0x1p-3f, 0.1f, -0.7f, 0, 0x1p-130f};
static const grus_tensor scale_beside = {
    .dtype = GRUS_F32, .rank = 1, .shape = {ROWS}, .count = ROWS, .data = scale_of};

// Ranges of all lengths and beginnings, which cut rows or span several.
START_TEST(quantised)
{
    signed char q[ROWS * COLUMNS];
    for (int first = -128; first < 128; first++) {
        for (int i = 0; i < ROWS * COLUMNS; i++)
            q[i] = (signed char)(first + i < 128 ? first + i : first + i - 256);
        grus_tensor tensor = {.dtype = GRUS_I8,
                              .rank = 2,
                              .shape = {ROWS, COLUMNS},
                              .count = ROWS * COLUMNS,
                              .data = q,
                              .scale = &scale_beside};
        for (size_t at = 0; at <= ROWS * COLUMNS; at++) {
            size_t n = (at * 5 + (size_t)(first + 128)) % (ROWS * COLUMNS - at + 1);
            float values[ROWS * COLUMNS];
            grus_tensor_floats(&tensor, at, n, values);
            for (size_t i = 0; i < n; i++) {
                // The product of these two is exact in double.
                double scale = (at + i) / COLUMNS == 4 ? 0 : (double)scale_of[(at + i) / COLUMNS];
                hold(values[i] == (float)(q[at + i] * scale));
            }
        }
        ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), ROWS * COLUMNS);
    }
}
END_TEST

START_TEST(quantised_too_large)
{
    static const signed char q[2 * COLUMNS] = {[COLUMNS] = 1, 0, -128};
    static const float scale[] = {1, 0x1p125f};
    static const grus_tensor beside = {.dtype = GRUS_F32, .rank = 1, .shape = {2}, .count = 2, .data = scale};
    grus_tensor tensor = {
        .dtype = GRUS_I8, .rank = 2, .shape = {2, COLUMNS}, .count = 2 * COLUMNS, .data = q, .scale = &beside};
    ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), COLUMNS + 2);
}
END_TEST

// Rows longer than a block; the greatest anywhere in them. In F16 as in F32.
START_TEST(scales)
{
    enum { long_row = 600 };
    static float values[7 * long_row];
    static const float greatest[] = {-3, 0.1f, 0, 0x1p-120f, 0x1.fcp-120f, HUGE_VALF, NAN};
    // 127 · 2⁻¹²⁶ is 0x1.fcp-120: a row whose greatest is less has a scale that would be denormal.
    static const float expected[] = {3.f / 127, 0.1f / 127, 0, 0, 0x1p-126f, HUGE_VALF, NAN};
    for (size_t row = 0; row < 7; row++) {
        for (size_t i = 0; i < long_row; i++)
            values[row * long_row + i] = greatest[row] > 0 && i % 3 ? -greatest[row] / 3 : -0.0f;
        values[row * long_row + row * 90 + 5] = greatest[row];
    }
    values[2 * long_row] = 0x1p-127f;
    grus_tensor tensor = {.dtype = GRUS_F32, .rank = 2, .shape = {7, long_row}, .count = 7 * long_row, .data = values};
    float found[7];
    for (size_t first = 0; first < 7; first++) {
        grus_tensor_scales(&tensor, first, 7 - first, found + first);
        for (size_t row = first; row < 6; row++)
            ck_assert_uint_eq(bits_of(found[row]), bits_of(expected[row]));
        ck_assert(isnan(found[6]));
    }
    static const unsigned char halves[] = {0, 0xc5, 0, 0x3c}; // -5, 1
    grus_tensor half = {.dtype = GRUS_F16, .rank = 2, .shape = {1, 2}, .count = 2, .data = halves};
    grus_tensor_scales(&half, 0, 1, found);
    ck_assert(found[0] == 5.f / 127);
    // Those of the file as they are, but for denormal ones.
    static const signed char q[ROWS * COLUMNS];
    grus_tensor eight = {.dtype = GRUS_I8,
                         .rank = 2,
                         .shape = {ROWS, COLUMNS},
                         .count = ROWS * COLUMNS,
                         .data = q,
                         .scale = &scale_beside};
    grus_tensor_scales(&eight, 1, ROWS - 1, found);
    ck_assert(found[0] == 0.1f && found[1] == -0.7f && found[2] == 0 && found[3] == 0);
}
END_TEST

START_TEST(sizes)
{
    size_t result = 5;
    ck_assert(!grus_mul(SIZE_MAX / 2 + 1, 2, &result));
    ck_assert(!grus_add(SIZE_MAX, 1, &result));
    ck_assert(grus_mul((size_t)1 << 32, ((size_t)1 << 32) - 1, &result));
    ck_assert_uint_eq(result, SIZE_MAX - (((size_t)1 << 32) - 1));
    ck_assert_uint_eq(grus_div_up(0, 3), 0);
    ck_assert_uint_eq(grus_div_up(7, 3), 3);
    ck_assert_uint_eq(grus_div_up(SIZE_MAX, SIZE_MAX), 1);
    ck_assert_uint_eq(grus_min(3, 4) + 10 * grus_max(3, 4), 43);
}
END_TEST

// Every value of the two short types alone, and single bad elements of a long tensor of floats.
START_TEST(nonfinite)
{
    for (unsigned bits = 0; bits < 65536; bits++) {
        unsigned char data[2] = {(unsigned char)bits, (unsigned char)(bits >> 8)};
        grus_tensor half = {.dtype = GRUS_F16, .count = 1, .data = data}, brain = half;
        brain.dtype = GRUS_BF16;
        hold(grus_tensor_find_nonfinite(&half) == (isfinite(value_of(bits, 5, 10)) ? 1 : 0));
        hold(grus_tensor_find_nonfinite(&brain) == (isfinite(value_of(bits, 8, 7)) ? 1 : 0));
    }
    static float values[600];
    static const float bad[] = {NAN, -NAN, HUGE_VALF, -HUGE_VALF};
    grus_tensor tensor = {.dtype = GRUS_F32, .count = 600, .data = values};
    ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), 600);
    for (size_t at = 0; at < 600; at++) {
        values[at] = bad[at % 4];
        ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), at);
        values[at] = at % 2 ? -3.4028235e38f : 1e-45f;
    }
    ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), 600);
    tensor.count = 0;
    ck_assert_uint_eq(grus_tensor_find_nonfinite(&tensor), 0);
}
END_TEST

START_TEST(allocation)
{
    ck_assert_ptr_null(grus_alloc(SIZE_MAX / 2 + 1, 2));
    ck_assert_ptr_null(grus_alloc(SIZE_MAX, 1));
    char *memory = grus_alloc_zero(33, 3);
    ck_assert_uint_eq((uintptr_t)memory % GRUS_ALIGN, 0);
    for (int i = 0; i < 99; i++)
        ck_assert_int_eq(memory[i], 0);
    free(memory);
    memory = grus_alloc(0, 8);
    ck_assert_ptr_nonnull(memory);
    free(memory);
}
END_TEST

START_TEST(growth)
{
    void *array = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        ck_assert(grus_grow(&array, &capacity, i + 1, sizeof(int)));
        ((int *)array)[i] = (int)i;
    }
    for (size_t i = 0; i < 1000; i++)
        ck_assert_int_eq(((int *)array)[i], (int)i);
    // A large array has a quarter to spare at most.
    for (size_t n = 1 << 20; n < 40 << 20; n += n / 7) {
        ck_assert(grus_grow(&array, &capacity, n, sizeof(int)));
        ck_assert_uint_le(capacity, n + n / 4);
    }
    size_t before = capacity;
    void *same = array;
    ck_assert(!grus_grow(&array, &capacity, SIZE_MAX, sizeof(int)));
    ck_assert(array == same && capacity == before);
    free(array);
}
END_TEST

START_TEST(arena)
{
    grus_arena *memory = grus_arena_new(1000);
    char *blocks[100];
    for (int i = 0; i < 100; i++) {
        blocks[i] = grus_arena_alloc(memory, (size_t)i * 7, 1);
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % GRUS_ALIGN, 0);
        memset(blocks[i], i, (size_t)i * 7);
    }
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < i * 7; k++)
            hold(blocks[i][k] == i);
    size_t held = grus_arena_bytes(memory);
    // After a reset the same fits without more from the system.
    grus_arena_reset(memory);
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_nonnull(grus_arena_alloc(memory, (size_t)i * 7, 1));
    ck_assert_uint_le(grus_arena_bytes(memory), held);
    // What is given back is had again, and what lay before it stays.
    grus_arena_reset(memory);
    char *before = grus_arena_alloc(memory, 100, 1);
    memset(before, 1, 100);
    grus_arena_mark mark = grus_arena_here(memory);
    char *given = grus_arena_alloc(memory, 1, 1);
    ck_assert_ptr_nonnull(grus_arena_alloc(memory, 200, 1));
    grus_arena_release(memory, mark);
    char *again = grus_arena_alloc(memory, 300, 1);
    ck_assert_ptr_eq(again, given);
    memset(again, 2, 300);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(before[i], 1);
    // A mark in a block that is no longer the newest gives nothing back.
    mark = grus_arena_here(memory);
    ck_assert_ptr_nonnull(grus_arena_alloc(memory, 1 << 20, 1));
    grus_arena_mark later = grus_arena_here(memory);
    grus_arena_release(memory, mark);
    ck_assert_uint_eq(grus_arena_here(memory).used, later.used);
    ck_assert_ptr_null(grus_arena_alloc(memory, SIZE_MAX / 4, 8));
    ck_assert_ptr_null(grus_arena_alloc(memory, SIZE_MAX / 2 + 1, 1));
    grus_arena_free(memory);
    grus_arena_free(NULL);
}
END_TEST

// An object of three parts, of which the second goes back before the third is taken.
typedef struct listed {
    size_t first, second, third;
    bool counted; // by an arena that only counts
} listed;

static bool list_parts(void *object, grus_arena *memory)
{
    listed *l = object;
    l->counted = grus_arena_counts(memory);
    if (!grus_arena_alloc(memory, l->first, 1))
        return false;
    grus_arena_mark mark = grus_arena_here(memory);
    if (!grus_arena_alloc(memory, l->second, 4))
        return false;
    grus_arena_release(memory, mark);
    return grus_arena_alloc(memory, l->third, 8) != NULL;
}

// A list that is counted comes to what it takes of an arena that is reserved by the count, and the system is not asked
// again.
START_TEST(counting)
{
    listed parts[] = {{100, 1000, 3, false}, {0, 0, 0, false}, {1, 20, 500, false}, {3 << 20, 1 << 20, 64, false}};
    const size_t expected[] = {128 + 4032, 128, 64 + 4032, (3 << 20) + (4 << 20)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t bytes = grus_arena_count(list_parts, &parts[i]);
        ck_assert_uint_eq(bytes, expected[i]);
        ck_assert(parts[i].counted);
        grus_arena *memory = grus_arena_new(0);
        ck_assert(grus_arena_reserve(memory, bytes));
        ck_assert_uint_eq(grus_arena_bytes(memory), grus_arena_reserved(bytes));
        ck_assert(list_parts(&parts[i], memory));
        ck_assert(!parts[i].counted);
        ck_assert_uint_eq(grus_arena_peak(memory), bytes);
        ck_assert_uint_eq(grus_arena_bytes(memory), grus_arena_reserved(bytes));
        // What is large enough is kept, and forgotten.
        ck_assert(grus_arena_reserve(memory, 64));
        ck_assert_uint_eq(grus_arena_peak(memory), 0);
        ck_assert_uint_eq(grus_arena_bytes(memory), grus_arena_reserved(bytes));
        grus_arena_free(memory);
    }
    ck_assert_uint_eq(grus_arena_reserved(3 << 20), 4 << 20);
    ck_assert_uint_eq(grus_arena_reserved(SIZE_MAX), SIZE_MAX);
    // What cannot be allocated cannot be counted, and what is too much together saturates.
    listed wrong = {1, SIZE_MAX / 2, 1, false}, much = {SIZE_MAX / 2 - 64, SIZE_MAX / 8, SIZE_MAX / 16 - 64, false};
    ck_assert_uint_eq(grus_arena_count(list_parts, &wrong), SIZE_MAX);
    ck_assert_uint_gt(grus_arena_count(list_parts, &much), SIZE_MAX / 8 * 7);
}
END_TEST

START_TEST(buffer)
{
    grus_buffer bytes = {0};
    grus_buffer_append(&bytes, "a\0b", 3);
    grus_buffer_byte(&bytes, '-');
    grus_buffer_text(&bytes, "text");
    grus_buffer_append(&bytes, NULL, 0);
    grus_buffer_printf(&bytes, "%d%s", 42, "!");
    ck_assert_uint_eq(bytes.size, 11);
    ck_assert_mem_eq(bytes.data, "a\0b-text42!", 11);
    ck_assert(!bytes.failed);
    // An append that cannot be is remembered, and nothing is added behind the gap.
    grus_buffer_append(&bytes, "x", SIZE_MAX - 5);
    ck_assert(bytes.failed);
    grus_buffer_byte(&bytes, 'y');
    ck_assert_uint_eq(bytes.size, 11);
    grus_buffer_clear(&bytes);
    ck_assert(!bytes.failed && bytes.size == 0);
    grus_buffer_byte(&bytes, 'z');
    ck_assert_uint_eq(bytes.size, 1);
    grus_buffer_free(&bytes);
    ck_assert_ptr_null(bytes.data);
}
END_TEST

// A byte at a time, to the bound and beyond it.
START_TEST(buffer_grows_within_its_bound)
{
    static const size_t bounds[] = {100, 1000, 3 << 20};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        grus_buffer bytes = {.most = bounds[i]};
        while (bytes.size < bounds[i]) {
            grus_buffer_byte(&bytes, 'b');
            hold(bytes.capacity <= bounds[i]);
        }
        grus_buffer_byte(&bytes, 'b');
        ck_assert(!bytes.failed && bytes.size == bounds[i] + 1);
        grus_buffer_free(&bytes);
    }
}
END_TEST

START_TEST(errors)
{
    grus_error error;
    char text[2200], small[12];
    ck_assert_int_eq(grus_fail(&error, GRUS_E_MODEL, "f", "p", "%d wrong", 3), GRUS_E_MODEL);
    ck_assert_int_eq(error.status, GRUS_E_MODEL);
    ck_assert_str_eq(grus_error_text(&error, text, sizeof text), "f:p: 3 wrong");
    ck_assert_str_eq(grus_error_text(&error, small, sizeof small), "f:p: 3 wron");
    grus_fail(&error, GRUS_E_INPUT, "f", NULL, "gone");
    ck_assert_str_eq(grus_error_text(&error, text, sizeof text), "f: gone");
    grus_fail(&error, GRUS_E_USAGE, NULL, NULL, "gone");
    ck_assert_str_eq(grus_error_text(&error, text, sizeof text), "gone");
    ck_assert_int_eq(grus_error_in_file(&error, "g"), GRUS_E_USAGE);
    ck_assert_str_eq(error.file, "g");
    grus_error_in_file(&error, "h");
    ck_assert_str_eq(error.file, "g");
    ck_assert_int_eq(grus_fail_memory(&error, 17), GRUS_E_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.cause, "17 bytes"));
    ck_assert_int_eq(grus_fail(NULL, GRUS_E_OUTPUT, NULL, NULL, "x"), GRUS_E_OUTPUT);
    // Names out of files give no orders to terminals; what is beyond ASCII is left alone.
    grus_fail(&error, GRUS_E_MODEL, "a\x1b]0;x\a", "b\nc\x7f",
              "\xC2\x9B"
              "1m \xC3\xA9\t\xC2\xA0");
    ck_assert_str_eq(grus_error_text(&error, text, sizeof text), "a?]0;x?:b?c?: ??1m \xC3\xA9?\xC2\xA0");
    // A text that is too long is cut and ended.
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    grus_fail(&error, GRUS_E_OUTPUT, text, text, "%s", text);
    ck_assert_uint_eq(strlen(error.file), sizeof error.file - 1);
    ck_assert_uint_eq(strlen(error.place), sizeof error.place - 1);
    ck_assert_uint_eq(strlen(error.cause), sizeof error.cause - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, half_floats);
    tcase_add_test(tests, floats);
    tcase_add_test(tests, quantised);
    tcase_add_test(tests, quantised_too_large);
    tcase_add_test(tests, scales);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, nonfinite);
    tcase_add_test(tests, allocation);
    tcase_add_test(tests, growth);
    tcase_add_test(tests, arena);
    tcase_add_test(tests, counting);
    tcase_add_test(tests, buffer);
    tcase_add_test(tests, buffer_grows_within_its_bound);
    tcase_add_test(tests, errors);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
