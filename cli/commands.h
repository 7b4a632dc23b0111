/* The commands, each in a file of its own. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"
#include "progress.h"
#include "session.h"

int run_check(const struct settings *settings);
int run_convert(const struct settings *given);
int run_inspect(const struct settings *settings);
int run_diff(const struct settings *settings);
int run_doctor(const struct settings *settings);
int run_explain(const struct settings *settings);

/* Starts a session as the settings say; false after a message to stderr. */
bool begin_session(struct session *session, struct progress *progress, const struct settings *settings);
/* Ends it and returns the exit status: 128 and the signal's number where one asked us to stop. */
int end_session(struct session *session);
/* A whole session that does this with each path, until it is stopped; the exit status. */
int for_each_path(const struct settings *settings, void (*examine)(struct session *session, const char *path));

#endif
