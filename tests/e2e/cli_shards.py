"""Sharded models: an index and its shards, compared both ways, and every lie of an index by its id."""
import json
import os
import shutil

from support import Case, ids, main, report

from cli_report import safetensors
from hostile_cases import mapping, tensor, weights


def checkpoint(*names):
    """A checkpoint of tensors of those names."""
    return weights(mapping([(name, tensor()) for name in names]))


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
