/* The architectures that a model's config.json names: by them the model's own library is asked which names of a tie it
 * keeps (DESIGN 5.3). Read through core's scanner. Trusts: nothing. A file that is not strict JSON, or says it twice,
 * names none: it is no checkpoint, and its only use here is a hint. */
#ifndef CONVERTER_CONFIG_H
#define CONVERTER_CONFIG_H

#include "memory.h"

enum { CONFIG_NAME_MOST = 128 };

/* Appends to `names` (tv_span, raw: plain ASCII without escapes) what {"architectures": [...]} holds. False where
 * memory ends. */
bool config_architectures(tv_span text, struct vector *names);

#endif
