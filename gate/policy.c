/* The policy (policy.h). */
#define _GNU_SOURCE
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <digest.h>

#define CLASS_BIT(class_) (1u << (unsigned)(class_))

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {
        [VERDICT_ACCEPT] = "accept",
        [VERDICT_REJECT] = "reject",
        [VERDICT_UNDECIDED] = "undecided",
        [VERDICT_UNJUDGED] = "unjudged",
    };
    return (unsigned)verdict < VERDICT_COUNT ? names[verdict] : "?";
}

struct policy policy_hub(void)
{
    struct policy policy = {.name = "hub", .limits = tv_limits_default(), .lets_pass = 0};
    return policy;
}

struct policy policy_for_convert(const struct policy *policy, bool disarm)
{
    struct policy relaxed = *policy;
    relaxed.lets_pass |= CLASS_BIT(TV_CLASS_REVIEWED) | CLASS_BIT(TV_CLASS_INERT_UNKNOWN);
    if (disarm)
        relaxed.lets_pass |= CLASS_BIT(TV_CLASS_DANGEROUS);
    return relaxed;
}

tv_severity policy_severity(const struct policy *policy, tv_finding_id id)
{
    const tv_finding_info *row = tv_finding_info_of(id);
    bool passes = (policy->lets_pass & CLASS_BIT(row->class_)) != 0;
    return row->severity == TV_ERROR && passes ? TV_WARNING : row->severity;
}

/* How bad a class is. Danger is worst even in a file that is malformed as well: somebody may mend it. The machine's
 * troubles say nothing of the file. */
static unsigned badness(tv_class class_)
{
    static const unsigned order[] = {
        [TV_CLASS_MACHINE] = 0,     [TV_CLASS_DATA_ONLY] = 1, [TV_CLASS_REVIEWED] = 2,  [TV_CLASS_INERT_UNKNOWN] = 3,
        [TV_CLASS_UNSUPPORTED] = 4, [TV_CLASS_MALFORMED] = 5, [TV_CLASS_DANGEROUS] = 6,
    };
    return (unsigned)class_ < sizeof order / sizeof *order ? order[class_] : 0;
}

tv_class policy_worse(tv_class a, tv_class b)
{
    return badness(b) > badness(a) ? b : a;
}

/* Does this finding say something about the class of its file? Errors do; of the rest only those about globals, so that
 * an accepted file with, say, an unaligned header is not called malformed. */
static bool colours_class(tv_severity severity, tv_class class_)
{
    return severity == TV_ERROR || class_ <= TV_CLASS_DANGEROUS;
}

/* Does that error decide, rather than the one so far? An error of the file before any of the machine; of the file's,
 * the one that is hardest to mend: what is malformed cannot be converted, what is dangerous can be disarmed. */
static bool outranks(const tv_finding_info *row, const tv_finding_info *so_far)
{
    bool machine = row->class_ == TV_CLASS_MACHINE;
    if (so_far == NULL || so_far->class_ == TV_CLASS_MACHINE)
        return so_far == NULL || !machine;
    return !machine && row->class_ > so_far->class_;
}

/* Is it an error of converting that no second try will mend? Then the user asked for something that we refuse. */
static bool is_refusal(const tv_finding_info *row)
{
    return strcmp(row->stage, "convert") == 0 && row->remedy != TV_REMEDY_RETRY;
}

struct judgement policy_judge(const struct policy *policy, const tv_findings *findings, bool complete)
{
    struct judgement result = {.verdict = VERDICT_ACCEPT, .class_ = TV_CLASS_DATA_ONLY};
    const tv_finding_info *decisive = NULL;
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++) {
        const tv_finding_info *row = tv_finding_info_of(findings->items[i].id);
        tv_severity severity = policy_severity(policy, findings->items[i].id);
        if (colours_class(severity, row->class_))
            result.class_ = policy_worse(result.class_, row->class_);
        if (severity != TV_ERROR)
            continue;
        result.refused |= is_refusal(row);
        if (!outranks(row, decisive))
            continue;
        decisive = row;
        result.why = findings->items[i].id;
    }
    result.remedy = decisive != NULL ? decisive->remedy : complete ? TV_REMEDY_NONE : TV_REMEDY_RETRY;
    if (decisive != NULL && decisive->class_ != TV_CLASS_MACHINE)
        result.verdict = VERDICT_REJECT;
    else if (decisive != NULL || !complete)
        result.verdict = VERDICT_UNDECIDED;
    if (result.verdict == VERDICT_UNDECIDED)
        result.class_ = TV_CLASS_MACHINE;
    result.retryable = result.verdict == VERDICT_UNDECIDED && result.remedy == TV_REMEDY_RETRY;
    return result;
}

enum verdict policy_source_verdict(const struct policy *policy, tv_kind kind, const tv_findings *findings,
                                   bool complete)
{
    bool undecided = false;
    for (uint32_t i = 0; i < findings->count && i < TV_FINDINGS_MAX; i++) {
        const tv_finding_info *row = tv_finding_info_of(findings->items[i].id);
        if (strcmp(row->stage, "convert") == 0 || strcmp(row->stage, "verify") == 0 || strcmp(row->stage, "torch") == 0)
            continue;
        if (policy_severity(policy, findings->items[i].id) != TV_ERROR)
            continue;
        if (row->class_ != TV_CLASS_MACHINE)
            return VERDICT_REJECT;
        undecided = true;
    }
    if (!complete || undecided)
        return VERDICT_UNDECIDED;
    return tv_kind_finding(kind) == TV_FIND_NONE ? VERDICT_ACCEPT : VERDICT_REJECT;
}

/* Everything that decides, as lines of text. */
static void print_rules(const struct policy *policy, FILE *out)
{
    size_t rows = 0;
    fprintf(out, "policy %s\n", policy->name);
    for (int id = TV_FIND_NONE + 1; id < TV_FIND_COUNT; id++) {
        tv_severity severity = policy_severity(policy, (tv_finding_id)id);
        fprintf(out, "%s %s\n", tv_finding_info_of((tv_finding_id)id)->id, tv_severity_name(severity));
    }
    const tv_limit_info *table = tv_limit_table(&rows);
    for (size_t i = 0; i < rows; i++)
        fprintf(out, "%s=%" PRIu64 "\n", table[i].name, tv_limit_get(&policy->limits, &table[i]));
}

bool policy_digest(const struct policy *policy, char hex[POLICY_DIGEST_TEXT])
{
    uint8_t digest[DIGEST_BYTES];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    hex[0] = '\0';
    if (out == NULL)
        return false;
    print_rules(policy, out);
    bool whole = ferror(out) == 0;
    whole = fclose(out) == 0 && whole;
    if (whole) {
        digest_of(tv_span_of(text, size), digest);
        for (unsigned i = 0; i < DIGEST_BYTES; i++)
            snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
    free(text);
    return whole;
}
