"""Each row of sandbox/profile-python.def that allows a call is needed: without it, some checkpoint ends in another way.

Loads the harness as the torch engine does, and a lock that can leave a row out (tests/sandbox/lock_without.c). The rows
that only answer allow nothing, and are no part of this: test_filter_python has what they answer.
"""
import ctypes
import os
import sys

from support import SOURCE, Case, main, skip

try:
    import torch
except ImportError as error:
    skip(f"no torch in this Python: {error}")

sys.path.insert(0, os.path.join(SOURCE, "converter", "harness"))
import tv_child  # noqa: E402
import tv_lock  # noqa: E402
import tv_wire  # noqa: E402
import tv_zygote  # noqa: E402

BUILD = os.path.dirname(os.path.dirname(os.environ["TV_COMMAND"]))
MEMORY, SECONDS = 1 << 31, 60
OF_TORCH_2 = {b"futex"} if torch.__version__.startswith("1.") else set()  # first uses there wake whoever waits


class Run:
    """Code that an allowed file runs in the jail."""

    def __init__(self, source):
        self.source = source

    def __reduce__(self):
        return exec, (self.source,)


FILES = {
    "zip": lambda path: torch.save({"a": torch.ones(3), "b": torch.ones(2, 2).t()}, path),
    "legacy": lambda path: torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False),
    "large": lambda path: torch.save({f"w{i}": torch.ones(1 << 20) for i in range(8)}, path),
    "grows": lambda path: torch.save(Run("l = []\nfor i in range(3000000): l.append(i)"), path),
    "many": lambda path: torch.save(Run("keep = [bytes(5000) for i in range(20000)]"), path),
    "first use": lambda path: torch.save(Run("import torch\nx = torch.full((2,), 1.0) + torch.ones(2).to(torch.int32)"), path),
    "abort": lambda path: torch.save(Run("import os; os.abort()"), path),
}


class Rows(Case):
    def setUp(self):
        super().setUp()
        self.library = os.path.join(BUILD, "tests", "lock-without.so")
        self.lock = tv_lock.Lock(self.library)
        native = ctypes.CDLL(self.library)
        native.lock_row.restype = ctypes.c_char_p
        native.lock_leave_out.argtypes = [ctypes.c_char_p]
        self.native, number, self.rows = native, 0, []
        while native.lock_row(number) is not None:
            self.rows += [native.lock_row(number)] if native.lock_row(number) != b"" else []
            number += 1
        self.assertGreater(len(self.rows), 10)
        self.paths = {}
        for name, make in FILES.items():
            self.paths[name] = self.path(name.replace(" ", "-"))
            make(self.paths[name])

    def ending(self, path, without):
        """(status, what was streamed) of a child that loads that file."""
        ours, theirs = os.pipe()
        keeper = os.getpid()
        number = os.fork()
        if number == 0:
            os.dup2(os.open(path, os.O_RDONLY), 3)
            os.dup2(theirs, 5)
            os.closerange(6, 4096)
            self.native.lock_leave_out(without)
            source = open(3, "rb", closefd=False)
            if self.lock.close(MEMORY, SECONDS, keeper, False).layers != 0:
                tv_child.convert(tv_wire.Wire(False), source, {"code": "1"})
            os._exit(0)
        os.close(theirs)
        with open(ours, "rb") as stream:
            said = stream.read()
        return os.waitpid(number, 0)[1], said

    def test_each_is_needed(self):
        self.assertIsNone(tv_zygote.import_all([]))
        whole = {name: self.ending(path, None) for name, path in self.paths.items()}
        self.assertEqual({name for name, (status, _) in whole.items() if status != 0}, {"abort"})
        for row in set(self.rows) - OF_TORCH_2:
            with self.subTest(row.decode()):
                self.assertTrue(any(self.ending(path, row) != whole[name] for name, path in self.paths.items()))


if __name__ == "__main__":
    main()
