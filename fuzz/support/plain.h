/* Is this text safe to show? Judged by its own short list, not by the sanitizer's table. */
#ifndef FUZZ_PLAIN_H
#define FUZZ_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 with no control character but '\n', no DEL, no C1, no bidirectional control. */
bool plain_text(const char *text, size_t size);

#endif
