"""Every checkpoint that real torch wrote is judged as the manifest says, and converts to exactly its tensors.

The expectations were stated by the generator from what torch held in memory; this test needs no torch.
"""
import hashlib
import os

from support import Case, corpus_file, ids, main, manifest, one_report, read_safetensors


class Real(Case):
    def test_the_files_are_those_of_the_manifest(self):
        for entry in manifest("real/"):
            with self.subTest(entry["path"]), open(corpus_file(entry), "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), entry["sha256"])

    def test_check(self):
        for entry in manifest("real/"):
            with self.subTest(entry["path"]):
                status, line = one_report("check", corpus_file(entry))
                self.assertEqual(line["kind"], entry["kind"])
                self.assertEqual(line["verdict"], entry["check"]["verdict"], line["findings"])
                self.assertEqual(ids(line), entry["check"]["findings"])
                self.assertEqual(status, 0)

    def test_convert(self):
        for number, entry in enumerate(manifest("real/")):
            with self.subTest(entry["path"]):
                expected = entry["convert"]
                key = ["--key", expected["key"]] if "key" in expected else []
                output = self.path(f"{number}.safetensors")
                status, line = one_report("convert", corpus_file(entry), "-o", output, *key)
                self.assertEqual(line["verdict"], expected["verdict"], line["findings"])
                if expected["verdict"] == "accept":
                    self.assertEqual(status, 0)
                    self.converted(output, line, entry)
                else:
                    self.assertEqual(status, 1)
                    self.assertEqual(ids(line, "error"), expected["findings"])
                    self.assertFalse(os.path.exists(output))

    def converted(self, output, line, entry):
        """An accepted conversion: the output and the report say what the manifest says."""
        expected = entry["convert"]
        metadata, tensors = read_safetensors(output)
        self.assertEqual(tensors, expected["tensors"])
        self.assertEqual(metadata, {"format": "pt", **expected["aliases"]})
        self.assertTrue(line["verified"])
        self.assertEqual(line["source_verdict"], entry["check"]["verdict"])
        self.assertEqual(line["tensors"], len(expected["tensors"]))
        self.assertEqual({row["name"]: row["kept"] for row in line["dropped_shared"]}, expected["aliases"])
        self.assertEqual(sorted(row["path"] for row in line["dropped_objects"]), sorted(expected["dropped_objects"]))
        status, judged = one_report("check", output)
        self.assertEqual((status, judged["verdict"], judged["kind"]), (0, "accept", "safetensors"))

    def test_nothing_else_is_written(self):
        source = manifest("real/torch-2.13/dict")[0]
        one_report("convert", corpus_file(source), "-o", self.path("out.safetensors"))
        self.assert_only("out.safetensors")


if __name__ == "__main__":
    main()
