/* Checksums of storages: what the container says of their bytes, against the bytes. */
#ifndef CONVERTER_CRC_H
#define CONVERTER_CRC_H

#include "checkpoint.h"

/* TV_OK where that is the storage's CRC-32, else TV_REJECTED and `zip-crc-mismatch`. */
TV_MUST_CHECK tv_status crc_judge(const struct storage *storage, uint32_t crc, tv_findings *findings);

/* Reads the storage through and judges its CRC. `buffer` of `size` bytes is the caller's; advance, which may be NULL,
 * is called with the bytes read since the last call. A storage without a CRC is TV_OK unread. */
TV_MUST_CHECK tv_status crc_verify(const struct source *source, const struct storage *storage, uint8_t *buffer,
                                   uint64_t size, void (*advance)(void *context, uint64_t bytes), void *context,
                                   tv_findings *findings);

#endif
