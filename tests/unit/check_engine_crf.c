// check_engine_crf.c: best paths against all paths tried one by one, and against Viterbi with back pointers on long records.
#include "config.h"

#include "engine/kernel/choose.h"
#include "engine/nn/crf.h"
#include "grus.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

// The plain vector functions, and those of the kernel in use.
static const grus_vector *vectors[2];

static void find_vectors(void)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    vectors[0] = &grus_vector_generic;
    vectors[1] = kernel->vector;
}

#define MOST_LABELS 70
#define LONGEST 700

typedef struct chain {
    size_t labels, n;
    float transitions[MOST_LABELS][MOST_LABELS], start[MOST_LABELS], end[MOST_LABELS];
    float logits[LONGEST][MOST_LABELS];
} chain;

// Numbers in [-range, range): whole quarters, so that sums are exact and many are equal, or any.
static float draw(uint64_t *seed, float range, bool quarters)
{
    float x = range * random_float(seed);
    return quarters ? floorf(4 * x) / 4 : x;
}

static void draw_chain(chain *c, size_t labels, size_t n, bool quarters, uint64_t *seed)
{
    c->labels = labels;
    c->n = n;
    float range = quarters ? 0.6f : 3;
    for (size_t i = 0; i < labels; i++) {
        c->start[i] = draw(seed, range, quarters);
        c->end[i] = draw(seed, range, quarters);
        for (size_t j = 0; j < labels; j++)
            c->transitions[i][j] = draw(seed, range, quarters);
        for (size_t t = 0; t < n; t++)
            c->logits[t][i] = draw(seed, range, quarters);
    }
}

// The chain as a model's tensors.
static grus_tensors tensors_of(const chain *c, random_model *model)
{
    static const char *names[] = {"h.transitions", "h.start", "h.end"};
    *model = (random_model){.n = 3};
    for (size_t i = 0; i < 3; i++) {
        random_tensor *t = model->tensors + i;
        *t = (random_tensor){
            .rank = i ? 1 : 2, .shape = {c->labels, c->labels}, .count = c->labels * (i ? 1 : c->labels)};
        snprintf(t->name, sizeof t->name, "%s", names[i]);
        t->data = malloc(t->count * sizeof *t->data);
        for (size_t k = 0; k < t->count; k++)
            t->data[k] = i == 0 ? c->transitions[k / c->labels][k % c->labels] : i == 1 ? c->start[k] : c->end[k];
    }
    return random_model_tensors(model);
}

// The labels that grus finds, of several records one after the other; whether the last was finite.
static bool decode(const chain *c, const grus_vector *vector, grus_arena *arena, uint32_t *labels)
{
    random_model model;
    grus_tensors tensors = tensors_of(c, &model);
    grus_kernel kernel = {.vector = vector};
    grus_reading reading = {.kernel = &kernel, .tensors = &tensors, .arena = arena, .scaled = true};
    grus_crf crf;
    grus_crf_path path;
    ck_assert_int_eq(grus_crf_read(&reading, "h", c->labels, &crf, NULL), GRUS_OK);
    ck_assert_uint_eq(reading.parameters, c->labels * (c->labels + 2));
    ck_assert(reading.scaled);
    ck_assert(grus_crf_list(&crf, c->n, arena, &path));
    bool finite = false;
    for (int again = 0; again < 2; again++) {
        memset(labels, 255, c->n * sizeof *labels);
        grus_crf_begin(&path);
        for (size_t t = 0; t < c->n; t++)
            grus_crf_step(&crf, &path, c->logits[t]);
        finite = grus_crf_end(&crf, &path, labels);
    }
    random_model_free(&model);
    grus_arena_reset(arena);
    return finite;
}

static double score_of(const chain *c, const size_t *path)
{
    double score = (double)c->start[path[0]] + (double)c->end[path[c->n - 1]];
    for (size_t t = 0; t < c->n; t++)
        score += (double)c->logits[t][path[t]] + (t ? (double)c->transitions[path[t - 1]][path[t]] : 0);
    return score;
}

// All paths, in the order in which the last position's label counts most: the first of the best.
static void try_all(const chain *c, size_t *best)
{
    size_t path[8] = {0}, count = 1;
    double highest = -INFINITY;
    for (size_t t = 0; t < c->n; t++)
        count *= c->labels;
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        for (size_t t = 0; t < c->n; t++) {
            path[t] = rest % c->labels;
            rest /= c->labels;
        }
        double score = score_of(c, path);
        if (score > highest) {
            highest = score;
            memcpy(best, path, sizeof path);
        }
    }
}

START_TEST(short_paths_are_the_best_of_all)
{
    static chain c;
    find_vectors();
    grus_arena *arena = grus_arena_new(0);
    uint64_t seed = 3;
    for (int trial = 0; trial < 3000; trial++) {
        draw_chain(&c, 1 + random_below(&seed, 4), 1 + random_below(&seed, 6), trial % 3 < 2, &seed);
        size_t best[8];
        uint32_t labels[8];
        try_all(&c, best);
        for (size_t v = 0; v < 2; v++) {
            ck_assert(decode(&c, vectors[v], arena, labels));
            for (size_t t = 0; t < c.n; t++)
                ck_assert_msg(labels[t] == best[t], "trial %d, %s: label %u at %zu of %zu, not %zu", trial,
                              vectors[v]->name, labels[t], t, c.n, best[t]);
        }
    }
    grus_arena_free(arena);
}
END_TEST

// From the definition, label by label, with back pointers.
static void plain_viterbi(const chain *c, size_t *best)
{
    static size_t before[LONGEST][MOST_LABELS];
    double scores[MOST_LABELS], next[MOST_LABELS];
    for (size_t to = 0; to < c->labels; to++)
        scores[to] = (double)c->start[to] + (double)c->logits[0][to];
    for (size_t t = 1; t < c->n; t++) {
        for (size_t to = 0; to < c->labels; to++) {
            size_t from = 0;
            for (size_t i = 1; i < c->labels; i++)
                if (scores[i] + (double)c->transitions[i][to] > scores[from] + (double)c->transitions[from][to])
                    from = i;
            before[t][to] = from;
            next[to] = scores[from] + (double)c->transitions[from][to] + (double)c->logits[t][to];
        }
        memcpy(scores, next, sizeof scores);
    }
    size_t label = 0;
    for (size_t i = 1; i < c->labels; i++)
        if (scores[i] + (double)c->end[i] > scores[label] + (double)c->end[label])
            label = i;
    for (size_t t = c->n; t-- > 0; label = t ? before[t][label] : label)
        best[t] = label;
}

START_TEST(long_paths_are_those_of_back_pointers)
{
    static chain c;
    find_vectors();
    static size_t best[LONGEST];
    static uint32_t labels[LONGEST];
    grus_arena *arena = grus_arena_new(0);
    uint64_t seed = 5;
    for (size_t n_labels = 1; n_labels <= MOST_LABELS; n_labels++) {
        draw_chain(&c, n_labels, 1 + random_below(&seed, LONGEST), n_labels % 2, &seed);
        plain_viterbi(&c, best);
        for (size_t v = 0; v < 2; v++) {
            ck_assert(decode(&c, vectors[v], arena, labels));
            for (size_t t = 0; t < c.n; t++)
                ck_assert_uint_eq(labels[t], best[t]);
        }
    }
    grus_arena_free(arena);
}
END_TEST

START_TEST(what_is_not_finite_has_no_path)
{
    static chain c;
    find_vectors();
    uint32_t labels[8];
    grus_arena *arena = grus_arena_new(0);
    uint64_t seed = 7;
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 16; i++) {
        draw_chain(&c, 3, 4, false, &seed);
        c.logits[i % 4][i % 3] = wrong[i / 4];
        ck_assert(!decode(&c, vectors[0], arena, labels));
        ck_assert_uint_eq(labels[0], UINT32_MAX);
    }
    for (size_t i = 0; i < 15; i++) {
        draw_chain(&c, 3, 4, false, &seed);
        float *tables[] = {c.transitions[i % 3], c.transitions[(i + 1) % 3], c.transitions[(i + 2) % 3], c.start,
                           c.end};
        tables[i / 3][i % 3] = NAN;
        ck_assert(!decode(&c, vectors[1], arena, labels));
    }
    draw_chain(&c, 3, 4, false, &seed);
    for (size_t i = 0; i < 3; i++)
        c.end[i] = -INFINITY; // no path may end
    ck_assert(!decode(&c, vectors[0], arena, labels));
    c.end[2] = 0;
    c.transitions[1][2] = c.transitions[2][2] = -INFINITY; // one that may, in one way
    ck_assert(decode(&c, vectors[0], arena, labels));
    ck_assert(labels[3] == 2 && labels[2] == 0);
    grus_arena_free(arena);
}
END_TEST

START_TEST(tensors_have_their_shapes)
{
    static chain c;
    find_vectors();
    uint64_t seed = 9;
    draw_chain(&c, 5, 1, false, &seed);
    random_model model;
    grus_tensors tensors = tensors_of(&c, &model);
    grus_arena *arena = grus_arena_new(0);
    grus_kernel kernel = {.vector = vectors[0]};
    for (size_t i = 0; i < 6; i++) {
        grus_reading reading = {.kernel = &kernel, .tensors = &tensors, .arena = arena};
        random_tensor *tensor = &model.tensors[i % 3], whole = *tensor;
        grus_error error = {0};
        grus_crf crf;
        tensor->shape[0] += i < 3;
        tensor->name[2] = i < 3 ? tensor->name[2] : '?';
        grus_status status = grus_crf_read(&reading, "h", c.labels, &crf, &error);
        ck_assert_int_eq(status, i < 4 ? GRUS_E_MODEL : GRUS_OK); // start and end may be absent: then they are zeros
        if (status)
            ck_assert_str_eq(error.place, whole.name);
        if (i == 4)
            ck_assert(crf.start[0] == 0 && crf.start[4] == 0 && crf.end[0] == c.end[0]);
        *tensor = whole;
    }
    random_model_free(&model);
    grus_arena_free(arena);
}
END_TEST

TCase *crf_case(void)
{
    TCase *tcase = tcase_create("crf");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, short_paths_are_the_best_of_all);
    tcase_add_test(tcase, long_paths_are_those_of_back_pointers);
    tcase_add_test(tcase, what_is_not_finite_has_no_path);
    tcase_add_test(tcase, tensors_have_their_shapes);
    return tcase;
}
