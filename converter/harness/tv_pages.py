"""Large pages for a zygote that forks often.

A fork copies a line of the page tables for each page of the zygote's own memory, some 30 000 of 4 KiB, and the child's end
takes them down again: most of what a child costs. In pages of 2 MiB they are some 70. Making those copies all that
memory once, which pays after some 15 children. Kernels before 6.1 cannot; then all stays as it is.
"""
import ctypes

LARGE = 2 << 20
MADV_COLLAPSE = 25  # linux/mman.h


def own_memory():
    """(start, end) of the process's anonymous writable memory, in whole large pages."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split()
            if fields[1] != "rw-p" or fields[5:] not in ([], ["[heap]"]):
                continue
            start, end = (int(part, 16) for part in fields[0].split("-"))
            start, end = -(-start // LARGE) * LARGE, end // LARGE * LARGE
            if start < end:
                yield start, end


def collapse():
    """Asks the kernel to; what it does not do is only slower."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in list(own_memory()):
        advise(start, end - start, MADV_COLLAPSE)
