// prefix_beam.c: prefixes as nodes of a tree, each sequence of labels one node, so that two ways to a sequence meet.
#include "config.h"

#include "engine/nn/prefix_beam.h"

#include "base/assert.h"
#include "base/power.h"

#define NONE UINT32_MAX
#define ROOT 0
#define LN2_100 69.314718055994531

// So little beside the best, which is above 2^-100 / labels, that it is nothing: denormal doubles are kept out.
#define NOTHING 0x1p-900

typedef struct grus_prefix_node {
    uint32_t parent, label, depth;
    uint32_t child, sibling; // the one made last; the one made before it under the same parent; NONE
    uint32_t live;           // which of the live prefixes it is, or NONE
} node;

typedef struct grus_prefix {
    double blank, label; // mass of the paths that end in a blank, in the last label
    uint32_t node;
} prefix;

// A prefix as it is, next NONE, or extended by a label.
typedef struct grus_prefix_candidate {
    double blank, label, mass;
    uint32_t node, next;
} candidate;

bool grus_scaled_up(grus_scaled *number)
{
    if (number->x >= 0x1p-100)
        return false;
    number->x *= 0x1p100;
    number->scalings++;
    return true;
}

double grus_scaled_log(grus_scaled number)
{
    return grus_log(number.x) - (double)number.scalings * LN2_100;
}

bool grus_prefix_beam_list(grus_prefix_beam *beam, const grus_vector *vector, grus_prefix_shape shape, size_t longest,
                           grus_arena *arena)
{
    size_t nodes = grus_add_sat(1, grus_mul_sat(longest, shape.beam_size)), others = shape.labels - 1;
    *beam = (grus_prefix_beam){.vector = vector,
                               .shape = shape,
                               // More of them come to something only where a better label repeats the last.
                               .n_best = shape.beam_size < others ? shape.beam_size + 1 : others};
    if (nodes >= NONE)
        nodes = SIZE_MAX;
    beam->live = grus_arena_alloc(arena, shape.beam_size, sizeof *beam->live);
    beam->taken = grus_arena_alloc(arena, shape.beam_size, sizeof *beam->taken);
    beam->nodes = grus_arena_alloc(arena, nodes, sizeof *beam->nodes);
    beam->best = grus_arena_alloc(arena, beam->n_best + 1, sizeof *beam->best);
    beam->top = grus_arena_alloc(arena, grus_logits_blocks(shape.labels), sizeof *beam->top);
    return beam->live && beam->taken && beam->nodes && beam->best && beam->top;
}

void grus_prefix_beam_begin(grus_prefix_beam *beam)
{
    beam->nodes[ROOT] = (node){NONE, NONE, 0, NONE, NONE, 0};
    beam->live[0] = (prefix){1, 0, ROOT};
    beam->n_nodes = beam->n_live = 1;
    beam->scalings = 0;
}

static uint32_t find_child(const grus_prefix_beam *beam, uint32_t of, uint32_t label)
{
    uint32_t child = beam->nodes[of].child;
    while (child != NONE && beam->nodes[child].label != label)
        child = beam->nodes[child].sibling;
    return child;
}

// Whether the sequence of a comes before that of b, another one: the lower, a prefix before its extensions.
static bool precedes(const grus_prefix_beam *beam, const candidate *a, const candidate *b)
{
    const node *nodes = beam->nodes, *x = nodes + a->node, *y = nodes + b->node;
    uint32_t after_x = a->next, after_y = b->next;
    for (; x->depth > y->depth; x = nodes + x->parent)
        after_x = x->label;
    for (; y->depth > x->depth; y = nodes + y->parent)
        after_y = y->label;
    if (x == y) {
        if (after_x != after_y)
            return after_x == NONE || (after_y != NONE && after_x < after_y);
        return nodes[a->node].depth < nodes[b->node].depth;
    }
    for (; x->parent != y->parent; x = nodes + x->parent)
        y = nodes + y->parent;
    return x->label < y->label;
}

static bool better(const grus_prefix_beam *beam, const candidate *a, const candidate *b)
{
    return a->mass != b->mass ? a->mass > b->mass : precedes(beam, a, b);
}

// Puts a candidate among those that are taken, if it is one of the best so far.
static void take(grus_prefix_beam *beam, candidate c)
{
    candidate *taken = beam->taken;
    size_t most = beam->shape.beam_size;
    c.mass = c.blank + c.label;
    if (c.mass == 0 || (beam->n_taken == most && !better(beam, &c, &taken[most - 1])))
        return;
    size_t at = beam->n_taken < most ? beam->n_taken++ : most - 1;
    for (; at > 0 && better(beam, &c, &taken[at - 1]); at--)
        taken[at] = taken[at - 1];
    taken[at] = c;
}

static double not_too_small(double mass)
{
    return mass < NOTHING ? 0 : mass;
}

// Mass of the live prefix's paths that another occurrence of label may follow as one more label.
static double before_label(const grus_prefix_beam *beam, const prefix *p, uint32_t label)
{
    return beam->nodes[p->node].label == label ? p->blank : p->blank + p->label;
}

// The prefix as it is: by a blank, by its last label again, and by that label behind its parent where this is live too.
static void stay(grus_prefix_beam *beam, const prefix *p, const float *probs)
{
    candidate c = {.node = p->node, .next = NONE};
    const node *of = beam->nodes + p->node;
    c.blank = not_too_small((p->blank + p->label) * (double)probs[beam->shape.blank]);
    if (p->node != ROOT) {
        uint32_t parent = beam->nodes[of->parent].live;
        double mass = p->label;
        if (parent != NONE)
            mass += before_label(beam, beam->live + parent, of->label);
        c.label = not_too_small(mass * (double)probs[of->label]);
    }
    take(beam, c);
}

// The prefix extended by the best labels, best first, but to what is live itself.
static void extend(grus_prefix_beam *beam, const prefix *p)
{
    uint32_t last = beam->nodes[p->node].label;
    for (size_t i = 0; i < beam->n_best; i++) {
        uint32_t label = beam->best[i].token;
        double mass = not_too_small(before_label(beam, p, label) * (double)beam->best[i].logprob);
        if (beam->n_taken == beam->shape.beam_size && mass < beam->taken[beam->n_taken - 1].mass) {
            if (label == last)
                continue;
            return; // those behind have no more
        }
        uint32_t child = find_child(beam, p->node, label);
        if (child == NONE || beam->nodes[child].live == NONE)
            take(beam, (candidate){.label = mass, .node = p->node, .next = label});
    }
}

// The labels of greatest probability but the blank, in order.
static void find_best(grus_prefix_beam *beam, const float *probs)
{
    const grus_normalizer as_they_are = {0, 0, true};
    size_t n = beam->shape.labels, blocks = grus_logits_blocks(n);
    for (size_t i = 0; i < blocks; i++)
        beam->top[i] =
            beam->vector->max(probs + i * GRUS_LOGIT_BLOCK, grus_min(n - i * GRUS_LOGIT_BLOCK, GRUS_LOGIT_BLOCK));
    const grus_logits row = {probs, beam->top, n, &as_they_are};
    const uint32_t blank = (uint32_t)beam->shape.blank;
    size_t found = grus_logits_best(beam->vector, &row, (grus_banned){&blank, 1}, 0, beam->n_best, beam->best);
    GRUS_ASSERT(found == beam->n_best);
}

static uint32_t node_of(grus_prefix_beam *beam, const candidate *c)
{
    if (c->next == NONE)
        return c->node;
    uint32_t child = find_child(beam, c->node, c->next);
    if (child != NONE)
        return child;
    node *parent = beam->nodes + c->node;
    child = (uint32_t)beam->n_nodes++;
    beam->nodes[child] = (node){c->node, c->next, parent->depth + 1, NONE, parent->child, NONE};
    parent->child = child;
    return child;
}

// What is taken becomes what is live.
static void advance(grus_prefix_beam *beam)
{
    GRUS_ASSERT(beam->n_taken > 0);
    for (size_t i = 0; i < beam->n_live; i++)
        beam->nodes[beam->live[i].node].live = NONE;
    grus_scaled most = {beam->taken[0].mass, beam->scalings};
    double factor = grus_scaled_up(&most) ? 0x1p100 : 1;
    beam->scalings = most.scalings;
    for (size_t i = 0; i < beam->n_taken; i++) {
        const candidate *c = beam->taken + i;
        uint32_t at = node_of(beam, c);
        beam->nodes[at].live = (uint32_t)i;
        beam->live[i] = (prefix){c->blank * factor, c->label * factor, at};
    }
    beam->n_live = beam->n_taken;
}

void grus_prefix_beam_step(grus_prefix_beam *beam, const float *probs)
{
    beam->n_taken = 0;
    if (beam->n_best > 0)
        find_best(beam, probs);
    for (size_t i = 0; i < beam->n_live; i++)
        stay(beam, beam->live + i, probs);
    for (size_t i = 0; i < beam->n_live; i++)
        extend(beam, beam->live + i);
    advance(beam);
}

size_t grus_prefix_beam_end(const grus_prefix_beam *beam, uint32_t *labels, double *score)
{
    const prefix *best = beam->live;
    *score = grus_scaled_log((grus_scaled){best->blank + best->label, beam->scalings});
    const node *at = beam->nodes + best->node;
    size_t n = at->depth;
    for (; at->depth > 0; at = beam->nodes + at->parent)
        labels[at->depth - 1] = at->label;
    return n;
}
