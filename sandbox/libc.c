/* The two libcs before the lock (libc.h). Trusts its own program. */
#include "libc.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <time.h>

static int by_value(const void *a, const void *b)
{
    const int *x = (const int *)a, *y = (const int *)b;
    return (*x > *y) - (*x < *y);
}

/* malloc draws its key with getrandom, a large qsort asks for the size of memory, tzset reads a file. Large blocks stay
 * with mmap whatever is freed, so that memory goes back. */
bool libc_prepare(void)
{
    enum { ENOUGH = 257 }; /* for qsort to ask: above 1 KiB */
    int many[ENOUGH];
    for (int i = 0; i < ENOUGH; i++)
        many[i] = i + 1;
    qsort(many, ENOUGH, sizeof(many[0]), by_value);
    tzset();
    bool set = mallopt(M_MMAP_THRESHOLD, 256 * 1024) == 1 && mallopt(M_ARENA_MAX, 1) == 1;
    void *volatile first = malloc((size_t)many[0]); /* volatile: or the compiler leaves it out */
    free(first);
    return set && first != NULL;
}
#else
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The program itself comes first, and is static: there is no other. */
static int seal(struct dl_phdr_info *program, size_t size, void *sealed)
{
    (void)size;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < program->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &program->dlpi_phdr[i];
        if (part->p_type != PT_GNU_RELRO)
            continue;
        const uintptr_t start = (program->dlpi_addr + part->p_vaddr) & -page;
        const uintptr_t end = (program->dlpi_addr + part->p_vaddr + part->p_memsz) & -page;
        *(bool *)sealed = mprotect((void *)start, end - start, PROT_READ) == 0;
    }
    return 1;
}

/* What the linker set aside to be read-only once it is relocated, tables of functions above all: glibc's start makes a
 * static program's so, musl's leaves it writable. And malloc asks for its first page of lists. */
bool libc_prepare(void)
{
    bool sealed = false;
    (void)dl_iterate_phdr(seal, &sealed);
    void *volatile first = malloc(1); /* volatile: or the compiler leaves it out */
    free(first);
    return sealed && first != NULL;
}
#endif
