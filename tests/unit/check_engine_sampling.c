// check_engine_sampling.c: random numbers against the vectors of their authors; which tokens may be drawn, and how often they
// are, against the softmax in double.
#include "config.h"

#include "base/philox.h"
#include "engine/sampling.h"

#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

#define VOCAB 150
#define DRAWS 100000

// Of kat_vectors of Random123, philox4x32 10.
START_TEST(philox_of_its_authors)
{
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t block[4];
        grus_philox_block(known[i].key, known[i].counter, block);
        for (size_t j = 0; j < 4; j++)
            ck_assert_uint_eq(block[j], known[i].block[j]);
    }
    ck_assert(grus_philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) == 0x94fdccebd16cfe09);
}
END_TEST

typedef struct drawing {
    float logits[VOCAB], top[VOCAB / GRUS_LOGIT_BLOCK + 1], weights[VOCAB];
    uint32_t tokens[VOCAB];
    grus_normalizer normalizer;
    grus_logits row;
    grus_sampler sampler;
} drawing;

// Logits of few values, so that many are equal; some banned.
static void begin(drawing *d, uint64_t *seed, size_t topk, double temperature)
{
    const float zeros[VOCAB] = {0};
    grus_exp_sum sum;
    for (size_t i = 0; i < VOCAB; i++)
        d->logits[i] = floorf(12 * random_float(seed)) / 4;
    grus_logits_begin(&sum);
    grus_vector_generic.add_exp_sum(d->logits, zeros, VOCAB, &sum, d->top);
    d->normalizer = grus_logits_end(&grus_vector_generic, &sum);
    const grus_unranked own = {d->logits, d->top, VOCAB, &d->normalizer};
    for (uint32_t token = 0; token < VOCAB; token += 11)
        grus_logits_ban(&own, token);
    d->row = (grus_logits){d->logits, d->top, VOCAB, &d->normalizer};
    d->sampler = (grus_sampler){&grus_vector_generic, topk, (float)temperature, d->tokens, d->weights};
}

// Probabilities in double; how many are not 0.
static size_t expected_of(const drawing *d, size_t topk, double temperature, double *p)
{
    bool in[VOCAB] = {false};
    size_t n = 0;
    double total = 0;
    for (; topk == 0 || n < topk; n++) {
        size_t best = VOCAB;
        for (size_t i = 0; i < VOCAB; i++)
            if (!in[i] && !isnan(d->logits[i]) && (best == VOCAB || d->logits[i] > d->logits[best]))
                best = i;
        if (best == VOCAB)
            break;
        in[best] = true;
    }
    for (size_t i = 0; i < VOCAB; i++)
        total += p[i] = in[i] ? exp((double)d->logits[i] / temperature) : 0;
    for (size_t i = 0; i < VOCAB; i++)
        p[i] /= total;
    return n;
}

// The statistic is about normal with mean n - 1 and variance 2 (n - 1).
START_TEST(draws_are_as_frequent_as_likely)
{
    static const struct {
        size_t topk;
        double temperature;
    } trials[] = {{0, 1}, {0, 2.5}, {5, 1}, {40, 0.7}, {149, 1}, {2, 3}};
    uint64_t seed = 17;
    for (size_t t = 0; t < sizeof trials / sizeof *trials; t++) {
        drawing d;
        double p[VOCAB], chi2 = 0;
        size_t counts[VOCAB] = {0};
        begin(&d, &seed, trials[t].topk, trials[t].temperature);
        size_t n = expected_of(&d, trials[t].topk, trials[t].temperature, p);
        for (uint64_t i = 0; i < DRAWS; i++) {
            grus_candidate drawn;
            ck_assert(grus_sampler_draw(&d.sampler, &d.row, grus_philox_unit(grus_philox(t, i, 0)), &drawn));
            counts[drawn.token]++;
            ASSERT_NEAR(drawn.logprob, (d.logits[drawn.token] - d.normalizer.shift) - d.normalizer.log_sum, 0);
        }
        for (size_t i = 0; i < VOCAB; i++) {
            double expected = p[i] * DRAWS;
            if (p[i] > 0)
                chi2 += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
            else
                ck_assert_uint_eq(counts[i], 0);
        }
        double freedom = (double)n - 1;
        ck_assert_msg(fabs(chi2 - freedom) < 4 * sqrt(2 * freedom) + 4, "trial %zu: chi2 %g of %g", t, chi2, freedom);
    }
}
END_TEST

// The ends of the range of random numbers draw the first and the last candidate; a row without any draws none.
START_TEST(ends_of_a_draw)
{
    float logits[3] = {1, 2, 3}, top[1] = {3}, weights[3];
    uint32_t tokens[3];
    grus_normalizer normalizer = {.shift = 3, .finite = true};
    const grus_unranked own = {logits, top, 3, &normalizer};
    const grus_logits row = {logits, top, 3, &normalizer};
    const grus_sampler sampler = {&grus_vector_generic, 2, 1, tokens, weights};
    grus_candidate drawn;
    ck_assert(grus_sampler_draw(&sampler, &row, 0, &drawn) && drawn.token == 1);
    ck_assert(grus_sampler_draw(&sampler, &row, 1 - 0x1p-53, &drawn) && drawn.token == 2);
    for (uint32_t token = 0; token < 3; token++)
        grus_logits_ban(&own, token);
    ck_assert(!grus_sampler_draw(&sampler, &row, 0.5, &drawn));
}
END_TEST

TCase *sampling_case(void)
{
    TCase *tcase = tcase_create("sampling");
    tcase_add_test(tcase, philox_of_its_authors);
    tcase_add_test(tcase, draws_are_as_frequent_as_likely);
    tcase_add_test(tcase, ends_of_a_draw);
    return tcase;
}
