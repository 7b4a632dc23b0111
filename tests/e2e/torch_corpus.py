"""The torch engine over the corpus: for every file that both engines read, the outputs are the same bytes.

Run by a Python that has torch; the command is told to use that very Python. Names, ties and order are thereby the same
in both engines. What weights_only refuses is tried once more with --allow-code: these are files of our own making.
"""
import os
import sys

from support import CORPUS, Case, corpus_file, ids, main, manifest, report, skip

try:
    import torch  # noqa: F401
except ImportError as error:
    skip(f"no torch in this Python: {error}")

from test_torch import OLD, loadable

ENGINE = ("--engine", "torch", "--python", sys.executable)


def by_folder(entries):
    """Inputs of one folder have different names, and go through the command together."""
    folders = {}
    for entry in entries:
        folders.setdefault((os.path.dirname(entry["path"]), entry["convert"].get("key")), []).append(entry)
    return folders


class Corpus(Case):
    def convert(self, paths, folder, *options):
        """Converts them all in one run; {path: its line}."""
        _, lines = report("convert", *paths, "--out-dir", self.path(folder), "--overwrite", *options)
        return {line["path"]: line for line in lines}

    def both(self, entries, key, *options):
        """Counts the files of which both engines make the same bytes; the others must say why."""
        paths = [corpus_file(entry) for entry in entries]
        selected = ["--key", key] if key else []
        native = self.convert(paths, "native", *selected)
        torch_ = self.convert(paths, "torch", *ENGINE, *options, *selected)
        same, left = 0, []
        for path in paths:
            with self.subTest(os.path.relpath(path, CORPUS), options=options):
                ours, theirs = native[path], torch_[path]
                self.assertEqual(theirs["engine"], "torch")
                self.assertEqual(theirs["code_ran"], "--allow-code" in options and theirs["verdict"] == "accept")
                if ours["verdict"] != "accept" or theirs["verdict"] != "accept":
                    left.append((path, ids(theirs, "error")))
                    continue
                with open(ours["output"], "rb") as one, open(theirs["output"], "rb") as other:
                    self.assertEqual(one.read(), other.read())
                self.assertEqual(ours["dropped_shared"], theirs["dropped_shared"])
                self.assertEqual(sorted(ours["made_contiguous"]), sorted(theirs["made_contiguous"]))
                same += 1
        return same, left

    def test_same_bytes(self):
        entries = [entry for entry in manifest("real/") if loadable(entry) and entry["convert"]["verdict"] == "accept"]
        same, left = 0, []
        for (_, key), group in by_folder(entries).items():
            found, refused = self.both(group, key)
            same += found
            paths = {path for path, _ in refused}
            again = [entry for entry in group if corpus_file(entry) in paths]
            if again:
                found, refused = self.both(again, key, "--allow-code")
                same += found
            left += refused
        print(f"{same} the same")
        self.assertEqual(left, [])
        self.assertGreater(same, 80 if OLD else 90)


if __name__ == "__main__":
    main()
