"""Puts benign files into corpus/benign/ and says in its manifest what each is.

A generator names the file, the libraries that wrote it and what it is; size, digest and whether there are tensors in it
are read off the bytes. Each group of files replaces its own entries and leaves the others alone, so that groups can be
made by different Pythons. Nothing here loads a file.
"""
import hashlib
import importlib.metadata
import io
import json
import os
import pickletools
import random
import shutil
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", "..", "corpus", "benign"))
# Some libraries write the folder they run in into their files: it is this one, on every machine.
RUN = "/tmp/train"
REBUILDERS = ("_rebuild_tensor", "_rebuild_parameter", "_rebuild_from_type", "_load_from_bytes")


def version(library):
    """'torch 2.13.0'; the local part (+cpu) is no matter of the library."""
    if library == "torch":
        import torch
        found = torch.__version__
        found = "1.13.1" if found.startswith("1.13.0a0") else found  # Debian's 1.13.1 says so of itself
    elif library == "python":
        found = ".".join(str(part) for part in sys.version_info[:2])
    else:
        found = importlib.metadata.version(library)
    return f"{library} {found.split('+')[0]}"


def seed():
    """Every file starts from the same random state."""
    random.seed(0)
    for name in ("numpy", "torch"):
        if name not in sys.modules:
            continue
        module = sys.modules[name]
        (module.manual_seed if name == "torch" else module.random.seed)(0)


def fresh_run():
    """An empty folder to run in, with the same name everywhere."""
    shutil.rmtree(RUN, ignore_errors=True)
    os.makedirs(RUN)
    os.chdir(RUN)


def streams(data):
    """The pickle streams of a file: of a zip, its data.pkl; else whatever follows whatever."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
    return [data]


def strings(stream):
    """All text of the pickles in one stream, up to where they end."""
    file = io.BytesIO(stream)
    while True:
        try:
            for _, argument, _ in pickletools.genops(file):
                if isinstance(argument, str):
                    yield argument
        except ValueError:  # no pickle, or the storages of a legacy file
            return
        if not file.read(1):
            return
        file.seek(-1, io.SEEK_CUR)


def has_tensors(data):
    if data[:6] == b"\x93NUMPY":
        return True
    if data[:2] == b"PK" and not streams(data):  # .npz
        return True
    return any(text.split(" ")[-1].startswith(REBUILDERS) for stream in streams(data) for text in strings(stream))


def is_without(has, path, data):
    if has is not None and has != has_tensors(data):
        raise ValueError(f"{path}: tensors are said to be {has}")


class Group:
    """The files of one folder of the corpus, as they are made."""

    def __init__(self, name, libraries, by_hand=False):
        self.name, self.libraries, self.by_hand = name, libraries, by_hand
        self.entries = {}
        self.folder = os.path.join(ROOT, name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, name, data, about, libraries=None, key=None, tensors=None, by_hand=None):
        """One file of these bytes. key: which part of it a user would convert, where there are several."""
        path = f"{self.name}/{name}"
        if path in self.entries:
            raise ValueError(f"{path}: made twice")
        is_without(tensors, path, data)
        full = os.path.join(ROOT, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        entry = {"file": path, "writer": [version(one) for one in libraries or self.libraries], "about": about,
                 "has_tensors": has_tensors(data), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if key is not None:
            entry["key"] = key
        if self.by_hand if by_hand is None else by_hand:
            entry["by_hand"] = True
        self.entries[path] = entry

    def save(self, name, value, about, libraries=None, key=None, tensors=None, by_hand=None, **arguments):
        """One file by torch.save; as by a user, who gives a path."""
        import torch
        os.makedirs(RUN, exist_ok=True)
        path = os.path.join(RUN, os.path.basename(name))
        torch.save(value, path, **arguments)
        self.take(name, path, about, libraries, key, tensors, by_hand)
        os.unlink(path)

    def take(self, name, path, about, libraries=None, key=None, tensors=None, by_hand=None):
        """One file that a library has written to path."""
        with open(path, "rb") as file:
            self.put(name, file.read(), about, libraries, key, tensors, by_hand)

    def close(self):
        """Writes the manifest."""
        path = os.path.join(ROOT, "manifest.json")
        entries = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                entries = {entry["file"]: entry for entry in json.load(file)["files"]}
        entries = {name: entry for name, entry in entries.items() if not name.startswith(self.name + "/")}
        entries.update(self.entries)
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"schema": 1, "files": [\n')
            file.write(",\n".join(json.dumps(entries[name]) for name in sorted(entries)))
            file.write("\n]}\n")
        print(f"{self.name}: {len(self.entries)} files, {sum(e['size'] for e in self.entries.values())} bytes")
