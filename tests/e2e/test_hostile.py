"""Every hostile checkpoint gets the id it stands for, nothing it asks for runs, and nothing is written; assembled ones
that are honest give up their tensors, byte for byte.

The canary: each payload would create a file in the current folder. That it does where something runs it is shown first,
by running one in a Python of its own.
"""
import os
import subprocess
import sys

from support import Case, corpus_file, ids, main, manifest, one_report, read_safetensors

CANARY = "tensorvet-canary"


class Hostile(Case):
    def no_canary(self):
        for folder in (self.folder, "/"):
            self.assertFalse(os.path.exists(os.path.join(folder, CANARY)), "a payload ran")

    def test_the_canary_would_sing(self):
        """The payloads are real: a program that executes one gets the file."""
        source = corpus_file(manifest("hostile/plain-os-system.pkl")[0])
        subprocess.run([sys.executable, "-c", "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))", source],
                       cwd=self.folder, check=True)
        self.assert_only(CANARY)

    def test_check(self):
        for entry in manifest(("hostile/", "assembled/")):
            with self.subTest(entry["path"]):
                expected = entry["check"]
                status, line = one_report("check", corpus_file(entry), cwd=self.folder)
                self.assertEqual(line["kind"], entry["kind"])
                self.assertEqual(line["verdict"], expected["verdict"], line["findings"])
                self.assertEqual(status, 0 if expected["verdict"] == "accept" else 1)
                self.ids_include(line, expected)
                if "class" in expected:
                    self.assertEqual(line["class"], expected["class"])
                self.no_canary()
                self.assert_only()

    def test_convert(self):
        for number, entry in enumerate(manifest(("hostile/", "assembled/"))):
            with self.subTest(entry["path"]):
                expected, output = entry["convert"], f"{number}.safetensors"
                self.empty()
                status, line = one_report("convert", corpus_file(entry), "-o", output, cwd=self.folder)
                self.assertEqual(line["verdict"], expected["verdict"], line["findings"])
                self.no_canary()
                if expected["verdict"] == "accept":
                    self.assertEqual(status, 0)
                    self.assertEqual(read_safetensors(self.path(output)), ({"format": "pt"}, expected["tensors"]))
                    os.unlink(self.path(output))
                else:
                    self.assertEqual(status, 1)
                    self.ids_include(line, expected)
                self.assert_only()

    def test_disarm(self):
        """With --disarm a file that names dangerous globals gives up its tensors, and nothing else of it."""
        disarmed = [entry for entry in manifest(("hostile/", "assembled/")) if "disarmed" in entry["convert"]]
        self.assertGreater(len(disarmed), 20)
        for number, entry in enumerate(disarmed):
            with self.subTest(entry["path"]):
                output = f"{number}.safetensors"
                status, line = one_report("convert", "--disarm", corpus_file(entry), "-o", output, cwd=self.folder)
                self.assertEqual((status, line["verdict"]), (0, "accept"), line["findings"])
                self.assertEqual((line["source_verdict"], line["disarmed"]), ("reject", True))
                self.assertEqual(read_safetensors(self.path(output)), ({"format": "pt"}, entry["convert"]["disarmed"]))
                os.unlink(self.path(output))
                self.no_canary()
                self.assert_only()

    def ids_include(self, line, expected):
        """Each id that the manifest names is there; where it names none, a rejection has some error."""
        if expected["findings"] is not None:
            self.assertLessEqual(set(expected["findings"]), set(ids(line)), line["findings"])
        if expected["verdict"] == "reject":
            self.assertTrue(ids(line, "error"))

    def test_inspect_runs_nothing(self):
        for entry in manifest(("hostile/", "assembled/")):
            with self.subTest(entry["path"]):
                one_report("inspect", corpus_file(entry), cwd=self.folder)
                self.no_canary()
                self.assert_only()


if __name__ == "__main__":
    main()
