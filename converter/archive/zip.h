/* The strict zip reader: one reading or none.
 *
 * Trusts: nothing. Promises: where zip_open says TV_OK, central directory, local headers, data descriptors and end
 * records agree field by field; every byte of the file belongs to exactly one of them; names are plain, and unique with
 * case folded. Sources of the rules: PKWARE's APPNOTE, and what torch writes
 * (caffe2/serialize/inline_container.cc). Nothing is guessed or repaired. */
#ifndef CONVERTER_ARCHIVE_ZIP_H
#define CONVERTER_ARCHIVE_ZIP_H

#include <tensorvet/finding.h>
#include <tensorvet/limits.h>

#include "inflate.h"
#include "memory.h"
#include "source.h"

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };
enum { ZIP_FLAG_DEFLATE_HINTS = 0x6, ZIP_FLAG_DESCRIPTOR = 0x8, ZIP_FLAG_UTF8 = 0x800 };
enum { ZIP_EXTRA_WIDE = 0x0001, ZIP_EXTRA_PADDING = 0x4246 /* "FB", torch's alignment */ };

struct zip_entry {
    tv_span name;       /* as in the directory, root included */
    uint64_t header_at; /* offset of the local header */
    uint64_t data_at;   /* offset of the data (zip_open; zip_list leaves 0) */
    uint64_t packed;    /* bytes in the file */
    uint64_t size;      /* bytes unpacked */
    uint64_t row_at;    /* offset of its row in the file, for findings */
    uint32_t crc;
    uint16_t method, flags, time, date;
    bool is_folder; /* the name ends in '/' */
    bool is_stray;  /* in __MACOSX/, beside the one folder (zip_find_root) */
};

struct zip {
    struct budget *budget;
    struct vector directory; /* bytes: the central directory as it stands; names point into it */
    struct vector entries;   /* struct zip_entry, in the order of the directory */
    struct vector by_name;   /* u32: entries sorted by case-folded name (zip_open) */
    uint64_t directory_at, directory_size;
    tv_span root;              /* the one folder of everything, without "/" (zip_find_root) */
    bool has_crcs;             /* false: the writer skipped checksums, all are zero (zip_open) */
    struct inflater *inflater; /* the caller's, for its deflated entries; needed before any of those is read */
    bool allow_strays;         /* set between zip_open and zip_find_root: entries of __MACOSX/ are passed over */
};

/* Reads end records and directory alone: enough to list names. */
TV_MUST_CHECK tv_status zip_list(const struct source *source, const tv_limits *limits, struct budget *budget,
                                 struct zip *zip, tv_findings *findings);
/* zip_list, and then every rule of the head comment. */
TV_MUST_CHECK tv_status zip_open(const struct source *source, const tv_limits *limits, struct budget *budget,
                                 struct zip *zip, tv_findings *findings);
void zip_close(struct zip *zip);

/* Extra fields that hold time stamps and owners only, as common zip tools write them: they change nothing we read. */
bool zip_extra_is_time(uint64_t id);
/* Checks the names of all entries and sorts them; part of zip_open. */
TV_MUST_CHECK tv_status zip_check_names(struct zip *zip, tv_findings *findings);

/* Every entry lies in one folder of the archive, but for allowed strays, which are marked: sets zip->root. After
 * zip_open. */
TV_MUST_CHECK tv_status zip_find_root(struct zip *zip, tv_findings *findings);
/* The entry root/name, exact bytes; NULL where there is none. After zip_find_root. */
const struct zip_entry *zip_find(const struct zip *zip, tv_span name);
/* The entry root/folder name, the folder with its slash. */
const struct zip_entry *zip_find_in(const struct zip *zip, tv_span folder, tv_span name);
/* The entry's name without root and '/'; of no stray one. After zip_find_root. */
tv_span zip_record_name(const struct zip *zip, const struct zip_entry *entry);

/* Where a deflated entry lies. */
struct deflated zip_deflated(const struct zip *zip, const struct zip_entry *entry);
/* Checks an entry, reading it through once: the CRC, unless the writer skipped those; of a deflated one also that it is
 * one stream, and unpacks to its size. */
TV_MUST_CHECK tv_status zip_verify(const struct source *source, const struct zip *zip, const struct zip_entry *entry,
                                   tv_findings *findings);

#endif
