// kernel.c: choosing and calling BLIS's micro-kernel. The only file that knows BLIS.
#include "config.h"

#include "engine/kernel/kernel.h"

#include GRUS_BLIS_HEADER
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef GRUS_X86
#include <cpuid.h>
#endif

#include "base/error.h"

#define BLIS_TABLES ((size_t)1 << 20) // bytes: many times what they take

// ABI of sgemm micro-kernels since BLIS 0.9; from 1.0 on the pointers are declared const void *.
typedef void gemm_fn(dim_t m, dim_t n, dim_t k, const float *alpha, const float *a, const float *b, const float *beta,
                     float *c, inc_t rs_c, inc_t cs_c, auxinfo_t *data, const void *context);

#ifdef HAVE_BLI_CNTX_GET_UKR_DT
#define MICRO_KERNEL(context) bli_cntx_get_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context)
#define PREFERS_ROWS(context) bli_cntx_get_ukr_prefs_dt(BLIS_FLOAT, BLIS_GEMM_UKR_ROW_PREF, context)
#else
#define MICRO_KERNEL(context) bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context)
#define PREFERS_ROWS(context) bli_cntx_get_l3_nat_ukr_prefs_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context)
#endif

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

// The instruction sets that a BLIS sub-configuration's kernels need.
static const struct family {
    const char *name;
    bool avx2, avx512, avx512er;
} families[] = {
    {"skx", true, true, false},      {"knl", true, false, true},        {"haswell", true, false, false},
    {"zen", true, false, false},     {"zen2", true, false, false},      {"zen3", true, false, false},
    {"zen4", true, true, false},     {"excavator", true, false, false}, {"sandybridge", false, false, false},
    {"penryn", false, false, false}, {"generic", false, false, false},
};

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

// The kernel that BLIS_ARCH_TYPE asks for, by number or by name; BLIS_NUM_ARCHS where there is none.
static arch_t requested(const char *value)
{
    char *end;
    long number = strtol(value, &end, 10);
    if (end != value && !*end)
        return number >= 0 && number < BLIS_NUM_ARCHS ? (arch_t)number : BLIS_NUM_ARCHS;
    int id = 0;
    while (id < BLIS_NUM_ARCHS && strcmp(bli_arch_string((arch_t)id), value) != 0)
        id++;
    return (arch_t)id;
}

// Puts the kernel into BLIS_ARCH_TYPE in the form that this BLIS takes: a number up to 1.1, a name from 2.0 on. The other
// form it would take for another kernel.
static grus_status request(arch_t id)
{
    char value[32];
    snprintf(value, sizeof value, "%d", (int)id);
#ifdef GRUS_BLIS_ARCH_BY_NAME
    snprintf(value, sizeof value, "%s", bli_arch_string(id));
#endif
    return setenv("BLIS_ARCH_TYPE", value, 1) == 0 ? GRUS_OK : grus_fail_memory(&choice_error, sizeof value);
}

static grus_status check_request(const char *value, cpu found)
{
    arch_t id = requested(value);
    const char *name = id < BLIS_NUM_ARCHS ? bli_arch_string(id) : NULL;
    const struct family *family = name ? find_family(name) : NULL;
#ifdef GRUS_X86
    if (!family)
        name = NULL;
#endif
    if (!name)
        return grus_fail(&choice_error, GRUS_E_USAGE, "BLIS_ARCH_TYPE", NULL, "no kernel is called '%s'", value);
    if (family &&
        ((family->avx512 && !found.avx512) || (family->avx512er && !found.avx512er) || (family->avx2 && !found.avx2)))
        return grus_fail(&choice_error, GRUS_E_USAGE, "BLIS_ARCH_TYPE", NULL,
                         "the kernel %s needs %s, which this machine lacks", name,
                         family->avx512     ? "AVX-512 F/DQ/BW/VL"
                         : family->avx512er ? "AVX-512 ER"
                                            : "AVX2 and FMA");
    return request(id);
}

// BLIS 0.9–2.1 go by the CPU's brand string and fall back to haswell where it has no model number: we decide.
static grus_status request_best(cpu found)
{
    return found.avx2 ? request(found.avx512 ? BLIS_ARCH_SKX : BLIS_ARCH_HASWELL) : GRUS_OK;
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

static void choose(void)
{
    cpu found = detect_cpu();
    const char *asked = getenv("BLIS_ARCH_TYPE");
    choice = asked ? check_request(asked, found) : request_best(found);
    if (choice)
        return;
    cntx_t *context = (cntx_t *)(uintptr_t)bli_gks_query_cntx();
    size_t mr = (size_t)bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_MR, context);
    size_t nr = (size_t)bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_NR, context);
    chosen.weights_as_a = !PREFERS_ROWS(context);
    chosen.panel = chosen.weights_as_a ? mr : nr;
    chosen.tile = chosen.weights_as_a ? nr : mr;
    chosen.name = bli_arch_string(bli_arch_query_id());
    chosen.vector = vector_for(chosen.name);
    chosen.context = context;
    chosen.gemm = (void (*)(void))MICRO_KERNEL(context);
}

// BLIS makes its tables at its first call, and aborts where it gets no memory for them. false: there is none.
static bool settle(void)
{
    static bool settled; // atomic; once true, they are there
    if (__atomic_load_n(&settled, __ATOMIC_ACQUIRE))
        return true;
    void *room = malloc(BLIS_TABLES);
    bool has = room != NULL;
    free(room);
    if (!has)
        return false;
    pthread_once(&once, choose);
    __atomic_store_n(&settled, true, __ATOMIC_RELEASE);
    return true;
}

grus_status grus_kernel_get(const grus_kernel **kernel, grus_error *error)
{
    grus_error unseen;
    *kernel = &chosen;
    if (!settle())
        return grus_fail_memory(error ? error : &unseen, BLIS_TABLES);
    if (choice && error)
        *error = choice_error;
    return choice;
}

const char *grus_kernel_name(void)
{
    const grus_kernel *kernel;
    return grus_kernel_get(&kernel, NULL) ? "none" : kernel->name;
}

void grus_kernel_run(const grus_kernel *kernel, size_t k, const float *w, const float *x, float beta, float *c,
                     size_t ldc)
{
    static const float one = 1;
    auxinfo_t data;
    memset(&data, 0, sizeof data);
    const float *a = kernel->weights_as_a ? w : x, *b = kernel->weights_as_a ? x : w;
    bli_auxinfo_set_next_a((void *)(uintptr_t)a, &data);
    bli_auxinfo_set_next_b((void *)(uintptr_t)b, &data);
    size_t m = kernel->weights_as_a ? kernel->panel : kernel->tile;
    size_t n = kernel->weights_as_a ? kernel->tile : kernel->panel;
    inc_t row = kernel->weights_as_a ? 1 : (inc_t)ldc, column = kernel->weights_as_a ? (inc_t)ldc : 1;
    ((gemm_fn *)kernel->gemm)((dim_t)m, (dim_t)n, (dim_t)k, &one, a, b, &beta, c, row, column, &data, kernel->context);
}
