/* Names of outputs, and what names promise. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "name.h"

TEST(outputs_are_named_by_rule, "pytorch_model loses pytorch_, the extension changes, nothing else")
{
    static const char *const rows[][2] = {
        {"pytorch_model.bin", "model.safetensors"},
        {"pytorch_model-00001-of-00002.bin", "model-00001-of-00002.safetensors"},
        {"pytorch_model.fp16.bin", "model.fp16.safetensors"},
        {"pytorch_models.bin", "pytorch_models.safetensors"},
        {"pytorch_model_v2.bin", "pytorch_model_v2.safetensors"},
        {"my_pytorch_model.bin", "my_pytorch_model.safetensors"},
        {"model.pt", "model.safetensors"},
        {"model", "model.safetensors"},
        {"a.b.c.ckpt", "a.b.c.safetensors"},
        {".hidden", ".hidden.safetensors"},
        {"x.safetensors", "x.safetensors"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = name_of_output(rows[i][0]);
        CHECK_MSG(out != NULL && strcmp(out, rows[i][1]) == 0, "%s gives %s", rows[i][0], out);
        free(out);
    }
}

TEST(disguises, "only what is called .safetensors can be something in disguise")
{
    CHECK(name_disguise("a/m.safetensors", TV_KIND_SAFETENSORS) == TV_FIND_NONE);
    CHECK(name_disguise("a/m.safetensors", TV_KIND_PICKLE) == TV_FIND_PICKLE_IN_DISGUISE);
    CHECK(name_disguise("a/M.SAFETENSORS", TV_KIND_TORCH_LEGACY) == TV_FIND_PICKLE_IN_DISGUISE);
    CHECK(name_disguise("m.safetensors", TV_KIND_TORCH_ZIP) == TV_FIND_ARCHIVE_IN_DISGUISE);
    CHECK(name_disguise("m.pt", TV_KIND_TORCH_ZIP) == TV_FIND_NONE);
    CHECK(name_disguise("m.safetensors.pt", TV_KIND_PICKLE) == TV_FIND_NONE);
}

TEST(names_of_models, "files that a loader would open by name are judged whatever is in them")
{
    CHECK(name_is_model("a/b/pytorch_model.bin") && name_is_model("x.PT") && name_is_model("x.npz"));
    CHECK(name_is_model("x.pth.tar") && name_is_model("x.safetensors") && name_is_model("x.ckpt"));
    CHECK(!name_is_model("README.md") && !name_is_model("pt") && !name_is_model("x.safetensors.index.json"));
}

TEST(indexes, "an index is of a model file's name, and becomes that of its outputs")
{
    static const char *const rows[][2] = {
        {"pytorch_model.bin.index.json", "model.safetensors.index.json"},
        {"model.safetensors.index.json", "model.safetensors.index.json"},
        {"pytorch_model.fp16.bin.index.json", "model.fp16.safetensors.index.json"},
        {"diffusion_pytorch_model.safetensors.index.fp16.json", "diffusion_pytorch_model.safetensors.index.fp16.json"},
        {"pytorch_model.bin.index.fp16.json", "model.safetensors.index.fp16.json"},
        {"X.CKPT.INDEX.JSON", "X.safetensors.index.json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = name_of_output_index(rows[i][0]);
        CHECK_MSG(name_is_index(rows[i][0]) && out != NULL && strcmp(out, rows[i][1]) == 0, "%s gives %s", rows[i][0],
                  out);
        free(out);
    }
    CHECK(!name_is_index("tf_model.h5.index.json") && !name_is_index("index.json") && !name_is_index(".index.json"));
    CHECK(!name_is_index("model.bin.index.a.b.json") && !name_is_index("model.bin.index./x.json"));
    CHECK(!name_is_index("model.bin.json") && !name_is_index("model.bin.index.json.txt"));
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
