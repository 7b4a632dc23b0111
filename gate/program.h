/* The worker's program: found, and made fit to be run by a user who has nothing. Private to the broker. */
#ifndef GATE_PROGRAM_H
#define GATE_PROGRAM_H

/* A descriptor from which the worker can be executed, also after root was given up; or -1 and errno. */
int program_open(const char *path);

#endif
