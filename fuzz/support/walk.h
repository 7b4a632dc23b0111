/* A naive walk over the operations of a pickle: opcode by opcode, from the forms of arguments that CPython's
 * Lib/pickletools.py documents. It shares nothing with the machine or its table, and knows no stack. */
#ifndef FUZZ_WALK_H
#define FUZZ_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/span.h>

struct walk_op {
    uint8_t opcode;
    uint64_t next;   /* where the next operation starts */
    uint64_t number; /* of the fixed argument, the length before bytes, or the decimal number of PUT and GET */
};

/* The operation at `at`; false if it does not lie inside the stream whole. */
bool walk_op_at(tv_span stream, uint64_t at, struct walk_op *op);

#endif
