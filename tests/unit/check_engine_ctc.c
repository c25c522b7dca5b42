// check_engine_ctc.c: greedy decoding and prefix beams against all paths tried one by one, and against a search written
// plainly from the contract, over lists of sequences and in logarithms.
#include "config.h"

#include "engine/kernel/choose.h"
#include "engine/nn/ctc.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define MOST_LABELS 70
#define LONGEST 9
#define MOST_PREFIXES 4096

typedef struct record {
    size_t labels, blank, n;
    float probs[LONGEST][MOST_LABELS];
} record;

typedef struct labelling {
    size_t n;
    uint32_t label[LONGEST];
    double blank, last; // logarithms of the mass that ends in a blank, in the last label
} labelling;

static double log_add(double a, double b)
{
    double high = fmax(a, b), low = fmin(a, b);
    return isinf(high) ? high : high + log1p(exp(low - high));
}

static double mass_of(const labelling *l)
{
    return log_add(l->blank, l->last);
}

// Powers of two, so that sums are exact and many are equal; else any that add up to 1.
static void draw_record(record *r, size_t labels, size_t n, bool powers, uint64_t *seed)
{
    *r = (record){.labels = labels, .blank = random_below(seed, labels), .n = n};
    for (size_t t = 0; t < n; t++) {
        float sum = 0;
        for (size_t i = 0; i < labels; i++) {
            r->probs[t][i] = powers ? (float)(1 << random_below(seed, 4)) / 16 : expf(4 * random_float(seed));
            sum += r->probs[t][i];
        }
        for (size_t i = 0; i < labels && !powers; i++)
            r->probs[t][i] /= sum;
    }
}

static const grus_vector *vector_in_use(void)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    return kernel->vector;
}

// What grus makes of it, twice over in the same memory.
static bool decode(const record *r, size_t beam_size, labelling *found, double *score)
{
    grus_arena *arena = grus_arena_new(0);
    grus_ctc ctc = {vector_in_use(), r->labels, r->blank, beam_size};
    grus_ctc_path path;
    bool finite = false;
    ck_assert(grus_ctc_list(&ctc, r->n, arena, &path));
    for (int again = 0; again < 2; again++) {
        found->n = 0;
        grus_ctc_begin(&ctc, &path);
        for (size_t t = 0; t < r->n; t++)
            grus_ctc_step(&ctc, &path, r->probs[t], found->label);
        finite = grus_ctc_end(&ctc, &path, found->label, &found->n, score);
    }
    grus_arena_free(arena);
    return finite;
}

// Whether a comes before b: the lower sequence, a prefix before its extensions.
static int compare(const labelling *a, const labelling *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (a->label[i] != b->label[i])
            return a->label[i] < b->label[i] ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

static labelling *find(labelling *list, size_t *n, const labelling *wanted)
{
    for (size_t i = 0; i < *n; i++)
        if (compare(list + i, wanted) == 0)
            return list + i;
    ck_assert_uint_lt(*n, MOST_PREFIXES);
    list[*n] = *wanted;
    list[*n].blank = list[*n].last = -INFINITY;
    return list + (*n)++;
}

static labelling extended(labelling l, uint32_t label)
{
    ck_assert_uint_lt(l.n, LONGEST);
    l.label[l.n++] = label;
    return l;
}

static int best_first(const void *a, const void *b)
{
    double x = mass_of(a), y = mass_of(b);
    // Masses that are equal as numbers are so as logarithms but for rounding.
    if (fabs(x - y) > 1e-10)
        return x > y ? -1 : 1;
    return compare(a, b);
}

// Every label extends every prefix; the beam_size best stay.
static labelling search(const record *r, size_t beam_size)
{
    static labelling live[MOST_PREFIXES], next[MOST_PREFIXES];
    size_t n_live = 1;
    live[0] = (labelling){.blank = 0, .last = -INFINITY};
    for (size_t t = 0; t < r->n; t++) {
        size_t n_next = 0;
        for (size_t i = 0; i < n_live; i++)
            for (uint32_t label = 0; label < r->labels; label++) {
                const labelling *l = live + i;
                double prob = log((double)r->probs[t][label]);
                bool repeats = l->n > 0 && label == l->label[l->n - 1];
                if (label == r->blank) {
                    labelling *same = find(next, &n_next, l);
                    same->blank = log_add(same->blank, prob + mass_of(l));
                    continue;
                }
                labelling longer = extended(*l, label), *more = find(next, &n_next, &longer);
                more->last = log_add(more->last, prob + (repeats ? l->blank : mass_of(l)));
                if (repeats) {
                    labelling *same = find(next, &n_next, l);
                    same->last = log_add(same->last, prob + l->last);
                }
            }
        qsort(next, n_next, sizeof *next, best_first);
        n_live = n_next < beam_size ? n_next : beam_size;
        memcpy(live, next, n_live * sizeof *live);
    }
    return live[0];
}

// All paths: the labelling of greatest mass.
static labelling try_all(const record *r)
{
    static labelling all[MOST_PREFIXES];
    size_t n_all = 0, count = 1, best = 0;
    for (size_t t = 0; t < r->n; t++)
        count *= r->labels;
    for (size_t i = 0; i < count; i++) {
        labelling l = {.n = 0};
        double prob = 0;
        size_t rest = i, before = r->blank;
        for (size_t t = 0; t < r->n; t++, rest /= r->labels) {
            size_t label = rest % r->labels;
            prob += log((double)r->probs[t][label]);
            if (label != before && label != r->blank)
                l = extended(l, (uint32_t)label);
            before = label;
        }
        labelling *of = find(all, &n_all, &l);
        of->last = log_add(of->last, prob);
    }
    for (size_t i = 1; i < n_all; i++)
        if (best_first(all + i, all + best) < 0)
            best = i;
    return all[best];
}

static void check_equal(const record *r, size_t beam_size, const labelling *expected)
{
    labelling found = {0};
    double score;
    ck_assert(decode(r, beam_size, &found, &score));
    ck_assert_msg(compare(&found, expected) == 0, "%zu labels, blank %zu, %zu positions, beam %zu: other labels",
                  r->labels, r->blank, r->n, beam_size);
    ASSERT_NEAR(score, mass_of(expected), 1e-9 * (1 + fabs(score)));
}

START_TEST(wide_beams_find_the_best_labelling)
{
    static record r;
    uint64_t seed = 3;
    for (int trial = 0; trial < 400; trial++) {
        draw_record(&r, 1 + random_below(&seed, 4), random_below(&seed, 6), trial % 2, &seed);
        labelling best = try_all(&r);
        check_equal(&r, MOST_PREFIXES, &best);
    }
}
END_TEST

START_TEST(narrow_beams_lose_what_the_contract_says)
{
    static record r;
    uint64_t seed = 5;
    for (int trial = 0; trial < 15000; trial++) {
        draw_record(&r, 1 + random_below(&seed, 5), random_below(&seed, LONGEST), trial % 2, &seed);
        size_t beam_size = 2 + random_below(&seed, 9);
        labelling best = search(&r, beam_size);
        check_equal(&r, beam_size, &best);
    }
    for (size_t labels = 6; labels <= MOST_LABELS; labels++) { // more labels than a beam takes
        draw_record(&r, labels, 6, labels % 2, &seed);
        labelling best = search(&r, 2 + labels % 7);
        check_equal(&r, 2 + labels % 7, &best);
    }
}
END_TEST

START_TEST(greedy_takes_the_best_of_each_position)
{
    static record r;
    uint64_t seed = 7;
    for (int trial = 0; trial < 3000; trial++) {
        draw_record(&r, 1 + random_below(&seed, 69), random_below(&seed, LONGEST), trial % 2, &seed);
        labelling expected = {.n = 0, .blank = 0, .last = -INFINITY};
        size_t before = r.blank;
        for (size_t t = 0; t < r.n; t++) {
            size_t best = 0;
            for (size_t i = 1; i < r.labels; i++)
                best = r.probs[t][i] > r.probs[t][best] ? i : best;
            expected.blank += log((double)r.probs[t][best]);
            if (best != before && best != r.blank)
                expected = extended(expected, (uint32_t)best);
            before = best;
        }
        check_equal(&r, 1, &expected);
    }
}
END_TEST

// Two labels in turn, with and without a blank between equal ones, over positions enough for masses far below a double's.
START_TEST(long_records_keep_their_scores)
{
    const size_t n = 20000;
    grus_arena *arena = grus_arena_new(0);
    uint32_t *labels = calloc(n, sizeof *labels);
    for (size_t beam_size = 1; beam_size <= 4; beam_size++) {
        grus_ctc ctc = {vector_in_use(), 4, 3, beam_size};
        grus_ctc_path path;
        size_t found;
        double score;
        ck_assert(grus_ctc_list(&ctc, n, arena, &path));
        grus_ctc_begin(&ctc, &path);
        for (size_t t = 0; t < n; t++) {
            float probs[4] = {1e-30f, 1e-30f, 1e-30f, 1e-30f};
            probs[t % 4 == 1 ? 3 : t % 4 == 3 ? 1 : 0] = 0.25f; // 0 - 0 1
            grus_ctc_step(&ctc, &path, probs, labels);
        }
        ck_assert(grus_ctc_end(&ctc, &path, labels, &found, &score));
        ck_assert_uint_eq(found, 3 * n / 4);
        for (size_t i = 0; i < found; i++)
            ck_assert_uint_eq(labels[i], i % 3 == 2);
        ASSERT_NEAR(score, (double)n * log(0.25), 1e-8);
        grus_arena_reset(arena);
    }
    free(labels);
    grus_arena_free(arena);
}
END_TEST

START_TEST(what_is_not_finite_has_no_labels)
{
    static record r;
    uint64_t seed = 9;
    for (size_t beam_size = 1; beam_size <= 3; beam_size++) {
        draw_record(&r, 4, 5, false, &seed);
        for (size_t i = 0; i < 4; i++)
            r.probs[2][i] = NAN;
        labelling found = {0};
        double score;
        ck_assert(!decode(&r, beam_size, &found, &score));
    }
}
END_TEST

TCase *ctc_case(void)
{
    TCase *tcase = tcase_create("ctc");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, wide_beams_find_the_best_labelling);
    tcase_add_test(tcase, narrow_beams_lose_what_the_contract_says);
    tcase_add_test(tcase, greedy_takes_the_best_of_each_position);
    tcase_add_test(tcase, long_records_keep_their_scores);
    tcase_add_test(tcase, what_is_not_finite_has_no_labels);
    return tcase;
}
