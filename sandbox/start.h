/* What the child of jail_start does between clone and exec, in steps. Private to the keeper. */
#ifndef SANDBOX_START_H
#define SANDBOX_START_H

#include "jail.h"

/* Each returns 0 or an errno; async-signal-safe, raw system calls only where libc would do more (a setuid of glibc
 * tells all threads, and the child shares the caller's memory). */
int child_descriptors(const struct jail_spec *spec); /* descriptors.c */
int child_privileges(void);                          /* privileges.c: no root, no capabilities */
int child_capabilities(void);                        /* privileges.c: none is left in any set */
int child_limits(const struct jail_budget *budget);  /* limits.c */

#endif
