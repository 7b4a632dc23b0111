/* A look at a real worker through /proc, while it waits to say its first word. Private to the doctor. */
#ifndef GATE_DOCTOR_LOOK_H
#define GATE_DOCTOR_LOOK_H

#include <stdbool.h>

#include "broker.h"

struct look {
    const char *failed_at; /* static */
    long seccomp, no_new_privs, uid, threads;
    unsigned long long capabilities; /* effective */
    char descriptors[64];            /* "0 1 2 5"; empty where we may not look */
};

/* Starts a worker whose report pipe is full, waits until it is locked and blocked, looks, and ends it. False, and
 * failed_at says why, where it never came so far. */
bool doctor_look(const struct broker *broker, struct look *look);

#endif
