"""Reports as JSON are what docs/json.md says: keys, types, one object a line, and no untrusted byte that is not escaped."""
import base64
import json
import os
import re
import shutil
import signal
import struct
import subprocess

from support import COMMAND, SOURCE, Case, corpus_file, ids, main, manifest, one_report, report, tensorvet

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
TIED = corpus_file(manifest("real/torch-2.13/module-transformer")[0])
DANGEROUS = corpus_file(manifest("hostile/global-ctypes.pt")[0])

TEXT, NUMBER, FLAG, LIST, OBJECT = str, int, bool, list, dict
EVERY = {"schema": NUMBER, "tool": OBJECT, "ruleset": TEXT, "policy": OBJECT, "path": TEXT, "kind": TEXT, "scope": TEXT,
         "complete": FLAG, "verdict": TEXT, "class": TEXT, "remedy": TEXT, "retryable": FLAG, "findings": LIST}
FILE = {"tensors": NUMBER, "data_bytes": NUMBER}
CONVERT = {"source_verdict": TEXT, "disarmed": FLAG, "engine": TEXT, "verified": FLAG, "globals": LIST,
           "dropped_shared": LIST, "made_contiguous": LIST, "dropped_objects": LIST}
INSPECT = {"tensor_list": LIST, "metadata": LIST, "globals": LIST}
CLASSES = {"data-only", "reviewed", "inert-unknown", "dangerous", "unsupported", "malformed", "machine"}
REMEDIES = {"none", "convert", "disarm", "reupload", "lfs-pull", "retry"}


def safetensors(names, **changes):
    """A safetensors file of one-byte tensors of those names (bytes of JSON text), or with its header as given."""
    rows = b",".join(b'"%s":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (name, at, at + 1)
                     for at, name in enumerate(names))
    header = changes.get("header", b"{" + rows + b"}")
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(len(names))


class Report(Case):
    def has(self, line, *shapes):
        for shape in shapes:
            for key, kind in shape.items():
                self.assertIn(key, line)
                self.assertIs(type(line[key]), kind, key)

    def well_formed(self, line, *shapes):
        self.has(line, EVERY, *shapes)
        self.assertEqual(line["schema"], 1)
        self.assertEqual(set(line["tool"]), {"version", "commit"})
        self.assertRegex(line["ruleset"], r"^sha256:[0-9a-f]{64}$")
        self.assertEqual(line["policy"]["name"], "hub")
        self.assertRegex(line["policy"]["sha256"], r"^[0-9a-f]{64}$")
        self.assertIn(line["class"], CLASSES)
        self.assertIn(line["remedy"], REMEDIES)
        for found in line["findings"]:
            self.assertRegex(found["id"], r"^[a-z0-9]+(-[a-z0-9]+)*$")
            self.assertIn(found["severity"], {"error", "warning", "note"})
            self.assertTrue(found["message"])

    def test_check(self):
        for path, verdict in ((GOOD, "accept"), (DANGEROUS, "reject")):
            _, line = one_report("check", path)
            self.well_formed(line, FILE, {"size": NUMBER})
            self.assertEqual(line["verdict"], verdict)
            self.assertEqual(line["size"], os.path.getsize(path))
            self.assertIs(type(line["seconds"]), float)

    def test_every_corpus_file(self):
        """Whatever the file: one line, well formed, and its verdict goes with its findings."""
        paths = [corpus_file(entry) for entry in manifest("")]
        _, lines = report("check", *paths)
        self.assertEqual([line["path"] for line in lines], paths)
        for line in lines:
            with self.subTest(line["path"]):
                self.well_formed(line, FILE)
                errors = [found for found in line["findings"] if found["severity"] == "error"]
                self.assertEqual(line["verdict"] == "accept", line["complete"] and not errors)

    def test_convert(self):
        _, line = one_report("convert", TIED, "-o", "a.safetensors", cwd=self.folder)
        self.well_formed(line, FILE, CONVERT)
        self.assertEqual(line["output"], "a.safetensors")
        self.assertEqual(line["output_size"], os.path.getsize(self.path("a.safetensors")))
        self.assertTrue(line["verified"])
        self.assertEqual(set(line["dropped_shared"][0]), {"name", "kept", "rule"})
        for row in line["globals"]:
            self.has(row, {"module": TEXT, "name": TEXT, "class": TEXT, "called": FLAG, "offset": NUMBER})
            self.assertIn(row["class"], {"known", "reviewed", "unknown", "dangerous"})

    def test_convert_refused(self):
        _, line = one_report("convert", DANGEROUS, "-o", "a.safetensors", cwd=self.folder)
        self.well_formed(line, CONVERT)
        self.assertEqual((line["verdict"], line["source_verdict"], line["class"]), ("reject", "reject", "dangerous"))
        self.assertIsNone(line["output"])
        self.assertFalse(line["verified"])

    def test_dry_run(self):
        _, line = one_report("convert", "-n", GOOD, "-o", "a.safetensors", cwd=self.folder)
        self.well_formed(line, FILE, CONVERT, {"dry_run": FLAG, "free_bytes": NUMBER, "tensor_list": LIST})
        self.assertFalse(line["verified"])
        size = line["output_size"]
        one_report("convert", GOOD, "-o", "a.safetensors", cwd=self.folder)
        self.assertEqual(size, os.path.getsize(self.path("a.safetensors")))

    def test_inspect(self):
        _, line = one_report("inspect", GOOD)
        self.well_formed(line, FILE, INSPECT)
        self.assertEqual(len(line["tensor_list"]), line["tensors"])
        for row in line["tensor_list"]:
            self.has(row, {"name": TEXT, "dtype": TEXT, "source_dtype": TEXT, "shape": LIST, "bytes": NUMBER})

    def test_folder(self):
        os.mkdir(self.path("f"))
        self.put("f/a.safetensors", safetensors([b"a"]))
        self.put("f/README", b"hello")
        _, lines = report("check", "f", cwd=self.folder)
        self.assertEqual([(line["path"], line["verdict"]) for line in lines],
                         [("f/README", "unjudged"), ("f/a.safetensors", "accept"), ("f", "accept")])
        self.well_formed(lines[-1], {"files": OBJECT})
        self.assertEqual(lines[-1]["kind"], "repository")
        self.assertEqual(lines[-1]["files"], {"accept": 1, "reject": 0, "undecided": 0, "unjudged": 1})

    def test_reproducible(self):
        """The same input gives the same bytes."""
        runs = [tensorvet("check", GOOD, DANGEROUS, "--format", "json", "--reproducible").stdout for _ in range(2)]
        self.assertEqual(runs[0], runs[1])
        self.assertNotIn(b"seconds", runs[0])
        runs = [tensorvet("convert", "-n", TIED, "-o", "x.safetensors", "--format", "json", "--reproducible",
                          cwd=self.folder).stdout for _ in range(2)]
        self.assertEqual(runs[0], runs[1])

    def test_the_policy_digest_tells_limits_apart(self):
        _, one = one_report("check", GOOD)
        _, two = one_report("check", GOOD, "--limit", "rank=9")
        self.assertNotEqual(one["policy"]["sha256"], two["policy"]["sha256"])
        self.assertEqual(one["ruleset"], two["ruleset"])

    def test_hostile_paths(self):
        """Names of files: escaped, with the exact bytes beside."""
        for name in (b"\xff\xfe.safetensors", b"a\x1b[2Jb.safetensors", "\u202egnp.safetensors".encode(), b"a\nb.safetensors"):
            with self.subTest(name):
                path = os.path.join(os.fsencode(self.folder), name)
                with open(path, "wb") as file:
                    file.write(safetensors([b"a"]))
                done = tensorvet("check", path, "--format", "json")
                line = json.loads(done.stdout)
                self.printable(done.stdout)
                self.assertEqual(base64.b64decode(line["path_b64"]), path)
                self.printable(tensorvet("check", path).stdout)
        _, line = one_report("check", GOOD)
        self.assertNotIn("path_b64", line)

    def test_hostile_names(self):
        """Names in files: the same, in every form of report."""
        self.put("m.safetensors", safetensors([b"\\u202e\\u2028x", b"\\u009b2J"]))
        for command in (["check"], ["inspect"], ["inspect", "-v"], ["convert", "-n"], ["convert", "-n", "-v"]):
            for form in ("text", "json"):
                with self.subTest((command, form)):
                    extra = ["-o", "x.safetensors"] if command[0] == "convert" else []
                    done = tensorvet(*command, "m.safetensors", "--format", form, *extra, cwd=self.folder)
                    self.printable(done.stdout)
                    self.printable(done.stderr)

    def printable(self, output):
        text = output.decode("utf-8")
        self.assertIsNone(re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text), repr(text))

    def test_long_subjects_are_cut(self):
        """A finding's subject is cut at 256 bytes, and its length told."""
        name = b"n" * 1000
        self.put("m.safetensors", safetensors([name, name]))
        _, line = one_report("check", self.path("m.safetensors"))
        found = line["findings"][0]
        self.assertEqual((found["id"], found["subject"], found["subject_bytes"]), ("duplicate-key", "n" * 256, 1000))

    def test_the_documentation_names_every_key(self):
        with open(os.path.join(SOURCE, "docs", "json.md"), encoding="utf-8") as file:
            documented = set(re.findall(r"`([a-z0-9_]+)`", file.read()))
        lines = [one_report("convert", "-n", TIED, "-o", "x.safetensors", cwd=self.folder)[1], one_report("inspect", TIED)[1],
                 one_report("check", DANGEROUS)[1], report("check", self.folder)[1][-1],
                 json.loads(tensorvet("doctor", "--format", "json").stdout)]
        for line in lines:
            self.assertLessEqual(set(line), documented)
            for row in line.get("findings", []) + line.get("rows", []):
                self.assertLessEqual(set(row), documented)

    def test_a_crash_can_be_repeated(self):
        """What is printed after a crash, typed into a shell, crashes again; and nothing in a file's name is run."""
        os.makedirs(self.path("bin"))
        os.makedirs(self.path(os.environ["TV_LIBEXECDIR"]))
        shutil.copy(COMMAND, self.path("bin"))
        shutil.copy(os.environ["TV_CRASHING_WORKER"], self.path(os.environ["TV_LIBEXECDIR"] + "/tensorvet-worker"))
        command = self.path("bin/" + os.path.basename(COMMAND))
        for name in ("plain.safetensors", "it's $(touch run)\n.pt"):
            with self.subTest(name):
                self.put(name, safetensors([b"a"]))
                run = lambda *more: subprocess.run([command, "check", name, *more], cwd=self.folder, capture_output=True)
                line = json.loads(run("--format", "json").stdout)
                self.assertEqual(ids(line), ["worker-crashed"])
                shown = re.search(rb"^  repeat   (.*)$", run().stdout, re.MULTILINE).group(1)
                for again in (line["reproduce"], shown.decode("ascii")):
                    done = subprocess.run(["bash", "-c", again + "; exit $?"], cwd=self.folder, capture_output=True)
                    self.assertEqual(done.returncode, 128 + signal.SIGSEGV)
                self.assertNotIn(b"reproduce", run("--format", "json", "--reproducible").stdout)
                self.assertFalse(os.path.exists(self.path("run")))
        with open(os.path.join(SOURCE, "docs", "json.md"), encoding="utf-8") as file:
            self.assertIn("`reproduce`", file.read())

    def test_explain(self):
        done = tensorvet("explain", "dangerous-global", "--format", "json")
        self.assertEqual(json.loads(done.stdout)["id"], "dangerous-global")
        every = [json.loads(line) for line in tensorvet("explain", "--format", "json").stdout.splitlines()]
        self.assertEqual(len({row["id"] for row in every}), len(every))
        for row in every:
            with self.subTest(row["id"]):
                self.assertTrue(row["cause"] and row["example"] and row["to_do"] and row["stage"])


if __name__ == "__main__":
    main()
