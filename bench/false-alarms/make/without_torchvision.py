"""Lets timm be imported where torchvision is not: torchvision has no build for this torch without CUDA, and timm wants of
it names for reading images alone. Every name of it is an empty class here; none of them gets into a file."""
import importlib.abc
import importlib.machinery
import sys
import types

from torch import nn


class Module(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        base = nn.Module if name.endswith("2d") else object
        return type(name, (base,), {"__module__": self.__name__, "BILINEAR": 2, "BICUBIC": 3, "NEAREST": 0, "LANCZOS": 1,
                                    "BOX": 4, "HAMMING": 5})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torchvision":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(Finder())


def metadata_too():
    """For those who ask which version it is."""
    import importlib.metadata
    real = importlib.metadata.version
    importlib.metadata.version = lambda name: "0.28.0" if name == "torchvision" else real(name)
