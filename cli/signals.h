/* Signals that ask us to end: they set a flag, so that everything is cleaned up on the usual way out. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/* The signal that came last, or 0. */
extern volatile int signal_seen;
/* From now on SIGINT, SIGTERM, SIGHUP and SIGPIPE set the flag; SIGXFSZ is a failed write. */
void signals_catch(void);

#endif
