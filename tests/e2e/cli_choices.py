"""What a conversion takes, what it keeps beside, and what it lets through: one test for each option."""
import json
import os
import stat
import struct
import zlib

from support import Case, ids, main, one_report, read_safetensors, report, tensorvet

from cli_report import safetensors
from containers import Entry
from hostile_cases import FOUR, NONE, call, integer, mapping, tensor, text, tuple_of, weights

OTHER = struct.pack("<4f", 5, 6, 7, 8)
TWO = {"0": FOUR, "1": OTHER}
GROUPS = mapping([("net.g", mapping([("a.b", tensor()), ("c", tensor(key="1"))])),
                  ("net", mapping([("g", mapping([("d", tensor())]))])),
                  ("optimizer", mapping([("m", tensor())])), ("epoch", integer(3))])
TIED = mapping([("a.weight", tensor()), ("lm_head.weight", tensor()), ("embed.weight", tensor())])
OPTIMIZER = mapping([("state", mapping([("0", tensor())])), ("param_groups", mapping([("lr", integer(1))]))])


class Choices(Case):
    def convert(self, *arguments, status=0, expected=()):
        got, line = one_report("convert", *arguments, cwd=self.folder)
        self.assertEqual((got, ids(line, "error")), (status, list(expected)), line)
        return line

    def tensors(self, name="x.safetensors"):
        return sorted(read_safetensors(self.path(name))[1])

    def test_groups(self):
        """An ambiguous file: each group with its size, and the command that converts it, which does."""
        self.put("m.pt", weights(GROUPS, storages=TWO))
        line = self.convert("m.pt", status=1, expected=["ambiguous-root"])
        self.assertEqual([(row["tensors"], row["bytes"]) for row in line["groups"]], [(2, 32), (1, 16), (1, 16)])
        self.assertEqual([row["key"] for row in line["groups"]], ['["net.g"]', "net", "optimizer"])
        told = tensorvet("convert", "m.pt", cwd=self.folder).stdout.decode()
        self.assertIn("tensorvet convert m.pt --key '[\"net.g\"]'  # 2 tensors, 32 bytes\n", told)
        for row in line["groups"]:
            self.convert("m.pt", "-o", "x.safetensors", "--overwrite", "--key", row["key"])

    def test_key(self):
        self.put("m.pt", weights(GROUPS, storages=TWO))
        for key, names in (("net.g", ["a.b", "c"]), ('["net","g"]', ["d"]), ('[ "net.g", "a.b" ]', ["tensor"]),
                           ("net.g.a.b", ["tensor"]), ('["net\\u002eg"]', ["a.b", "c"])):
            self.convert("m.pt", "-o", "x.safetensors", "--overwrite", "--key", key)
            self.assertEqual(self.tensors(), names, key)
        for key in (".", "[]"):
            self.assertEqual(self.convert("m.pt", "-o", "x.safetensors", "--overwrite", "--key", key)["tensors"], 2)
        for key in ('["net', '["net" "g"]', "[1]", '["net",1]', '["no"]', "net.no", '[["net"]]', "[\"\\ud800\"]", ""):
            self.convert("m.pt", "-o", "y.safetensors", "--key", key, status=0 if key == "" else 1,
                         expected=[] if key == "" else ["key-not-found"])

    def test_prefix(self):
        self.put("m.pt", weights(mapping([("module.a", tensor()), ("module.b", tensor(key="1"))]), storages=TWO))
        told = tensorvet("convert", "m.pt", cwd=self.folder).stdout.decode()
        self.assertIn("--strip-prefix module. takes it off", told)
        self.convert("m.pt", "-o", "x.safetensors", "--strip-prefix", "module.")
        self.assertEqual(self.tensors(), ["a", "b"])

    def test_allow_crc(self):
        data = weights(mapping([("w", tensor())]), lies={"data/0": {"crc": zlib.crc32(b"other")}})
        self.put("m.pt", data)
        self.convert("m.pt", status=1, expected=["zip-crc-mismatch"])
        line = self.convert("m.pt", "--allow", "zip-crc-mismatch")
        self.assertEqual((line["verdict"], line["source_verdict"], ids(line, "warning")),
                         ("accept", "reject", ["zip-crc-let-through"]))

    def test_allow_extra(self):
        extra = [Entry(b"__MACOSX/archive/._data.pkl", b"x"), Entry(b"archive/.DS_Store", b"y")]
        self.put("m.pt", weights(mapping([("w", tensor())]), extra=extra))
        self.convert("m.pt", status=1, expected=["zip-root-mismatch"])
        line = self.convert("m.pt", "--allow", "zip-extra-entry")
        self.assertEqual((line["source_verdict"], ids(line, "warning")), ("reject", ["zip-extra-let-through"] * 2))

    def test_allow_is_not_for_ambiguity(self):
        self.put("m.pt", weights(mapping([("w", tensor())]), extra=[Entry(b"archive/DATA.pkl", b"x")]))
        self.convert("m.pt", "--allow", "zip-extra-entry", "--allow", "zip-crc-mismatch", status=1,
                     expected=["zip-duplicate-name"])
        self.assertEqual(tensorvet("convert", "m.pt", "--allow", "zip-duplicate-name", cwd=self.folder).returncode, 2)

    def test_extras(self):
        value = mapping([("state_dict", mapping([("w", tensor())])), ("epoch", integer(3)), ("none", NONE),
                         ("h", mapping([("lr", integer(-1)), ("t", tuple_of(integer(1), text("x")))])),
                         ("big", integer(1 << 70)), ("args", call("argparse", "Namespace")), ("l", text("\n"))])
        self.put("m.pt", weights(value))
        line = self.convert("m.pt", "--save-extras", "new/v.json")
        self.assertEqual(line["extras"], "new/v.json")
        with open(self.path("new/v.json"), encoding="utf-8") as file:
            rows = {row["path"]: (row["type"], row["value"]) for row in json.load(file)["values"]}
        self.assertEqual(rows["epoch"], ("int", 3))
        self.assertEqual(rows["none"], ("none", None))
        self.assertEqual(rows["h"], ("dict", {"lr": -1, "t": {"$type": "tuple", "items": [1, "x"]}}))
        self.assertEqual(rows["big"][1]["$type"], "int")
        self.assertEqual(int(rows["big"][1]["value"], 16), 1 << 70)
        self.assertEqual(rows["args"][1], {"$type": "object", "class": "argparse.Namespace", "value": {}})
        self.assertEqual(rows["l"][1]["value_b64"], "Cg==")
        self.assertNotIn("state_dict", rows)

    def test_extras_replace_nothing(self):
        """Not even with --overwrite; then the output is not published either, and nothing is left."""
        self.put("m.pt", weights(mapping([("w", tensor()), ("n", integer(1))])))
        self.put("v.json", b"mine")
        for more in ([], ["--overwrite"]):
            status, line = one_report("convert", "m.pt", "--save-extras", "v.json", *more, cwd=self.folder)
            self.assertEqual((status, ids(line, "error"), line["output"]), (1, ["output-exists"], None))
        self.assert_only("m.pt", "v.json")
        self.assertEqual(tensorvet("convert", "m.pt", "m.pt", "--save-extras", "w.json", cwd=self.folder).returncode, 2)

    def test_all(self):
        os.mkdir(self.path("f"))
        self.put("f/model.pt", weights())
        self.put("f/odd-name.bin", weights(OPTIMIZER))
        status, lines = report("convert", "f", cwd=self.folder)
        self.assertEqual((status, [line["verdict"] for line in lines]), (0, ["accept", "unjudged", "accept"]))
        self.assertEqual(ids(lines[1]), ["training-state"])
        status, lines = report("convert", "f", "--all", cwd=self.folder)
        told = {line["path"]: line["verdict"] for line in lines}
        self.assertEqual((status, told["f/model.pt"], told["f/odd-name.bin"]), (0, "accept", "accept"))
        self.convert("f/odd-name.bin", "-o", "x.safetensors")

    def test_existing(self):
        """Of a folder, an output that is there is kept if it is what would be written; else refused, and stays."""
        os.mkdir(self.path("f"))
        self.put("f/a.pt", weights())
        self.put("f/b.pt", weights(mapping([("v", tensor())])))
        self.assertEqual(report("convert", "f", cwd=self.folder)[0], 0)
        before = os.stat(self.path("f/a.safetensors"))
        status, lines = report("convert", "f", cwd=self.folder)
        told = {line["path"]: line.get("existing") for line in lines}
        self.assertEqual((status, told["f/a.pt"], told["f/b.pt"]), (0, True, True))
        self.assertEqual(os.stat(self.path("f/a.safetensors")).st_ino, before.st_ino)
        self.put("f/b.safetensors", safetensors([b"v"]))
        self.put("f/b2.pt", weights())
        status, lines = report("convert", "f", cwd=self.folder)
        told = {line["path"]: ids(line, "error") for line in lines}
        self.assertEqual((status, told["f/b.pt"], told["f/a.pt"], told["f/b2.pt"]), (1, ["output-differs"], [], []))
        with open(self.path("f/b.safetensors"), "rb") as file:
            self.assertEqual(file.read(), safetensors([b"v"]))
        self.assertEqual(report("convert", "f", "--overwrite", cwd=self.folder)[0], 0)
        self.assertEqual(self.tensors("f/b.safetensors"), ["v"])

    def test_hints(self):
        """config.json decides which name of a tie is kept, and the report says so; broken ones decide nothing."""
        os.mkdir(self.path("f"))
        self.put("f/model.pt", weights(TIED))
        for config, kept, rule in ((b'{"architectures": ["LlamaForCausalLM"]}', "a.weight", "smallest-name"),
                                   (b'{"x": [1, {"y": "]"}], "architectures": ["AlbertForMaskedLM"]}', "a.weight", "smallest-name"),
                                   (b'{"architectures": ["LlamaForCausalLM"], "architectures": []}', "a.weight", "smallest-name"),
                                   (b'{"architectures": "LlamaForCausalLM"', "a.weight", "smallest-name")):
            self.put("f/config.json", config)
            lines = report("convert", "f", "--out-dir", "out", "--overwrite", cwd=self.folder)[1]
            line, = [line for line in lines if line["path"].endswith("model.pt")]
            self.assertEqual({(row["kept"], row["rule"]) for row in line["dropped_shared"]}, {(kept, rule)}, config)
        value = mapping([("lm_head.weight", tensor()), ("model.embed_tokens.weight", tensor())])
        self.put("f/model.pt", weights(value))
        for config, kept, rule in ((b'{"architectures": ["LlamaForCausalLM"]}', "model.embed_tokens.weight", "config-hint"),
                                   (b'{"architectures": ["NoSuchModel"]}', "lm_head.weight", "smallest-name"),
                                   (b'{"architectures": ["LlamaForCausalLM"],}', "lm_head.weight", "smallest-name")):
            self.put("f/config.json", config)
            lines = report("convert", "f", "--out-dir", "out", "--overwrite", cwd=self.folder)[1]
            line, = [line for line in lines if line["path"].endswith("model.pt")]
            self.assertEqual([(row["kept"], row["rule"]) for row in line["dropped_shared"]], [(kept, rule)], config)
            self.assertEqual("tie_hints_of" in line, rule == "config-hint")
        self.put("f/config.json", b'{"architectures": ["LlamaForCausalLM"]}')
        lines = report("convert", "f", "--out-dir", "out", "--overwrite", "--discard", "model.embed_tokens.weight",
                       cwd=self.folder)[1]
        self.assertEqual(lines[-2]["dropped_shared"][0]["kept"], "lm_head.weight")

    def test_bytes(self):
        """Every byte is accounted for: views, storages that are not used, and what is written again."""
        value = mapping([("a", tensor()), ("b", tensor(size=(2,), offset=2)),
                         ("e", tensor(size=(5, 4), stride=(0, 1), key="1"))])
        self.put("m.pt", weights(value, storages={**TWO, "2": FOUR}))
        for more in ([], ["--exclude", "e"], ["--exclude", "a"], ["--ties", "copy"]):
            line = self.convert("m.pt", "-o", "x.safetensors", "--overwrite", *more)
            b = line["bytes"]
            self.assertEqual(b["source"], os.path.getsize(self.path("m.pt")))
            self.assertEqual(b["output"], os.path.getsize(self.path("x.safetensors")))
            self.assertEqual(b["source"], b["container"] + b["unused_storages"] + b["used_storages"])
            self.assertEqual(b["output"], b["header"] + b["used_storages"] - b["not_viewed"] + b["repeated"])
        self.assertEqual(self.convert("m.pt", "-o", "y.safetensors", "--exclude", "a", "--exclude", "e")["bytes"]["not_viewed"], 8)

    def test_dry_run_shows_the_plan(self):
        self.put("m.pt", weights(mapping([("w", tensor()), ("n", integer(1))])))
        told = tensorvet("convert", "-n", "m.pt", cwd=self.folder).stdout.decode()
        for part in ("to write m.safetensors", "free ", " w\n", "n (int)"):
            self.assertIn(part, told)
        self.assert_only("m.pt")


class Jobs(Case):
    def folder_of(self, count):
        os.mkdir(self.path("f"))
        for i in range(count):
            self.put(f"f/{i:02}.pt", weights(mapping([(f"w{i}", tensor()), ("n", integer(i))])))
        self.put("f/05.pt", b"broken")
        self.put("f/07.pt", weights(mapping([("w", tensor()), ("x", call("os", "system", text("true")))])))

    def test_files(self):
        """With any number of jobs: the same reports in the same order, the same outputs, the same exit status."""
        self.folder_of(12)
        runs = []
        for jobs in ("1", "2", "7", "100"):
            done = tensorvet("convert", "f", "--out-dir", f"out{jobs}", "--jobs", jobs, "--format", "json", "--reproducible",
                             cwd=self.folder)
            runs.append((done.returncode, done.stdout.replace(f"out{jobs}".encode(), b"out"), done.stderr))
            self.assertEqual(sorted(os.listdir(self.path(f"out{jobs}"))), sorted(os.listdir(self.path("out1"))))
        self.assertEqual(runs, [runs[0]] * 4)
        self.assertEqual(runs[0][0], 1)

    def test_parts(self):
        """Parts of one large file: the output of one worker, bit for bit, whatever their number."""
        size = 24 << 20
        parts = {str(i): bytes([i]) * size for i in range(3)}
        rows = [(f"t{i}", tensor(size=(size // 4,), count=size // 4, key=str(i))) for i in range(3)]
        rows.append(("turned", tensor(size=(4, size // 16), stride=(1, 4), count=size // 4, key="1")))
        rows.append(("view", tensor(size=(2,), offset=1, count=size // 4, key="2")))
        self.put("m.pt", weights(mapping(rows), storages=parts))
        outputs = []
        for jobs in ("1", "2", "3", "64"):
            status, line = one_report("convert", "m.pt", "-o", f"{jobs}.safetensors", "--jobs", jobs, cwd=self.folder)
            self.assertEqual((status, line["verified"]), (0, True), line)
            with open(self.path(f"{jobs}.safetensors"), "rb") as file:
                outputs.append(zlib.crc32(file.read()))
        self.assertEqual(len(set(outputs)), 1)

    def test_parts_check_every_checksum(self):
        size = 24 << 20
        parts = {str(i): bytes([i]) * size for i in range(3)}
        rows = [(f"t{i}", tensor(size=(size // 4,), count=size // 4, key=str(i))) for i in range(3)]
        for wrong in range(3):
            self.put("m.pt", weights(mapping(rows), storages=parts, lies={f"data/{wrong}": {"crc": 1}}))
            status, line = one_report("convert", "m.pt", "-o", "x.safetensors", "--jobs", "3", cwd=self.folder)
            self.assertEqual((status, ids(line, "error")), (1, ["zip-crc-mismatch"]))
            self.assert_only("m.pt")

    def test_numbers(self):
        for wrong in ("0", "-1", "x", "", "1x"):
            self.assertEqual(tensorvet("convert", "m.pt", "--jobs", wrong, cwd=self.folder).returncode, 2)


class Diff(Case):
    def diff(self, *arguments):
        done = tensorvet("diff", *arguments, "--format", "json", cwd=self.folder)
        return done.returncode, json.loads(done.stdout)

    def test_same(self):
        """A checkpoint and what it was converted to, ties included; views against copies."""
        value = mapping([("a", tensor()), ("b", tensor()), ("t", tensor(size=(2, 2), stride=(1, 2), key="1"))])
        self.put("m.pt", weights(value, storages=TWO))
        one_report("convert", "m.pt", "-o", "m.safetensors", cwd=self.folder)
        one_report("convert", "m.pt", "-o", "c.safetensors", "--ties", "copy", cwd=self.folder)
        for pair in (("m.pt", "m.safetensors"), ("c.safetensors", "m.pt"), ("m.pt", "m.pt"), ("c.safetensors", "m.safetensors")):
            status, line = self.diff(*pair)
            self.assertEqual((status, line["result"], line["same_tensors"], line["differences"]), (0, "same", 3, []), pair)
        self.assertIn(b"the same 3 tensors, bit for bit", tensorvet("diff", "m.pt", "m.safetensors", cwd=self.folder).stdout)
        self.assertEqual(tensorvet("diff", "-q", "m.pt", "m.safetensors", cwd=self.folder).stdout, b"")

    def test_different(self):
        def write(name, pairs, storages=TWO):
            self.put(name, weights(mapping(pairs), storages=storages))
        write("a.pt", [("only", tensor()), ("d", tensor()), ("s", tensor()), ("v", tensor()), ("same", tensor())])
        write("b.pt", [("other", tensor()), ("d", tensor(kind="IntStorage", key="1")), ("s", tensor(size=(2, 2), stride=(2, 1))),
                       ("v", tensor(key="2")), ("same", tensor())], {**TWO, "2": struct.pack("<4f", 1, 2, 3, 4.0000005)})
        status, line = self.diff("a.pt", "b.pt")
        self.assertEqual((status, line["result"], line["same_tensors"]), (1, "different", 1))
        self.assertEqual([(row["name"], row["what"]) for row in line["differences"]],
                         [("d", "dtype"), ("only", "only-in-a"), ("other", "only-in-b"), ("s", "shape"), ("v", "bits")])
        told = tensorvet("diff", "a.pt", "b.pt", cwd=self.folder)
        self.assertEqual(told.returncode, 1)
        self.assertIn(b"s: 4 and 2x2", told.stdout)

    def test_nan_payloads_count(self):
        for name, bits in (("a.pt", 0x7fc00000), ("b.pt", 0x7fc00001), ("c.pt", 0x7fc00000)):
            self.put(name, weights(mapping([("w", tensor(size=(1,), count=1))]), storages={"0": struct.pack("<I", bits)}))
        self.assertEqual((self.diff("a.pt", "b.pt")[0], self.diff("a.pt", "c.pt")[0]), (1, 0))

    def test_what_cannot_be_held_is_not_passed_over(self):
        """Two files that differ in a tensor that safetensors has no type for are never called the same."""
        for name, number in (("a.pt", 1), ("b.pt", 2)):
            self.put(name, weights(mapping([("w", tensor()), ("c", tensor(size=(1,), key="1", count=1,
                                                                          kind="ComplexDoubleStorage"))]),
                                   storages={"0": bytes(16), "1": struct.pack("<2d", number, 0)}))
        status, line = self.diff("a.pt", "b.pt")
        self.assertEqual((status, line["result"]), (1, "refused"))
        self.assertEqual([row["id"] for row in line["findings"] if row["severity"] == "error"], ["tensor-unsupported"])

    def test_undecided(self):
        """What is refused is not the same (1), what cannot be read is undecided (3); nothing of a hostile file runs."""
        self.put("a.pt", weights())
        self.put("broken.pt", weights()[:-30])
        self.put("note", b"hello")
        self.put("evil.pt", weights(mapping([("w", tensor()), ("x", call("os", "system", text("touch canary")))])))
        for other, ends in (("broken.pt", (1, "refused")), ("note", (1, "refused")), ("missing.pt", (3, "undecided")),
                            (".", (3, "undecided"))):
            for side, pair in (("b", ("a.pt", other)), ("a", (other, "a.pt"))):
                status, line = self.diff(*pair)
                self.assertEqual((status, line["result"]), ends, pair)
                self.assertEqual(line.get("refused"), side if ends[0] == 1 else None, pair)
                self.assertTrue(line["findings"], pair)
        self.assertEqual(self.diff("a.pt", "evil.pt")[0], 0)
        self.assertFalse(os.path.exists(self.path("canary")))
        self.assertEqual(tensorvet("diff", "a.pt", cwd=self.folder).returncode, 2)


class Tree(Case):
    def test_inspect(self):
        layers = mapping([(str(i), mapping([("w", tensor())])) for i in (0, 10, 2)])
        self.put("m.pt", weights(mapping([("model", mapping([("layers", layers)])), ("epoch", integer(3)),
                                          ("h", mapping([("lr", integer(1))])), ("f", call("my.mod", "F"))])))
        told = tensorvet("inspect", "m.pt", cwd=self.folder).stdout.decode()
        self.assertRegex(told, r"(?s)tensors\n  model  3 tensors, 48 bytes\n    layers  3 tensors, 48 bytes\n"
                               r"      0  1 tensor, 16 bytes\n        w  F32 4  16 bytes\n      2 .*      10 ")
        self.assertIn("epoch = 3\n", told)
        self.assertIn("    lr = 1\n", told)
        self.assertRegex(told, r"unknown   my.mod.F \(called\)")
        self.assertRegex(told, r"tied\n  model.layers.10.w is model.layers.0.w\n")
        told = tensorvet("inspect", "--depth", "1", "m.pt", cwd=self.folder).stdout.decode()
        self.assertIn("tensors\n  model  3 tensors, 48 bytes\ntied", told)
        self.assertNotIn("lr", told)

    def test_quiet(self):
        """-q means the same everywhere: nothing is said of what is accepted, all of what is not."""
        self.put("m.pt", weights())
        self.put("cut.pt", weights()[:-30])
        done = tensorvet("inspect", "-q", "m.pt", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        done = tensorvet("inspect", "-q", "cut.pt", cwd=self.folder)
        self.assertEqual((done.returncode, b"zip-end-missing" in done.stdout), (1, True))

    def test_json(self):
        self.put("m.pt", weights(mapping([("w", tensor()), ("v", tensor()), ("h", mapping([("lr", integer(1))]))])))
        _, line = one_report("inspect", "m.pt", cwd=self.folder)
        self.assertEqual(line["values"], [{"path": "h", "type": "dict", "value": {"lr": 1}}])
        self.assertEqual([(row["name"], row["kept"]) for row in line["dropped_shared"]], [("w", "v")])

    def test_the_call_is_shown(self):
        """Arguments are escaped and cut."""
        self.put("m.pt", weights(mapping([("x", call("os", "system", text("a\x1b[2J\n'" + "b" * 500)))])))
        told = tensorvet("check", "m.pt", cwd=self.folder).stdout
        self.assertIn(b"os.system('a\\\\x1b[2J\\\\n\\\\'bbb", told)
        self.assertNotIn(b"b" * 200, told)
        self.assertNotIn(b"\x1b", told)


class Modes(Case):
    def test_umask_of_extras(self):
        self.put("m.pt", weights(mapping([("w", tensor()), ("n", integer(1))])))
        tensorvet("convert", "m.pt", "--save-extras", "v.json", cwd=self.folder, preexec_fn=lambda: os.umask(0o027))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("v.json")).st_mode), 0o640)


if __name__ == "__main__":
    main()
