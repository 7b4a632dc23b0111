"""Other libraries that write checkpoints: averages, optimizers, reinforcement learning, graphs, Gaussian processes,
metrics, and the trainers of mmengine, ignite and skorch."""
import io
import os
import pickle
import warnings
import zipfile

import numpy
import torch

import corpus
import tiny


def make_averages(group):
    import ema_pytorch
    import torch_ema
    corpus.seed()
    model = tiny.mlp()
    average = torch_ema.ExponentialMovingAverage(model.parameters(), decay=0.99)
    average.update()
    group.save("torch-ema.pt", average.state_dict(), "state_dict of torch_ema", ["torch-ema", "torch"])
    ema = ema_pytorch.EMA(model, beta=0.99)
    ema.update()
    group.save("ema-pytorch.pt", ema.state_dict(), "state_dict of ema_pytorch", ["ema-pytorch", "torch"], key="ema_model")
    group.save("ema-pytorch-whole.pt", ema, "a whole EMA of ema_pytorch", ["ema-pytorch", "torch"], key="ema_model")


def make_optimizers(group):
    import lion_pytorch
    import torch_optimizer
    classes = [getattr(torch_optimizer, name) for name in ("AdaBound", "DiffGrad", "Lamb", "QHAdam", "Yogi", "Apollo")]
    for class_ in classes:
        corpus.seed()
        model = tiny.mlp()
        group.save(f"torch-optimizer-{class_.__name__.lower()}.pt", tiny.one_step(model, class_(model.parameters())).state_dict(),
                   f"state_dict of torch_optimizer.{class_.__name__}", ["torch-optimizer", "torch"])
    corpus.seed()
    model = tiny.mlp()
    group.save("lion.pt", tiny.one_step(model, lion_pytorch.Lion(model.parameters(), lr=0.01)).state_dict(), "state_dict of Lion",
               ["lion-pytorch", "torch"])


def make_ignite(group):
    from ignite.engine import Engine, Events
    from ignite.handlers import Checkpoint, DiskSaver, EMAHandler
    corpus.fresh_run()
    corpus.seed()
    model = tiny.mlp()
    optimizer = torch.optim.Adam(model.parameters())
    trainer = Engine(lambda engine, batch: tiny.one_step(model, optimizer) and 0.5)
    EMAHandler(model)
    saver = Checkpoint({"model": model, "optimizer": optimizer, "trainer": trainer}, DiskSaver("out", create_dir=True), n_saved=1)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, saver)
    trainer.run([0, 1], max_epochs=1)
    (name,) = os.listdir("out")
    group.take("ignite-checkpoint.pt", f"out/{name}", "a Checkpoint of ignite", ["pytorch-ignite", "torch"], key="model")


def make_skorch(group):
    import skorch
    corpus.fresh_run()
    corpus.seed()
    net = skorch.NeuralNetRegressor(tiny.mlp, max_epochs=1, verbose=0, train_split=None)
    net.fit(numpy.ones((4, 4), "f4"), numpy.ones((4, 2), "f4"))
    net.save_params(f_params="params.pt", f_optimizer="optimizer.pt", f_criterion="criterion.pt")
    for name in ("params", "optimizer", "criterion"):
        group.take(f"skorch-{name}.pt", f"{name}.pt", f"skorch's {name}", ["skorch", "torch"])


def make_reinforcement(group):
    import gymnasium
    from stable_baselines3 import A2C
    corpus.fresh_run()
    corpus.seed()
    model = A2C("MlpPolicy", gymnasium.make("CartPole-v1"), policy_kwargs={"net_arch": [4]}, seed=0, device="cpu", n_steps=2)
    model.learn(4)
    model.save("a2c")
    libraries = ["stable-baselines3", "torch"]
    with zipfile.ZipFile("a2c.zip") as archive:
        for name in ("policy.pth", "policy.optimizer.pth", "pytorch_variables.pth"):
            group.put(f"stable-baselines3/{name}", archive.read(name), f"{name} of a saved A2C", libraries)
    group.save("stable-baselines3/policy-whole.pt", model.policy.state_dict(), "the policy's state_dict", libraries)


def make_graphs(group):
    import torch_geometric.nn
    from torch_geometric.data import Batch, Data
    corpus.seed()
    data = Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([1]))
    libraries = ["torch-geometric", "torch"]
    group.save("geometric-data.pt", data, "a graph of torch_geometric", libraries)
    group.save("geometric-batch.pt", Batch.from_data_list([data, data]), "a batch of graphs", libraries)
    model = torch_geometric.nn.GCN(2, 4, 1, 2)
    group.save("geometric-weights.pt", model.state_dict(), "weights of a GCN", libraries)
    group.save("geometric-whole.pt", model, "a whole pickled GCN", libraries)


def make_probability(group):
    import gpytorch
    import pyro
    corpus.fresh_run()
    corpus.seed()
    kernel = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
    group.save("gpytorch-kernel-state.pth", kernel.state_dict(), "a kernel's state_dict", ["gpytorch", "torch"])
    group.save("gpytorch-kernel-whole.pth", kernel, "a whole pickled kernel", ["gpytorch", "torch"])
    pyro.clear_param_store()
    pyro.param("loc", torch.zeros(2))
    pyro.param("scale", torch.ones(2), constraint=pyro.distributions.constraints.positive)
    pyro.get_param_store().save("params.pt")
    group.take("pyro-params.pt", "params.pt", "pyro's parameter store", ["pyro-ppl", "torch"], key="params")


def make_metrics(group):
    import torchmetrics
    corpus.seed()
    metric = torchmetrics.classification.MulticlassAccuracy(num_classes=3)
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 2]))
    metric.persistent(True)
    libraries = ["torchmetrics", "torch"]
    group.save("torchmetrics-state.pt", metric.state_dict(), "a metric's state_dict", libraries)
    group.save("torchmetrics-whole.pt", metric, "a whole pickled metric", libraries)
    group.put("torchmetrics-whole.pkl", pickle.dumps(metric), "the same by pickle.dump", libraries)


def make_mmengine(group):
    from mmengine.config import ConfigDict
    from mmengine.logging import MessageHub
    corpus.fresh_run()
    corpus.seed()
    hub = MessageHub("train")
    for step in range(2):
        hub.update_scalar("train/loss", 0.5 - step)
    hub.update_info("epoch", 1)
    model = tiny.Net()
    optimizer = tiny.one_step(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), (2, 3, 8, 8))
    libraries = ["mmengine", "torch"]
    group.save("mmengine.pth", {
        "meta": {"epoch": 1, "iter": 2, "cfg": "model = dict(type='Net')", "seed": 0, "dataset_meta": {"classes": ("a", "b")}},
        "state_dict": model.state_dict(), "message_hub": hub.state_dict(), "optimizer": optimizer.state_dict(),
        "param_schedulers": [{"last_step": 2, "base_values": [0.1]}]}, "what mmengine's Runner saves, put together by hand of its parts",
        libraries, key="state_dict", by_hand=True)
    group.save("mmengine-config.pth", {"cfg": ConfigDict(model={"type": "Net", "depth": 2}), "state_dict": model.state_dict()},
               "a ConfigDict of mmengine", libraries)


def make_sentences(group):
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling
    corpus.fresh_run()
    corpus.seed()
    dense = Dense(4, 2)
    group.save("sentence-transformers-dense.bin", dense.state_dict(), "weights of its Dense", ["sentence-transformers", "torch"])
    group.save("sentence-transformers-whole.bin", torch.nn.ModuleList([Pooling(4), dense]), "whole modules of it",
               ["sentence-transformers", "torch"])


def make():
    warnings.simplefilter("ignore")
    group = corpus.Group("others", ["torch"])
    for part in (make_averages, make_optimizers, make_ignite, make_skorch, make_reinforcement, make_graphs, make_probability,
                 make_metrics, make_mmengine, make_sentences):
        part(group)
    group.close()
