/* tensorvet doctor: what of the jail is in force on this machine. Exit status 3 where no work would be done, or none by
 * the Python that was named. */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "commands.h"
#include "json.h"
#include "signals.h"
#include "text.h"

static void print_json(const struct doctor *doctor)
{
    struct json_object *line = json_object_new_object(), *rows = json_object_new_array();
    json_put_number(line, "schema", 1);
    json_object_object_add(line, "works", json_object_new_boolean(doctor->works));
    json_object_object_add(line, "torch_works", json_object_new_boolean(doctor->torch_works));
    for (unsigned i = 0; i < doctor->count; i++) {
        const struct doctor_row *row = &doctor->rows[i];
        struct json_object *object = json_object_new_object();
        json_put_text(object, "group", row->group);
        json_put_text(object, "what", row->what);
        json_put_text(object, "state", doctor_state_name(row->state));
        json_put_bytes(object, "found", tv_span_str(row->found));
        json_object_array_add(rows, object);
    }
    json_object_object_add(line, "rows", rows);
    printf("%s\n", json_object_to_json_string_ext(line, JSON_STYLE));
    json_object_put(line);
}

/* How to get PyTorch where there is none, unless nobody asked for it. */
static void print_torch_remedy(const struct settings *settings, const struct doctor *doctor)
{
    if (doctor->torch_failure == TV_FIND_TORCH_MISSING && (!settings->quiet || settings->convert.torch.python != NULL))
        printf("  %-8s %s\n", "to do", tv_finding_info_of(TV_FIND_TORCH_MISSING)->todo);
}

static void print_text(const struct settings *settings, const struct doctor *doctor)
{
    const char *group = "";
    for (unsigned i = 0; i < doctor->count; i++) {
        const struct doctor_row *row = &doctor->rows[i];
        if (settings->quiet && row->state == DOCTOR_GOOD)
            continue;
        if (strcmp(group, row->group) != 0)
            printf("%s\n", row->group);
        group = row->group;
        struct text found = text_of(tv_span_str(row->found));
        printf("  %-8s %-40s %s\n", doctor_state_name(row->state), row->what, found.bytes == NULL ? "?" : found.bytes);
        text_free(&found);
    }
    print_torch_remedy(settings, doctor);
    if (!doctor->works)
        printf("The jail does not work here: nothing will be read.\n");
    else if (!settings->quiet)
        printf("The jail works.\n");
}

int run_doctor(const struct settings *settings)
{
    static struct doctor doctor;
    struct broker broker;
    if (settings->count != 0)
        return usage_error(settings->command, "doctor takes no arguments");
    signals_catch();
    int error = broker_open(&broker, &signal_seen);
    struct torch_settings torch = settings->convert.torch;
    torch.wanted = true;
    doctor_examine(&broker, error, &torch, &doctor);
    if (error == 0)
        broker_close(&broker);
    if (settings->json)
        print_json(&doctor);
    else
        print_text(settings, &doctor);
    if (signal_seen != 0)
        return 128 + signal_seen;
    bool usable = doctor.works && (doctor.torch_works || torch.python == NULL);
    return usable ? 0 : STATUS_UNDECIDED;
}
