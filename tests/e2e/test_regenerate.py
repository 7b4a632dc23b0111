"""The committed corpus is what its generators write: with the same torch, the same bytes and the same manifest.

Run by three Pythons: any (the hostile and assembled files), Debian's torch 1.13 and PyPI's torch 2.13 (the real ones of each).
"""
import json
import os
import subprocess
import sys

from support import CORPUS, Case, main, manifest, skip

GENERATORS = {"hostile": ("hostile.py", ("hostile/", "assembled/")), "1.13": ("make_real.py", "real/torch-1.13/"),
              "2.13": ("make_real.py", "real/torch-2.13/")}
script, folder = GENERATORS[os.environ["TV_GENERATOR"]]
if script == "make_real.py":
    try:
        import torch
    except ImportError as error:
        skip(f"no torch in this Python: {error}")
    if not torch.__version__.startswith(os.environ["TV_GENERATOR"] + "."):
        skip(f"this is torch {torch.__version__}, the files are of {os.environ['TV_GENERATOR']}")


class Regenerate(Case):
    def test_the_generator_writes_what_is_committed(self):
        subprocess.run([sys.executable, "-B", os.path.join(CORPUS, script), self.folder], check=True, stdout=subprocess.DEVNULL)
        with open(self.path("manifest.json"), encoding="utf-8") as file:
            made = {entry["path"]: entry for entry in json.load(file)["files"]}
        committed = {entry["path"]: entry for entry in manifest(folder)}
        self.assertEqual(sorted(made), sorted(committed))
        for path, entry in committed.items():
            with self.subTest(path):
                self.assertEqual(made[path], entry)

    def test_every_file_is_in_the_manifest(self):
        folders = (folder,) if isinstance(folder, str) else folder
        there = {each + name for each in folders for name in os.listdir(os.path.join(CORPUS, each))}
        self.assertEqual(there, {entry["path"] for entry in manifest(folder)})


if __name__ == "__main__":
    main()
