/* Names (name.h). */
#define _GNU_SOURCE
#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Endings by which loaders choose a file. Sources: transformers and diffusers (bin, safetensors, ckpt), torch.load by
 * custom (pt, pth, th, tar), pickle.load and joblib by custom, numpy.load (npy, npz). */
static const char *const endings[] = {
    ".safetensors", ".pt",  ".pth",    ".bin", ".ckpt", ".th",  ".pt.tar", ".pth.tar", ".pkl",
    ".pickle",      ".pck", ".joblib", ".dat", ".npy",  ".npz", ".ptl",    ".torch",   ".pytorch",
};

static const char index_part[] = ".index.", index_ending[] = ".json";

bool name_ends(const char *text, const char *suffix)
{
    size_t size = strlen(text), end = strlen(suffix);
    return size >= end && strcasecmp(text + (size - end), suffix) == 0;
}

bool name_is_model(const char *path)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (name_ends(path, endings[i]))
            return true;
    return false;
}

bool name_is_safetensors(const char *path)
{
    return name_ends(path, ".safetensors");
}

/* How long the model's name before .index.json, or before .index.VARIANT.json (diffusers), is; 0: it is no index. */
static size_t indexed_size(const char *path)
{
    size_t part = sizeof index_part - 1, end = sizeof index_ending - 1;
    size_t last = name_ends(path, index_ending) ? strlen(path) - end : 0;
    if (name_ends(path, ".index.json"))
        return last - (part - 1);
    while (last > 0 && path[last - 1] != '.' && path[last - 1] != '/')
        last--;
    return last > part && strncasecmp(path + (last - part), index_part, part) == 0 ? last - part : 0;
}

bool name_is_index(const char *path)
{
    size_t size = indexed_size(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (size >= ending && strncasecmp(path + (size - ending), endings[i], ending) == 0)
            return true;
    }
    return false;
}

tv_finding_id name_disguise(const char *path, tv_kind kind)
{
    /* Kinds that are judged: others are refused by check for what they are. */
    static const struct {
        tv_kind kind;
        tv_finding_id finding;
    } disguises[] = {
        {TV_KIND_PICKLE, TV_FIND_PICKLE_IN_DISGUISE},     {TV_KIND_TORCH_LEGACY, TV_FIND_PICKLE_IN_DISGUISE},
        {TV_KIND_TORCH_ZIP, TV_FIND_ARCHIVE_IN_DISGUISE}, {TV_KIND_TORCHSCRIPT, TV_FIND_ARCHIVE_IN_DISGUISE},
        {TV_KIND_TORCH_TAR, TV_FIND_ARCHIVE_IN_DISGUISE}, {TV_KIND_NPZ, TV_FIND_ARCHIVE_IN_DISGUISE},
        {TV_KIND_NUMPY, TV_FIND_ARCHIVE_IN_DISGUISE},
    };
    if (!name_is_safetensors(path))
        return TV_FIND_NONE;
    for (size_t i = 0; i < sizeof disguises / sizeof *disguises; i++)
        if (disguises[i].kind == kind)
            return disguises[i].finding;
    return TV_FIND_NONE;
}

const char *name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

char *name_of_output(const char *name)
{
    static const char prefix[] = "pytorch_", stem[] = "pytorch_model";
    size_t stem_size = sizeof stem - 1;
    if (strncmp(name, stem, stem_size) == 0 && (name[stem_size] == '.' || name[stem_size] == '-'))
        name += sizeof prefix - 1;
    const char *dot = strrchr(name, '.');
    size_t kept = dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name);
    char *out = NULL;
    return asprintf(&out, "%.*s.safetensors", (int)kept, name) < 0 ? NULL : out;
}

char *name_of_output_index(const char *name)
{
    size_t size = indexed_size(name), part = sizeof index_part - 1;
    const char *variant = size + part < strlen(name) - (sizeof index_ending - 1) ? name + size + part : "json";
    char *model = strndup(name, size), *out = NULL, *index = NULL;
    if (model != NULL)
        out = name_of_output(model);
    if (out != NULL && asprintf(&index, "%s%s%s", out, index_part, variant) < 0)
        index = NULL;
    free(model);
    free(out);
    return index;
}
