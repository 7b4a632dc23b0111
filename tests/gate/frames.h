/* Frames by hand, for tests: a second, naive encoder that shares no code with worker/frame.c, and can lie. */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <stdint.h>
#include <string.h>

#include <frame.h>
#include <jail.h>

struct bytes {
    size_t size;
    uint8_t data[4u << 20];
};

static inline void add_bytes(struct bytes *b, const void *data, size_t size)
{
    if (size > 0 && size <= sizeof(b->data) - b->size) {
        memcpy(b->data + b->size, data, size);
        b->size += size;
    }
}

static inline void add32(struct bytes *b, uint32_t value)
{
    add_bytes(b, &value, sizeof(value)); /* little-endian machines only, as all of tensorvet */
}

static inline void add64(struct bytes *b, uint64_t value)
{
    add_bytes(b, &value, sizeof(value));
}

static inline void add_text(struct bytes *b, const char *text)
{
    add32(b, (uint32_t)strlen(text));
    add_bytes(b, text, strlen(text));
}

/* A frame whose payload follows; end_frame fills its size in. Returns where it began. */
static inline size_t begin_frame(struct bytes *b, uint32_t type)
{
    size_t at = b->size;
    add32(b, type);
    add32(b, 0);
    return at;
}

static inline void end_frame(struct bytes *b, size_t at)
{
    uint32_t size = (uint32_t)(b->size - at - 8);
    memcpy(b->data + at + 4, &size, sizeof(size));
}

static inline void add_ready_of(struct bytes *b, const char *build_id, uint32_t layers, const char *failed_at,
                                uint64_t seed)
{
    size_t at = begin_frame(b, FRAME_READY);
    add_text(b, build_id);
    add32(b, layers);
    add32(b, 0);
    add_text(b, failed_at);
    add64(b, seed);
    end_frame(b, at);
}

static inline void add_ready(struct bytes *b, const char *build_id, uint32_t layers, const char *failed_at)
{
    add_ready_of(b, build_id, layers, failed_at, 0);
}

static inline void add_tie(struct bytes *b, const char *name, const char *kept, uint32_t rule)
{
    size_t at = begin_frame(b, FRAME_DROPPED_SHARED);
    add_text(b, name);
    add_text(b, kept);
    add32(b, rule);
    end_frame(b, at);
}

static inline void add_group(struct bytes *b)
{
    size_t at = begin_frame(b, FRAME_GROUP);
    add_text(b, "model");
    add64(b, 2);
    add64(b, 3);
    end_frame(b, at);
}

static inline void add_value(struct bytes *b, uint32_t depth, uint32_t key_type, uint32_t type, uint32_t cut)
{
    size_t at = begin_frame(b, FRAME_VALUE);
    add32(b, depth);
    add32(b, key_type);
    add_text(b, "k");
    add32(b, type);
    add32(b, cut);
    add64(b, 9);
    add_text(b, "text");
    end_frame(b, at);
}

/* The numbers 1, 2, 3, … */
static inline void add_account(struct bytes *b, uint64_t count)
{
    size_t at = begin_frame(b, FRAME_ACCOUNT);
    for (uint64_t i = 1; i <= count; i++)
        add64(b, i);
    end_frame(b, at);
}

static inline void add_difference(struct bytes *b, uint32_t what)
{
    size_t at = begin_frame(b, FRAME_DIFFERENCE);
    add_text(b, "w");
    add32(b, what);
    add_text(b, "2");
    add_text(b, "3");
    end_frame(b, at);
}

static inline void add_kind(struct bytes *b, uint32_t kind)
{
    size_t at = begin_frame(b, FRAME_KIND);
    add32(b, kind);
    end_frame(b, at);
}

static inline void add_finding(struct bytes *b, uint32_t id, const char *subject)
{
    size_t at = begin_frame(b, FRAME_FINDING);
    add32(b, id);
    add64(b, 7);
    add64(b, 8);
    add64(b, 9);
    add32(b, (uint32_t)strlen(subject));
    add_text(b, subject);
    add32(b, 0);
    add_text(b, "");
    end_frame(b, at);
}

static inline void add_tensor(struct bytes *b, uint32_t dtype, uint32_t rank, uint32_t dimensions)
{
    size_t at = begin_frame(b, FRAME_TENSOR);
    add_text(b, "layer.weight");
    add32(b, dtype);
    add_text(b, "float32");
    add64(b, 64);
    add64(b, 24);
    add32(b, rank);
    for (uint32_t i = 0; i < dimensions; i++)
        add64(b, i + 2);
    end_frame(b, at);
}

static inline void add_global(struct bytes *b, uint32_t class_, uint32_t called)
{
    size_t at = begin_frame(b, FRAME_GLOBAL);
    add_text(b, "os");
    add_text(b, "system");
    add32(b, class_);
    add32(b, called);
    add64(b, 31);
    end_frame(b, at);
}

static inline void add_pair(struct bytes *b, uint32_t type, const char *one, const char *other)
{
    size_t at = begin_frame(b, type);
    add_text(b, one);
    add_text(b, other);
    end_frame(b, at);
}

static inline void add_note(struct bytes *b, uint32_t type, const char *text)
{
    size_t at = begin_frame(b, type);
    add_text(b, text);
    end_frame(b, at);
}

static inline void add_progress(struct bytes *b, uint64_t done, uint64_t total)
{
    size_t at = begin_frame(b, FRAME_PROGRESS);
    add64(b, done);
    add64(b, total);
    end_frame(b, at);
}

static inline void add_output(struct bytes *b, uint64_t size)
{
    size_t at = begin_frame(b, FRAME_OUTPUT);
    add64(b, size);
    end_frame(b, at);
}

static inline void add_omitted(struct bytes *b, uint64_t count)
{
    size_t at = begin_frame(b, FRAME_OMITTED);
    add64(b, count);
    end_frame(b, at);
}

static inline void add_result_of(struct bytes *b, uint32_t word, uint32_t has_digest, uint64_t tensors)
{
    static const uint8_t digest[32] = {1, 2, 3};
    size_t at = begin_frame(b, FRAME_RESULT);
    add32(b, word);
    add64(b, tensors);
    add64(b, 72);
    add32(b, has_digest);
    add_bytes(b, digest, sizeof(digest));
    end_frame(b, at);
}

static inline void add_result(struct bytes *b, uint32_t word, uint32_t has_digest)
{
    add_result_of(b, word, has_digest, 3);
}

#endif
