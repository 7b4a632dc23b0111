/* tensorvet explain: what a finding means, from the table; without an id, the list of all. */
#include <stdio.h>

#include <json-c/json.h>

#include <tensorvet/finding.h>

#include "commands.h"
#include "json.h"

static void explain_json(const tv_finding_info *row)
{
    struct json_object *line = json_object_new_object();
    json_put_number(line, "schema", 1);
    json_put_text(line, "id", row->id);
    json_put_text(line, "severity", tv_severity_name(row->severity));
    json_put_text(line, "stage", row->stage);
    json_put_text(line, "class", tv_class_name(row->class_));
    json_put_text(line, "remedy", tv_remedy_name(row->remedy));
    json_put_text(line, "cause", row->cause);
    json_put_text(line, "example", row->example);
    json_put_text(line, "to_do", row->todo);
    printf("%s\n", json_object_to_json_string_ext(line, JSON_STYLE));
    json_object_put(line);
}

static void explain(const struct settings *settings, const tv_finding_info *row)
{
    if (settings->json) {
        explain_json(row);
        return;
    }
    printf("%s (%s)\n  cause    %s\n  example  %s\n  to do    %s\n", row->id, tv_severity_name(row->severity),
           row->cause, row->example, row->todo);
}

int run_explain(const struct settings *settings)
{
    for (size_t i = 0; i < settings->count; i++)
        if (tv_finding_by_name(settings->paths[i]) == TV_FIND_NONE)
            return usage_error(settings->command, "there is no finding '%s'", settings->paths[i]);
    for (size_t i = 0; i < settings->count; i++)
        explain(settings, tv_finding_info_of(tv_finding_by_name(settings->paths[i])));
    for (int id = TV_FIND_NONE + 1; id < TV_FIND_COUNT && settings->count == 0; id++) {
        const tv_finding_info *row = tv_finding_info_of((tv_finding_id)id);
        if (settings->json)
            explain_json(row);
        else
            printf("%-28s %-8s %s\n", row->id, tv_severity_name(row->severity), row->stage);
    }
    return 0;
}
