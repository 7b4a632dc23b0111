/* Progress (progress.h). */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "json.h"
#include "name.h"
#include "report.h"
#include "session.h"
#include "text.h"

static const double bar_every = 0.1, json_every = 0.5; /* seconds */
static const uint64_t bar_from = 64u << 20;            /* smaller files are done before anyone could read a bar */

void progress_init(struct progress *progress, const struct settings *settings)
{
    memset(progress, 0, sizeof *progress);
    const char *terminal = getenv("TERM");
    bool dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    if (settings->progress == PROGRESS_JSON)
        progress->show = SHOW_JSON;
    else if (settings->progress == PROGRESS_AUTO && !settings->quiet && !dumb && isatty(STDERR_FILENO) == 1)
        progress->show = SHOW_BAR;
}

static void clear_bar(struct progress *progress)
{
    if (progress->drawn)
        (void)fputs("\r\033[K", stderr);
    progress->drawn = false;
}

void progress_file(void *context, const char *path)
{
    struct progress *progress = context;
    clear_bar(progress);
    progress->path = path;
    progress->last_done = 0;
    progress->start = progress->last = clock_seconds();
}

static void draw_bar(struct progress *progress, uint64_t done, uint64_t total, double elapsed)
{
    enum { WIDTH = 20, NAME = 30 };
    char done_text[SIZE_TEXT], total_text[SIZE_TEXT], rate_text[SIZE_TEXT], bar[WIDTH + 1];
    double part = total == 0 ? 0 : (double)done / (double)total;
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    int full = (int)(part * WIDTH);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    struct text name = text_cut(tv_span_str(name_of_path(progress->path)), strlen(name_of_path(progress->path)));
    fprintf(stderr, "\r%.*s [%s] %s of %s, %s/s", NAME, name.bytes == NULL ? "?" : name.bytes, bar,
            size_text(done, done_text), size_text(total, total_text), size_text((uint64_t)rate, rate_text));
    if (rate > 0)
        fprintf(stderr, ", %.0f s left", (double)(total - done) / rate);
    (void)fputs("\033[K", stderr);
    (void)fflush(stderr);
    text_free(&name);
    progress->drawn = true;
}

static void print_json(const struct progress *progress, uint64_t done, uint64_t total)
{
    struct json_object *line = json_object_new_object(), *inner = json_object_new_object();
    json_put_bytes(inner, "path", tv_span_str(progress->path));
    json_put_number(inner, "done", done);
    json_put_number(inner, "total", total);
    json_object_object_add(line, "progress", inner);
    fprintf(stderr, "%s\n", json_object_to_json_string_ext(line, JSON_STYLE));
    json_object_put(line);
}

void progress_bytes(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    double now = clock_seconds();
    if (progress->path == NULL || progress->show == SHOW_NOTHING)
        return;
    if (done < progress->last_done)
        progress->start = now;
    progress->last_done = done;
    if (done > total)
        done = total;
    bool bar = progress->show == SHOW_BAR;
    bool due = bar ? !progress->drawn || now - progress->last >= bar_every
                   : done == total || now - progress->last >= json_every;
    if (!due || (bar && total < bar_from))
        return;
    progress->last = now;
    if (bar)
        draw_bar(progress, done, total, now - progress->start);
    else
        print_json(progress, done, total);
}
