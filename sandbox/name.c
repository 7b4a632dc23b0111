/* Names of system calls, for messages, from libseccomp's tables. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

#include "jail.h"

void jail_call_name(int number, char *text, size_t capacity)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (name == NULL)
        (void)snprintf(text, capacity, "%d", number);
    else
        (void)snprintf(text, capacity, "%s (%d)", name, number);
    free(name);
}
