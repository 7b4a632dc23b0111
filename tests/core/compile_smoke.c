/* The installed headers compile by themselves, as C and (compile_smoke.cpp) as C++, and link with the library. */
#include <tensorvet/tensorvet.h>

int main(void)
{
    tv_limits limits = tv_limits_default();
    tv_span nothing = tv_span_of("", 0);
    return tv_version()[0] != '\0' && limits.rank == 64 && tv_identify(nothing, 0) == TV_KIND_EMPTY ? 0 : 1;
}
