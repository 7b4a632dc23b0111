/* The thin test harness of check.h. */
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct test_case *first, **last = &first;
static jmp_buf end_of_case;
enum { PASSED, FAILED, SKIPPED };

void test_register(struct test_case *one)
{
    *last = one;
    last = &one->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    printf("%s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    longjmp(end_of_case, FAILED);
}

void skip_test(const char *reason)
{
    printf("skipped: %s\n", reason);
    longjmp(end_of_case, SKIPPED);
}

static bool wanted(const struct test_case *one, int argc, char **argv)
{
    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], one->name) == 0)
            return true;
    return false;
}

int run_tests(int argc, char **argv)
{
    static int count[3]; /* static: longjmp clobbers locals */
    static struct test_case *one;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (one = first; one != NULL; one = one->next) {
        if (!wanted(one, argc, argv))
            continue;
        int how = setjmp(end_of_case);
        if (how == PASSED)
            one->run();
        count[how]++;
        if (how != PASSED)
            printf("%s %s: %s\n", how == FAILED ? "FAILED" : "SKIPPED", one->name, one->promise);
    }
    printf("%d passed, %d failed, %d skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
    if (count[FAILED] > 0 || count[PASSED] + count[SKIPPED] == 0)
        return 1;
    return count[PASSED] == 0 ? 77 : 0;
}
