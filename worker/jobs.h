/* The jobs of a worker: what it does with its source once it is locked down.
 * Trusts: the job and the descriptors the broker gave. Promises: READY's follow-up is KIND first, then rows, RESULT
 * last and once; no system call beyond the jail's; every failure is a finding. */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#include "job.h"

/* Before the lock, for who will run many jobs: what pays off only then. */
void worker_prime_for_many(void);

/* Runs the job, reports to WORKER_REPORT, and returns the exit status: 0 once RESULT is sent. */
int worker_run(const struct job *job);

#endif
