/* The report of one file, folder or conversion: a line of JSON (DESIGN 5.1) or a few lines of text.
 *
 * Trusts: the judgement. Promises: no untrusted byte reaches the output but through text.h; keys are added, never
 * changed; the same input gives the same bytes under `reproducible`. */
#ifndef GATE_REPORT_H
#define GATE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tensorvet/finding.h>
#include <tensorvet/kind.h>

#include "policy.h"
#include "rows.h"

enum report_of { REPORT_CHECK, REPORT_INSPECT, REPORT_CONVERT, REPORT_FOLDER };

struct report {
    const char *path;   /* as given, or the folder's path, '/', and the entry's; untrusted bytes */
    const char *target; /* where a symbolic link led, or NULL; untrusted bytes */
    const tv_findings *findings;
    struct rows *rows; /* NULL where nothing was listed; printing sorts its tree */
    struct judgement judgement;
    enum report_of of;
    tv_kind kind;
    uint64_t size;
    uint64_t tensors, data_bytes;
    double seconds;
    uint8_t digest[32]; /* SHA-256 of a safetensors header */
    bool complete;      /* examined to the end */
    bool has_size, has_digest;
    const char *reproduce; /* the command that repeats a crash, or NULL; printable ASCII */

    /* REPORT_CONVERT */
    bool disarmed; /* dangerous globals were there, and were dropped */
    bool verified; /* compared with the source, bit for bit, and published */
    bool planned;  /* --dry-run: nothing was written */
    bool has_free; /* --dry-run: free_bytes are left where the output would go */
    enum verdict source_verdict;
    const char *output; /* NULL: none was written; untrusted bytes */
    uint64_t output_size, free_bytes;
    const char *torch;    /* the torch engine converted: "torch 2.13.0, Python 3.11.2"; NULL: the native one */
    bool code_ran;        /* code of the file was allowed to run */
    const char *extras;   /* --save-extras: the file that was written; NULL: none */
    const char *hints_of; /* the architecture of config.json whose hints applied to ties; NULL: none */
    bool existing;        /* the output was there already, and verified now */

    /* REPORT_FOLDER */
    uint64_t counts[VERDICT_COUNT]; /* files by verdict */
};

struct reporter {
    FILE *out;
    bool json;
    bool colour;       /* text: verdicts in colour */
    bool quiet;        /* text: only what is not an accept */
    bool verbose;      /* text: all of every list, and what was left alone */
    uint32_t depth;    /* inspect: levels of its trees; 0: all */
    bool reproducible; /* leave out what varies from run to run */
    const struct policy *policy;
    char policy_sha256[POLICY_DIGEST_TEXT];
};

/* Writes the report and flushes. False where memory or writing failed. */
bool report_print(const struct reporter *reporter, const struct report *report);

/* The two forms, for report_print. */
bool report_as_json(const struct reporter *reporter, const struct report *report);
bool report_as_text(const struct reporter *reporter, const struct report *report);

/* "4.0 KiB", as people read sizes; returns text. */
#define SIZE_TEXT 32
const char *size_text(uint64_t bytes, char text[SIZE_TEXT]);

#endif
