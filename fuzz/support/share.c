/* How many inputs reached acceptance, told at exit (oracle.h). */
#include "oracle.h"

static uint64_t ran, accepted;

static void tell(void)
{
    if (getenv("FUZZ_SHARE") != NULL && ran > 0)
        fprintf(stderr, "accepted %llu of %llu inputs (%.1f %%)\n", (unsigned long long)accepted,
                (unsigned long long)ran, 100.0 * (double)accepted / (double)ran);
}

void oracle_ran(void)
{
    if (ran++ == 0)
        (void)atexit(tell);
}

void oracle_accepted(void)
{
    accepted++;
}
