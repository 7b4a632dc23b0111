"""Checkpoints too large to keep: real torch writes them here, sparse, and no worker takes more than 64 MiB over them.

More than 65 535 entries and 100 000 tensors; storages and offsets beyond 4 GiB; one storage of 10 GiB with a thousand
views; a file of 20 GiB. Needs the newest torch, which can leave storages as holes (skip_data).
"""
import json
import os
import subprocess
import sys

from support import COMMAND, Case, main, read_safetensors, skip

try:
    import torch
    from torch.serialization import set_crc32_options, skip_data
except ImportError as error:
    skip(f"no torch that can leave storages out in this Python: {error}")

MEMORY = 64 << 20
GIB = 1 << 30
# Run in a small Python of its own: a child's peak memory starts at that of the process that started it.
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(done.returncode)
"""


class Big(Case):
    def save(self, name, root, sparse=True):
        path = self.path(name)
        if not sparse:
            torch.save(root, path)
            return path
        set_crc32_options(False)
        try:
            with skip_data():
                torch.save(root, path)
        finally:
            set_crc32_options(True)
        return path

    def run_it(self, *arguments):
        """The report's line and the largest peak memory of any process of the command."""
        done = subprocess.run([sys.executable, "-I", "-c", MEASURE, COMMAND, *arguments, "--format", "json"],
                              capture_output=True, text=True)
        line, peak = done.stdout.strip().split("\n")
        if os.environ.get("TV_TELL"):
            print(arguments[0], os.path.basename(arguments[1]), f"{int(peak) >> 10} KiB", f"{json.loads(line)['seconds']} s")
        return done.returncode, json.loads(line), int(peak)

    def test_many_tensors(self):
        """The directory needs its zip64 record; the pickle is most of the memory, which is in proportion to it."""
        count = 100_000
        source = self.save("many.pt", {f"t{i:06d}": torch.tensor([i, i + 1]) for i in range(count)}, sparse=False)
        status, line, _ = self.run_it("check", source)
        self.assertEqual((status, line["verdict"], line["tensors"]), (0, "accept", count))
        status, line, _ = self.run_it("convert", source, "-o", self.path("many.safetensors"))
        self.assertEqual((status, line["tensors"]), (0, count), line["findings"])
        _, tensors = read_safetensors(self.path("many.safetensors"))
        self.assertEqual(len(tensors), count)

    def test_beyond_four_gib(self):
        """An entry of over 4 GiB, and entries whose places are beyond it."""
        big = torch.empty(4 * GIB + 16, dtype=torch.uint8)
        source = self.save("wide.pt", {"big": big[:64], "a": torch.zeros(5), "b": torch.zeros(3, 4).t()})
        self.assertGreater(os.path.getsize(source), 4 * GIB)
        status, line, peak = self.run_it("check", source)
        self.assertEqual((status, line["verdict"]), (0, "accept"), line["findings"])
        self.assertLess(peak, MEMORY)
        status, line, peak = self.run_it("convert", source, "-o", self.path("wide.safetensors"))
        self.assertEqual((status, line["tensors"], line["verified"]), (0, 3, True), line["findings"])
        self.assertLess(peak, MEMORY)

    def test_views_of_ten_gib(self):
        """A thousand views of one storage are read where they lie, transposed ones too."""
        flat = torch.empty(10 * GIB // 4, dtype=torch.float32)
        step = flat.numel() // 1000
        views = {f"v{i:04d}": flat[i * step:i * step + 1024].view(32, 32) for i in range(999)}
        views["across"] = torch.as_strided(flat, (64, 1000), (1, step))
        source = self.save("views.pt", views)
        status, line, peak = self.run_it("convert", source, "-o", self.path("views.safetensors"))
        self.assertEqual((status, line["tensors"], line["verified"]), (0, 1000, True), line["findings"])
        self.assertLess(peak, MEMORY)

    def test_twenty_gib(self):
        """Memory does not depend on the size of the file."""
        root = {f"w{i:02d}": torch.empty(GIB, dtype=torch.uint8) for i in range(19)}
        root["t"] = torch.empty(8192, 8192, dtype=torch.float32).t()
        root["last"] = torch.empty(GIB * 3 // 4, dtype=torch.uint8)
        source = self.save("twenty.pt", root)
        self.assertGreaterEqual(os.path.getsize(source), 20 * GIB)
        status, line, peak = self.run_it("check", source)
        self.assertEqual((status, line["verdict"]), (0, "accept"), line["findings"])
        self.assertLess(peak, MEMORY)
        output = self.path("twenty.safetensors")
        status, line, peak = self.run_it("convert", source, "-o", output, "--include", "t", "--include", "w07")
        self.assertEqual((status, line["tensors"], line["verified"]), (0, 2, True), line["findings"])
        self.assertLess(peak, MEMORY)


if __name__ == "__main__":
    main()
