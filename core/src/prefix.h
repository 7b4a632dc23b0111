/* The first 8 bytes of a file. Internal to core. */
#ifndef CORE_PREFIX_H
#define CORE_PREFIX_H

#include <tensorvet/index.h>

/* Adds the warnings and notes that an accepted header length deserves. */
void prefix_notes(uint64_t length, tv_findings *findings);

#endif
