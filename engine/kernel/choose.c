// choose.c: the choice of instruction sets: of the micro-kernel, and of the vector functions that go with it.
#include "config.h"

#include "engine/kernel/choose.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef GRUS_X86
#include <cpuid.h>
#endif

#include "base/assert.h"
#include "base/error.h"
#include "engine/kernel/blis.h"
#include "engine/kernel/number_type.h"
#include "engine/kernel/portable.h"

static grus_kernel chosen;           // written once, under once
static grus_status choice = GRUS_OK; // likewise
static grus_error choice_error;      // likewise
static pthread_once_t once = PTHREAD_ONCE_INIT;

typedef struct cpu {
    bool avx2, avx512, avx512er; // what both the CPU and the operating system (XCR0) support
} cpu;

static cpu detect_cpu(void)
{
    cpu found = {false, false, false};
#ifdef GRUS_X86
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA))
        return found;
    unsigned xcr0_low, xcr0_high;
    __asm__("xgetbv" : "=a"(xcr0_low), "=d"(xcr0_high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return found;
    const unsigned ymm = 0x6, zmm = 0xe6; // XMM and YMM; those, opmask and both halves of ZMM
    const unsigned f_dq_bw_vl = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    found.avx2 = (xcr0_low & ymm) == ymm && (b & bit_AVX2);
    found.avx512 = found.avx2 && (xcr0_low & zmm) == zmm && (b & f_dq_bw_vl) == f_dq_bw_vl;
    found.avx512er = found.avx2 && (xcr0_low & zmm) == zmm && (b & bit_AVX512ER);
#endif
    return found;
}

#define PORTABLE "generic" // the name of what is not BLIS's

// The instruction sets that a BLIS sub-configuration's kernels need. Those that do not fuse give other bytes than all
// others do: in their place stands portable.c, under their name.
static const struct family {
    const char *name;
    bool avx2, avx512, avx512er, fused;
} families[] = {
    {"skx", true, true, false, true},
    {"knl", true, false, true, true},
    {"haswell", true, false, false, true},
    {"zen", true, false, false, true},
    {"zen2", true, false, false, true},
    {"zen3", true, false, false, true},
    {"zen4", true, true, false, true},
    {"excavator", true, false, false, true},
    {"sandybridge", false, false, false, false},
    {"penryn", false, false, false, false},
    {PORTABLE, false, false, false, false},
};

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

// Checks what BLIS_ARCH_TYPE asks for and gives its name.
static grus_status check_request(const char *value, cpu found, const char **name)
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
    if (family &&
        ((family->avx512 && !found.avx512) || (family->avx512er && !found.avx512er) || (family->avx2 && !found.avx2)))
        return grus_fail(&choice_error, GRUS_E_USAGE, "BLIS_ARCH_TYPE", NULL,
                         "the kernel %s needs %s, which this machine lacks", *name,
                         family->avx512     ? "AVX-512 F/DQ/BW/VL"
                         : family->avx512er ? "AVX-512 ER"
                                            : "AVX2 and FMA");
    return GRUS_OK;
}

static const grus_vector *vector_for(const char *name)
{
#ifdef GRUS_X86
    const struct family *family = find_family(name);
    if (family && family->avx512)
        return &grus_vector_avx512;
    if (family && family->avx2)
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
    cpu found = detect_cpu();
    const char *asked = getenv("BLIS_ARCH_TYPE"), *name = NULL;
    // BLIS 0.9–2.1 go by the CPU's brand string and fall back to haswell where it has no model number: we decide.
    if (asked)
        choice = check_request(asked, found, &name);
#ifdef GRUS_X86
    else
        name = found.avx512 ? "skx" : found.avx2 ? "haswell" : PORTABLE;
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

grus_status grus_kernel_get(grus_compute_type type, const grus_kernel **kernel, grus_error *error)
{
    grus_error unseen;
    if (type != GRUS_COMPUTE_FLOAT32)
        return grus_fail(error ? error : &unseen, GRUS_E_USAGE, NULL, NULL, "no kernel computes with int8");
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
