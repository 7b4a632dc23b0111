/* Prints docs/findings.md from the one table of findings. Trusts the table alone. */
#include <tensorvet/finding.h>

#include <stdio.h>
#include <string.h>

static const char intro[] =
    "# Findings\n"
    "\n"
    "Every id that a report of tensorvet can hold, from the one table in the code (`core/include/tensorvet/*.def`); "
    "made\n"
    "by `core/tools/findings_md.c`, do not edit. Ids are stable for ever; messages may change. `tensorvet explain ID`\n"
    "says the same in a terminal.\n"
    "\n"
    "An **error** rejects the file; a **warning** or a **note** does not. Errors of class *machine* say nothing of the "
    "file: it\n"
    "is undecided, and worth another try. Offsets count from the start of the file. In messages, *A* and *B* stand "
    "for\n"
    "numbers, *S* for the subject (a tensor's name, for instance) and *D* for a detail, both untrusted and always "
    "quoted.\n";

/* The template with A, B, S, D for its four values. */
static void print_template(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '%' && text[1] != '\0')
            printf("*%c*", *++text - 'a' + 'A');
        else
            putchar(*text);
    }
}

/* A code span, in a fence longer than any run of backticks in it. */
static void print_code(const char *text)
{
    const char *fence = strchr(text, '`') != NULL ? "`` " : "`";
    printf("%s%s", fence, text);
    printf("%s", fence[1] == '\0' ? "`" : " ``");
}

static void print_finding(const tv_finding_info *info)
{
    printf("\n### %s\n\n", info->id);
    printf("%s, class %s, remedy %s. *", tv_severity_name(info->severity), tv_class_name(info->class_),
           tv_remedy_name(info->remedy));
    printf("Message*: ");
    print_template(info->message);
    printf("\n\n%s\n\n- Example: ", info->cause);
    print_code(info->example);
    printf("\n- What to do: %s\n", info->todo);
}

/* Prints the findings of the stage that `first` is the first of, wherever they stand. */
static void print_stage(unsigned first)
{
    const char *stage = tv_finding_info_of((tv_finding_id)first)->stage;
    printf("\n## Stage %s\n", stage);
    for (unsigned i = first; i < TV_FIND_COUNT; i++)
        if (strcmp(tv_finding_info_of((tv_finding_id)i)->stage, stage) == 0)
            print_finding(tv_finding_info_of((tv_finding_id)i));
}

static int is_first_of_stage(unsigned id)
{
    for (unsigned i = TV_FIND_NONE + 1; i < id; i++)
        if (strcmp(tv_finding_info_of((tv_finding_id)i)->stage, tv_finding_info_of((tv_finding_id)id)->stage) == 0)
            return 0;
    return 1;
}

int main(void)
{
    if (fputs(intro, stdout) < 0)
        return 1;
    for (unsigned i = TV_FIND_NONE + 1; i < TV_FIND_COUNT; i++)
        if (is_first_of_stage(i))
            print_stage(i);
    return fflush(stdout) == 0 ? 0 : 1;
}
