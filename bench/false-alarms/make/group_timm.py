"""timm: weights of its architectures, its training checkpoints with arguments and averages, whole models, its optimizers
and schedules. Tiny and random."""
import argparse
import os
import warnings

import torch

import corpus
import without_torchvision  # noqa: F401  timm asks for it

VIT = {"img_size": 8, "patch_size": 4, "embed_dim": 4, "depth": 1, "num_heads": 1}


def models():
    yield "resnet", "resnet18", {"channels": (2, 2, 2, 2), "layers": (1, 1, 1, 1), "stem_width": 2}
    yield "vit", "vit_tiny_patch16_224", VIT
    yield "deit-distilled", "deit_tiny_distilled_patch16_224", VIT
    yield "convnext", "convnext_atto", {"depths": (1, 1, 1, 1), "dims": (2, 2, 2, 2)}
    yield "swin", "swin_tiny_patch4_window7_224", {"img_size": 28, "embed_dim": 4, "depths": (1, 1), "num_heads": (1, 1)}
    yield "beit", "beit_base_patch16_224", VIT
    yield "eva02", "eva02_tiny_patch14_224", VIT
    yield "densenet", "densenet121", {"growth_rate": 2, "block_config": (1, 1)}
    yield "cait", "cait_xxs24_224", {**VIT, "depth_token_only": 1}


def make_models(group):
    import timm
    for name, architecture, values in models():
        corpus.seed()
        model = timm.create_model(architecture, pretrained=False, num_classes=2, **values)
        group.save(f"weights-{name}.pth", model.state_dict(), f"weights of a tiny {architecture}")
        group.save(f"whole-{name}.pt", model, f"a whole pickled {architecture}")
    corpus.seed()
    mixer = timm.models.mlp_mixer.MlpMixer(num_classes=2, img_size=8, patch_size=4, num_blocks=1, embed_dim=4)
    group.save("whole-mixer.pt", mixer, "a whole pickled MlpMixer")
    group.save("weights-mixer.pth", mixer.state_dict(), "weights of a tiny MlpMixer")


def trained(model, name, **values):
    from timm.optim import create_optimizer_v2
    optimizer = create_optimizer_v2(model, opt=name, lr=0.01, **values)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(2, 4)).pow(2).mean().backward(create_graph=name == "adahessian")
        optimizer.step()
    return optimizer


OPTIMIZERS = ("sgd", "adamw", "lamb", "lion", "adan", "adamp", "madgrad", "novograd", "lars", "rmsproptf", "adabelief",
              "adafactor", "laprop", "adopt", "mars", "muon")


def make_optimizers(group):
    for name in OPTIMIZERS:
        corpus.seed()
        model = torch.nn.Linear(4, 2)
        group.save(f"optim-{name}.pt", trained(model, name).state_dict(), f"state_dict of timm's optimizer {name}")
    from timm.scheduler import create_scheduler_v2
    for name in ("cosine", "tanh", "step", "multistep", "plateau", "poly"):
        corpus.seed()
        model = torch.nn.Linear(4, 2)
        scheduler, _ = create_scheduler_v2(trained(model, "sgd"), sched=name, num_epochs=10, warmup_epochs=1, decay_milestones=[3, 5])
        group.save(f"scheduler-{name}.pt", scheduler.state_dict(), f"state_dict of timm's schedule {name}")


def make_training(group):
    import timm
    from timm.utils import CheckpointSaver, ModelEmaV2, NativeScaler
    for ema in (False, True):
        corpus.fresh_run()
        corpus.seed()
        model = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=2, **VIT)
        optimizer = torch.optim.AdamW(model.parameters())
        model(torch.randn(1, 3, 8, 8)).sum().backward()
        optimizer.step()
        saver = CheckpointSaver(
            model, optimizer, args=argparse.Namespace(model="vit_tiny_patch16_224", lr=0.1, epochs=3, mean=None, opt_betas=[0.9, 0.99]),
            model_ema=ModelEmaV2(model) if ema else None, amp_scaler=NativeScaler(device="cpu") if ema else None,
            checkpoint_dir=".", recovery_dir=".")
        saver.save_checkpoint(1, metric=71.5)
        name = "checkpoint-ema" if ema else "checkpoint"
        group.take(f"{name}.pth.tar", "last.pth.tar" if os.path.exists("last.pth.tar") else "checkpoint-1.pth.tar",
                   "a training checkpoint of CheckpointSaver" + (" with an average" if ema else ""), key="state_dict")


def make():
    warnings.simplefilter("ignore")
    group = corpus.Group("timm", ["timm", "torch"])
    for part in (make_models, make_optimizers, make_training):
        part(group)
    group.close()
