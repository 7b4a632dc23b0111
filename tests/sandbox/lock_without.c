/* The lock of the torch engine with the rows of one call left out, for the test that asks what each row is there for
 * (tests/e2e/torch_rows.py). It stands in the place of filter_load.c, in a library of the tests alone. */
#include <errno.h>
#include <unistd.h>

#include <filter.h>

static const char *without;

/* The name of a row that allows; "" for one that only answers; NULL after the last. */
__attribute__((visibility("default"))) const char *lock_row(uint32_t number);
__attribute__((visibility("default"))) void lock_leave_out(const char *name);

const char *lock_row(uint32_t number)
{
    uint32_t count = 0;
    const struct profile_call *rows = profile_python_calls(&count);
    if (number >= count)
        return NULL;
    return rows[number].answer == 0 ? rows[number].name : "";
}

void lock_leave_out(const char *name)
{
    without = name;
}

int filter_load(enum jail_profile profile)
{
    const struct filter_wish wish = {.profile = profile, .own = (uint32_t)getpid(), .without = without};
    int error = 0;
    scmp_filter_ctx filter = filter_make(&wish, &error);
    if (filter == NULL)
        return error;
    error = -seccomp_load(filter);
    seccomp_release(filter);
    return error;
}
