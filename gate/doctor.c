/* What the machine offers, what a worker says, what a worker looks like from outside, and whether it passes its test.
 * See doctor.h for what it trusts and promises. */
#define _GNU_SOURCE

#include "doctor.h"

#include <errno.h>
#include <jail.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor_look.h"

static const char machine[] = "this machine";
static const char by_word[] = "a worker, by its own word";
static const char outside[] = "a worker, seen from outside";
static const char test[] = "self-test";

const char *doctor_state_name(enum doctor_state state)
{
    static const char *const names[] = {"good", "less", "refuses"};
    return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

/* A new row, whose `found` the caller fills. The table has room for all there are; a last one too many replaces it. */
static struct doctor_row *add(struct doctor *doctor, const char *group, const char *what, enum doctor_state state)
{
    struct doctor_row *row = &doctor->rows[doctor->count < DOCTOR_ROWS ? doctor->count++ : DOCTOR_ROWS - 1];
    *row = (struct doctor_row){.group = group, .what = what, .state = state};
    return row;
}

/* add(…) and its text. */
#define ADD(doctor, group, what, state, ...)                                                                           \
    (void)snprintf(add(doctor, group, what, state)->found, DOCTOR_TEXT, __VA_ARGS__)

/* Some texts are the worker's. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            *text = '?';
    }
}

static void machine_kernel(struct doctor *doctor)
{
    struct utsname name;
    if (uname(&name) == 0)
        ADD(doctor, machine, "kernel", DOCTOR_GOOD, "%.32s %.64s %.32s", name.sysname, name.release, name.machine);
}

static void machine_seccomp(struct doctor *doctor)
{
    const uint32_t action = SECCOMP_RET_KILL_PROCESS;
    bool there = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    if (there)
        ADD(doctor, machine, "system call filter (seccomp)", DOCTOR_GOOD, "offered, and can kill a process");
    else
        ADD(doctor, machine, "system call filter (seccomp)", DOCTOR_REFUSES, "missing: %s", strerror(errno));
}

/* The inmate asks again, for itself; this is what the broker could ask for. */
static void machine_landlock(struct doctor *doctor)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u);
    if (abi > 0)
        ADD(doctor, machine, "Landlock", DOCTOR_GOOD, "offered, ABI %ld%s", abi,
            abi >= 6   ? ""
            : abi >= 4 ? " (no scopes)"
                       : " (files only)");
    else
        ADD(doctor, machine, "Landlock", DOCTOR_LESS, "missing: %s", strerror(errno));
}

static void machine_user(struct doctor *doctor)
{
    if (geteuid() == 0)
        ADD(doctor, machine, "user", DOCTOR_GOOD, "root; workers give it up");
    else
        ADD(doctor, machine, "user", DOCTOR_GOOD, "uid %u; workers stay that user", (unsigned)geteuid());
}

/* What READY says. Mandatory layers are there, or there would have been no READY that counts. */
static void word_layers(struct doctor *doctor, const struct outcome *outcome)
{
    static const struct {
        uint32_t layer;
        const char *what, *missing;
    } layers[] = {
        {JAIL_NO_NEW_PRIVS, "no_new_privs", "missing"},
        {JAIL_RLIMITS, "resource limits", "missing"},
        {JAIL_SECCOMP, "system call filter", "missing"},
        {JAIL_LANDLOCK, "Landlock, nothing allowed", "missing: the filter alone keeps paths out"},
        {JAIL_UNPRIVILEGED, "no root, no capabilities", "kept uid 0: no other is mapped in this user namespace"},
        {JAIL_MDWE, "no memory becomes executable (MDWE)", "missing before Linux 6.3: the filter alone sees to it"},
        {JAIL_UNDUMPABLE, "no core, no debugger", "missing"},
        {JAIL_TIED, "dies with its parent", "missing"},
    };
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        bool there = (outcome->layers & layers[i].layer) != 0;
        enum doctor_state without = (JAIL_MANDATORY & layers[i].layer) != 0 ? DOCTOR_REFUSES : DOCTOR_LESS;
        ADD(doctor, by_word, layers[i].what, there ? DOCTOR_GOOD : without, "%s",
            there ? "in force" : layers[i].missing);
    }
}

static void look_from_outside(struct doctor *doctor, const struct broker *broker)
{
    struct look look;
    if (!doctor_look(broker, &look)) {
        ADD(doctor, outside, "a worker stopped before its first word", DOCTOR_REFUSES, "%s", look.failed_at);
        return;
    }
    ADD(doctor, outside, "Seccomp", look.seccomp == 2 ? DOCTOR_GOOD : DOCTOR_REFUSES, "%ld (2: a filter)",
        look.seccomp);
    ADD(doctor, outside, "NoNewPrivs", look.no_new_privs == 1 ? DOCTOR_GOOD : DOCTOR_REFUSES, "%ld", look.no_new_privs);
    ADD(doctor, outside, "Uid", look.uid != 0 ? DOCTOR_GOOD : DOCTOR_LESS, "%ld", look.uid);
    ADD(doctor, outside, "Threads", look.threads == 1 ? DOCTOR_GOOD : DOCTOR_REFUSES, "%ld", look.threads);
    ADD(doctor, outside, "CapEff", look.capabilities == 0 ? DOCTOR_GOOD : DOCTOR_LESS, "%llx", look.capabilities);
    if (look.descriptors[0] != '\0')
        ADD(doctor, outside, "descriptors", strcmp(look.descriptors, "0 1 2 5") == 0 ? DOCTOR_GOOD : DOCTOR_REFUSES,
            "%s", look.descriptors);
}

/* In a second worker: by default they are not used. */
static void machine_namespaces(struct doctor *doctor, const struct broker *broker)
{
    struct broker apart = {.program = broker->program, .null = broker->null, .stop = broker->stop};
    struct outcome outcome;
    broker_namespaces(&apart);
    bool there = broker_selftest(&apart, &outcome) && (outcome.layers & JAIL_NAMESPACES) != 0;
    broker_forget_workers(&apart);
    ADD(doctor, machine, "namespaces (--namespaces)", there ? DOCTOR_GOOD : DOCTOR_LESS, "%s",
        there ? "offered" : "refused by the kernel or its container");
}

static void self_test(struct doctor *doctor, const struct broker *broker)
{
    struct outcome outcome;
    bool passes = broker_selftest(broker, &outcome);
    const tv_finding *error = tv_findings_first_error(&outcome.findings);
    if (outcome.layers != 0)
        word_layers(doctor, &outcome);
    if (passes) {
        ADD(doctor, test, "the built-in file", DOCTOR_GOOD, "judged rightly, in %.1f ms", outcome.seconds * 1e3);
    } else {
        tv_span detail = error == NULL ? tv_span_of(NULL, 0) : tv_finding_detail(error);
        ADD(doctor, test, "the built-in file", DOCTOR_REFUSES, "%s: %.*s",
            error == NULL ? "not judged" : tv_finding_info_of(error->id)->id, (int)detail.size,
            detail.size == 0 ? "" : (const char *)detail.data);
    }
}

/* The Python that --engine torch would use. Nothing else needs it: what it lacks is no refusal. */
static void torch_engine(struct doctor *doctor, const struct broker *broker, const struct torch_settings *settings)
{
    static const char group[] = "torch engine (convert --engine torch)";
    struct torch_engine engine;
    char found[TORCH_TEXT];
    torch_open(&engine, settings, broker);
    bool ready = torch_ready(&engine);
    if (engine.python[0] != '\0')
        ADD(doctor, group, "Python", ready ? DOCTOR_GOOD : DOCTOR_LESS, "%.100s", engine.python);
    if (ready) {
        ADD(doctor, group, "imports", DOCTOR_GOOD, "%.100s", engine.version);
        bool holds = torch_probe(&engine, broker->null, found);
        ADD(doctor, group, "locked down", holds ? DOCTOR_GOOD : DOCTOR_LESS, "%.110s", found);
        doctor->torch_works = holds;
        doctor->torch_failure = holds ? TV_FIND_NONE : TV_FIND_TORCH_FAILED;
    } else if (broker->stop == NULL || *broker->stop == 0) {
        ADD(doctor, group, "imports", DOCTOR_LESS, "%.110s", engine.why);
        doctor->torch_failure = engine.failure;
    }
    torch_close(&engine);
}

void doctor_examine(const struct broker *broker, int broker_error, const struct torch_settings *torch,
                    struct doctor *doctor)
{
    *doctor = (struct doctor){.works = true};
    machine_kernel(doctor);
    machine_user(doctor);
    machine_seccomp(doctor);
    machine_landlock(doctor);
    if (broker_error == 0)
        machine_namespaces(doctor, broker);
    if (broker_error != 0) {
        ADD(doctor, test, "the worker's program", DOCTOR_REFUSES, "cannot be opened: %s", strerror(broker_error));
    } else {
        look_from_outside(doctor, broker);
        self_test(doctor, broker);
        if (torch != NULL && torch->wanted)
            torch_engine(doctor, broker, torch);
    }
    for (unsigned i = 0; i < doctor->count; i++) {
        make_printable(doctor->rows[i].found);
        doctor->works = doctor->works && doctor->rows[i].state != DOCTOR_REFUSES;
    }
}
