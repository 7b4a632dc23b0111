/* A thin test harness: a program is a list of cases, each case a function that says what it protects.
 *
 *   TEST(refuses_duplicates, "a name that occurs twice is refused") { CHECK(x == y); }
 *   int main(int argc, char **argv) { return run_tests(argc, argv); }
 *
 * A failed CHECK reports itself and ends its case; the program then exits 1. With arguments, only the cases so named
 * run. skip_test("reason") leaves a case out visibly: a program all of whose cases were skipped exits 77. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct test_case {
    const char *name, *promise;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *one);
_Noreturn void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void skip_test(const char *reason);
int run_tests(int argc, char **argv);

#define TEST(id, text)                                                                                                 \
    static void id(void);                                                                                              \
    static struct test_case id##_case = {#id, text, id, NULL};                                                         \
    __attribute__((constructor)) static void id##_register(void)                                                       \
    {                                                                                                                  \
        test_register(&id##_case);                                                                                     \
    }                                                                                                                  \
    static void id(void)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                                           \
    } while (0)
#define CHECK_MSG(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            test_fail(__FILE__, __LINE__, __VA_ARGS__);                                                                \
    } while (0)

#endif
