// choose.c: the choice of instruction sets: of the micro-kernel, and of the vector functions that go with it.
#include "config.h"

#include "engine/kernel/choose.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/kernel/blis.h"
#include "engine/kernel/choose_int8.h"
#include "engine/kernel/cpu.h"
#include "engine/kernel/number_type.h"
#include "engine/kernel/portable.h"

static grus_kernel chosen;           // written once, under once
static grus_status choice = GRUS_OK; // likewise
static grus_error choice_error;      // likewise
static pthread_once_t once = PTHREAD_ONCE_INIT;
static grus_kernel chosen_int8;           // written once, under once_int8
static grus_status choice_int8 = GRUS_OK; // likewise
static grus_error choice_int8_error;      // likewise
static pthread_once_t once_int8 = PTHREAD_ONCE_INIT;

#define PORTABLE "generic" // the name of what is not BLIS's

// The instruction sets that a BLIS sub-configuration's kernels need. Those that do not fuse give other bytes than all
// others do: in their place stands portable.c, under their name.
static const struct family {
    const char *name;
    unsigned needs;
    bool fused;
} families[] = {
    {"skx", GRUS_CPU_AVX512, true},
    {"knl", GRUS_CPU_AVX512ER, true},
    {"haswell", GRUS_CPU_AVX2, true},
    {"zen", GRUS_CPU_AVX2, true},
    {"zen2", GRUS_CPU_AVX2, true},
    {"zen3", GRUS_CPU_AVX2, true},
    {"zen4", GRUS_CPU_AVX512, true},
    {"excavator", GRUS_CPU_AVX2, true},
    {"sandybridge", 0, false},
    {"penryn", 0, false},
    {PORTABLE, 0, false},
};

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

// Checks what BLIS_ARCH_TYPE asks for and gives its name.
static grus_status check_request(const char *value, unsigned found, const char **name)
{
    *name = strcmp(value, PORTABLE) == 0 ? PORTABLE : grus_blis_find(value);
    const struct family *family = *name ? find_family(*name) : NULL;
#ifdef GRUS_X86
    if (!family)
        *name = NULL;
#endif
    if (!*name)
        return grus_fail(&choice_error, GRUS_E_USAGE, "BLIS_ARCH_TYPE", NULL,
                         "no kernel is called '%s' in this build of BLIS", value);
    if (family && (family->needs & ~found))
        return grus_fail(&choice_error, GRUS_E_USAGE, "BLIS_ARCH_TYPE", NULL,
                         "the kernel %s needs %s, which this machine lacks", *name, grus_cpu_words(family->needs));
    return GRUS_OK;
}

static const grus_vector *vector_for(const char *name)
{
#ifdef GRUS_X86
    const struct family *family = find_family(name);
    if (family && family->needs == GRUS_CPU_AVX512)
        return &grus_vector_avx512;
    if (family && family->needs)
        return &grus_vector_avx2;
#endif
    (void)name;
    return &grus_vector_generic;
}

static void take_portable(const char *name)
{
    chosen = (grus_kernel){.type = &grus_portable_float32,
                           .tile = GRUS_PORTABLE_TILE,
                           .units = GRUS_PORTABLE_UNITS,
                           .name = name,
                           .vector = &grus_vector_generic};
}

static bool fuses(const char *name)
{
    const struct family *family = find_family(name);
    return !family || family->fused;
}

static void choose(void)
{
    unsigned found = grus_cpu_find();
    const char *asked = getenv("BLIS_ARCH_TYPE"), *name = NULL;
    // BLIS 0.9–2.1 go by the CPU's brand string and fall back to haswell where it has no model number: we decide.
    if (asked)
        choice = check_request(asked, found, &name);
#ifdef GRUS_X86
    else
        name = found & GRUS_CPU_AVX512 ? "skx" : found & GRUS_CPU_AVX2 ? "haswell" : PORTABLE;
#endif
    if (choice)
        return;
    if (name && !fuses(name)) {
        take_portable(name);
        return;
    }
    chosen.type = &grus_blis_float32;
    choice = grus_blis_open(name, &chosen, &choice_error);
    if (choice)
        return;
    chosen.vector = vector_for(chosen.name);
    if (!fuses(chosen.name))
        take_portable(PORTABLE);
    GRUS_ASSERT(chosen.tile <= GRUS_MAX_TILE);
}

// BLIS makes its tables at its first call, and aborts where it gets no memory for them. false: there is none.
static bool settle(void)
{
    static atomic_bool settled; // once true, they are there
    if (atomic_load_explicit(&settled, memory_order_acquire))
        return true;
    void *room = malloc(GRUS_BLIS_TABLES);
    bool has = room != NULL;
    free(room);
    if (!has)
        return false;
    pthread_once(&once, choose);
    atomic_store_explicit(&settled, true, memory_order_release);
    return true;
}

static void choose_int8(void)
{
    choice_int8 = grus_int8_choose(&chosen_int8, &choice_int8_error);
}

static grus_status get_int8(const grus_kernel **kernel, grus_error *error)
{
    pthread_once(&once_int8, choose_int8);
    *kernel = &chosen_int8;
    if (choice_int8 && error)
        *error = choice_int8_error;
    return choice_int8;
}

grus_status grus_kernel_get(grus_compute_type type, const grus_kernel **kernel, grus_error *error)
{
    grus_error unseen;
    if (type == GRUS_COMPUTE_INT8)
        return get_int8(kernel, error);
    *kernel = &chosen;
    if (!settle())
        return grus_fail_memory(error ? error : &unseen, GRUS_BLIS_TABLES);
    if (choice && error)
        *error = choice_error;
    return choice;
}

const char *grus_kernel_name(void)
{
    const grus_kernel *kernel;
    return grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) ? "none" : kernel->name;
}
