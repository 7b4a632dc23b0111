"""Where outputs go, what they replace, and what they never do."""
import os
import shutil
import subprocess

from support import (COMMAND, Case, corpus_file, ids, main, manifest, one_report, read_safetensors, report,
                     tensorvet)

from cli_report import safetensors
from hostile_cases import FOUR, integer, mapping, tensor, weights

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
TIED = corpus_file(manifest("real/torch-2.13/module-transformer")[0])
DANGEROUS = corpus_file(manifest("hostile/global-ctypes.pt")[0])
MODEL = safetensors([b"a"])


class Convert(Case):
    def convert(self, *arguments):
        return one_report("convert", *arguments, cwd=self.folder)

    def copy(self, name, source=GOOD):
        os.makedirs(os.path.dirname(self.path(name)) or self.folder, exist_ok=True)
        shutil.copy(source, self.path(name))

    def identity(self, name):
        """What changes if a file is written to or replaced."""
        seen = os.lstat(self.path(name))
        return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns

    def test_names(self):
        self.copy("pytorch_model.bin")
        self.copy("a.b.ckpt")
        status, lines = report("convert", "pytorch_model.bin", "./a.b.ckpt", cwd=self.folder)
        self.assertEqual((status, [line["output"] for line in lines]), (0, ["model.safetensors", "a.b.safetensors"]))
        self.assert_only("pytorch_model.bin", "a.b.ckpt", "model.safetensors", "a.b.safetensors")

    def test_the_second_path_is_the_output_only_if_it_can_be(self):
        self.copy("a.pt")
        self.copy("b.pt")
        os.mkdir(self.path("into"))
        self.assertEqual(self.convert("a.pt", "x.safetensors")[1]["output"], "x.safetensors")
        self.assertEqual(self.convert("a.pt", "into")[1]["output"], "into/a.safetensors")
        status, lines = report("convert", "a.pt", "b.pt", cwd=self.folder)
        self.assertEqual((status, [line["output"] for line in lines]), (0, ["a.safetensors", "b.safetensors"]))

    def test_parents_are_made(self):
        self.copy("a.pt")
        self.assertEqual(self.convert("a.pt", "-o", "new/deep/x.safetensors")[0], 0)
        self.assertEqual(os.listdir(self.path("new/deep")), ["x.safetensors"])

    def test_parents_go_again_where_nothing_came_of_it(self):
        self.copy("a.pt", DANGEROUS)
        self.assertEqual(self.convert("a.pt", "-o", "new/deep/x.safetensors")[0], 1)
        self.assert_only("a.pt")

    def test_mode_is_by_umask(self):
        self.copy("a.pt")
        for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0, 0o666)):
            tensorvet("convert", "a.pt", "-o", f"{mask}.safetensors", cwd=self.folder, preexec_fn=lambda: os.umask(mask))
            self.assertEqual(os.stat(self.path(f"{mask}.safetensors")).st_mode & 0o777, mode)

    def test_clash(self):
        self.copy("x/model.pt")
        self.copy("y/model.bin")
        self.copy("z/other.pt")
        status, lines = report("convert", "x/model.pt", "y/model.bin", "z/other.pt", "--out-dir", "out", cwd=self.folder)
        self.assertEqual((status, [ids(line) for line in lines]), (1, [["output-clash"], ["output-clash"], []]))
        self.assertEqual(os.listdir(self.path("out")), ["other.safetensors"])

    def test_every_input_is_told_in_order(self):
        """Also one whose output can have no name, and a folder between files."""
        long = "n" * 250 + ".pt"
        for name in ("a.pt", "f/b.pt", long, "z.pt"):
            self.copy(name)
        status, lines = report("convert", "z.pt", "f", long, "missing.pt", "a.pt", cwd=self.folder)
        self.assertEqual(status, 3)
        self.assertEqual([(line["path"], ids(line)) for line in lines],
                         [("z.pt", []), ("f/b.pt", []), ("f", []), (long, ["output-unwritable"]),
                          ("missing.pt", ["unreadable"]), ("a.pt", [])])

    def test_links_are_not_followed(self):
        """Neither a link to a file, nor one that dangles, nor one to a good safetensors file is written through."""
        self.copy("a.pt")
        self.put("victim", MODEL)
        os.symlink("victim", self.path("one.safetensors"))
        os.symlink("nowhere", self.path("two.safetensors"))
        for name in ("one.safetensors", "two.safetensors"):
            for more in ([], ["--overwrite"]):
                self.assertEqual(self.convert("a.pt", "-o", name, *more)[0], 1)
        with open(self.path("victim"), "rb") as file:
            self.assertEqual(file.read(), MODEL)
        self.assert_only("a.pt", "victim", "one.safetensors", "two.safetensors")

    def test_overwrite(self):
        """Only a file that passes as safetensors is replaced; a checkpoint never, whatever its name."""
        self.copy("a.pt")
        self.copy("b.pt")
        self.copy("disguised.safetensors")
        self.put("good.safetensors", MODEL)
        self.put("broken.safetensors", MODEL[:-1])
        for name, why in (("b.pt", "output-not-safetensors"), ("disguised.safetensors", "output-not-safetensors"),
                          ("broken.safetensors", "output-not-safetensors")):
            before = self.identity(name)
            status, line = self.convert("a.pt", "-o", name, "--overwrite")
            self.assertEqual((status, ids(line)), (1, [why]), name)
            self.assertEqual(self.identity(name), before)
        self.assertEqual(self.convert("a.pt", "-o", "good.safetensors", "--overwrite")[0], 0)
        self.assertNotEqual(os.path.getsize(self.path("good.safetensors")), len(MODEL))

    def test_in_place(self):
        """A safetensors file may be its own output."""
        self.put("m.safetensors", MODEL)
        self.assertEqual(self.convert("m.safetensors")[0], 1)
        self.assertEqual(self.convert("m.safetensors", "--overwrite")[0], 0)
        self.assert_only("m.safetensors")

    def test_a_fifo(self):
        os.mkfifo(self.path("fifo"))
        with open(GOOD, "rb") as file:
            data = file.read()
        run = subprocess.Popen([COMMAND, "convert", "fifo", "-o", "x.safetensors"], cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(self.path("fifo"), "wb") as pipe:
            pipe.write(data)
        out, err = run.communicate(timeout=60)
        self.assertEqual((run.returncode, err), (0, b""), out)
        self.assert_only("fifo", "x.safetensors")

    def test_a_pipe_is_bounded(self):
        status, line = one_report("check", "-", "--limit", "spool_bytes=100", stdin=subprocess.Popen(
            ["cat", GOOD], stdout=subprocess.PIPE).stdout)
        self.assertEqual((status, ids(line)), (1, ["input-too-large"]))

    def test_an_endless_device_is_bounded(self):
        status, line = one_report("check", "/dev/zero", "--limit", "spool_bytes=100000")
        self.assertEqual((status, ids(line)), (1, ["input-too-large"]))

    def test_standard_input_from_a_pipe(self):
        source = subprocess.Popen(["cat", GOOD], stdout=subprocess.PIPE)
        done = tensorvet("convert", "-", "-o", "x.safetensors", cwd=self.folder, stdin=source.stdout)
        source.wait()
        source.stdout.close()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assert_only("x.safetensors")

    def test_disarm_takes_the_tensors_alone(self):
        self.copy("a.pt", DANGEROUS)
        status, line = self.convert("a.pt", "--disarm")
        self.assertEqual((status, line["verdict"], line["source_verdict"], line["disarmed"]), (0, "accept", "reject", True))
        self.assertEqual(ids(line, "error"), [])
        self.assertIn("dangerous-global", ids(line, "warning"))

    def test_ties(self):
        _, drop = self.convert(TIED, "-o", "drop.safetensors")
        _, copy = self.convert(TIED, "-o", "copy.safetensors", "--ties", "copy")
        row = drop["dropped_shared"][0]
        self.assertEqual(copy["dropped_shared"], [])
        self.assertEqual(copy["tensors"], drop["tensors"] + len(drop["dropped_shared"]))
        _, other = self.convert(TIED, "-o", "other.safetensors", "--discard", row["kept"])
        self.assertEqual(other["dropped_shared"][0], {"name": row["kept"], "kept": row["name"], "rule": "discard"})

    def names(self, path):
        return sorted(read_safetensors(self.path(path))[1])

    def test_selected_tensors(self):
        """What is left out is listed; the comparer sees the same selection, or nothing would be published."""
        for source in (GOOD, self.put("m.safetensors", safetensors([b"weight", b"bias"]))):
            _, whole = self.convert(source, "-o", "all.safetensors", "--overwrite")
            for option in (["--include", "we*"], ["--exclude", "b?as"], ["--include", "*", "--exclude", "[ab]*"]):
                status, line = self.convert(source, "-o", "x.safetensors", "--overwrite", *option)
                self.assertEqual((status, line["tensors"], line["verified"]), (0, whole["tensors"] - 1, True), option)
                self.assertEqual([row["path"] for row in line["dropped_objects"]], ["bias"])
                self.assertEqual(self.names("x.safetensors"), ["weight"])

    def test_nothing_selected(self):
        status, line = self.convert(GOOD, "-o", "x.safetensors", "--include", "no.such.*")
        self.assertEqual((status, ids(line, "error")), (1, ["nothing-selected"]))
        self.assert_only()

    def test_nothing_selected_in_a_folder(self):
        """A folder's files without a selected tensor are left alone."""
        self.copy("m/a.pt")
        self.copy("m/b.pt", TIED)
        status, lines = report("convert", "m", "--include", "weight", cwd=self.folder)
        self.assertEqual((status, [line["verdict"] for line in lines]), (0, ["accept", "unjudged", "accept"]))

    def test_strip_prefix(self):
        _, line = self.convert(GOOD, "-o", "x.safetensors", "--strip-prefix", "we")
        self.assertEqual((line["verified"], self.names("x.safetensors")), (True, ["bias", "ight"]))
        status, line = self.convert(GOOD, "-o", "y.safetensors", "--strip-prefix", "weight")
        self.assertEqual((status, ids(line, "error")), (1, ["tensor-name-invalid"]))
        self.assert_only("x.safetensors")

    def test_a_dry_run_shows_what_is_selected(self):
        _, line = self.convert("-n", GOOD, "--exclude", "bias", "--strip-prefix", "w")
        self.assertEqual([row["name"] for row in line["tensor_list"]], ["eight"])

    def test_skip_unsupported(self):
        """Only what safetensors cannot hold is left out, by name."""
        odd = tensor(size=(1,), count=1, kind="ComplexDoubleStorage", key="1")
        source = self.put("m.pt", weights(mapping([("w", tensor()), ("g", mapping([("q", odd), ("n", integer(1))]))]),
                                          storages={"0": FOUR, "1": FOUR}))
        status, line = self.convert(source, "-o", "x.safetensors")
        self.assertEqual((status, ids(line, "error")), (1, ["tensor-unsupported"]))
        status, line = self.convert(source, "-o", "x.safetensors", "--skip-unsupported")
        self.assertEqual((status, line["verified"]), (0, True))
        self.assertEqual(line["dropped_objects"], [{"path": "g.q", "type": "complex128"}, {"path": "g.n", "type": "int"}])
        self.assertEqual(self.names("x.safetensors"), ["w"])

    def test_a_key_that_leads_nowhere(self):
        status, line = self.convert(GOOD, "-o", "x.safetensors", "--key", "no.such")
        self.assertEqual((status, ids(line, "error")), (1, ["key-not-found"]))
        self.assert_only()


if __name__ == "__main__":
    main()
