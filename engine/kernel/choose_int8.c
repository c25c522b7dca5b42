// choose_int8.c: the table of the kernels for numbers of 8 bits, and the choice among them.
#include "config.h"

#include "engine/kernel/choose_int8.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/kernel/cpu.h"
#include "engine/kernel/int8.h"

// The fastest first. Each goes with the vectors of its instruction set.
#define ROW(needs_, name_, type_, size, vector_)                                                                \
    {                                                                                                           \
        needs_,                                                                                                 \
        {                                                                                                       \
            .type = &(type_).type, .tile = size##_TILE, .units = size##_UNITS, .name = name_, .vector = vector_ \
        }                                                                                                       \
    }
static const struct row {
    unsigned needs;
    grus_kernel kernel;
} rows[] = {
#ifdef GRUS_AMX
    ROW(GRUS_CPU_AMX, "amx", grus_int8_amx, GRUS_INT8_AMX, &grus_vector_avx512),
#endif
#ifdef GRUS_AVX512VNNI
    ROW(GRUS_CPU_AVX512VNNI, "avx512vnni", grus_int8_avx512vnni, GRUS_INT8_AVX512VNNI, &grus_vector_avx512),
#endif
#ifdef GRUS_AVXVNNI
    ROW(GRUS_CPU_AVXVNNI, "avxvnni", grus_int8_avxvnni, GRUS_INT8_AVXVNNI, &grus_vector_avx2),
#endif
#ifdef GRUS_X86
    ROW(GRUS_CPU_AVX2, "avx2", grus_int8_avx2, GRUS_INT8_AVX2, &grus_vector_avx2),
#endif
#ifdef GRUS_DOTPROD
    ROW(GRUS_CPU_DOTPROD, "dotprod", grus_int8_dotprod, GRUS_INT8_DOTPROD, &grus_vector_generic),
#endif
#ifdef GRUS_NEON
    ROW(0, "neon", grus_int8_neon, GRUS_INT8_NEON, &grus_vector_generic),
#endif
    ROW(0, "generic", grus_int8_generic, GRUS_INT8_GENERIC, &grus_vector_generic),
};
#define ROWS (sizeof rows / sizeof *rows)

static bool can_run(const struct row *row, unsigned found)
{
    return (found & row->needs) == row->needs && (!(row->needs & GRUS_CPU_AMX) || grus_cpu_permit_tiles() == 0);
}

const grus_kernel *grus_int8_kernel(size_t i, bool *runs)
{
    if (i >= ROWS)
        return NULL;
    *runs = can_run(rows + i, grus_cpu_find());
    return &rows[i].kernel;
}

grus_status grus_int8_choose(grus_kernel *kernel, grus_error *error)
{
    const char *variable = "GRUS_INT8_KERNEL", *asked = getenv(variable);
    unsigned found = grus_cpu_find();
    for (size_t i = 0; i < ROWS; i++) {
        bool is_meant = asked && strcmp(asked, rows[i].kernel.name) == 0;
        if (asked && !is_meant)
            continue;
        if (can_run(rows + i, found)) {
            *kernel = rows[i].kernel;
            return GRUS_OK;
        }
        if (is_meant)
            return grus_fail(error, GRUS_E_USAGE, variable, NULL, "the kernel %s needs %s, which this machine lacks",
                             asked, grus_cpu_words(rows[i].needs));
    }
    return grus_fail(error, GRUS_E_USAGE, variable, NULL, "no kernel for int8 is called '%s' in this build", asked);
}
