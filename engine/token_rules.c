// token_rules.c: n-grams found by the Z-algorithm from the last token back (Gusfield, Algorithms on Strings, 1.4).
#include "config.h"

#include "engine/token_rules.h"

#include <string.h>

#include "base/memory.h"
#include "engine/search_rules.h"

bool grus_token_rules_list(grus_token_rules *rules, const grus_decoder *decoder, const grus_search *search,
                           size_t longest, grus_arena *arena)
{
    *rules = (grus_token_rules){.vector = decoder->kernel->vector, .search = search, .vocab = decoder->vocab};
    if (!grus_token_rules_any(search))
        return true;
    size_t limit = grus_search_limit(search, longest);
    rules->tokens = grus_arena_alloc(arena, limit, sizeof *rules->tokens);
    rules->match = grus_arena_alloc(arena, limit, sizeof *rules->match);
    rules->before = grus_arena_alloc(arena, limit, sizeof *rules->before);
    rules->zeros = grus_arena_alloc(arena, rules->vocab, sizeof *rules->zeros);
    return rules->tokens && rules->match && rules->before && rules->zeros;
}

void grus_token_rules_begin(grus_token_rules *rules)
{
    if (rules->zeros)
        memset(rules->zeros, 0, rules->vocab * sizeof *rules->zeros);
}

void grus_token_rules_penalise(const grus_token_rules *rules, size_t n, const grus_unranked *row)
{
    if (n > 0 && rules->search->repetition_penalty != 1)
        grus_logits_penalise(rules->vector, row, rules->tokens, n, (float)rules->search->repetition_penalty,
                             rules->before, rules->zeros);
}

// match[i], 0 < i < n: so many of the tokens that end i before the end are the last ones.
static void match_the_end(const uint32_t *tokens, size_t n, size_t *match)
{
    const uint32_t *last = tokens + n - 1;
    size_t left = 0, right = 0; // of the match that reaches farthest back
    for (size_t i = 1; i < n; i++) {
        size_t length = i < right ? grus_min(match[i - left], right - i) : 0;
        while (i + length < n && *(last - length) == *(last - i - length))
            length++;
        match[i] = length;
        if (i + length > right) {
            left = i;
            right = i + length;
        }
    }
}

void grus_token_rules_ban(const grus_token_rules *rules, size_t n, const grus_unranked *row)
{
    size_t size = rules->search->no_repeat_ngram_size;
    if (size == 0 || n < size)
        return;
    if (size > 1)
        match_the_end(rules->tokens, n, rules->match);
    // What follows them is banned where they begin an n-gram.
    for (size_t i = 1; i <= n; i++)
        if (size == 1 || (i < n && rules->match[i] >= size - 1))
            grus_logits_ban(row, rules->tokens[n - i]);
}
