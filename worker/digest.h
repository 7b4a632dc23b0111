/* SHA-256, for the worker (headers) and the gate (policies): libcrypto's, without the 5 MB and the start of all of it.
 */
#ifndef WORKER_DIGEST_H
#define WORKER_DIGEST_H

#include <stdint.h>

#include <tensorvet/span.h>

#define DIGEST_BYTES 32

/* Prepared, it is faster from the first byte: for who will hash much. */
void digest_prepare(void);
void digest_of(tv_span bytes, uint8_t digest[DIGEST_BYTES]);

#endif
