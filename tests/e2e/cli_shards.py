"""Sharded models: an index and its shards, compared both ways, and every lie of an index by its id."""
import json
import os
import shutil

from support import Case, ids, main, report

from cli_report import safetensors
from hostile_cases import FOUR, call, mapping, tensor, text, weights


DANGEROUS = weights(mapping([("w1", tensor()), ("w2", tensor()), ("x", call("os", "system", text("true")))]))


def checkpoint(*names):
    """A checkpoint of tensors of those names."""
    return weights(mapping([(name, tensor(key=str(i))) for i, name in enumerate(names)]),
                   storages={str(i): FOUR for i in range(len(names))})


def index(pairs):
    return json.dumps({"metadata": {"total_size": 32}, "weight_map": dict(pairs)}, indent=2).encode() + b"\n"


class Shards(Case):
    def model(self, **changes):
        """m/: two shards and their index. changes: files by their names' first letters; None: not there."""
        files = {"a.bin": checkpoint("w1", "w2"), "b.bin": checkpoint("w3"),
                 "pytorch_model.bin.index.json": index([("w1", "a.bin"), ("w2", "a.bin"), ("w3", "b.bin")])}
        shutil.rmtree(self.path("m"), ignore_errors=True)
        os.mkdir(self.path("m"))
        for name, data in files.items():
            data = changes.get(name[0], data)
            if data is not None:
                self.put("m/" + name, data)

    def check(self, **changes):
        """Exit status and ids of the index."""
        self.model(**changes)
        status, lines = report("check", "m", cwd=self.folder)
        line, = [line for line in lines if line["path"].endswith(".index.json")]
        self.assertEqual(line["kind"], "shard-index")
        self.assertEqual(line["verdict"] == "accept", ids(line, "error") == [])
        return status, ids(line, "error")

    def test_good(self):
        self.assertEqual(self.check(), (0, []))
        self.assertEqual(self.check(p=index([("w1", "x.safetensors")]), a=None, b=None)[1], ["index-shard-missing"])

    def test_on_its_own(self):
        """An index that is named itself is compared with the shards beside it."""
        self.model()
        path = "m/pytorch_model.bin.index.json"
        for folder, name in ((self.folder, path), (self.path("m"), path[2:])):
            status, lines = report("check", name, cwd=folder)
            self.assertEqual((status, lines[0]["kind"], ids(lines[0], "error")), (0, "shard-index", []))
        self.model(b=None)
        os.rename(self.path(path), self.path("m/pytorch_model.bin.index.fp16.json"))
        status, lines = report("check", "m/pytorch_model.bin.index.fp16.json", cwd=self.folder)
        self.assertEqual((status, ids(lines[0], "error")), (1, ["index-shard-missing"]))

    def test_safetensors(self):
        self.model(a=None, b=None, p=None)
        self.put("m/x.safetensors", safetensors([b"a", b"b"]))
        self.put("m/model.safetensors.index.json", index([("a", "x.safetensors"), ("b", "x.safetensors")]))
        status, lines = report("check", "m", cwd=self.folder)
        self.assertEqual((status, [line["verdict"] for line in lines]), (0, ["accept"] * 3))

    def test_both_ways(self):
        good = [("w1", "a.bin"), ("w2", "a.bin"), ("w3", "b.bin")]
        for changes, expected in (
                ({"a": None}, ["index-shard-missing"]),
                ({"a": checkpoint("w1")}, ["index-tensor-missing"]),
                ({"a": checkpoint("w1", "w2", "x")}, ["index-tensor-extra"]),
                ({"a": checkpoint("w1", "w2", "w3")}, ["index-wrong-shard"]),
                ({"p": index(good[:2] + [("w3", "a.bin")])}, ["index-tensor-missing"]),
                ({"p": index([("w1", "b.bin"), *good[1:]])},
                 ["index-wrong-shard", "index-tensor-missing"]),
                ({"p": index([*good, ("w4", "b.bin")])}, ["index-tensor-missing"]),
                ({"a": b"junk"}, ["index-shard-unread"])):
            self.assertEqual(self.check(**changes), (1, expected), changes.keys())

    def test_lies_of_the_index(self):
        for text, expected in (
                (b"", "index-invalid-json"), (b"{'weight_map': {}}", "index-invalid-json"),
                (b"\xff", "index-invalid-json"), (b"[]", "index-wrong-type"), (b"{}", "index-missing-field"),
                (b'{"weight_map":{"w1":1}}', "index-wrong-type"),
                (b'{"weight_map":{"w1":"a.bin","w1":"b.bin"}}', "index-duplicate-key"),
                (b'{"weight_map":{"w1":"../m/a.bin"}}', "index-shard-escapes"),
                (b'{"weight_map":{"w1":"/etc/passwd"}}', "index-shard-escapes")):
            self.assertEqual(self.check(p=text), (1, [expected]), text)

    def test_links_and_folders_are_no_shards(self):
        self.model(b=None)
        self.put("outside.bin", checkpoint("w3"))
        for make in (lambda: os.symlink("../outside.bin", self.path("m/b.bin")),
                     lambda: os.symlink("a.bin", self.path("m/b.bin")),
                     lambda: os.mkdir(self.path("m/b.bin")),
                     lambda: os.mkfifo(self.path("m/b.bin"))):
            make()
            status, lines = report("check", "m", cwd=self.folder)
            line, = [line for line in lines if line["path"].endswith(".index.json")]
            self.assertEqual((status, ids(line, "error")), (1, ["index-shard-escapes"]))
            (os.rmdir if os.path.isdir(self.path("m/b.bin")) else os.remove)(self.path("m/b.bin"))

    def test_the_cache_of_the_hub(self):
        """There, shards are links into blobs/."""
        os.makedirs(self.path("x/blobs"))
        os.makedirs(self.path("x/snapshots/r"))
        self.put("x/blobs/1", checkpoint("w"))
        os.symlink("../../blobs/1", self.path("x/snapshots/r/a.bin"))
        self.put("x/snapshots/r/pytorch_model.bin.index.json", index([("w", "a.bin")]))
        status, lines = report("check", "x/snapshots/r", cwd=self.folder)
        self.assertEqual((status, [line["verdict"] for line in lines]), (0, ["accept"] * 3))

    def convert(self, *arguments):
        """Exit status; the index's line; the new index, or None."""
        status, lines = report("convert", "m", *arguments, cwd=self.folder)
        line, = [line for line in lines if line["path"].endswith(".index.json")]
        path = self.path(os.path.join(arguments[1] if "--out-dir" in arguments else "m", "model.safetensors.index.json"))
        if not os.path.exists(path):
            return status, line, None
        with open(path, encoding="utf-8") as file:
            return status, line, file.read()

    def test_convert(self):
        """The new index is what the outputs hold, in the form of transformers."""
        for arguments in ([], ["--out-dir", "out"]):
            self.model()
            status, line, made = self.convert(*arguments)
            expected = {"metadata": {"total_size": 48}, "weight_map":
                        {"w1": "a.safetensors", "w2": "a.safetensors", "w3": "b.safetensors"}}
            self.assertEqual((status, ids(line, "error"), line["verified"]), (0, [], True))
            self.assertEqual(made, json.dumps(expected, indent=2, sort_keys=True) + "\n")
            self.assertEqual((line["tensors"], line["data_bytes"], line["output_size"]), (3, 48, len(made)))
            self.assertEqual(os.path.basename(line["output"]), "model.safetensors.index.json")
        self.assertEqual(report("check", "out", cwd=self.folder)[0], 0)
        shutil.rmtree(self.path("m"))
        shutil.copytree(self.path("out"), self.path("m"))
        self.assertEqual(self.convert()[0], 3)  # nothing to convert in place
        self.assertEqual(self.convert("--out-dir", "again")[2], made)
        self.assertEqual(sorted(os.listdir(self.path("again"))), sorted(os.listdir(self.path("out"))))

    def test_names_are_escaped(self):
        names = ('q"q', "b\\b", "é.名", "a/b")
        self.model(a=checkpoint(*names), b=None, p=index([(name, "a.bin") for name in names]))
        status, line, made = self.convert()
        self.assertEqual((status, line["verified"]), (0, True))
        self.assertEqual(set(json.loads(made)["weight_map"]), set(names))

    def test_ties_stay_in_their_shard(self):
        """A name that is dropped as another's in its shard is not in the new index; nothing is dropped across shards."""
        self.model(a=weights(mapping([("w1", tensor()), ("w2", tensor())])))
        status, _, made = self.convert()
        self.assertEqual((status, json.loads(made)["weight_map"]), (0, {"w1": "a.safetensors", "w3": "b.safetensors"}))

    def test_no_index_without_all_shards(self):
        for changes, expected, status in (({"a": DANGEROUS}, "index-shard-unconverted", 1),
                                          ({"a": b"\x80\x02junk"}, "index-shard-unread", 1),
                                          ({"b": None}, "index-shard-missing", 1),
                                          ({"b": checkpoint("w3", "x")}, "index-tensor-extra", 1)):
            self.model(**changes)
            done, line, made = self.convert()
            self.assertEqual((done, ids(line, "error"), made, line["output"]), (status, [expected], None, None))

    def test_selection(self):
        """The new index has what the outputs have: a shard of which nothing is selected has none."""
        self.model()
        status, line, made = self.convert("--include", "w[13]", "--exclude", "w3")
        self.assertEqual((status, line["verified"]), (0, True))
        self.assertEqual(json.loads(made)["weight_map"], {"w1": "a.safetensors"})

    def test_a_name_in_two_outputs(self):
        self.model(a=checkpoint("m.x"), b=checkpoint("x"), p=index([("m.x", "a.bin"), ("x", "b.bin")]))
        status, line, made = self.convert("--strip-prefix", "m.")
        self.assertEqual((status, ids(line, "error"), made), (1, ["tensor-name-clash"], None))

    def test_what_is_there_already(self):
        """An index is kept if it is what would be written; it is replaced by an index, and only if asked for."""
        self.model()
        for there, arguments, expected in ((b"{}", [], "output-differs"), (b"{}", ["--overwrite"], "output-not-safetensors"),
                                           (index([("x", "y.bin")]), [], "output-differs")):
            for name in ("a.safetensors", "b.safetensors"):
                if os.path.exists(self.path("m/" + name)):
                    os.remove(self.path("m/" + name))
            self.put("m/model.safetensors.index.json", there)
            status, lines = report("convert", "m", *arguments, cwd=self.folder)
            line, = [line for line in lines if line["path"].endswith("pytorch_model.bin.index.json")]
            self.assertEqual((status, ids(line, "error")), (1, [expected]))
            with open(self.path("m/model.safetensors.index.json"), "rb") as file:
                self.assertEqual(file.read(), there)
        status, lines = report("convert", "m", "--overwrite", cwd=self.folder)
        self.assertEqual((status, ids(lines[-2], "error")), (0, []))
        status, lines = report("convert", "m", cwd=self.folder)
        self.assertEqual((status, [line["existing"] for line in lines if line.get("verified")]), (0, [True] * 3))

    def test_dry_run(self):
        self.model()
        status, line, made = self.convert("-n")
        self.assertEqual((status, line["verdict"], made), (0, "accept", None))
        self.assertEqual(line["output"], "m/model.safetensors.index.json")

    def test_other_indexes_are_left_alone(self):
        """Those of formats that are not ours, and JSON of other names."""
        self.model(p=None)
        for name in ("tf_model.h5.index.json", "index.json", "config.json"):
            self.put("m/" + name, b"{}")
        status, lines = report("check", "m", cwd=self.folder)
        self.assertEqual(status, 0)
        self.assertEqual([line["verdict"] for line in lines if line["path"].endswith("json")], ["unjudged"] * 3)


if __name__ == "__main__":
    main()
