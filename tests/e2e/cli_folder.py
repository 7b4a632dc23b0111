"""Folders: what is judged, what is left alone, what is undecided, and what is converted to where."""
import os
import shutil

from support import Case, corpus_file, ids, main, manifest, report, tensorvet

from cli_report import safetensors

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
NO_TENSORS = corpus_file(manifest("real/torch-2.13/no-tensors")[0])
DANGEROUS = corpus_file(manifest("hostile/global-ctypes.pt")[0])
PICKLE = corpus_file(manifest("hostile/plain-os-system.pkl")[0])
MODEL = safetensors([b"a"])


class Folder(Case):
    def tree(self, *paths, **contents):
        """Files below the test's folder: MODEL, or what the keyword says."""
        for path in paths:
            os.makedirs(os.path.dirname(self.path(path)) or self.folder, exist_ok=True)
            self.put(path, MODEL)
        for path, content in contents.items():
            self.put(path, content)

    def verdicts(self, *arguments):
        """Exit status; path -> verdict of each file; the folder's own line."""
        status, lines = report(*arguments, cwd=self.folder)
        self.assertEqual(lines[-1]["kind"], "repository")
        return status, {line["path"]: line["verdict"] for line in lines[:-1]}, lines[-1]

    def test_judged_and_left_alone(self):
        self.tree("m/a.safetensors")
        for name, content in (("config.json", b"{}"), ("README.md", b"# hi"), ("x.gguf", b"GGUF\3\0\0\0" + bytes(24)),
                              ("page.html", b"<!DOCTYPE html><html>")):
            self.put("m/" + name, content)
        status, verdicts, whole = self.verdicts("check", "m")
        self.assertEqual(status, 0)
        self.assertEqual(whole["verdict"], "accept")
        self.assertEqual(verdicts, {"m/README.md": "unjudged", "m/a.safetensors": "accept", "m/config.json": "unjudged",
                                    "m/page.html": "unjudged", "m/x.gguf": "unjudged"})

    def test_a_loaders_name_makes_it_judged(self):
        """The same bytes that are left alone as x.gguf are rejected where a loader would open them by name."""
        self.tree("m/a.safetensors")
        for name in ("pytorch_model.bin", "b.safetensors", "c.pt"):
            self.put("m/" + name, b"GGUF\3\0\0\0" + bytes(24))
        self.put("m/empty.bin", b"")
        status, verdicts, whole = self.verdicts("check", "m")
        self.assertEqual(status, 1)
        self.assertEqual((whole["verdict"], whole["files"]["reject"]), ("reject", 4))
        self.assertEqual(verdicts["m/a.safetensors"], "accept")

    def test_bytes_make_it_judged(self):
        """A pickle is judged whatever it is called."""
        os.mkdir(self.path("m"))
        shutil.copy(PICKLE, self.path("m/notes.txt"))
        status, verdicts, whole = self.verdicts("check", "m")
        self.assertEqual((status, verdicts["m/notes.txt"], whole["class"]), (1, "reject", "dangerous"))

    def test_disguise(self):
        """What is called .safetensors and is something else is rejected, in a folder and alone."""
        os.mkdir(self.path("m"))
        shutil.copy(GOOD, self.path("m/model.safetensors"))
        for arguments in (["check", "m"], ["check", "m/model.safetensors"]):
            status, lines = report(*arguments, cwd=self.folder)
            self.assertEqual((status, ids(lines[0])), (1, ["archive-in-disguise"]))

    def test_nothing_examined(self):
        os.mkdir(self.path("m"))
        self.put("m/README.md", b"# hi")
        status, _, whole = self.verdicts("check", "m")
        self.assertEqual((status, whole["verdict"], ids(whole)), (3, "undecided", ["nothing-examined"]))

    def test_links_and_special_files_are_undecided(self):
        self.tree("m/a.safetensors", "secret.safetensors")
        os.symlink("../secret.safetensors", self.path("m/out.safetensors"))
        os.symlink("a.safetensors", self.path("m/in.safetensors"))
        os.mkfifo(self.path("m/fifo"))
        status, verdicts, whole = self.verdicts("check", "m")
        self.assertEqual(status, 3)
        self.assertEqual(verdicts, {"m/a.safetensors": "accept", "m/fifo": "undecided", "m/in.safetensors": "accept",
                                    "m/out.safetensors": "undecided"})
        self.assertEqual((whole["verdict"], whole["retryable"]), ("undecided", False))

    def test_the_hub_cache(self):
        self.tree("models--x/blobs/aa", "models--x/snapshots/r/config")
        os.symlink("../../blobs/aa", self.path("models--x/snapshots/r/model.safetensors"))
        os.symlink("../../../secret", self.path("models--x/snapshots/r/evil.safetensors"))
        self.put("secret", MODEL)
        status, verdicts, _ = self.verdicts("check", "models--x/snapshots/r")
        self.assertEqual(verdicts["models--x/snapshots/r/model.safetensors"], "accept")
        self.assertEqual(verdicts["models--x/snapshots/r/evil.safetensors"], "undecided")
        self.assertEqual(status, 3)

    def test_a_link_on_the_command_line_is_followed(self):
        self.tree("real/m.safetensors")
        os.symlink("real/m.safetensors", self.path("link"))
        status, lines = report("check", "link", cwd=self.folder)
        self.assertEqual((status, lines[0]["verdict"]), (0, "accept"))
        self.assertEqual(lines[0]["target"], os.path.realpath(self.path("real/m.safetensors")))
        os.symlink("real", self.path("folder"))
        status, lines = report("check", "folder", cwd=self.folder)
        self.assertEqual((status, lines[-1]["target"]), (0, os.path.realpath(self.path("real"))))

    def test_many_files_on_the_command_line(self):
        """From 257 on their folders are allowed in place of the files; what a link leads to still is by itself."""
        names = [f"{number % 7}/{number}.safetensors" for number in range(300)]
        self.tree(*names, "elsewhere/a.safetensors")
        for name in ("0/link.safetensors", "link.safetensors"):
            os.symlink(self.path("elsewhere/a.safetensors"), self.path(name))
            names.append(name)
        status, lines = report("check", *names, "0/missing.safetensors", cwd=self.folder)
        verdicts = {line["path"]: line["verdict"] for line in lines}
        self.assertEqual(verdicts.pop("0/missing.safetensors"), "undecided")
        self.assertEqual(verdicts, dict.fromkeys(names, "accept"))
        self.assertEqual(status, 3)

    def test_too_large(self):
        self.tree("m/a/b/c/x.safetensors")
        for limit in ("folder_depth=2", "folder_entries=3"):
            status, lines = report("check", "m", "--limit", limit, cwd=self.folder)
            self.assertEqual((status, ids(lines[-1])), (1, ["folder-too-large"]))

    def test_order(self):
        self.tree("m/b.safetensors", "m/a/z.safetensors", "m/B.safetensors", "m/a.safetensors")
        _, verdicts, _ = self.verdicts("check", "m")
        self.assertEqual(list(verdicts), ["m/B.safetensors", "m/a/z.safetensors", "m/a.safetensors", "m/b.safetensors"])

    def test_convert_in_place(self):
        os.makedirs(self.path("m/sub"))
        shutil.copy(GOOD, self.path("m/pytorch_model.bin"))
        shutil.copy(GOOD, self.path("m/sub/x.pt"))
        shutil.copy(NO_TENSORS, self.path("m/training_args.bin"))
        self.put("m/old.safetensors", MODEL)
        status, verdicts, whole = self.verdicts("convert", "m")
        self.assertEqual((status, whole["verdict"]), (0, "accept"))
        self.assertEqual(verdicts, {"m/old.safetensors": "unjudged", "m/pytorch_model.bin": "accept",
                                    "m/sub/x.pt": "accept", "m/training_args.bin": "unjudged"})
        self.assertEqual(sorted(os.listdir(self.path("m"))),
                         ["model.safetensors", "old.safetensors", "pytorch_model.bin", "sub", "training_args.bin"])
        self.assertEqual(sorted(os.listdir(self.path("m/sub"))), ["x.pt", "x.safetensors"])

    def test_convert_elsewhere(self):
        """With --out-dir the tree is kept, and safetensors files come along, written anew."""
        os.makedirs(self.path("m/sub"))
        shutil.copy(GOOD, self.path("m/sub/x.pt"))
        self.put("m/old.safetensors", MODEL)
        status, _, _ = self.verdicts("convert", "m", "--out-dir", "new/deep")
        self.assertEqual(status, 0)
        self.assertEqual(sorted(os.listdir(self.path("new/deep"))), ["old.safetensors", "sub"])
        self.assertEqual(os.listdir(self.path("new/deep/sub")), ["x.safetensors"])
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["old.safetensors", "sub"])

    def test_convert_leaves_no_folder_behind(self):
        os.makedirs(self.path("m/sub"))
        shutil.copy(DANGEROUS, self.path("m/sub/x.pt"))
        status, verdicts, whole = self.verdicts("convert", "m", "--out-dir", "new/deep")
        self.assertEqual((status, verdicts, whole["class"]), (1, {"m/sub/x.pt": "reject"}, "dangerous"))
        self.assert_only("m")

    def test_convert_one_bad_file_does_not_stop_the_others(self):
        os.mkdir(self.path("m"))
        for name, source in (("a.pt", GOOD), ("b.pt", DANGEROUS), ("c.pt", GOOD)):
            shutil.copy(source, self.path("m/" + name))
        status, verdicts, _ = self.verdicts("convert", "m")
        self.assertEqual((status, list(verdicts.values())), (1, ["accept", "reject", "accept"]))

    def test_convert_never_leaves_the_folder(self):
        """A folder that would lead the output elsewhere: its sub-folder is a link."""
        os.makedirs(self.path("m"))
        os.makedirs(self.path("victim"))
        shutil.copy(GOOD, self.path("victim/x.pt"))
        os.symlink("../victim", self.path("m/sub"))
        status, verdicts, _ = self.verdicts("convert", "m")
        self.assertEqual((status, verdicts), (3, {"m/sub": "undecided"}))
        self.assertEqual(os.listdir(self.path("victim")), ["x.pt"])

    def test_dry_run_makes_nothing(self):
        os.makedirs(self.path("m/sub"))
        shutil.copy(GOOD, self.path("m/sub/x.pt"))
        for arguments in (["m"], ["m", "--out-dir", "new/deep"]):
            status, verdicts, _ = self.verdicts("convert", "-n", *arguments)
            self.assertEqual((status, verdicts), (0, {"m/sub/x.pt": "accept"}))
        self.assert_only("m")
        self.assertEqual(os.listdir(self.path("m/sub")), ["x.pt"])


if __name__ == "__main__":
    main()
