/* Putting the filter on. Two ways, of which a program links one: filter_load.c takes the programs that the build made
 * of profile.def (generated/filter_table.h), filter_make_load.c has libseccomp make one on the spot. */
#ifndef SANDBOX_FILTER_LOAD_H
#define SANDBOX_FILTER_LOAD_H

#include "jail.h"

/* Needs no_new_privs. 0, or an errno: then there is no filter, and nothing may be read. */
int filter_load(enum jail_profile profile);

#endif
