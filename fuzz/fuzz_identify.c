/* Identification: what the head of a file says it is.
 *
 * Oracles: the answer is a kind, and depends on the first TV_IDENTIFY_BYTES and the size alone; what the header reader
 * accepts is called safetensors. */
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsed p;
    tv_span bytes = tv_span_of(data, size), head = bytes;
    oracle_ran(data, size);
    if (head.size > TV_IDENTIFY_BYTES)
        head.size = TV_IDENTIFY_BYTES;
    tv_kind kind = tv_identify(head, size);
    PROMISE(kind < TV_KIND_COUNT && tv_kind_finding(kind) < TV_FIND_COUNT);
    PROMISE((size == 0) == (kind == TV_KIND_EMPTY));
    parse(&p, bytes, size, 0);
    PROMISE(p.status != TV_OK || kind == TV_KIND_SAFETENSORS);
    PROMISE(p.status != TV_REJECTED || tv_findings_first_error(&p.findings) != NULL);
    if (kind != TV_KIND_UNKNOWN)
        oracle_accepted();
    parsed_free(&p);
    return 0;
}
