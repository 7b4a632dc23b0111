/* What every public header needs: visibility, version, status. */
#ifndef TENSORVET_API_H
#define TENSORVET_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TV_API        __attribute__((visibility("default")))
#define TV_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TV_API
#define TV_MUST_CHECK
#endif

/* What became of a call. Everything but TV_OK leaves its outputs unusable. */
typedef enum tv_status {
    TV_OK = 0,
    TV_REJECTED,  /* the input breaks a rule: a finding says which */
    TV_MORE,      /* not wrong so far, but more bytes are needed */
    TV_NO_MEMORY, /* the caller's arena or the machine's memory ran out */
    TV_IO,        /* the machine failed to read or write */
    TV_MISUSE     /* the caller broke a precondition */
} tv_status;

/* "0.1.0" */
TV_API const char *tv_version(void);

/* A block of memory that the caller gives and takes back; allocations are carved off in order, never freed singly.
 * Not thread-safe. base must be aligned to 16. */
typedef struct tv_arena {
    uint8_t *base;
    size_t size, used; /* bytes */
} tv_arena;

/* `count * size` zeroed bytes aligned to 16, or NULL where they do not fit (overflow included). */
TV_API void *tv_arena_take(tv_arena *arena, uint64_t count, uint64_t size);

#ifdef __cplusplus
}
#endif
#endif
