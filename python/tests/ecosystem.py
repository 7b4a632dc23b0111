"""ecosystem.py FOLDER [WAY...]: what the libraries of others do with `safetensors`, once through: FOLDER/report.json.

Each way below makes a tiny model from a configuration, saves it with its library into FOLDER/WAY, and gives what was
saved and how that library loads it again. The report has for each the digest of both, and what became of a copy whose
headers name a metadata key twice. Nothing here knows which package stands behind `safetensors`: test_ecosystem.py runs
this with the one and with the other, and compares. No network, and no model of anybody.
"""

import hashlib
import json
import os
import pathlib
import shutil
import sys
import traceback

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", USE_TF="0", USE_FLAX="0")

import accelerate
import diffusers
import huggingface_hub
import peft
import safetensors.torch
import torch
import transformers

TOKENS = torch.arange(8).reshape(1, 8)


def llama(dtype=torch.float32):
    sizes = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).to(dtype)


def unet():
    kinds = dict(down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))
    return diffusers.UNet2DModel(sample_size=8, block_out_channels=(32, 32), layers_per_block=1, **kinds)


def conditional():
    kinds = dict(down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",), mid_block_type=None)
    sizes = dict(sample_size=8, block_out_channels=(32,), layers_per_block=1, cross_attention_dim=8, attention_head_dim=8)
    return diffusers.UNet2DConditionModel(**kinds, **sizes)


class Tied(torch.nn.Module, huggingface_hub.PyTorchModelHubMixin):
    """A model of one's own: two layers that are one, and a buffer with an odd offset behind it."""

    def __init__(self, width=6):
        super().__init__()
        self.first = torch.nn.Linear(width, width)
        self.second = self.first
        self.register_buffer("steps", torch.arange(3, dtype=torch.int8))


def pretrained(model, folder, load, **how):
    """The way that most of these libraries share."""
    model.save_pretrained(folder, **how)
    return model, load


def transformers_one_file(folder):
    return pretrained(llama(), folder, transformers.LlamaForCausalLM.from_pretrained)


def transformers_shards(folder):
    return pretrained(llama(), folder, transformers.AutoModelForCausalLM.from_pretrained, max_shard_size="20KB")


def transformers_tied(folder):
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=64, n_positions=8, n_embd=32, n_layer=2, n_head=4))
    return pretrained(model, folder, transformers.GPT2LMHeadModel.from_pretrained)


def transformers_bfloat16(folder):
    load = transformers.LlamaForCausalLM.from_pretrained
    return pretrained(llama(torch.bfloat16), folder, lambda it: load(it, dtype=torch.bfloat16))


def transformers_from_disk(folder):
    """Weights stay on disk and are read by name when a layer runs: what is compared is what the model says."""
    model = llama()
    model.save_pretrained(folder)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", "model.norm": "cpu",
              "model.rotary_emb": "cpu", "lm_head": "disk"}
    load = transformers.LlamaForCausalLM.from_pretrained
    return said(model), lambda it: said(load(it, device_map=places, offload_folder=f"{it}-offload"))


def transformers_trainer(folder):
    """A step of training, its checkpoint, and the training taken up again from there."""
    model = llama()
    trainer(model, folder, steps=1).train()
    return model, taken_up


def diffusers_one_file(folder):
    return pretrained(unet(), folder, diffusers.UNet2DModel.from_pretrained)


def diffusers_shards(folder):
    return pretrained(unet(), folder, diffusers.UNet2DModel.from_pretrained, max_shard_size="300KB")


def diffusers_pipeline(folder):
    pipeline = diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler(num_train_timesteps=10))
    pipeline.save_pretrained(folder)
    return pipeline.unet, lambda it: diffusers.DDPMPipeline.from_pretrained(it).unet


def diffusers_lora(folder):
    """An adapter alone, with what it was made from in its metadata."""
    model = conditional()
    model.add_adapter(lora("to_q", "to_v"), "hers")
    model.save_lora_adapter(folder, "hers", safe_serialization=True)
    return adapter(model, "hers."), lora_loaded


def diffusers_dduf(folder):
    """One archive, whose members are mapped and loaded as bytes."""
    model = unet()
    diffusers.DDPMPipeline(model, diffusers.DDPMScheduler(num_train_timesteps=10)).save_pretrained(folder)
    return model, from_archive


def peft_lora(folder):
    model = peft.get_peft_model(llama(), lora("q_proj", "v_proj"))
    model.save_pretrained(folder)
    return adapter(model), lambda it: adapter(peft.PeftModel.from_pretrained(llama(), it))


def accelerate_model(folder):
    model = llama()
    accelerate.Accelerator(cpu=True).save_model(model, folder, max_shard_size="20KB")
    return model, lambda it: accelerate.load_checkpoint_and_dispatch(llama(), it, device_map={"": "cpu"})


def accelerate_state(folder):
    model = Tied()
    machine = accelerate.Accelerator(cpu=True)
    machine.prepare(model)
    machine.save_state(folder)
    return model, state_loaded


def hub_model(folder):
    model = Tied()
    huggingface_hub.save_torch_model(model, folder)
    return model, lambda it: loaded_by_hub(Tied(), it)


def hub_shards(folder):
    model = llama()
    huggingface_hub.save_torch_model(model, folder, max_shard_size="20KB", metadata={"by": "hand"})
    plan = huggingface_hub.split_torch_state_dict_into_shards(model.state_dict(), max_shard_size="20KB")
    assert plan.is_sharded and all((pathlib.Path(folder) / name).exists() for name in plan.filename_to_tensors)
    return model, lambda it: loaded_by_hub(llama(), it)


def hub_mixin(folder):
    return pretrained(Tied(width=5), folder, Tied.from_pretrained)


def hub_state_dict(folder):
    tensors = {"a": torch.randn(3, 5), "b": torch.tensor(2.5, dtype=torch.float16), "c": torch.zeros(0, 4, dtype=torch.int64),
               "d": torch.randn(4).to(torch.float8_e4m3fn), "e": torch.tensor([True, False])}
    huggingface_hub.save_torch_state_dict(tensors, folder)
    return tensors, lambda it: huggingface_hub.load_state_dict_from_file(f"{it}/model.safetensors")


def said(model):
    with torch.no_grad():
        return {"logits": model.eval()(TOKENS).logits}


def trainer(model, folder, steps):
    arguments = transformers.TrainingArguments(output_dir=folder, max_steps=steps, save_steps=1, use_cpu=True, report_to=[],
                                               disable_tqdm=True)
    return transformers.Trainer(model=model, args=arguments, train_dataset=[{"input_ids": TOKENS[0], "labels": TOKENS[0]}] * 4)


def taken_up(folder):
    again = trainer(llama(), folder, steps=1)
    again.train(resume_from_checkpoint=f"{folder}/checkpoint-1")
    return again.model


def from_archive(folder):
    path = f"{folder}-archive.dduf"
    huggingface_hub.export_folder_as_dduf(path, folder)
    entry = huggingface_hub.read_dduf_file(path)["unet/diffusion_pytorch_model.safetensors"]
    with entry.as_mmap() as inside:
        return {name: tensor.clone() for name, tensor in safetensors.torch.load(inside).items()}


def lora(*modules):
    return peft.LoraConfig(r=2, target_modules=list(modules), init_lora_weights=False)


def adapter(model, its_name="default."):
    return {name.replace(its_name, ""): tensor for name, tensor in model.state_dict().items() if "lora_" in name}


def lora_loaded(folder):
    model = conditional()
    model.load_lora_adapter(folder, prefix=None, weight_name="pytorch_lora_weights.safetensors", adapter_name="hers")
    return adapter(model, "hers.")


def state_loaded(folder):
    model = Tied()
    machine = accelerate.Accelerator(cpu=True)
    machine.prepare(model)
    machine.load_state(folder)
    return model


def loaded_by_hub(model, folder):
    huggingface_hub.load_torch_model(model, folder)
    return model


WAYS = {name: way for name, way in list(globals().items())
        if name.startswith(("transformers_", "diffusers_", "peft_", "accelerate_", "hub_"))}


def digest(what):
    """One number for all names, dtypes, shapes and bits."""
    tensors = what if isinstance(what, dict) else what.state_dict()
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous()
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def name_a_key_twice(path):
    """The same tensors under a header that a reader may take either way: JSON readers that do not look take the last."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    metadata = json.dumps({"format": "pt", **header.pop("__metadata__", {})})
    text = f'{{"__metadata__":{metadata[:-1]},"format":"pt"}},{json.dumps(header)[1:]}'
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + data[end:])


def spoiled(folder):
    copy = folder.with_name(folder.name + "-spoiled")
    shutil.copytree(folder, copy)
    for path in copy.rglob("*.safetensors"):
        name_a_key_twice(path)
    return copy


def causes(error):
    """What was raised, and what stands behind it."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__


def outcome(load, folder):
    try:
        return {"loaded": digest(load(str(folder)))}
    except Exception as error:
        return {"refused": list(causes(error))}


def report(way, folder):
    torch.manual_seed(8)
    folder.mkdir()
    try:
        saved, load = way(str(folder))
    except Exception:
        return {"failed": traceback.format_exc()}
    return {"saved": digest(saved), "whole": outcome(load, folder), "spoiled": outcome(load, spoiled(folder))}


def mapped(end):
    """The files in this process's memory whose names end so: what is really loaded, whatever sys.modules says."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sorted({line.split()[-1] for line in maps if line.rstrip().endswith(end)})


if __name__ == "__main__":
    base, chosen = pathlib.Path(sys.argv[1]), sys.argv[2:] or WAYS
    answers = {name: report(WAYS[name], base / name) for name in chosen}
    native = {"tensorvet": mapped("/tensorvet/_core.abi3.so"), "reference": mapped("/_safetensors_rust.abi3.so")}
    (base / "report.json").write_text(json.dumps({"ways": answers, "native": native}), encoding="utf-8")
