/* Files on their way, for the session alone (session_begin, session_finish). */
#ifndef GATE_BEGUN_H
#define GATE_BEGUN_H

#include "session.h"

/* How many files a batch has open at once. Few, where few may be open. */
unsigned begun_window(void);
/* Forgets what has begun: nothing of it is reported. */
void begun_forget(struct session *session);

#endif
