"""check --isolation batch says of every file what --isolation file says, byte for byte: only accepts of safetensors files
come from the worker that is kept.
"""
import os
import shutil

from support import SOURCE, Case, main, tensorvet


class Isolation(Case):
    def both(self, *paths):
        lines = [tensorvet("check", "--isolation", how, "--format", "json", "--reproducible", *paths, cwd=self.folder)
                 for how in ("file", "batch")]
        self.assertEqual(lines[0].returncode, lines[1].returncode)
        self.assertEqual(lines[0].stdout, lines[1].stdout)
        self.assertEqual(lines[1].stderr, b"")
        return lines[1].stdout.splitlines()

    def good_files(self, count):
        """00.safetensors and on: of the corpus, good ones and some that are not."""
        source = os.path.join(SOURCE, "corpus", "safetensors")
        found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
        for at, path in enumerate(found[:count]):
            shutil.copy(path, self.path(f"{at:02}.safetensors"))

    def test_the_corpus(self):
        corpus = os.path.join(SOURCE, "corpus")
        self.assertGreater(len(self.both(os.path.join(corpus, "safetensors"))), 500)
        self.assertGreater(len(self.both(os.path.join(corpus, "checkpoints", "real"))), 50)

    def test_a_bad_file_between_good_ones(self):
        source = os.path.join(SOURCE, "corpus", "safetensors")
        found = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names
                       if name.endswith(".safetensors"))
        self.assertGreater(len(found), 120)
        for path in found[:120]:
            shutil.copy(path, self.path(os.path.basename(path)))
        self.both(".")

    def test_whatever_is_named(self):
        """In the order in which it was named: files, folders, indexes, links, what is not there, and a pipe."""
        self.good_files(30)
        os.mkdir(self.path("folder"))
        shutil.copy(self.path("00.safetensors"), self.path("folder/a.safetensors"))
        os.symlink("a.safetensors", self.path("folder/b.safetensors"))
        os.symlink("nothing", self.path("folder/c.safetensors"))
        self.put("model.safetensors.index.json", b'{"weight_map":{"a":"00.safetensors"}}')
        names = [f"{at:02}.safetensors" for at in range(30)]
        mixed = [*names[:5], "missing.safetensors", *names[5:9], "folder", *names[9:15], "model.safetensors.index.json",
                 *names[15:], "/dev/null", names[0], "folder"]
        lines = self.both(*mixed)
        self.assertEqual(len(lines), len(mixed) + 2 * 3)

    def test_few_descriptors(self):
        """A batch holds files open that it has begun; where few may be open, it has but one."""
        self.good_files(40)
        for limit in (20, 40, 70):
            lines = [tensorvet("check", "--isolation", how, "--format", "json", "--reproducible", ".", cwd=self.folder,
                               prefix=("prlimit", f"--nofile={limit}:{limit}")).stdout for how in ("file", "batch")]
            self.assertEqual(lines[0], lines[1])
            self.assertGreater(lines[1].count(b'"accept"'), 10)

    def test_namespaces(self):
        files = os.path.join(SOURCE, "corpus", "checkpoints", "real", "torch-1.13")
        lines = [tensorvet("check", *how, "--format", "json", "--reproducible", files) for how in ((), ("--namespaces",))]
        self.assertEqual(lines[0].stdout, lines[1].stdout)
        self.assertGreater(lines[0].stdout.count(b"\n"), 20)

    def test_wrong_word(self):
        self.assertEqual(tensorvet("check", "--isolation", "none", ".", cwd=self.folder).returncode, 2)


if __name__ == "__main__":
    main()
