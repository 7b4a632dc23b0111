/* The report of one file (report.h): what both forms share. */
#include "report.h"

bool report_print(const struct reporter *reporter, const struct report *report)
{
    bool made = reporter->json ? report_as_json(reporter, report) : report_as_text(reporter, report);
    return fflush(reporter->out) == 0 && !ferror(reporter->out) && made;
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(text, SIZE_TEXT, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
        return text;
    }
    double size = (double)bytes / 1024;
    size_t unit = 0;
    while (size >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT, "%.1f %s", size, units[unit]);
    return text;
}
