/* asked.h: the tail of an input, by the worker's own reader of arguments. */
#include "asked.h"

#include <string.h>

#include "table.h"

enum { WORDS = 96, PARTS_MOST = 4 };

/* No job may be slow, or be said to lie because its report was longer than it may be. */
static void tame(struct job *job)
{
    const tv_limits most = small_limits();
    size_t count = 0;
    const tv_limit_info *rows = tv_limit_table(&count);
    for (size_t i = 0; i < count; i++)
        if (tv_limit_get(&job->limits, &rows[i]) > tv_limit_get(&most, &rows[i]))
            (void)tv_limit_set(&job->limits, rows[i].name, tv_limit_get(&most, &rows[i]));
    job->limits.report_bytes = most.report_bytes;
    job->parts = job->parts > 1 && !job->feed ? 1 + job->parts % PARTS_MOST : 0;
    job->feed = job->feed && job->kind == JOB_WRITE;
    job->batch = job->batch && job->kind == JOB_CHECK;
    job->feed_kind %= TV_KIND_COUNT;
}

static bool read_arguments(struct asked *asked, tv_span text)
{
    char *words[WORDS + 1] = {NULL};
    int count = 0;
    memcpy(asked->text, text.data, text.size);
    asked->text[text.size] = '\0';
    for (size_t at = 0; at < text.size && count < WORDS; at += strlen(asked->text + at) + 1)
        words[count++] = asked->text + at;
    if (!job_from_argv(count, words, &asked->job))
        return false;
    tame(&asked->job);
    return true;
}

bool asked_read(struct asked *asked, tv_span input)
{
    uint32_t sizes = 0;
    tv_span text;
    asked->source = input;
    asked->other = tv_span_of("", 0);
    if (input.size < ASKED_TAIL || !tv_span_holds(input, input.size - 4, ASKED_MAGIC, 4) ||
        !tv_span_u32(input, input.size - ASKED_TAIL, &sizes))
        return false;
    size_t arguments = sizes & 0xffff, other = sizes >> 16, left = input.size - ASKED_TAIL;
    if (arguments == 0 || arguments > ASKED_ARGUMENTS_MOST || arguments > left || other > left - arguments)
        return false;
    if (!tv_span_sub(input, left - arguments, arguments, &text) || !read_arguments(asked, text))
        return false;
    left -= arguments + other;
    return tv_span_sub(input, left, other, &asked->other) && tv_span_sub(input, 0, left, &asked->source);
}
