// cpu.h: what the processor of this machine calls itself.
#ifndef GRUS_CLI_CPU_H
#define GRUS_CLI_CPU_H

#define GRUS_CPU_NAME 128

// The model of the first processor ("AMD EPYC 9654 96-Core Processor"), or the machine's kind ("aarch64") where the system
// tells none. Printable ASCII without quotes and backslashes; always terminated.
void grus_cpu_name(char name[GRUS_CPU_NAME]);

#endif
