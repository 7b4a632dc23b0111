/* The gather: writes a strided view of a storage as a contiguous tensor, in bounded memory.
 *
 * The tensor is cut into boxes of indices. A box is read in long runs of the source, put in order in memory and written
 * in long runs of the output, so that neither side is ever touched element by element, whatever the strides.
 * Trusts: the tensor table. Promises: at most GATHER_FROM + GATHER_TO bytes of memory. */
#ifndef CONVERTER_GATHER_H
#define CONVERTER_GATHER_H

#include "plan.h"
#include "sink.h"
#include "view.h"

#define GATHER_TO   (8u << 20)  /* bytes of one box in the output */
#define GATHER_FROM (10u << 20) /* bytes read for it */
/* Reading over a gap of this many bytes is cheaper than another system call (measured: a pread of cached bytes costs
 * 0.2 to 0.3 microseconds, in which about 4 KiB are copied). */
#define GATHER_GAP 4096u

/* Called with the bytes of output written since the last call. */
typedef void (*gather_progress)(void *context, uint64_t bytes);

/* Appends the view's elements, outermost dimension first. TV_OK; TV_IO (sink->error tells whether writing failed);
 * TV_NO_MEMORY. */
TV_MUST_CHECK tv_status gather_view(const struct source *source, const struct view *view, struct sink *sink,
                                    gather_progress progress, void *context);

#endif
