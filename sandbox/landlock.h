/* Landlock's interface, vendored: distributions' headers lag behind their kernels.
 * Source: the kernel's include/uapi/linux/landlock.h and Documentation/userspace-api/landlock.rst. */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <stdint.h>

/* The rights that exist by ABI version. An older kernel takes the larger struct if what it does not know is zero. */
struct landlock_ruleset {
    uint64_t files;   /* handled_access_fs */
    uint64_t network; /* handled_access_net, from ABI 4 */
    uint64_t scopes;  /* scoped, from ABI 6 */
};

/* Everything that the kernel's Landlock can deny, by its ABI version; all zero for 0. */
struct landlock_ruleset landlock_everything(int abi);

/* The ABI version of the running kernel; 0 where there is none (not built, disabled, or filtered away). */
int landlock_abi(void);

/* Denies the calling thread all of that, without exception and for good. Needs no_new_privs. 0, or an errno. */
int landlock_deny(const struct landlock_ruleset *ruleset);

#endif
