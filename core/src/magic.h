/* Magics of files that are no safetensors file. Internal to core. */
#ifndef CORE_MAGIC_H
#define CORE_MAGIC_H

#include <tensorvet/kind.h>
#include <tensorvet/span.h>

enum { PREFIX_BYTES = 8 }; /* the header's length, little-endian */

/* The reference refuses longer headers, so no limit can allow them; offsets in a header fit 32 bits because of it. */
enum { HEADER_MOST = 100000000 };

/* A magic of so many bytes is no accident. Shorter ones are believed only where no length can stand. */
enum { MAGIC_SURE = 3 };

/* The kind whose magic, of at least `least` bytes, stands in the head, or TV_KIND_UNKNOWN. `cut`: a magic longer than
 * the head counts if it starts with all of the head. */
tv_kind magic_kind(tv_span head, unsigned least, bool cut);

#endif
