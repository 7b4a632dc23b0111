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

    def test_namespaces(self):
        files = os.path.join(SOURCE, "corpus", "checkpoints", "real", "torch-1.13")
        lines = [tensorvet("check", *how, "--format", "json", "--reproducible", files) for how in ((), ("--namespaces",))]
        self.assertEqual(lines[0].stdout, lines[1].stdout)
        self.assertGreater(lines[0].stdout.count(b"\n"), 20)

    def test_wrong_word(self):
        self.assertEqual(tensorvet("check", "--isolation", "none", ".", cwd=self.folder).returncode, 2)


if __name__ == "__main__":
    main()
