"""Checkpoints of PyTorch Lightning, of its two packages: hyper-parameters of every make, callbacks, several optimizers,
weights alone, Fabric. What its releases before 1.4 wrote, callbacks under their classes, is imitated by hand."""
import argparse
import functools
import importlib
import logging
import warnings

import torch

import corpus
import settings

PACKAGES = {"lightning": ("lightning.pytorch", "lightning"), "pytorch_lightning": ("pytorch_lightning", "pytorch-lightning")}


def hyper_parameters():
    from omegaconf import OmegaConf
    yield "namespace", argparse.Namespace(width=2, lr=0.1)
    yield "dict", {"width": 2, "lr": 0.1}
    yield "omegaconf", OmegaConf.create({"width": 2, "optim": {"lr": 0.1}})
    yield "dataclass", settings.Config()
    yield "partial", {"optimizer": functools.partial(torch.optim.Adam, lr=0.01)}
    yield "arguments", None


def module_class(pl):
    """A LightningModule; its own class is not in a checkpoint, only its hyper-parameters are."""
    class Module(pl.LightningModule):
        def __init__(self, config=None, width=2):
            super().__init__()
            if config is None:
                self.save_hyperparameters()
            else:
                self.save_hyperparameters(config if not isinstance(config, settings.Config) else {"config": config})
            self.layer = torch.nn.Linear(2, width)
            self.register_buffer("seen", torch.zeros(()))

        def training_step(self, batch, _):
            loss = self.layer(batch[0]).pow(2).mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]
    return Module


def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2)), batch_size=2)


def train(pl, module, callbacks):
    trainer = pl.Trainer(max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
                         callbacks=callbacks, enable_checkpointing=bool(callbacks), default_root_dir=".")
    trainer.fit(module, loader())
    return trainer


def make_package(group, name, library):
    pl = importlib.import_module(PACKAGES[name][0])
    Module = module_class(pl)
    for kind, config in hyper_parameters():
        corpus.seed()
        corpus.fresh_run()
        train(pl, Module(config), [pl.callbacks.ModelCheckpoint(dirpath="checkpoints", filename="last")])
        group.take(f"{name}-{kind}.ckpt", "checkpoints/last.ckpt", f"a checkpoint with hyper-parameters as {kind}", [library, "torch"])
    corpus.seed()
    corpus.fresh_run()
    callbacks = [pl.callbacks.ModelCheckpoint(dirpath="checkpoints", monitor="loss", save_top_k=1, every_n_epochs=1),
                 pl.callbacks.EarlyStopping("loss"), pl.callbacks.StochasticWeightAveraging(0.01, swa_epoch_start=1),
                 pl.callbacks.Timer(duration="00:01:00:00")]
    trainer = train(pl, Module(), callbacks)
    trainer.save_checkpoint("callbacks.ckpt")
    group.take(f"{name}-callbacks.ckpt", "callbacks.ckpt", "a checkpoint with the states of many callbacks", [library, "torch"])
    trainer.save_checkpoint("weights.ckpt", weights_only=True)
    group.take(f"{name}-weights.ckpt", "weights.ckpt", "a checkpoint of the weights alone", [library, "torch"])


def make_fabric(group):
    from lightning.fabric import Fabric
    corpus.fresh_run()
    fabric = Fabric(accelerator="cpu", devices=1)
    model = torch.nn.Linear(2, 2)
    model, optimizer = fabric.setup(model, torch.optim.AdamW(model.parameters()))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    fabric.save("fabric.ckpt", {"model": model, "optimizer": optimizer, "step": 3})
    group.take("fabric.ckpt", "fabric.ckpt", "what Fabric saves of a model and its optimizer", ["lightning", "torch"], key="model")


def make_old(group):
    """The shape of Stable Diffusion 1's checkpoint and its kin: PyTorch Lightning 1.4 and before."""
    import pytorch_lightning as pl
    from pytorch_lightning.utilities.parsing import AttributeDict
    for name, callback in (("modelcheckpoint", pl.callbacks.ModelCheckpoint), ("earlystopping", pl.callbacks.EarlyStopping)):
        corpus.seed()
        model = torch.nn.Linear(2, 2)
        group.save(f"old-{name}-key.ckpt", {
            "epoch": 6, "global_step": 470000, "pytorch-lightning_version": "1.4.2", "state_dict": model.state_dict(),
            "callbacks": {callback: {"monitor": "val/loss", "best_model_score": torch.tensor(0.5), "best_model_path": "last.ckpt"}},
            "optimizer_states": [torch.optim.Adam(model.parameters()).state_dict()], "lr_schedulers": [],
            "hparams_name": "kwargs", "hyper_parameters": AttributeDict(width=2, lr=0.1)},
            f"callbacks under their class {callback.__name__}, as releases before 1.5 wrote them", ["pytorch-lightning", "torch"],
            by_hand=True)


def make():
    warnings.simplefilter("ignore")
    for name in ("lightning", "pytorch_lightning"):
        logging.getLogger(PACKAGES[name][0]).setLevel(logging.ERROR)
    group = corpus.Group("lightning", ["lightning", "torch"])
    for name, (_, library) in PACKAGES.items():
        make_package(group, name, library)
    make_fabric(group)
    make_old(group)
    group.close()
