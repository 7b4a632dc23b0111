/* The strict tar reader, for the four members of a checkpoint of torch 0.1: one reading or none.
 *
 * Trusts: nothing. Promises: where tar_open says TV_OK, the file is a row of headers with right checksums, each a plain
 * file under one of the wanted names, each once, with its data and zeros up to the block's end, then zeros alone.
 * Links, devices, folders, sparse files and headers that rename or resize others are refused: torch extracts the
 * members into the file system, and follows what is a link. Source: POSIX pax, ustar interchange format. */
#ifndef CONVERTER_ARCHIVE_TAR_H
#define CONVERTER_ARCHIVE_TAR_H

#include <tensorvet/finding.h>

#include "source.h"

struct tar_member {
    const char *name;  /* wanted */
    uint64_t at, size; /* of its data */
    bool found;
};

/* Fills the wanted members, all of which must be there, and nothing else. */
TV_MUST_CHECK tv_status tar_open(const struct source *source, struct tar_member *wanted, unsigned count,
                                 tv_findings *findings);

#endif
