// cpu.c: what CPUID and XGETBV say, or the kernel's vector where there are none.
#include "config.h"

#include "engine/kernel/cpu.h"

#include <stddef.h>
#ifdef GRUS_X86
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined __aarch64__ && defined __linux__
#include <sys/auxv.h>
#endif

#ifdef GRUS_X86
// Some compilers' cpuid.h lack these bits of leaf 7: of ECX; of EDX; of EAX of its subleaf 1.
#define AVX512_VNNI (1u << 11)
#define AMX_TILE (1u << 24)
#define AMX_INT8 (1u << 25)
#define AVX_VNNI (1u << 4)

unsigned grus_cpu_find(void)
{
    unsigned a, b, c, d, e, xcr0, xcr0_high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA))
        return 0;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(xcr0_high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    const unsigned ymm = 0x6, zmm = 0xe6, tiles = 0x60000; // XMM and YMM; those, opmask and both halves of ZMM; tiles
    const unsigned f_dq_bw_vl = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL, amx = AMX_TILE | AMX_INT8;
    if ((xcr0 & ymm) != ymm || !(b & bit_AVX2))
        return 0;
    unsigned found = GRUS_CPU_AVX2, subleaves = a;
    if ((xcr0 & zmm) == zmm && (b & bit_AVX512ER))
        found |= GRUS_CPU_AVX512ER;
    if ((xcr0 & zmm) == zmm && (b & f_dq_bw_vl) == f_dq_bw_vl) {
        found |= GRUS_CPU_AVX512;
        found |= c & AVX512_VNNI ? GRUS_CPU_AVX512VNNI : 0;
        found |= (d & amx) == amx && (xcr0 & tiles) == tiles ? GRUS_CPU_AMX : 0;
    }
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &e) && (a & AVX_VNNI))
        found |= GRUS_CPU_AVXVNNI;
    return found;
}
#elif defined __aarch64__ && defined HWCAP_ASIMDDP
unsigned grus_cpu_find(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? GRUS_CPU_DOTPROD : 0;
}
#else
unsigned grus_cpu_find(void)
{
    return 0;
}
#endif

int grus_cpu_permit_tiles(void)
{
#if defined GRUS_X86 && defined __linux__ && defined SYS_arch_prctl
    const long request_permission = 0x1023, tile_data = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0 ? 0 : -1;
#else
    return -1;
#endif
}

const char *grus_cpu_words(unsigned bits)
{
    static const struct {
        unsigned bit;
        const char *words;
    } all[] = {
        {GRUS_CPU_DOTPROD, "the dot product of ARMv8.2"},
        {GRUS_CPU_AMX, "AMX int8"},
        {GRUS_CPU_AVXVNNI, "AVX-VNNI"},
        {GRUS_CPU_AVX512VNNI, "AVX-512 VNNI"},
        {GRUS_CPU_AVX512ER, "AVX-512 ER"},
        {GRUS_CPU_AVX512, "AVX-512 F/DQ/BW/VL"},
        {GRUS_CPU_AVX2, "AVX2 and FMA"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (bits & all[i].bit)
            return all[i].words;
    return "nothing";
}
