// cpu.h: the instruction sets that both the CPU and the operating system support. Included by what chooses by them.
#ifndef GRUS_ENGINE_KERNEL_CPU_H
#define GRUS_ENGINE_KERNEL_CPU_H

// A bit each.
typedef enum grus_cpu {
    GRUS_CPU_AVX2 = 1,       // and FMA
    GRUS_CPU_AVX512 = 2,     // F, DQ, BW, VL, and AVX2
    GRUS_CPU_AVX512ER = 4,   // and AVX2
    GRUS_CPU_AVX512VNNI = 8, // and AVX512
    GRUS_CPU_AVXVNNI = 16,   // and AVX2
    GRUS_CPU_AMX = 32,       // tiles and int8, and AVX512; to be permitted first
    GRUS_CPU_DOTPROD = 64
} grus_cpu;

unsigned grus_cpu_find(void);

// Asks the operating system for tiles. 0 where it grants them.
int grus_cpu_permit_tiles(void);

// The words for the largest of these bits, for messages.
const char *grus_cpu_words(unsigned bits);

#endif
