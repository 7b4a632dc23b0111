/* Kinds: what a file is, decided from its bytes, never from its name (kind.def). */
#ifndef TENSORVET_KIND_H
#define TENSORVET_KIND_H

#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/finding.h>
#include <tensorvet/span.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tv_kind {
#define TV_KIND(NAME, name, finding, what) TV_KIND_##NAME,
#include <tensorvet/kind.def>
#undef TV_KIND
    TV_KIND_COUNT
} tv_kind;

TV_API const char *tv_kind_name(tv_kind kind);
/* "a git-lfs pointer file", for messages. */
TV_API const char *tv_kind_what(tv_kind kind);
/* The finding that a file of this kind gets from `check` for being of it, or TV_FIND_NONE where it is judged. */
TV_API tv_finding_id tv_kind_finding(tv_kind kind);

#define TV_IDENTIFY_BYTES 512 /* enough of a file's head for tv_identify */

/* What the head of a file says it is. `head` is the first min(size, TV_IDENTIFY_BYTES) bytes of a file of `size` bytes.
 * Zip archives come out as TV_KIND_ZIP (their directory tells more), streams that start like a pickle as
 * TV_KIND_PICKLE (running them tells), anything with a plausible length and a brace as TV_KIND_SAFETENSORS,
 * anything nameless as TV_KIND_UNKNOWN. A plausible header length beats every magic but the exact ones. */
TV_API tv_kind tv_identify(tv_span head, uint64_t size);

#ifdef __cplusplus
}
#endif
#endif
