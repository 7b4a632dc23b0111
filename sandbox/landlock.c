/* Landlock with nothing allowed: the second wall, should the filter ever let a path through.
 * Trusts the kernel's word on its ABI, but not blindly: some vendor kernels claim rights they lack. */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"

/* First ABI version, and how many file, network and scope bits are known from it on. Bits are dense from 0.
 * ABI 7 and 8 add flags, no rights. */
static const struct {
    int abi;
    unsigned files, network, scopes;
} versions[] = {
    {9, 17, 2, 2}, /* RESOLVE_UNIX */
    {6, 16, 2, 2}, /* scopes: ABSTRACT_UNIX_SOCKET, SIGNAL */
    {5, 16, 2, 0}, /* IOCTL_DEV */
    {4, 15, 2, 0}, /* BIND_TCP, CONNECT_TCP */
    {3, 15, 0, 0}, /* TRUNCATE */
    {2, 14, 0, 0}, /* REFER */
    {1, 13, 0, 0}, /* EXECUTE … MAKE_SYM */
};

static uint64_t low_bits(unsigned count)
{
    return (UINT64_C(1) << count) - 1;
}

struct landlock_ruleset landlock_everything(int abi)
{
    struct landlock_ruleset all = {0, 0, 0};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (abi >= versions[i].abi) {
            all.files = low_bits(versions[i].files);
            all.network = low_bits(versions[i].network);
            all.scopes = low_bits(versions[i].scopes);
            break;
        }
    }
    return all;
}

int landlock_abi(void)
{
    const unsigned query_version = 1; /* LANDLOCK_CREATE_RULESET_VERSION */
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, query_version);
    return abi < 0 ? 0 : (int)abi;
}

/* A kernel that claims more than it has (RHEL 9's 5.14 says ABI 6 without SCOPE_SIGNAL) answers EINVAL: then less. */
static int create_ruleset(struct landlock_ruleset wanted)
{
    long fd = syscall(SYS_landlock_create_ruleset, &wanted, sizeof(wanted), 0u);
    if (fd < 0 && errno == EINVAL) {
        wanted.scopes = 0;
        fd = syscall(SYS_landlock_create_ruleset, &wanted, sizeof(wanted), 0u);
    }
    if (fd < 0 && errno == EINVAL) {
        wanted.network = 0;
        wanted.files &= low_bits(13);
        fd = syscall(SYS_landlock_create_ruleset, &wanted, sizeof(wanted), 0u);
    }
    return (int)fd;
}

int landlock_deny(const struct landlock_ruleset *ruleset)
{
    int fd = create_ruleset(*ruleset);
    if (fd < 0)
        return errno;
    int error = syscall(SYS_landlock_restrict_self, fd, 0u) == 0 ? 0 : errno;
    (void)close(fd);
    return error;
}
