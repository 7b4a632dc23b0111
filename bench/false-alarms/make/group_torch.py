"""PyTorch alone, as the torch of the running Python writes it: optimizers, schedulers, random states, modules,
averages, parametrizations, and the containers and protocols that torch.save can be told to write."""
import contextlib
import random
import warnings

import numpy
import torch
from torch import nn
from torch.optim import lr_scheduler

import corpus
import tiny

MAJOR = int(torch.__version__.split(".")[0])


def optimizers():
    """Each class of torch.optim that can train a plain tensor on a CPU, with what makes it keep more state."""
    yield "sgd", "SGD", {"lr": 0.1, "momentum": 0.9}
    yield "sgd-plain", "SGD", {"lr": 0.1}
    yield "adam", "Adam", {}
    yield "adam-amsgrad", "Adam", {"amsgrad": True}
    for name in ("AdamW", "Adamax", "Adagrad", "Adadelta", "Rprop", "ASGD", "NAdam", "RAdam"):
        yield name.lower(), name, {}
    yield "rmsprop", "RMSprop", {"momentum": 0.9, "centered": True}
    yield "lbfgs", "LBFGS", {"history_size": 3, "max_iter": 4}
    if hasattr(torch.optim, "Adafactor"):
        yield "adafactor", "Adafactor", {}
    if hasattr(torch.optim, "Muon"):
        yield "muon", "Muon", {}


def make_optimizers(group):
    for name, class_, arguments in optimizers():
        corpus.seed()
        model = nn.Linear(4, 2, bias=class_ != "Muon")
        optimizer = tiny.one_step(model, getattr(torch.optim, class_)(model.parameters(), **arguments))
        group.save(f"optim-{name}.pt", optimizer.state_dict(), f"state_dict of torch.optim.{class_}")
    corpus.seed()
    embedding = nn.Embedding(5, 2, sparse=True)
    sparse = torch.optim.SparseAdam(embedding.parameters())
    embedding(torch.tensor([1, 2])).sum().backward()
    sparse.step()
    group.save("optim-sparseadam.pt", sparse.state_dict(), "state_dict of torch.optim.SparseAdam")
    for class_ in ("SGD", "AdamW"):
        corpus.seed()
        model = tiny.mlp()
        optimizer = tiny.one_step(model, getattr(torch.optim, class_)(model.parameters(), lr=0.1))
        group.save(f"optim-whole-{class_.lower()}.pt", optimizer, f"a whole optimizer of torch.optim.{class_}")
    corpus.seed()
    model = tiny.mlp()
    groups = [{"params": model[0].parameters(), "lr": 1e-3}, {"params": model[2].parameters(), "weight_decay": 0.1}]
    group.save("optim-groups.pt", tiny.one_step(model, torch.optim.AdamW(groups, lr=0.01)).state_dict(),
               "state_dict of an optimizer with two groups of parameters")


def schedulers():
    yield "step", lambda o: lr_scheduler.StepLR(o, 2)
    yield "multistep", lambda o: lr_scheduler.MultiStepLR(o, [1, 3])
    yield "exponential", lambda o: lr_scheduler.ExponentialLR(o, 0.9)
    yield "cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, 4)
    yield "warmrestarts", lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2)
    yield "plateau", lambda o: lr_scheduler.ReduceLROnPlateau(o)
    yield "cyclic", lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, cycle_momentum=False)
    yield "onecycle", lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=10)
    yield "onecycle-linear", lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=10, anneal_strategy="linear")
    yield "lambda", lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.9 ** epoch)
    yield "multiplicative", lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9)
    yield "linear", lambda o: lr_scheduler.LinearLR(o)
    yield "constant", lambda o: lr_scheduler.ConstantLR(o)
    yield "polynomial", lambda o: lr_scheduler.PolynomialLR(o)
    yield "swalr", lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.05)
    yield "chained", lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)])
    yield "sequential", lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, total_iters=1), lr_scheduler.CosineAnnealingLR(o, 3)], milestones=[1])


def make_schedulers(group):
    for name, make in schedulers():
        corpus.seed()
        model = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = make(optimizer)
        if name == "plateau":
            tiny.one_step(model, optimizer)
            scheduler.step(0.5)
        else:
            tiny.one_step(model, optimizer, scheduler=scheduler)
        try:
            group.save(f"scheduler-{name}.pt", scheduler.state_dict(), f"state_dict of {type(scheduler).__name__}")
        except (TypeError, AttributeError) as error:  # torch 1.13's CyclicLR holds a weak reference
            print(f"scheduler-{name}: torch cannot save it: {error}")


class Warmup:
    """As Trainer's schedules are: an object that LambdaLR calls, whose state it saves."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, epoch):
        return min(1.0, epoch / self.steps)


def make_random(group):
    corpus.seed()
    group.save("rng-torch.pt", torch.get_rng_state(), "torch.get_rng_state()")
    group.save("rng-python.pt", random.getstate(), "random.getstate()")
    group.save("rng-numpy.pt", numpy.random.get_state(), "numpy.random.get_state()", ["torch", "numpy"])
    group.save("rng-numpy-dict.pt", numpy.random.get_state(legacy=False), "the same as a dict", ["torch", "numpy"])
    group.save("rng-numpy-randomstate.pt", {"rng": numpy.random.RandomState(1)}, "a RandomState", ["torch", "numpy"])
    group.save("rng-numpy-generator.pt", {"rng": numpy.random.default_rng(1)}, "a Generator of PCG64", ["torch", "numpy"])
    group.save("rng-python-random.pt", {"rng": random.Random(1)}, "a random.Random")
    if MAJOR >= 2:
        group.save("rng-torch-generator.pt", {"generator": torch.Generator().manual_seed(3)}, "a torch.Generator")


def modules():
    yield "mlp", "nn.Sequential of Linear and Tanh", tiny.mlp
    yield "net", "a module of the user's own class", tiny.Net
    yield "tied", "a module with tied weights and a buffer that is not persistent", tiny.Tied
    yield "keyed", "ModuleList, ModuleDict, ParameterList and ParameterDict", tiny.Keyed
    yield "lstm", "nn.LSTM", lambda: nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    yield "rnn", "nn.RNN with a cell", lambda: nn.ModuleDict({"rnn": nn.RNN(2, 3), "cell": nn.LSTMCell(2, 2)})
    yield "attention", "nn.MultiheadAttention", lambda: nn.MultiheadAttention(4, 2)
    yield "encoder", "nn.TransformerEncoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 4), 1)
    yield "transformer", "nn.Transformer", lambda: nn.Transformer(4, 2, 1, 1, 4)
    yield "convs", "convolutions of one, two and three dimensions, transposed ones, and pooling", lambda: nn.Sequential(
        nn.Conv1d(1, 2, 1), nn.Conv2d(1, 2, 1), nn.Conv3d(1, 2, 1), nn.ConvTranspose2d(2, 1, 2), nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.MaxPool1d(2), nn.Upsample(scale_factor=2), nn.PixelShuffle(2), nn.Unfold(2),
        nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.Flatten())
    yield "norms", "the normalizations", lambda: nn.Sequential(
        nn.BatchNorm1d(2), nn.BatchNorm3d(2), nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.InstanceNorm2d(2, affine=True),
        nn.LocalResponseNorm(2), nn.SyncBatchNorm(2))
    yield "activations", "the activations", lambda: nn.Sequential(
        nn.ReLU(), nn.ReLU6(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.ELU(), nn.SELU(), nn.CELU(), nn.PReLU(), nn.LeakyReLU(),
        nn.Sigmoid(), nn.Hardswish(), nn.Hardsigmoid(), nn.Hardtanh(), nn.Softplus(), nn.Softmax(1), nn.LogSoftmax(1),
        nn.GLU(), nn.Tanh(), nn.Threshold(0, 1), nn.Softsign(), nn.LogSigmoid(), nn.Dropout2d())
    yield "embeddings", "embeddings and a bilinear layer", lambda: nn.ModuleList(
        [nn.Embedding(4, 2, padding_idx=0), nn.EmbeddingBag(4, 2, mode="sum"), nn.Bilinear(2, 2, 2), nn.Identity()])
    yield "losses", "losses with weights", lambda: nn.ModuleDict(
        {"ce": nn.CrossEntropyLoss(weight=torch.ones(3)), "bce": nn.BCEWithLogitsLoss(pos_weight=torch.ones(2)),
         "mse": nn.MSELoss(), "l1": nn.SmoothL1Loss(), "kl": nn.KLDivLoss(), "nll": nn.NLLLoss(), "ctc": nn.CTCLoss()})
    yield "parallel", "nn.DataParallel around a module", lambda: nn.DataParallel(tiny.mlp())


def make_modules(group):
    for name, about, make in modules():
        corpus.seed()
        model = make()
        group.save(f"module-{name}.pt", model, f"a whole pickled module: {about}")
        group.save(f"state-{name}.pth", model.state_dict(), f"the state_dict of it: {about}")
    corpus.seed()
    group.save("state-half.pt", tiny.Net().half().state_dict(), "a state_dict in half precision")
    group.save("state-bfloat16.pt", tiny.Net().bfloat16().state_dict(), "a state_dict in bfloat16")
    group.save("state-channels-last.pt", tiny.Net().to(memory_format=torch.channels_last).state_dict(), "channels_last")
    group.save("state-parallel-prefix.pt", nn.DataParallel(tiny.Net()).state_dict(), "names that begin with module.")
    group.save("state-parameters.pt", dict(tiny.mlp().named_parameters()), "a dict of Parameters, not of tensors")
    group.save("module-eval.pt", tiny.Net().eval(), "a whole module in evaluation mode")
    group.save("module-hooked.pt", hooked(), "a whole module with a forward hook")


def note_shape(module, inputs, output):
    """A hook that does nothing of note."""
    module.last_shape = tuple(output.shape)


def hooked():
    model = tiny.mlp()
    model[0].register_forward_hook(note_shape)
    return model


def ema(averaged, current, count):
    """An exponential moving average."""
    return averaged + 0.1 * (current - averaged)


def make_averages(group):
    from torch.optim.swa_utils import AveragedModel
    from torch.nn.utils import parametrizations, prune
    corpus.seed()
    model = tiny.mlp()
    averaged = AveragedModel(model, avg_fn=ema)
    averaged.update_parameters(model)
    group.save("average-state.pt", averaged.state_dict(), "state_dict of an AveragedModel")
    group.save("average-module.pt", averaged, "a whole AveragedModel")
    group.save("average-ema.pt", {"model": model.state_dict(), "ema": averaged.module.state_dict(), "decay": 0.999},
               "a model and its moving average", key="model")
    group.save("parametrize-weight-norm.pt", nn.utils.weight_norm(nn.Linear(3, 2)), "a whole module with the old weight_norm")
    group.save("parametrize-spectral-state.pt", parametrizations.spectral_norm(nn.Linear(3, 2)).state_dict(), "spectral_norm")
    group.save("parametrize-orthogonal-state.pt", parametrizations.orthogonal(nn.Linear(3, 3)).state_dict(), "orthogonal")
    if hasattr(parametrizations, "weight_norm"):
        group.save("parametrize-weight-norm-state.pt", parametrizations.weight_norm(nn.Linear(3, 2)).state_dict(), "weight_norm")
    pruned = tiny.mlp()
    prune.l1_unstructured(pruned[0], "weight", amount=0.5)
    group.save("prune-state.pt", pruned.state_dict(), "a pruned module's state_dict, with its mask")
    group.save("prune-module.pt", pruned, "a whole pruned module")


def checkpoint():
    """What the training example of ImageNet saves, and everyone after it."""
    corpus.seed()
    model = tiny.Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    scheduler = lr_scheduler.LambdaLR(optimizer, Warmup(5))
    tiny.one_step(model, optimizer, (2, 3, 8, 8), scheduler)
    return {"epoch": 3, "arch": "net", "state_dict": model.state_dict(), "best_acc1": torch.tensor(71.5),
            "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "loss": 0.25, "lr": [0.1, 0.05]}


@contextlib.contextmanager
def own_sources():
    """The legacy container holds the source of each module's class, and its path: let it be ours alone, and no path."""
    real = torch.serialization.get_source_lines_and_file

    def ours(class_, *rest):
        if class_.__module__ != "tiny":
            raise OSError("left out")
        return real(class_, *rest)[0], 1, "tiny.py"
    torch.serialization.get_source_lines_and_file = ours
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.serialization.get_source_lines_and_file = real


def make_containers(group):
    for protocol in (3, 4, 5):
        group.save(f"checkpoint-protocol-{protocol}.pt", checkpoint(), f"a training checkpoint, protocol {protocol}",
                   key="state_dict", pickle_protocol=protocol)
    group.save("checkpoint.pth.tar", checkpoint(), "a training checkpoint, named as the ImageNet example does", key="state_dict")
    legacy = {"_use_new_zipfile_serialization": False}
    group.save("legacy-checkpoint.pth", checkpoint(), "a training checkpoint, legacy container", key="state_dict", **legacy)
    for protocol in (3, 4):
        group.save(f"legacy-protocol-{protocol}.pth", tiny.mlp().state_dict(), f"legacy container, protocol {protocol}",
                   pickle_protocol=protocol, **legacy)
    group.save("legacy-state.pth", tiny.Tied().state_dict(), "a state_dict with tied weights, legacy container", **legacy)
    with own_sources():
        group.save("legacy-module-nn.pth", tiny.mlp(), "a whole module of torch's own classes, legacy container", **legacy)
        group.save("legacy-module-own.pth", tiny.Net(), "a whole module of a user's class, whose source is in it", **legacy)
    model = tiny.mlp()
    optimizer = tiny.one_step(model, torch.optim.Adam(model.parameters()))
    group.save("legacy-optimizer.pth", optimizer.state_dict(), "state_dict of an Adam, legacy container", **legacy)
    group.save("legacy-rng.pth", torch.get_rng_state(), "a random state, legacy container", **legacy)


def make_values(group):
    corpus.seed()
    a = torch.arange(12.0).reshape(3, 4)
    group.save("value-tensor.pt", a, "one tensor")
    group.save("value-list.pt", [a, a.t(), a[1:]], "a list of views of one tensor")
    group.save("value-nested.pt", {"a": {"b": [a, (a.int(), {"c": a.bool()})]}, 7: a.double()}, "nested, and an int key")
    group.save("value-complex.pt", {"z": torch.tensor([1 + 2j]), "conj": torch.tensor([1 + 2j]).conj()}, "complex numbers")
    group.save("value-parameter.pt", nn.Parameter(a), "one Parameter")
    group.save("value-size.pt", {"size": a.shape, "dtype": a.dtype, "device": a.device, "layout": a.layout}, "no tensor")
    group.save("value-scaler.pt", {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000,
                                   "_growth_tracker": 0}, "the state of a GradScaler")
    dataset = torch.utils.data.TensorDataset(a, torch.arange(3))
    group.save("value-dataset.pt", dataset, "a TensorDataset")
    group.save("value-subset.pt", torch.utils.data.random_split(dataset, [2, 1])[0], "a Subset of it")
    group.save("value-packed.pt", nn.utils.rnn.pack_sequence([a[0], a[1]]), "a PackedSequence")
    group.save("value-distribution.pt", torch.distributions.Normal(torch.zeros(2), torch.ones(2)), "a distribution")


def make():
    group = corpus.Group(f"torch-{'.'.join(torch.__version__.split('.')[:2])}", ["torch"])
    for part in (make_optimizers, make_schedulers, make_random, make_modules, make_averages, make_containers, make_values):
        part(group)
    group.close()
