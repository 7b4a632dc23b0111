/* Limits by name, from limits.def. Pure. */
#include <tensorvet/limits.h>

#include <string.h>

static const tv_limit_info table[] = {
#define TV_LIMIT(field, value, unit, what) {#field, value, unit, what, offsetof(tv_limits, field)},
#include <tensorvet/limits.def>
#undef TV_LIMIT
};
enum { ROWS = sizeof table / sizeof table[0] };

tv_limits tv_limits_default(void)
{
    static const tv_limits standard = {
#define TV_LIMIT(field, value, unit, what) value,
#include <tensorvet/limits.def>
#undef TV_LIMIT
    };
    return standard;
}

const tv_limit_info *tv_limit_table(size_t *count)
{
    *count = ROWS;
    return table;
}

bool tv_limit_set(tv_limits *limits, const char *name, uint64_t value)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            memcpy((char *)limits + table[i].offset, &value, sizeof value);
            return true;
        }
    }
    return false;
}

uint64_t tv_limit_get(const tv_limits *limits, const tv_limit_info *row)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)limits + row->offset, sizeof value);
    return value;
}
