/* Telling a violation: the handler of SIGSYS under JAIL_STRICT_TELLING. The call itself was not made, and no other can
 * be that the profile does not allow; what is told is the word of a process that may have been taken over. */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "jail.h"

static void (*tell_number)(int number);

static void on_violation(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    tell_number(info->si_syscall);
    _exit(0);
}

void jail_tell_violations(void (*tell)(int number))
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = on_violation;
    (void)sigemptyset(&action.sa_mask);
    tell_number = tell;
    (void)sigaction(SIGSYS, &action, NULL);
}
