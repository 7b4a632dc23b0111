/* Putting the filter on: the programs that the build made of profile.def and profile-python.def with libseccomp
 * (generated/filter_table.h), with the process's own number put in where a row asks for it. */
#ifndef SANDBOX_FILTER_LOAD_H
#define SANDBOX_FILTER_LOAD_H

#include <linux/filter.h>

#include "jail.h"

enum { FILTER_MOST = 1024 }; /* instructions; the build's maker refuses more */

/* The program for a process of that number; how many instructions, 0 where that profile has none. */
uint16_t filter_program(enum jail_profile profile, uint32_t own, struct sock_filter code[FILTER_MOST]);

/* Needs no_new_privs. 0, or an errno: then there is no filter, and nothing may be read. */
int filter_load(enum jail_profile profile);

#endif
