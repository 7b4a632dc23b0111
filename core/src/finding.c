/* The table of findings, and lists of them. Trusts the caller's list; subjects and details are untrusted bytes that
 * are only ever copied, cut to their place, and quoted. */
#include <tensorvet/finding.h>

#include <string.h>

static const tv_finding_info table[TV_FIND_COUNT] = {
    {"", TV_NOTE, "", TV_CLASS_DATA_ONLY, TV_REMEDY_NONE, "", "", "", ""},
#define TV_FINDING(NAME, id, severity, stage, class_, remedy, message, cause, example, todo)                           \
    {id, severity, stage, class_, remedy, message, cause, example, todo},
#include <tensorvet/finding.def>
#undef TV_FINDING
};

const tv_finding_info *tv_finding_info_of(tv_finding_id id)
{
    return &table[(unsigned)id < TV_FIND_COUNT ? id : TV_FIND_NONE];
}

tv_finding_id tv_finding_by_name(const char *name)
{
    for (unsigned i = TV_FIND_NONE + 1; i < TV_FIND_COUNT; i++)
        if (strcmp(table[i].id, name) == 0)
            return (tv_finding_id)i;
    return TV_FIND_NONE;
}

const char *tv_severity_name(tv_severity severity)
{
    static const char *const names[] = {"note", "warning", "error"};
    return (unsigned)severity < sizeof names / sizeof names[0] ? names[severity] : "?";
}

const char *tv_class_name(tv_class class_)
{
    static const char *const names[] = {"data-only",   "reviewed",  "inert-unknown", "dangerous",
                                        "unsupported", "malformed", "machine"};
    return (unsigned)class_ < sizeof names / sizeof names[0] ? names[class_] : "?";
}

const char *tv_remedy_name(tv_remedy remedy)
{
    static const char *const names[] = {"none", "convert", "disarm", "reupload", "lfs-pull", "retry"};
    return (unsigned)remedy < sizeof names / sizeof names[0] ? names[remedy] : "?";
}

static bool is_error(const tv_finding *finding)
{
    return tv_finding_info_of(finding->id)->severity == TV_ERROR;
}

/* Where a new finding goes. A full list gives an error the place of its last item that is none; with nothing but
 * errors in it, and for anything else, it goes to the spare place: counted, not kept. */
static tv_finding *place_for(tv_findings *list, bool error)
{
    if (list->count < TV_FINDINGS_MAX)
        return &list->items[list->count++];
    list->omitted++;
    for (uint32_t i = TV_FINDINGS_MAX; error && i > 0; i--)
        if (!is_error(&list->items[i - 1]))
            return &list->items[i - 1];
    return &list->spare;
}

static uint32_t keep(char *place, tv_span text)
{
    size_t kept = text.size < TV_SUBJECT_BYTES ? text.size : TV_SUBJECT_BYTES;
    if (kept > 0)
        memcpy(place, text.data, kept);
    return text.size < UINT32_MAX ? (uint32_t)text.size : UINT32_MAX;
}

tv_finding *tv_findings_add(tv_findings *list, tv_finding_id id, uint64_t offset, tv_span subject, tv_span detail)
{
    tv_finding *finding = place_for(list, tv_finding_info_of(id)->severity == TV_ERROR);
    memset(finding, 0, sizeof *finding);
    finding->id = id;
    finding->offset = offset;
    finding->subject_size = keep(finding->subject, subject);
    finding->detail_size = keep(finding->detail, detail);
    return finding;
}

const tv_finding *tv_findings_first_error(const tv_findings *list)
{
    for (uint32_t i = 0; i < list->count && i < TV_FINDINGS_MAX; i++)
        if (is_error(&list->items[i]))
            return &list->items[i];
    return NULL;
}

static tv_span kept(const char *text, uint32_t size)
{
    return tv_span_of(text, size < TV_SUBJECT_BYTES ? size : TV_SUBJECT_BYTES);
}

tv_span tv_finding_subject(const tv_finding *finding)
{
    return kept(finding->subject, finding->subject_size);
}

tv_span tv_finding_detail(const tv_finding *finding)
{
    return kept(finding->detail, finding->detail_size);
}
