"""Truncated files, through the real command: never an accept, never a crash, nothing published.

Every byte of every file is cut in truncate_all.c, in one process; here the command itself meets cuts of each kind of
structure: the first and last bytes, the ends of entries, and a step through the rest.
"""
import os

from support import Case, corpus_file, ids, main, manifest, one_report

CRASHES = {"worker-crashed", "worker-lied", "sandbox-violation", "worker-killed", "worker-failed"}


def cuts(size):
    """Where a file of that size is cut: both ends densely, the rest in some forty steps."""
    return sorted({*range(0, 24), *range(0, size, max(size // 40, 1)), *range(max(size - 24, 0), size)})


class Truncation(Case):
    def refused(self, data, name, output):
        self.put(name, data)
        for arguments in (["check", name], ["convert", name, "-o", output]):
            status, line = one_report(*arguments, cwd=self.folder)
            self.assertEqual((status, line["verdict"]), (1, "reject"), (arguments, len(data), line["findings"]))
            self.assertTrue(ids(line, "error"))
            self.assertFalse(CRASHES & set(ids(line)), line["findings"])
        self.assert_only(name)

    def test_checkpoints(self):
        for name in ("real/torch-1.13/tied", "real/torch-2.13/module-small"):
            with open(corpus_file(manifest(name)[0]), "rb") as file:
                data = file.read()
            for size in cuts(len(data)):
                with self.subTest(name, size=size):
                    self.refused(data[:size], "cut.pt", "out.safetensors")
            os.unlink(self.path("cut.pt"))

    def test_safetensors(self):
        whole = self.path("whole.safetensors")
        one_report("convert", corpus_file(manifest("real/torch-2.13/tied")[0]), "-o", whole)
        with open(whole, "rb") as file:
            data = file.read()
        os.unlink(whole)
        for size in cuts(len(data)):
            with self.subTest(size=size):
                self.refused(data[:size], "cut.safetensors", "out.safetensors")


if __name__ == "__main__":
    main()
