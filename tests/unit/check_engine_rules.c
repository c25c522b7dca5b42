// check_engine_rules.c: rules on tokens against the definition, n-gram by n-gram and logit by logit.
#include "config.h"

#include "engine/token_rules.h"

#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define MOST 40
#define VOCAB 131

// Whether a token would make an n-gram that is there already.
static bool repeats(const uint32_t *tokens, size_t n, size_t size, uint32_t token)
{
    for (size_t from = 0; from + size <= n; from++) {
        bool same = tokens[from + size - 1] == token;
        for (size_t i = 0; i + 1 < size; i++)
            same = same && tokens[from + i] == tokens[n - (size - 1) + i];
        if (same)
            return true;
    }
    return false;
}

typedef struct trial {
    const grus_vector *vector;
    grus_search search;
    uint32_t tokens[MOST];
    size_t match[MOST], n;
    float before[MOST], zeros[VOCAB], given[VOCAB], logits[VOCAB], top[VOCAB / GRUS_LOGIT_BLOCK + 1];
    grus_normalizer normalizer;
    grus_unranked row;
    grus_token_rules rules;
} trial;

static void normalise(trial *t)
{
    grus_exp_sum sum;
    grus_logits_begin(&sum);
    t->vector->add_exp_sum(t->logits, t->zeros, VOCAB, &sum, t->top);
    t->normalizer = grus_logits_end(t->vector, &sum);
}

// Few different tokens, so that n-grams come back.
static void begin(trial *t, uint64_t *seed, size_t n, size_t kinds)
{
    t->n = n;
    for (size_t i = 0; i < n; i++)
        t->tokens[i] = (uint32_t)(random_below(seed, kinds) * 29 % VOCAB);
    for (size_t i = 0; i < VOCAB; i++)
        t->given[i] = t->logits[i] = 8 * random_float(seed);
    normalise(t);
    t->row = (grus_unranked){t->logits, t->top, VOCAB, &t->normalizer};
    t->rules = (grus_token_rules){t->vector, &t->search, t->tokens, t->match, t->before, t->zeros, VOCAB};
}

static void check_tops(const trial *t)
{
    for (size_t block = 0; block * GRUS_LOGIT_BLOCK < VOCAB; block++) {
        float top = -INFINITY;
        for (size_t i = block * GRUS_LOGIT_BLOCK; i < VOCAB && i < (block + 1) * GRUS_LOGIT_BLOCK; i++)
            top = t->logits[i] > top ? t->logits[i] : top;
        ASSERT_NEAR(t->top[block], top, 0);
    }
}

START_TEST(no_ngram_comes_back)
{
    uint64_t seed = 3;
    trial t = {.vector = &grus_vector_generic, .search = {.repetition_penalty = 1}};
    for (size_t n = 0; n <= MOST; n++)
        for (size_t size = 1; size <= 6; size++) {
            t.search.no_repeat_ngram_size = size;
            begin(&t, &seed, n, 1 + n % 4);
            grus_token_rules_penalise(&t.rules, n, &t.row);
            grus_token_rules_ban(&t.rules, n, &t.row);
            for (uint32_t token = 0; token < VOCAB; token++)
                if (repeats(t.tokens, n, size, token))
                    ck_assert_msg(isnan(t.logits[token]), "%zu tokens, %zu-grams: %u", n, size, token);
                else
                    ASSERT_NEAR(t.logits[token], t.given[token], 0);
            check_tops(&t);
        }
}
END_TEST

// Of a row of one block nothing is left.
START_TEST(every_token_is_banned)
{
    float logits[3] = {1, 2, 3}, top[1] = {3};
    grus_normalizer normalizer = {.shift = 3, .finite = true};
    const grus_unranked row = {logits, top, 3, &normalizer};
    const grus_logits ranked = {logits, top, 3, &normalizer};
    grus_candidate best[3];
    for (uint32_t token = 0; token < 3; token++) {
        ck_assert_uint_eq(grus_logits_best(&grus_vector_generic, &ranked, (grus_banned){0}, -INFINITY, 3, best),
                          3 - token);
        grus_logits_ban(&row, token);
        grus_logits_ban(&row, token);
    }
    ck_assert_uint_eq(grus_logits_best(&grus_vector_generic, &ranked, (grus_banned){0}, -INFINITY, 3, best), 0);
}
END_TEST

START_TEST(each_token_is_penalised_once)
{
    uint64_t seed = 5;
    const double penalties[] = {0.5, 1.2, 30};
    trial t = {.vector = &grus_vector_generic};
    for (size_t n = 1; n <= MOST; n++)
        for (size_t p = 0; p < 3; p++) {
            t.search = (grus_search){.repetition_penalty = penalties[p]};
            begin(&t, &seed, n, n);
            grus_token_rules_penalise(&t.rules, n, &t.row);
            double sum = 0, expected[VOCAB];
            for (uint32_t token = 0; token < VOCAB; token++) {
                bool has = false;
                for (size_t i = 0; i < n; i++)
                    has = has || t.tokens[i] == token;
                double x = (double)t.given[token];
                expected[token] = !has ? x : x < 0 ? x * penalties[p] : x / penalties[p];
                sum += exp(expected[token]);
            }
            for (uint32_t token = 0; token < VOCAB; token++)
                ASSERT_NEAR((t.logits[token] - t.normalizer.shift) - t.normalizer.log_sum, expected[token] - log(sum),
                            1e-4);
            check_tops(&t);
        }
}
END_TEST

TCase *rules_case(void)
{
    TCase *tcase = tcase_create("rules");
    tcase_add_test(tcase, no_ngram_comes_back);
    tcase_add_test(tcase, every_token_is_banned);
    tcase_add_test(tcase, each_token_is_penalised_once);
    return tcase;
}
