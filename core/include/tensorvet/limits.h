/* Limits: every bound that input could push against, in one struct, from one table (limits.def). */
#ifndef TENSORVET_LIMITS_H
#define TENSORVET_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tensorvet/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tv_limits {
#define TV_LIMIT(field, value, unit, what) uint64_t field;
#include <tensorvet/limits.def>
#undef TV_LIMIT
} tv_limits;

typedef struct tv_limit_info {
    const char *name;
    uint64_t standard; /* the default */
    const char *unit;
    const char *what;
    size_t offset; /* of the field in tv_limits */
} tv_limit_info;

/* The defaults. */
TV_API tv_limits tv_limits_default(void);

/* The rows of limits.def in order; *count receives how many. Static storage. */
TV_API const tv_limit_info *tv_limit_table(size_t *count);

/* Sets the limit of that name. False where there is none of that name. */
TV_API bool tv_limit_set(tv_limits *limits, const char *name, uint64_t value);
TV_API uint64_t tv_limit_get(const tv_limits *limits, const tv_limit_info *row);

#ifdef __cplusplus
}
#endif
#endif
