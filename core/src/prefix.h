/* The first 8 bytes of a file. Internal to core. */
#ifndef CORE_PREFIX_H
#define CORE_PREFIX_H

#include <tensorvet/index.h>

/* Rejects the file (TV_REJECTED, a finding) if its first bytes are a magic of at least that many bytes; else TV_OK. */
tv_status prefix_foreign(tv_span prefix, unsigned least, tv_findings *findings);

/* Adds the warnings and notes that an accepted header length deserves. */
void prefix_notes(uint64_t length, tv_findings *findings);

#endif
