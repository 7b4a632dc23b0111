"""Tiny models, as users write them: classes of their own, trained for a step or two."""
import torch
from torch import nn


class Net(nn.Module):
    """A convolutional classifier with a class of the user's own."""

    def __init__(self, classes=3):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
                                      nn.MaxPool2d(2), nn.Dropout(0.1))
        self.classifier = nn.Linear(4 * 4 * 4, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Tied(nn.Module):
    """A language model whose output layer is its embedding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.body = nn.GRU(4, 4, batch_first=True)
        self.head = nn.Linear(4, 11, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.tensor(2.0))
        self.register_buffer("cache", torch.zeros(3), persistent=False)

    def forward(self, x):
        return self.head(self.body(self.embed(x))[0]) * self.scale


class Keyed(nn.Module):
    """Modules and parameters by name and by number."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
        self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Identity()})
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(2)])
        self.named = nn.ParameterDict({"left": nn.Parameter(torch.ones(2)), "right": nn.Parameter(torch.zeros(2))})


def mlp():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))


def one_step(model, optimizer, shape=(2, 4), scheduler=None, steps=2):
    """Trains for some steps, so that the optimizer has a state."""
    for _ in range(steps):
        def closure():
            optimizer.zero_grad()
            loss = model(torch.randn(*shape)).pow(2).mean()
            loss.backward()
            return loss
        optimizer.step(closure)
        if scheduler is not None:
            scheduler.step()
    return optimizer
