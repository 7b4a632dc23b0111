"""Shapes of checkpoints that others write, put together by hand with torch and NumPy: their writers need GPUs, several
machines, or releases that no longer install. The classes they name are the real ones, or imitations that say so."""
import argparse
import sys
import types

import numpy
import torch

import corpus
import tiny


def imitation(module, name, base=object):
    """A class of that name, in a module that exists while files are made; kept in both."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        if path not in sys.modules:
            sys.modules[path] = types.ModuleType(path)
    class_ = type(name, (base,), {"__module__": module})
    setattr(sys.modules[module], name, class_)
    return class_


def make_large_models(group):
    state = tiny.mlp().state_dict()
    group.save("llama-consolidated.00.pth", {f"layers.0.{name}": value.bfloat16() for name, value in state.items()}, "LLaMA's shape")
    group.save("whisper.pt", {"dims": {"n_mels": 80, "n_vocab": 51865}, "model_state_dict": {
        name: value.half() for name, value in state.items()}}, "Whisper's shape", key="model_state_dict")
    optimizer = torch.optim.AdamW(tiny.mlp().parameters())
    group.save("megatron/mp_rank_00/model_optim_rng.pt", {
        "args": argparse.Namespace(num_layers=1, hidden_size=4, fp16=True, params_dtype=torch.float16), "iteration": 100,
        "checkpoint_version": 3.0, "model": {"language_model": {"embedding": {"weight": torch.ones(4, 2)}}},
        "optimizer": {"optimizer": optimizer.state_dict(), "fp32_from_fp16_params": [[torch.ones(2)]]},
        "rng_state": [{"random_rng_state": (3, (1, 2), None), "np_rng_state": numpy.random.RandomState(0).get_state(),
                       "torch_rng_state": torch.get_rng_state(), "rng_tracker_states": {}}]}, "Megatron-LM's shape", key="model")
    group.save("fairseq.pt", {
        "args": argparse.Namespace(arch="transformer", task="translation"), "cfg": None, "model": state,
        "criterion": None, "optimizer_history": [{"criterion_name": "C", "optimizer_name": "Adam", "num_updates": 3}],
        "task_state": {}, "extra_state": {"epoch": 1, "train_iterator": {"epoch": 1}},
        "last_optimizer_state": optimizer.state_dict()}, "fairseq's shape", key="model")


def make_deepspeed(group):
    names = {"0": {"weight": torch.Size([2, 4])}}
    group.save("deepspeed/mp_rank_00_model_states.pt", {
        "module": tiny.mlp().state_dict(), "buffer_names": [], "optimizer": None, "param_shapes": [names], "frozen_param_shapes": None,
        "shared_params": {}, "lr_scheduler": {"last_batch_iteration": 1}, "data_sampler": None, "random_ltd": None,
        "sparse_tensor_module_names": set(), "skipped_steps": 0, "global_steps": 2, "global_samples": 4, "dp_world_size": 1,
        "mp_world_size": 1, "ds_config": {"train_batch_size": 2}, "ds_version": "0.15.0", "client_state": {}},
        "DeepSpeed's model states", key="module")
    flat = torch.arange(8.0)
    group.save("deepspeed/zero_pp_rank_0_mp_rank_00_optim_states.pt", {"optimizer_state_dict": {
        "loss_scaler": None, "dynamic_loss_scale": True, "overflow": False, "partition_count": [1], "zero_stage": 2,
        "base_optimizer_state": {"state": {0: {"step": torch.tensor(1.0), "exp_avg": flat}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "single_partition_of_fp32_groups": [flat], "param_slice_mappings": [], "group_paddings": [0], "clip_grad": 0.0,
        "ds_version": "0.15.0"}, "ds_config": {"train_batch_size": 2}, "ds_version": "0.15.0"}, "DeepSpeed's flat optimizer states")
    scaler = imitation("deepspeed.runtime.fp16.loss_scaler", "LossScaler")()
    scaler.cur_scale = 1.0
    stage = imitation("deepspeed.runtime.zero.config", "ZeroStageEnum", int)(2)
    group.save("deepspeed/zero_pp_rank_0_mp_rank_00_optim_states-scaler.pt", {"optimizer_state_dict": {
        "loss_scaler": scaler, "zero_stage": stage, "single_partition_of_fp32_groups": [flat]}},
        "the same with its classes LossScaler and ZeroStageEnum, imitated")


def make_images(group):
    state = {"model.diffusion_model.w": torch.ones(2), "first_stage_model.w": torch.ones(2), "cond_stage_model.w": torch.ones(2)}
    group.save("sd-pruned.ckpt", {"state_dict": state}, "Stable Diffusion's shape, pruned")
    group.save("sd-nested.ckpt", {"state_dict": {"state_dict": state}}, "the same, nested twice")
    group.save("sd-vae.pt", {"epoch": 1, "global_step": 2, "state_dict": {"encoder.w": torch.ones(2)}}, "its VAE's shape")
    group.save("esrgan.pth", {"params_ema": tiny.Net().state_dict()}, "Real-ESRGAN's shape", key="params_ema")
    group.save("gfpgan.pth", {"g_ema": tiny.Net().state_dict(), "g": tiny.Net().state_dict()}, "GFPGAN's shape", key="g_ema")
    group.save("rvc.pth", {"weight": {k: v.half() for k, v in tiny.mlp().state_dict().items()}, "config": [1025, 32, 192, "1"],
                           "f0": 1, "version": "v2", "info": "1epoch", "sr": "40k"}, "a voice model's shape", key="weight")
    group.save("detectron2.pkl.pth", {"model": {k: v.numpy() for k, v in tiny.mlp().state_dict().items()}, "__author__": "a",
                                      "matching_heuristics": True}, "weights as NumPy arrays", tensors=False)


def make_yolov5(group):
    """Classes of YOLOv5's repository, imitated."""
    Model = imitation("models.yolo", "DetectionModel", torch.nn.Module)
    Conv = imitation("models.common", "Conv", torch.nn.Module)
    model, conv = Model(), Conv()
    conv.conv, conv.bn, conv.act = torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.SiLU()
    model.model = torch.nn.Sequential(conv)
    model.yaml, model.names, model.stride = {"nc": 2}, ["a", "b"], torch.tensor([8.0])
    group.save("yolov5.pt", {"epoch": -1, "best_fitness": numpy.array([0.5]), "model": model.half(), "ema": None, "updates": None,
                             "optimizer": None, "opt": {"weights": "yolov5n.pt"}, "git": None, "date": "2024-01-02T03:04:05"},
               "YOLOv5's shape, its classes imitated", key="model")


def make():
    corpus.seed()
    group = corpus.Group("by-hand", ["torch"], by_hand=True)
    for part in (make_large_models, make_deepspeed, make_images, make_yolov5):
        part(group)
    group.close()
