/* The policy: an accept needs everything; the machine's faults are nobody's verdict. */
#include <string.h>

#include "check.h"
#include "policy.h"

static tv_findings list;

static void found(tv_finding_id id)
{
    (void)tv_findings_add(&list, id, TV_NO_OFFSET, tv_span_of(NULL, 0), tv_span_of(NULL, 0));
}

static struct judgement judge_under(const struct policy *policy, bool complete, const tv_finding_id *ids)
{
    memset(&list, 0, sizeof list);
    for (; *ids != TV_FIND_NONE; ids++)
        found(*ids);
    return policy_judge(policy, &list, complete);
}

#define JUDGE(policy, complete, ...) judge_under(policy, complete, (const tv_finding_id[]){__VA_ARGS__, TV_FIND_NONE})

TEST(clean_is_accepted, "no finding, examined to the end: accept")
{
    struct policy hub = policy_hub();
    struct judgement clean = judge_under(&hub, true, (const tv_finding_id[]){TV_FIND_NONE});
    CHECK(clean.verdict == VERDICT_ACCEPT && clean.class_ == TV_CLASS_DATA_ONLY && clean.remedy == TV_REMEDY_NONE);
    CHECK(!clean.retryable && !clean.refused);
}

TEST(incomplete_is_never_accepted, "without the end of the examination there is no accept, and no reject")
{
    struct policy hub = policy_hub();
    struct judgement partial = judge_under(&hub, false, (const tv_finding_id[]){TV_FIND_NONE});
    CHECK(partial.verdict == VERDICT_UNDECIDED && partial.retryable);
}

TEST(every_error_of_the_table_decides,
     "an error rejects; one of the machine leaves undecided; nothing else does either")
{
    struct policy hub = policy_hub();
    for (int id = TV_FIND_NONE + 1; id < TV_FIND_COUNT; id++) {
        const tv_finding_info *row = tv_finding_info_of((tv_finding_id)id);
        struct judgement one = JUDGE(&hub, true, (tv_finding_id)id);
        enum verdict due = row->severity != TV_ERROR         ? VERDICT_ACCEPT
                           : row->class_ == TV_CLASS_MACHINE ? VERDICT_UNDECIDED
                                                             : VERDICT_REJECT;
        CHECK_MSG(one.verdict == due, "%s", row->id);
        CHECK_MSG(one.verdict == VERDICT_ACCEPT || one.remedy == row->remedy, "%s", row->id);
        CHECK_MSG(one.retryable == (due == VERDICT_UNDECIDED && row->remedy == TV_REMEDY_RETRY), "%s", row->id);
    }
}

TEST(an_error_of_the_file_outweighs_the_machine, "a bad file is rejected, whatever else went wrong")
{
    struct policy hub = policy_hub();
    struct judgement both = JUDGE(&hub, false, TV_FIND_SOURCE_CHANGED, TV_FIND_DUPLICATE_KEY, TV_FIND_UNREADABLE);
    CHECK(both.verdict == VERDICT_REJECT && both.class_ == TV_CLASS_MALFORMED && !both.retryable);
}

TEST(the_class_is_the_worst, "class and remedy are those of the worst error")
{
    struct policy hub = policy_hub();
    struct judgement worst =
        JUDGE(&hub, true, TV_FIND_REVIEWED_GLOBAL, TV_FIND_UNKNOWN_GLOBAL, TV_FIND_DANGEROUS_GLOBAL);
    CHECK(worst.class_ == TV_CLASS_DANGEROUS && worst.remedy == TV_REMEDY_DISARM);
    struct judgement torn = JUDGE(&hub, true, TV_FIND_DANGEROUS_GLOBAL, TV_FIND_PICKLE_TRUNCATED);
    CHECK(torn.class_ == TV_CLASS_DANGEROUS && torn.why == TV_FIND_PICKLE_TRUNCATED); /* disarming would not help */
    CHECK(JUDGE(&hub, true, TV_FIND_REVIEWED_GLOBAL).class_ == TV_CLASS_REVIEWED);
    CHECK(JUDGE(&hub, true, TV_FIND_REVIEWED_GLOBAL).verdict == VERDICT_ACCEPT);
}

TEST(convert_lets_inert_globals_pass, "convert drops what is inert; what is dangerous only where asked to")
{
    struct policy hub = policy_hub(), plain = policy_for_convert(&hub, false), disarm = policy_for_convert(&hub, true);
    CHECK(JUDGE(&plain, true, TV_FIND_UNKNOWN_GLOBAL).verdict == VERDICT_ACCEPT);
    CHECK(policy_severity(&plain, TV_FIND_UNKNOWN_GLOBAL) == TV_WARNING);
    CHECK(JUDGE(&plain, true, TV_FIND_DANGEROUS_GLOBAL).verdict == VERDICT_REJECT);
    CHECK(JUDGE(&disarm, true, TV_FIND_DANGEROUS_GLOBAL).verdict == VERDICT_ACCEPT);
    CHECK(JUDGE(&disarm, true, TV_FIND_DANGEROUS_GLOBAL, TV_FIND_ZIP_DUPLICATE_NAME).verdict == VERDICT_REJECT);
    CHECK(JUDGE(&disarm, true, TV_FIND_PICKLE_TRUNCATED).verdict == VERDICT_REJECT);
}

static enum verdict source(tv_kind kind, bool complete, tv_finding_id id)
{
    struct policy hub = policy_hub();
    memset(&list, 0, sizeof list);
    if (id != TV_FIND_NONE)
        found(id);
    return policy_source_verdict(&hub, kind, &list, complete);
}

TEST(the_source_is_judged_as_check_would, "source_verdict leaves out what is wrong with converting alone")
{
    CHECK(source(TV_KIND_TORCH_ZIP, true, TV_FIND_NONE) == VERDICT_ACCEPT);
    CHECK(source(TV_KIND_TORCH_ZIP, true, TV_FIND_AMBIGUOUS_ROOT) == VERDICT_ACCEPT);
    CHECK(source(TV_KIND_TORCH_ZIP, true, TV_FIND_UNKNOWN_GLOBAL) == VERDICT_REJECT);
    CHECK(source(TV_KIND_TORCHSCRIPT, true, TV_FIND_NONE) == VERDICT_REJECT);
    CHECK(source(TV_KIND_TORCH_ZIP, false, TV_FIND_NONE) == VERDICT_UNDECIDED);
    CHECK(source(TV_KIND_TORCH_ZIP, true, TV_FIND_SOURCE_CHANGED) != VERDICT_REJECT);
}

TEST(refusals_are_told_apart, "what a second try will not mend is refused: exit status 1, even where undecided")
{
    struct policy hub = policy_hub();
    CHECK(JUDGE(&hub, false, TV_FIND_OUTPUT_EXISTS).refused);
    CHECK(JUDGE(&hub, false, TV_FIND_OUTPUT_NOT_SAFETENSORS).refused);
    CHECK(!JUDGE(&hub, false, TV_FIND_NO_SPACE).refused);
    CHECK(!JUDGE(&hub, false, TV_FIND_UNREADABLE).refused);
}

TEST(the_digest_is_of_what_decides, "policies that decide differently have different digests, others the same")
{
    struct policy hub = policy_hub(), same = policy_hub(), limits = policy_hub();
    struct policy convert = policy_for_convert(&hub, false);
    char a[POLICY_DIGEST_TEXT], b[POLICY_DIGEST_TEXT];
    CHECK(policy_digest(&hub, a));
    CHECK(policy_digest(&same, b));
    CHECK(strlen(a) == 64 && strcmp(a, b) == 0);
    limits.limits.rank = 7;
    CHECK(policy_digest(&limits, b));
    CHECK(strcmp(a, b) != 0);
    CHECK(policy_digest(&convert, b));
    CHECK(strcmp(a, b) != 0);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
