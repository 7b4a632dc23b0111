/* The commands, each in a file of its own. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"
#include "progress.h"
#include "session.h"

int run_check(const struct settings *settings);
int run_convert(const struct settings *given);
int run_inspect(const struct settings *settings);
int run_doctor(const struct settings *settings);
int run_explain(const struct settings *settings);

/* Starts a session as the settings say; false after a message to stderr. */
bool begin_session(struct session *session, struct progress *progress, const struct settings *settings);
/* Ends it and returns the exit status: 128 and the signal's number where one asked us to stop. */
int end_session(struct session *session);

#endif
