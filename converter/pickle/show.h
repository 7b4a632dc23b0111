/* A value or a call of a pickle as one short line of ASCII, for people: what a dangerous global would have been called
 * with. Trusts: nothing. Promises: never more than the room given, whatever the value; strings escaped and cut. */
#ifndef CONVERTER_PICKLE_SHOW_H
#define CONVERTER_PICKLE_SHOW_H

#include "value.h"

/* os.system('echo hi'): the call that the record of that index stands for. Always terminated where capacity > 0. */
void show_call(const struct pickle *p, uint32_t record, char *text, size_t capacity);

#endif
