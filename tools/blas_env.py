"""Import before torch: makes the BLAS under PyTorch choose the right kernel.

Debian's BLIS and OpenBLAS go by the CPU's name, which on a virtual machine often says nothing; they then run several times
slower than the machine can. What the user has set stays.
"""
import os


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as f:
            return set(next((line for line in f if line.startswith("flags")), "").split())
    except OSError:
        return set()


def choose(threads=1):
    flags = cpu_flags()
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        os.environ.setdefault("BLIS_ARCH_TYPE", "0")    # skx
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    elif {"avx2", "fma"} <= flags:
        os.environ.setdefault("BLIS_ARCH_TYPE", "3")    # haswell
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    for name in ("BLIS_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(threads)


def in_use():
    """The BLAS library that this process has loaded."""
    with open("/proc/self/maps") as f:
        found = {line.split()[-1] for line in f if "blas" in line or "blis" in line}
    return ", ".join(sorted(os.path.basename(os.path.dirname(p)) + "/" + os.path.basename(p) for p in found)) or "unknown"
