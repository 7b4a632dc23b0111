/* The frames a worker answers in: the only thing the trusted side ever parses.
 *
 * A frame is {u32 type, u32 payload size, payload}; all integers little-endian; a text is {u32 size, bytes}.
 * The worker side writes with frame_put_*; the gate decodes with gate/decode.h and believes nothing.
 * Order: READY, then KIND, then rows (FINDING, TENSOR, …) in any order, PROGRESS at any time, last RESULT, once.
 * KIND comes once, before every row but FINDING and NOTE; without it RESULT cannot say DONE. REJECTED goes with an
 * error finding, FAILED with a finding of class machine. OUTPUT comes once, of a WRITE job only.
 *
 * Gate and worker share this file and core's tables, nothing else. */
#ifndef WORKER_FRAME_H
#define WORKER_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <tensorvet/finding.h>
#include <tensorvet/span.h>

/* Descriptors of a worker. 0, 1 and 2 are /dev/null; the channel is hand.h's. */
enum { WORKER_SOURCE = 3, WORKER_OUTPUT = 4, WORKER_REPORT = 5, WORKER_SCRATCH = 6, WORKER_CHANNEL = 7 };

enum frame_type {
    FRAME_READY = 1, /* text build id, u32 layers in force (jail.h), u32 Landlock ABI, text the step at which locking
                        down failed, or nothing: with it the worker ends; u64 the seed that came with the file: which
                        file this is the report of */
    FRAME_KIND,      /* u32 tv_kind */
    FRAME_FINDING,   /* u32 tv_finding_id, u64 offset, u64 a, u64 b, u32 full subject size, text subject,
                        u32 full detail size, text detail */
    FRAME_TENSOR,    /* text name, u32 tv_dtype (TV_DTYPE_COUNT: none in safetensors), text dtype as the source says,
                        u64 offset of the bytes in the file or TV_NO_OFFSET, u64 size in bytes, u32 rank, u64 dimension …
                      */
    FRAME_METADATA,  /* text key, text value: of a safetensors header; of an INDEX job: text tensor, text shard */
    FRAME_GLOBAL,    /* text module, text name, u32 tv_class, u32 1 if called, u64 offset */
    FRAME_DROPPED_SHARED,  /* text name, text kept, u32 frame_tie_rule */
    FRAME_MADE_CONTIGUOUS, /* text name */
    FRAME_DROPPED_OBJECT,  /* text path, text type */
    FRAME_NOTE,            /* text: a line for the report of `inspect`, free form (which key was chosen, …) */
    FRAME_OUTPUT,          /* u64 size the output will have: sent by the writer before its first write */
    FRAME_PROGRESS,        /* u64 done, u64 total: bytes */
    FRAME_RESULT, /* u32 frame_outcome, u64 tensors, u64 data bytes, u32 has digest, 32 bytes SHA-256 of the header */
    FRAME_VIOLATION, /* u32 number of a call that the jail does not allow: of a job with `diagnose`, and the last */
    FRAME_OMITTED,   /* u64 findings beyond the TV_FINDINGS_MAX that were sent: once, after them; left out for none */
    FRAME_DECISION,  /* text name, text: what the torch engine did to that tensor so that it could be written */
    FRAME_GROUP,     /* text --key's argument, u64 tensors, u64 bytes: something that could be converted on its own */
    FRAME_VALUE,     /* u32 depth, u32 frame_key_type, text key, u32 frame_value_type, u32 1 if its children are not
                        listed, u64 number, text: a plain value, depth first; of depth 0 the key is a path */
    FRAME_ACCOUNT, /* u64 source, container, unused, used, hidden, repeated, header, output: bytes, once, of a WRITE job
                      (converter/account.h) */
    FRAME_DIFFERENCE, /* text name, u32 frame_difference, text in the one, text in the other: of a DIFF job */
    FRAME_TYPE_COUNT
};

/* Why a name was kept of a tie. */
enum frame_tie_rule { TIE_SMALLEST_NAME = 0, TIE_DISCARD, TIE_CONFIG_HINT, TIE_RULES };

/* What a value is; from TUPLE on it has children. number: of BOOL and INT its value, of FLOAT its bits, else how many
 * bytes or items it has. The text is of STR, LONG and the class of NAME and OBJECT. */
enum frame_value_type {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_LONG,
    VALUE_FLOAT,
    VALUE_STR,
    VALUE_BYTES,
    VALUE_TENSOR,
    VALUE_NAME,
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,
    VALUE_SET,
    VALUE_OBJECT,
    VALUE_TYPES
};
enum frame_key_type { KEY_TEXT, KEY_NUMBER, KEY_INDEX, KEY_STAND_IN, KEY_TYPES };
#define FRAME_VALUE_DEPTH 32 /* children lie at most so deep */

enum frame_difference { DIFFERS_ONLY_IN_A, DIFFERS_ONLY_IN_B, DIFFERS_DTYPE, DIFFERS_SHAPE, DIFFERS_BITS, DIFFERENCES };

/* The worker's own word on its job; the verdict is the policy's. */
enum frame_outcome {
    OUTCOME_DONE = 0, /* examined to the end; findings say what was met */
    OUTCOME_REJECTED, /* stopped at an error finding */
    OUTCOME_FAILED,   /* the machine failed (I/O, memory): a finding of class machine says how */
    OUTCOME_DECLINED  /* of a job with `batch`, after KIND: no safetensors file, and so nothing for this worker */
};

#define FRAME_PAYLOAD_MAX      (1u << 20)    /* larger frames are a lie */
#define FRAME_NOTE_SECOND_FILE "second file" /* the NOTE of a DIFF worker that is done with reading the first */

#define FRAME_TEXT_MAX (1u << 16) /* longer texts are cut by the worker */

/* Exit statuses. 0 after RESULT; all others are bugs or the broker's absence, and tell no more than that. */
enum {
    WORKER_EXIT_MISUSED = 64,  /* its argv is not a job */
    WORKER_EXIT_UNLOCKED = 65, /* the jail could not be locked: READY said where */
    WORKER_EXIT_UNHEARD = 66,  /* nobody reads the report */
    WORKER_EXIT_BUG = 67       /* it was about to send a frame that does not fit */
};

/* What a worker is asked to do: its argv is {"tensorvet-worker", job, "field=value", …} (worker/job.h). */

/* Collects one frame and writes it whole to WORKER_REPORT. A failed write ends the process: nobody listens. */
struct frame_out {
    uint32_t size;
    uint8_t bytes[8 + FRAME_PAYLOAD_MAX];
};
void frame_begin(struct frame_out *frame, enum frame_type type);
void frame_put_u32(struct frame_out *frame, uint32_t value);
void frame_put_u64(struct frame_out *frame, uint64_t value);
void frame_put_bytes(struct frame_out *frame, const void *bytes, uint32_t size);
void frame_put_text(struct frame_out *frame, tv_span text); /* cut to FRAME_TEXT_MAX */
void frame_send(struct frame_out *frame, int fd);
/* From here on small frames are collected; frame_flush sends what there is. For a worker that is kept for many files.
 */
void frame_hold(void);
void frame_flush(int fd);
/* A whole FINDING frame. */
void frame_send_finding(struct frame_out *frame, int fd, const tv_finding *finding);

#endif
