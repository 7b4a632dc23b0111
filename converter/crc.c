/* Checksums of storages (crc.h), by libdeflate: at the speed of memory. */
#include "crc.h"

#include <libdeflate.h>

tv_status crc_judge(const struct storage *storage, uint32_t crc, tv_findings *findings)
{
    if (crc == storage->crc)
        return TV_OK;
    tv_finding *finding =
        tv_findings_add(findings, TV_FIND_ZIP_CRC_MISMATCH, storage->at, storage->key, tv_span_of(NULL, 0));
    finding->a = crc;
    finding->b = storage->crc;
    return TV_REJECTED;
}

tv_status crc_verify(const struct source *source, const struct storage *storage, uint8_t *buffer, uint64_t size,
                     void (*advance)(void *context, uint64_t bytes), void *context, tv_findings *findings)
{
    uint32_t crc = 0;
    if (!storage->has_crc)
        return TV_OK;
    for (uint64_t done = 0; done < storage->size;) {
        uint64_t part = storage->size - done < size ? storage->size - done : size;
        tv_status status = source_read(source, storage->at + done, buffer, part);
        if (status != TV_OK)
            return status;
        crc = libdeflate_crc32(crc, buffer, (size_t)part);
        done += part;
        if (advance != NULL)
            advance(context, part);
    }
    return crc_judge(storage, crc, findings);
}
