// blis.c: calling BLIS's micro-kernel on panels that float32.c packs. The only file that knows BLIS.
#include "config.h"

#include "engine/kernel/blis.h"

#include GRUS_BLIS_HEADER
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/kernel/float32.h"

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

static struct micro_kernel {
    gemm_fn *gemm;
    const cntx_t *context;
    bool weights_as_a; // it prefers columns: weights are its A, activations its B
} micro;               // written once, by grus_blis_open

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

// The kernels that are in this BLIS: asked for another one, it aborts. Debian's for aarch64 has no generic one.
static const arch_t built[] = {
#ifdef BLIS_CONFIG_SKX
    BLIS_ARCH_SKX,
#endif
#ifdef BLIS_CONFIG_KNL
    BLIS_ARCH_KNL,
#endif
#ifdef BLIS_CONFIG_HASWELL
    BLIS_ARCH_HASWELL,
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
    BLIS_ARCH_SANDYBRIDGE,
#endif
#ifdef BLIS_CONFIG_PENRYN
    BLIS_ARCH_PENRYN,
#endif
#ifdef BLIS_CONFIG_ZEN4
    BLIS_ARCH_ZEN4,
#endif
#ifdef BLIS_CONFIG_ZEN3
    BLIS_ARCH_ZEN3,
#endif
#ifdef BLIS_CONFIG_ZEN2
    BLIS_ARCH_ZEN2,
#endif
#ifdef BLIS_CONFIG_ZEN
    BLIS_ARCH_ZEN,
#endif
#ifdef BLIS_CONFIG_EXCAVATOR
    BLIS_ARCH_EXCAVATOR,
#endif
#ifdef BLIS_CONFIG_FIRESTORM
    BLIS_ARCH_FIRESTORM,
#endif
#ifdef BLIS_CONFIG_THUNDERX2
    BLIS_ARCH_THUNDERX2,
#endif
#ifdef BLIS_CONFIG_CORTEXA57
    BLIS_ARCH_CORTEXA57,
#endif
#ifdef BLIS_CONFIG_CORTEXA53
    BLIS_ARCH_CORTEXA53,
#endif
#ifdef BLIS_CONFIG_POWER10
    BLIS_ARCH_POWER10,
#endif
#ifdef BLIS_CONFIG_POWER9
    BLIS_ARCH_POWER9,
#endif
#ifdef BLIS_CONFIG_GENERIC
    BLIS_ARCH_GENERIC,
#endif
};

const char *grus_blis_find(const char *value)
{
    arch_t id = requested(value);
    for (size_t i = 0; i < sizeof built / sizeof *built; i++)
        if (built[i] == id)
            return bli_arch_string(id);
    return NULL;
}

// The environment is the host's, and is changed for the time of BLIS's first call alone: BLIS 0.9 has no look-up by a
// kernel's id, and its own choice goes wrong on some machines (choose.c).
#define VARIABLE "BLIS_ARCH_TYPE"

// Puts the kernel into the variable in the form that this BLIS takes: a number up to 1.1, a name from 2.0 on. The other
// form it would take for another kernel. What was there goes into *before, to be given to take_back.
static bool request(const char *name, char **before)
{
    const char *found = getenv(VARIABLE);
    *before = found ? strdup(found) : NULL;
    if (found && !*before)
        return false;
    arch_t id = requested(name);
    char value[32];
    snprintf(value, sizeof value, "%d", (int)id);
#ifdef GRUS_BLIS_ARCH_BY_NAME
    snprintf(value, sizeof value, "%s", bli_arch_string(id));
#endif
    return setenv(VARIABLE, value, 1) == 0;
}

static bool take_back(char *before)
{
    bool done = (before ? setenv(VARIABLE, before, 1) : unsetenv(VARIABLE)) == 0;
    free(before);
    return done;
}

const char *grus_blis_version(void)
{
    return bli_info_get_version_str();
}

grus_status grus_blis_open(const char *name, grus_kernel *kernel, grus_error *error)
{
    char *before = NULL;
    if (name && !request(name, &before)) {
        free(before);
        return grus_fail_memory(error, strlen(name));
    }
    cntx_t *context = (cntx_t *)(uintptr_t)bli_gks_query_cntx();
    if (name && !take_back(before))
        return grus_fail_memory(error, strlen(name));
    size_t mr = (size_t)bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_MR, context);
    size_t nr = (size_t)bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_NR, context);
    micro.weights_as_a = !PREFERS_ROWS(context);
    micro.context = context;
    micro.gemm = (gemm_fn *)MICRO_KERNEL(context);
    kernel->units = micro.weights_as_a ? mr : nr;
    kernel->tile = micro.weights_as_a ? nr : mr;
    kernel->name = bli_arch_string(bli_arch_query_id());
    return GRUS_OK;
}

// ---- products ----

static void multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                     float *y, size_t ldy)
{
    static const float one = 1, zero = 0;
    const grus_kernel *kernel = weights->kernel;
    size_t units = kernel->units, tile = kernel->tile;
    grus_float32_block at = grus_float32_find(weights, panels, block);
    const float *w = at.weights, *x = at.rows;
    const float *a = micro.weights_as_a ? w : x, *b = micro.weights_as_a ? x : w;
    auxinfo_t data;
    memset(&data, 0, sizeof data);
    bli_auxinfo_set_next_a((void *)(uintptr_t)a, &data);
    bli_auxinfo_set_next_b((void *)(uintptr_t)b, &data);
    size_t m = micro.weights_as_a ? units : tile, n = micro.weights_as_a ? tile : units;
    inc_t row = micro.weights_as_a ? 1 : (inc_t)ldy, column = micro.weights_as_a ? (inc_t)ldy : 1;
    const float *onto = block->pass || beta != 0 ? &one : &zero;
    micro.gemm((dim_t)m, (dim_t)n, (dim_t)at.depth, &one, a, b, onto, y, row, column, &data, micro.context);
}

const grus_number_type grus_blis_float32 = GRUS_FLOAT32_TYPE(multiply);
