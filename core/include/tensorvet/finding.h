/* Findings: one thing wrong or notable in a file, with a stable id from one table (finding.def).
 *
 * A finding carries values, never prose: the message is composed from the table's template on the trusted side,
 * so nothing that a worker says can put words into a report beyond the quoted subject and detail. */
#ifndef TENSORVET_FINDING_H
#define TENSORVET_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tensorvet/api.h>
#include <tensorvet/span.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tv_severity { TV_NOTE, TV_WARNING, TV_ERROR } tv_severity;

/* What kind of trouble an id stands for; a file's class is the worst of its findings' classes. */
typedef enum tv_class {
    TV_CLASS_DATA_ONLY,     /* nothing but data */
    TV_CLASS_REVIEWED,      /* names globals that were reviewed as harmless */
    TV_CLASS_INERT_UNKNOWN, /* names globals nobody has reviewed */
    TV_CLASS_DANGEROUS,     /* would execute, import, read, write or connect */
    TV_CLASS_UNSUPPORTED,   /* something we can name but do not judge or convert */
    TV_CLASS_MALFORMED,     /* breaks its format's rules */
    TV_CLASS_MACHINE        /* says nothing of the file: undecided and retryable */
} tv_class;

typedef enum tv_remedy {
    TV_REMEDY_NONE,
    TV_REMEDY_CONVERT,
    TV_REMEDY_DISARM,
    TV_REMEDY_REUPLOAD,
    TV_REMEDY_LFS_PULL,
    TV_REMEDY_RETRY
} tv_remedy;

/* Ids in the order of finding.def. TV_FIND_NONE is no finding. */
typedef enum tv_finding_id {
    TV_FIND_NONE = 0,
#define TV_FINDING(NAME, id, severity, stage, class_, remedy, message, cause, example, todo) TV_FIND_##NAME,
#include <tensorvet/finding.def>
#undef TV_FINDING
    TV_FIND_COUNT
} tv_finding_id;

/* One row of the table. Static storage; all texts are plain ASCII.
 * message is a template: %a and %b are the finding's numbers, %s its subject, %d its detail (both quoted). */
typedef struct tv_finding_info {
    const char *id; /* kebab-case, stable for ever */
    tv_severity severity;
    const char *stage; /* foreign, prefix, text, names, tensor, layout, whole, container, pickle, checkpoint, … */
    tv_class class_;
    tv_remedy remedy;
    const char *message;
    const char *cause;
    const char *example;
    const char *todo; /* what the person who met it should do */
} tv_finding_info;

#define TV_SUBJECT_BYTES 256 /* a subject or detail is cut here; its full length is kept */
#define TV_FINDINGS_MAX  64  /* findings kept of one file; the rest are counted */
#define TV_NO_OFFSET     UINT64_MAX

typedef struct tv_finding {
    tv_finding_id id;
    uint64_t offset;       /* bytes from the start of the file, or TV_NO_OFFSET */
    uint64_t a, b;         /* numbers for the message */
    uint32_t subject_size; /* full length; only the first TV_SUBJECT_BYTES bytes are kept */
    uint32_t detail_size;
    char subject[TV_SUBJECT_BYTES]; /* untrusted bytes, not terminated: a tensor name, an entry name, … */
    char detail[TV_SUBJECT_BYTES];  /* untrusted bytes, not terminated: what was met instead, … */
} tv_finding;

/* The findings of one file, in the order found. Start from zeroes. */
typedef struct tv_findings {
    uint32_t count;
    uint32_t omitted; /* found beyond TV_FINDINGS_MAX, and not kept (errors always find a place) */
    tv_finding items[TV_FINDINGS_MAX];
    tv_finding spare; /* what does not fit is written here, and forgotten */
} tv_findings;

/* The row of that id; the row of TV_FIND_NONE is all empty. Never NULL. */
TV_API const tv_finding_info *tv_finding_info_of(tv_finding_id id);
/* The id with that kebab-case name, or TV_FIND_NONE. */
TV_API tv_finding_id tv_finding_by_name(const char *name);
TV_API const char *tv_severity_name(tv_severity severity);
TV_API const char *tv_class_name(tv_class class_);
TV_API const char *tv_remedy_name(tv_remedy remedy);

/* Appends a finding and returns it, so that the caller may fill a, b; never NULL. An error that finds the list full
 * replaces the last item that is not an error. */
TV_API tv_finding *tv_findings_add(tv_findings *list, tv_finding_id id, uint64_t offset, tv_span subject,
                                   tv_span detail);
/* The first finding whose severity in the table is error, or NULL. */
TV_API const tv_finding *tv_findings_first_error(const tv_findings *list);

/* The kept bytes of subject and detail. */
TV_API tv_span tv_finding_subject(const tv_finding *finding);
TV_API tv_span tv_finding_detail(const tv_finding *finding);

/* Composes the message into text (always terminated when capacity > 0). Subject and detail stand between double quotes,
 * with a backslash before quotes and backslashes of their own, so that they cannot end early; their bytes are otherwise
 * as they are, and untrusted, so the caller sanitizes the whole. Returns the length without the NUL, cut to capacity
 * - 1. */
TV_API size_t tv_finding_message(const tv_finding *finding, char *text, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
