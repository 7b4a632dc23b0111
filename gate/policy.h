/* The policy: what findings mean. The only place where a verdict is made.
 *
 * Trusts: the table of findings. Promises: an accept needs a complete examination and not one error; whatever the
 * machine is to blame for is undecided, never an accept and never a reject. */
#ifndef GATE_POLICY_H
#define GATE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/finding.h>
#include <tensorvet/kind.h>
#include <tensorvet/limits.h>

enum verdict { VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_UNDECIDED, VERDICT_UNJUDGED, VERDICT_COUNT };

/* "accept" */
const char *verdict_name(enum verdict verdict);

struct policy {
    const char *name; /* "hub" */
    tv_limits limits;
    uint32_t lets_pass; /* bit set of tv_class: errors of these classes are warnings here */
};

/* What a file gets under a policy. */
struct judgement {
    enum verdict verdict;
    tv_class class_;   /* the worst of its findings that count (policy.c) */
    tv_finding_id why; /* the finding that decided; TV_FIND_NONE where none did */
    tv_remedy remedy;  /* of that finding */
    bool retryable;    /* undecided, and trying again may help */
    bool refused;      /* convert was asked for something it does not do: exit status 1 even where undecided */
};

/* The default policy: severities as in the table of findings, default limits. */
struct policy policy_hub(void);
/* The same policy as it applies to what is converted: inert globals are dropped, not refused; with `disarm`, dangerous
 * ones too. */
struct policy policy_for_convert(const struct policy *policy, bool disarm);

/* The severity of that id under the policy. */
tv_severity policy_severity(const struct policy *policy, tv_finding_id id);

/* The judgement of a file with those findings; `complete`: its examination went to the end. */
struct judgement policy_judge(const struct policy *policy, const tv_findings *findings, bool complete);

/* The worse of two classes. */
tv_class policy_worse(tv_class a, tv_class b);

/* What `check` would say of a source from the findings of its conversion: those of converting and verifying left out.
 */
enum verdict policy_source_verdict(const struct policy *policy, tv_kind kind, const tv_findings *findings,
                                   bool complete);

/* SHA-256, in hex, of everything that the policy decides by: name, severity of each id, limits. False and "" where
 * there is no memory for it. */
#define POLICY_DIGEST_TEXT 65
TV_MUST_CHECK bool policy_digest(const struct policy *policy, char hex[POLICY_DIGEST_TEXT]);

#endif
