/* SHA-256 by libcrypto's plain functions (digest.h): no provider is loaded and nothing is allocated, so nothing is
 * asked of the kernel inside the jail; and linked statically, since to load all of libcrypto takes a command longer
 * than its check of a file. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "digest.h"

/* Before main, libcrypto asks the processor what it can do, in a dozen CPUID instructions: each leaves a virtual
 * machine and takes 5 us there, which is more than hashing a small header takes without the answer. The linker sends
 * that call here (--wrap, CMakeLists.txt), and it is made when there is enough to hash. Where libcrypto does not ask
 * so, nothing changes. */
#define WORTH_ASKING (8u << 10)

void __wrap_OPENSSL_cpuid_setup(void);
void __real_OPENSSL_cpuid_setup(void);

void __wrap_OPENSSL_cpuid_setup(void) {}

void digest_prepare(void)
{
    __real_OPENSSL_cpuid_setup(); /* only once, whatever it is asked */
}

void digest_of(tv_span bytes, uint8_t digest[DIGEST_BYTES])
{
    if (bytes.size >= WORTH_ASKING)
        digest_prepare();
    SHA256_CTX context;
    (void)SHA256_Init(&context); /* these fail for a NULL context alone */
    (void)SHA256_Update(&context, bytes.data, bytes.size);
    (void)SHA256_Final(digest, &context);
}
