"""The manifest of this corpus: one JSON file that says, for each committed file, what a strict reader must get from it.

Trusts nothing it does not compute: sizes and digests come from the bytes as written. Each generator replaces the
entries of its own folder and leaves the others alone, so that the generators can run on different machines.
"""
import hashlib
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "manifest.json"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def load(root=HERE):
    """The entries of root's manifest, by path; empty where there is none yet."""
    path = os.path.join(root, NAME)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return {entry["path"]: entry for entry in json.load(file)["files"]}


def replace_folder(root, folder, entries):
    """Replaces all entries under folder by these, after adding size and sha256 of the files in root."""
    kept = {path: entry for path, entry in load(root).items() if not path.startswith(folder + "/")}
    for entry in entries:
        with open(os.path.join(root, entry["path"]), "rb") as file:
            data = file.read()
        kept[entry["path"]] = {"path": entry["path"], "size": len(data), "sha256": sha256(data), **entry}
    files = [kept[path] for path in sorted(kept)]
    with open(os.path.join(root, NAME), "w", encoding="utf-8") as file:
        file.write('{"schema": 1, "files": [\n')
        file.write(",\n".join(json.dumps(entry, ensure_ascii=True) for entry in files))
        file.write("\n]}\n")


def fresh_folder(root, folder):
    """root/folder, existing and without files."""
    path = os.path.join(root, folder)
    os.makedirs(path, exist_ok=True)
    for name in os.listdir(path):
        os.unlink(os.path.join(path, name))
    return path
