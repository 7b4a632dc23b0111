/* Names of kinds, from kind.def. Pure. */
#include <tensorvet/kind.h>

/* NONE in kind.def's third column is no finding. */
typedef struct kind_row {
    const char *name, *what;
    tv_finding_id finding;
} kind_row;

static const kind_row table[TV_KIND_COUNT] = {
#define TV_KIND(NAME, name, finding, what) {name, what, TV_FIND_##finding},
#include <tensorvet/kind.def>
#undef TV_KIND
};

static const kind_row *row_of(tv_kind kind)
{
    return &table[(unsigned)kind < TV_KIND_COUNT ? kind : TV_KIND_UNKNOWN];
}

const char *tv_kind_name(tv_kind kind)
{
    return row_of(kind)->name;
}

const char *tv_kind_what(tv_kind kind)
{
    return row_of(kind)->what;
}

tv_finding_id tv_kind_finding(tv_kind kind)
{
    return row_of(kind)->finding;
}
