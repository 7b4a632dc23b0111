/* Names of tensors, and which part of a checkpoint is taken: keys, objects, modules, what is ambiguous. */
#include "check.h"
#include "reading.h"

static void names_are(const struct bytes *b, const char *key, const char *name, const char *chosen)
{
    struct reading r = {0};
    read_zip(&r, b, "0123456789abcdef", 16, key);
    CHECK_MSG(r.status == TV_OK, "%s", first_error(r.findings));
    CHECK(r.table.tensors.count == 1);
    CHECK_MSG(tv_span_is(tensor_at(&r, 0)->name, name), "%.*s, not %s", (int)tensor_at(&r, 0)->name.size,
              (const char *)tensor_at(&r, 0)->name.data, name);
    CHECK(tv_span_is(r.table.chosen, chosen));
    end_reading(&r);
}

/* What stands around a tensor in a pickle, the key that is asked for, the tensor's name then, and what was chosen. */
struct choice {
    const char *before, *after, *key, *name, *chosen;
};

static void choices_are(const struct choice *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes b = {0};
        put_around(&b, cases[i].before, strlen(cases[i].before), cases[i].after, strlen(cases[i].after));
        names_are(&b, cases[i].key, cases[i].name, cases[i].chosen);
        free_bytes(&b);
    }
}

TEST(names_and_choices, "keys join with dots; state_dict is taken, twice where nested twice; --key finds the longest")
{
    static const struct choice cases[] = {
        {"", ".", NULL, "tensor", ""},
        {"]", "a.", NULL, "0", ""},
        {"}K\7", "s.", NULL, "7", ""},
        {"}U\1a}U\1b", "ss.", NULL, "a.b", ""},
        {"}U\1a(K\1K\2", "ts.", NULL, "a.2", ""},
        {"}U\nstate_dict}U\1b", "ss.", NULL, "b", "state_dict"},
        {"}U\nstate_dict}U\nstate_dict}U\1b", "sss.", NULL, "b", "state_dict.state_dict"},
        {"}U\nstate_dict", "s.", NULL, "state_dict", ""},
        {"}U\nstate_dict}U\1b", "ss.", ".", "state_dict.b", ""},
        {"}U\1a}U\1b", "ss.", "a", "b", "a"},
        {"}U\1a}U\1b", "ss.", "a.b", "tensor", "a.b"},
        {"}U\3a.b}U\1c", "ss.", "a.b", "c", "a.b"},
    };
    choices_are(cases, sizeof cases / sizeof cases[0]);
}

TEST(objects_without_a_model, "where nothing else holds tensors, objects of any class give theirs under plain names")
{
    static const struct choice cases[] = {
        {"cmy\nBox\n)\x81}U\1w", "sb.", NULL, "w", ""}, /* an attribute */
        {"cmy\nBox\n)\x81N}U\1w",
         "s\x86"
         "b.",
         NULL, "w", ""}, /* one in __slots__ */
        {"cmy\nBox\n)\x81",
         "\x85"
         "b.",
         NULL, "0", ""},                                                   /* a state of its own form */
        {"cmy\nDict\n)RU\1w", "s.", NULL, "w", ""},                        /* a dict of a class of its own */
        {"cmy\nList\n)R", "a.", NULL, "0", ""},                            /* a list of a class of its own */
        {"cmy\nBox\n", "\x85\x81.", NULL, "0", ""},                        /* an argument */
        {"cmy\nBox\n)}U\1w", "s\x92.", NULL, "w", ""},                     /* an argument with a name */
        {"}U\1acmy\nBox\n)\x81}U\1w", "sbs.", NULL, "a.w", ""},            /* under a mapping */
        {"cmy\nBox\n)\x81}U\1a}U\1w", "ssb.", "a", "w", "a"},              /* --key leads in */
        {"cmy\nBox\n)\x81}cmy\nKey\n)\x81}U\1w", "ssb.", NULL, "0.w", ""}, /* a key that is an object */
        {"cmy\nNet\n)\x81}(U\x0b_parameters}U\x08_buffers}U\x08_modules}U\1w", "ub.", NULL, "w", ""},
        {"}(K\1\x85}U\1xK\1sU\1w", "u.", NULL, "w", ""}, /* an odd key spoils the names below it alone */
    };
    choices_are(cases, sizeof cases / sizeof cases[0]);
}

TEST(objects_beside_a_model, "an object's tensors are left out beside others, and met once where they are all there is")
{
    struct bytes b = {0};
    AROUND(&b, "}(U\5model}U\1w", "q\1sU\toptimizercmy\nBox\n)\x81}U\1mh\1sbu.");
    names_are(&b, NULL, "model.w", "");
    names_are(&b, "optimizer", "m", "optimizer");
    free_bytes(&b);
    AROUND(&b, "](cmy\nBox\n)\x81q\2}(U\1w", "U\2meh\2ubh\2e.");
    names_are(&b, NULL, "0.w", "");
    free_bytes(&b);
}

TEST(printed_keys_work,
     "an ambiguous root names the keys that lead on, those of a module too, and none that a shell could read")
{
    struct reading r = {0};
    struct bytes b = {0};
    put_text(&b, "cmy\nNet\n)\x81}(U\x0b_parameters}U\x08_buffers}U\x08_modules}(U\3ema"
                 "cmy\nNet\n)\x81}(U\x0b_parameters}U\1w");
    put_view(&b, &four_floats);
    put_text(&b, "q\1sU\x08_buffers}U\x08_modules}ubq\2U\2$xh\2U\1.h\2U\4netsh\2uub.");
    read_zip(&r, &b, "0123456789abcdef", 16, NULL);
    CHECK(r.status == TV_REJECTED);
    bool listed = false;
    for (uint32_t i = 0; i < r.findings->count; i++) {
        const tv_finding *f = &r.findings->items[i];
        listed = listed || (f->id == TV_FIND_AMBIGUOUS_ROOT &&
                            tv_span_is(tv_span_of(f->detail, f->detail_size), "--key ema, --key nets"));
    }
    CHECK(listed);
    end_reading(&r);
    names_are(&b, "ema", "w", "ema");
    names_are(&b, "nets", "w", "nets");
    names_are(&b, "ema.w", "tensor", "ema.w");
    free_bytes(&b);
}

TEST(ordered_dict_of_pairs, "an OrderedDict whose pairs are arguments, as Python 2 pickles it, is read in full")
{
    struct bytes b = {0};
    AROUND(&b,
           "\x80\2"
           "ccollections\nOrderedDict\n](](U\1w",
           "ee"
           "\x85"
           "R.");
    names_are(&b, NULL, "w", "");
    free_bytes(&b);
}

TEST(choices_that_are_refused, "an ambiguous root, a wrong key, a clash of names and a bad name are refused")
{
    struct bytes b = {0};
    AROUND(&b, "}(U\5model}U\1w", "q\1sU\toptimizer}U\1mh\1su.");
    refused(&b, NULL, "ambiguous-root");
    names_are(&b, "model", "w", "model");
    refused(&b, "other", "key-not-found");
    refused(&b, "model.x", "key-not-found");
    free_bytes(&b);
    AROUND(&b, "}(U\3a.b", "q\1U\1a}U\1bh\1su.");
    refused(&b, NULL, "tensor-name-clash");
    free_bytes(&b);
    AROUND(&b, "}(K\1",
           "q\1U\1"
           "1h\1u.");
    refused(&b, NULL, "tensor-name-clash");
    free_bytes(&b);
    AROUND(&b, "}U\x0c__metadata__", "s.");
    refused(&b, NULL, "tensor-name-invalid");
    free_bytes(&b);
    AROUND(&b, "}N", "s.");
    refused(&b, NULL, "tensor-name-invalid");
    free_bytes(&b);
    put_text(&b, "}U\1aK\1s.");
    refused(&b, NULL, "no-tensors");
    free_bytes(&b);
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
