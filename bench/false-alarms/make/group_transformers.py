"""What Hugging Face's libraries leave in a training folder: Trainer's optimizer, scheduler, random states and arguments;
weights of many architectures; accelerate's saved states; peft's adapters; diffusers' models and embeddings.
All models are tiny and random; nothing is fetched."""
import os
import warnings

import torch

import corpus
import tiny


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor([1, 2, 3])}


SMALL = {"vocab_size": 12, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4,
         "max_position_embeddings": 8}


def configs():
    """Architectures, tiny: (class, configuration)."""
    yield "BertForMaskedLM", "BertConfig", SMALL
    yield "RobertaForSequenceClassification", "RobertaConfig", {**SMALL, "max_position_embeddings": 10}
    yield "DistilBertModel", "DistilBertConfig", {"vocab_size": 12, "dim": 4, "n_layers": 1, "n_heads": 1, "hidden_dim": 4,
                                                 "max_position_embeddings": 8}
    yield "ElectraForPreTraining", "ElectraConfig", {**SMALL, "embedding_size": 4}
    yield "AlbertModel", "AlbertConfig", {**SMALL, "embedding_size": 4}
    yield "GPT2LMHeadModel", "GPT2Config", {"vocab_size": 12, "n_positions": 8, "n_embd": 4, "n_layer": 1, "n_head": 1}
    yield "GPTNeoXForCausalLM", "GPTNeoXConfig", SMALL
    yield "OPTForCausalLM", "OPTConfig", {"vocab_size": 12, "hidden_size": 4, "num_hidden_layers": 1, "ffn_dim": 4,
                                          "num_attention_heads": 1, "max_position_embeddings": 8, "word_embed_proj_dim": 4}
    yield "BloomForCausalLM", "BloomConfig", {"vocab_size": 12, "hidden_size": 4, "n_layer": 1, "n_head": 1}
    yield "LlamaForCausalLM", "LlamaConfig", {**SMALL, "num_key_value_heads": 1}
    yield "MistralForCausalLM", "MistralConfig", {**SMALL, "num_key_value_heads": 1, "head_dim": 4}
    yield "Qwen2ForCausalLM", "Qwen2Config", {**SMALL, "num_key_value_heads": 1}
    yield "GemmaForCausalLM", "GemmaConfig", {**SMALL, "num_key_value_heads": 1, "head_dim": 4}
    yield "T5ForConditionalGeneration", "T5Config", {"vocab_size": 12, "d_model": 4, "d_kv": 4, "d_ff": 4, "num_layers": 1,
                                                     "num_heads": 1}
    yield "BartForConditionalGeneration", "BartConfig", {
        "vocab_size": 12, "d_model": 4, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1,
        "decoder_attention_heads": 1, "encoder_ffn_dim": 4, "decoder_ffn_dim": 4, "max_position_embeddings": 8}
    yield "ViTForImageClassification", "ViTConfig", {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1,
                                                     "intermediate_size": 4, "image_size": 8, "patch_size": 4}
    yield "WhisperModel", "WhisperConfig", {
        "vocab_size": 12, "d_model": 4, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1,
        "decoder_attention_heads": 1, "encoder_ffn_dim": 4, "decoder_ffn_dim": 4, "num_mel_bins": 2,
        "max_source_positions": 4, "max_target_positions": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "decoder_start_token_id": 1}


def build(class_, config, **values):
    import transformers
    corpus.seed()
    return getattr(transformers, class_)(getattr(transformers, config)(**values))


WHOLE = ("BertForMaskedLM", "GPT2LMHeadModel", "LlamaForCausalLM", "T5ForConditionalGeneration", "ViTForImageClassification")


def make_weights(group):
    for class_, config, values in configs():
        model = build(class_, config, **values)
        name = class_.lower()
        group.save(f"weights/{name}/pytorch_model.bin", model.state_dict(), f"weights of a tiny {class_}")
        if class_ in WHOLE:
            group.save(f"whole/{name}.pt", model, f"a whole pickled {class_}, with its configuration")


def trainer_runs():
    yield "adamw-linear", {}
    yield "adafactor-cosine", {"optim": "adafactor", "lr_scheduler_type": "cosine", "warmup_steps": 1}
    yield "sgd-plateau", {"optim": "sgd", "lr_scheduler_type": "reduce_lr_on_plateau", "eval_strategy": "steps", "eval_steps": 1,
                          "metric_for_best_model": "eval_loss"}
    yield "adagrad-polynomial", {"optim": "adagrad", "lr_scheduler_type": "polynomial", "weight_decay": 0.1}
    yield "rmsprop-constant", {"optim": "rmsprop", "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 1}
    yield "adamw-restarts", {"lr_scheduler_type": "cosine_with_restarts", "gradient_accumulation_steps": 2,
                             "label_smoothing_factor": 0.1, "accelerator_config": {"split_batches": True}}


def make_trainer(group):
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer, TrainingArguments
    common = {"output_dir": "out", "max_steps": 2, "save_steps": 2, "per_device_train_batch_size": 2, "report_to": [],
              "use_cpu": True, "logging_strategy": "no", "disable_tqdm": True, "seed": 1, "dataloader_pin_memory": False}
    for name, values in trainer_runs():
        corpus.fresh_run()
        model = build("GPT2LMHeadModel", "GPT2Config", vocab_size=12, n_positions=8, n_embd=4, n_layer=1, n_head=1)
        trainer = Trainer(model, TrainingArguments(**{**common, **values}), train_dataset=Rows(), eval_dataset=Rows())
        trainer.train()
        take_trainer(group, name, "Trainer")
    corpus.fresh_run()
    model = build("T5ForConditionalGeneration", "T5Config", vocab_size=12, d_model=4, d_kv=4, d_ff=4, num_layers=1, num_heads=1,
                  decoder_start_token_id=0)
    arguments = Seq2SeqTrainingArguments(**common, predict_with_generate=True)
    Seq2SeqTrainer(model, arguments, train_dataset=Rows()).train()
    take_trainer(group, "seq2seq", "Seq2SeqTrainer")


TRAINER_FILES = {"optimizer.pt": "optimizer", "scheduler.pt": "schedule", "rng_state.pth": "random states",
                 "training_args.bin": "arguments, pickled whole", "pytorch_model.bin": "weights"}


def take_trainer(group, name, class_):
    for file, what in TRAINER_FILES.items():
        path = os.path.join("out", "checkpoint-2", file)
        if os.path.exists(path):
            group.take(f"trainer-{name}/{file}", path, f"{class_}'s {what} ({name})", group.libraries + ["accelerate"])


def make_accelerate(group):
    from accelerate import Accelerator
    corpus.fresh_run()
    corpus.seed()
    accelerator = Accelerator(cpu=True)
    model = tiny.mlp()
    optimizer = torch.optim.AdamW(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 4)), shuffle=True)
    model, optimizer, scheduler, loader = accelerator.prepare(model, optimizer, scheduler, loader)
    accelerator.register_for_checkpointing(torch.optim.lr_scheduler.ConstantLR(optimizer.optimizer))
    for (batch,) in loader:
        accelerator.backward(model(batch).sum())
        optimizer.step()
        scheduler.step()
    accelerator.save_state("state", safe_serialization=False)
    for file in sorted(os.listdir("state")):
        group.take(f"accelerate/{file}", f"state/{file}", "of Accelerator.save_state", ["accelerate", "torch"])


def make_peft(group):
    import peft
    adapters = {"lora": peft.LoraConfig(r=2, target_modules=["c_attn"]), "ia3": peft.IA3Config(
        target_modules=["c_attn"], feedforward_modules=[]), "prompt": peft.PromptTuningConfig(
            num_virtual_tokens=2, task_type="CAUSAL_LM"), "prefix": peft.PrefixTuningConfig(
                num_virtual_tokens=2, task_type="CAUSAL_LM"), "dora": peft.LoraConfig(r=2, target_modules=["c_attn"], use_dora=True)}
    for name, config in adapters.items():
        corpus.fresh_run()
        model = build("GPT2LMHeadModel", "GPT2Config", vocab_size=12, n_positions=8, n_embd=4, n_layer=1, n_head=1)
        adapted = peft.get_peft_model(model, config)
        adapted.save_pretrained("adapter", safe_serialization=False)
        group.take(f"peft-{name}/adapter_model.bin", "adapter/adapter_model.bin", f"a peft adapter: {name}",
                   ["peft", "transformers", "torch"])
        if name == "lora":
            group.save("peft-lora/whole.pt", adapted, "a whole pickled PeftModel", ["peft", "transformers", "torch"])


def make_diffusers(group):
    import diffusers
    from diffusers.training_utils import EMAModel
    corpus.fresh_run()
    corpus.seed()
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "block_out_channels": (4,),
              "norm_num_groups": 2, "layers_per_block": 1}
    models = {"unet": diffusers.UNet2DModel(sample_size=8, in_channels=1, out_channels=1, **blocks),
              "vae": diffusers.AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, latent_channels=1)}
    libraries = ["diffusers", "torch"]
    for name, model in models.items():
        model.save_pretrained(name, safe_serialization=False)
        group.take(f"diffusers/{name}/diffusion_pytorch_model.bin", f"{name}/diffusion_pytorch_model.bin",
                   f"a tiny {type(model).__name__}", libraries)
    group.save("diffusers/whole-unet.pt", models["unet"], "a whole pickled UNet2DModel", libraries)
    ema = EMAModel(models["unet"].parameters())
    group.save("diffusers/ema.pt", ema.state_dict(), "state_dict of an EMAModel", libraries)
    group.save("diffusers/learned_embeds.bin", {"<cat>": torch.ones(4)}, "an embedding, as textual inversion saves it", libraries)
    group.save("diffusers/embedding-a1111.pt", {
        "string_to_token": {"*": 265}, "string_to_param": {"*": torch.nn.Parameter(torch.ones(1, 4))}, "name": "cat", "step": 10,
        "sd_checkpoint": "81761151", "sd_checkpoint_name": "v1-5"}, "an embedding in the web interface's form", libraries, by_hand=True)
    group.save("diffusers/pytorch_lora_weights.bin", {
        f"unet.mid.processor.to_{part}_lora.{way}.weight": torch.ones(2, 2) for part in "qkv" for way in ("up", "down")},
        "LoRA weights in the form of its training script", libraries, by_hand=True)


def make():
    warnings.simplefilter("ignore")
    import transformers
    transformers.logging.set_verbosity_error()
    group = corpus.Group("transformers", ["transformers", "torch"])
    for part in (make_weights, make_trainer, make_accelerate, make_peft, make_diffusers):
        part(group)
    group.close()
