"""The outputs are the very bytes that the reference's convert steps write, and the reference reads every output.

Run by a Python that has torch and PyPI's safetensors 0.8.0. The steps are those of the reference's converter, written
down here: load with weights_only where this torch can, take state_dict, clone what is a part of its storage and alone in
its place, drop shared names, make contiguous, save_file with the dropped names in the metadata. That writer orders several
metadata keys at random: its keys are sorted here.
"""
import hashlib
import json
import os
import struct

from support import Case, corpus_file, main, manifest, one_report, skip

try:
    import torch
    from safetensors import safe_open
    from safetensors.torch import _find_shared_tensors, _is_complete, _remove_duplicate_names, save_file
except ImportError as error:
    skip(f"no torch with safetensors in this Python: {error}")

from expect import DTYPES, bits, chosen, flatten, shape

OLD = torch.__version__.startswith("1.")
WEIGHTS_ONLY = {} if OLD else {"weights_only": True}  # 1.13's restricted unpickler refuses any float


def reference_steps(entry, path):
    """Writes path as the reference's converter does."""
    loaded = torch.load(corpus_file(entry), map_location="cpu", **WEIGHTS_ONLY)
    tensors = dict(flatten(chosen(loaded, entry["convert"].get("key")))[0])
    for group in _find_shared_tensors(tensors):
        name = min(group)
        if len(group) == 1 and not _is_complete(tensors[name]):
            tensors[name] = tensors[name].clone()
    metadata = {"format": "pt"}
    for kept, dropped in _remove_duplicate_names(tensors).items():
        for name in dropped:
            metadata.setdefault(name, kept)
            del tensors[name]
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)


def sorted_metadata(data):
    """The file with its metadata keys in order: the header keeps its length, and everything else its place."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header["__metadata__"]
    before = json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode()
    after = json.dumps(dict(sorted(metadata.items(), key=lambda item: item[0].encode())), ensure_ascii=False,
                       separators=(",", ":")).encode()
    assert data.count(before) == 1 and len(before) == len(after)
    return data.replace(before, after)


def loadable(entry):
    dtypes = {row["dtype"] for row in entry["convert"].get("tensors", {}).values()}
    return dtypes <= set(DTYPES.values())


class Reference(Case):
    def convert(self, entry):
        output = self.path("ours.safetensors")
        key = ["--key", entry["convert"]["key"]] if "key" in entry["convert"] else []
        status, line = one_report("convert", corpus_file(entry), "-o", output, "--overwrite", *key)
        self.assertEqual(status, 0, line["findings"])
        return output

    def test_the_same_bytes(self):
        compared = 0
        for entry in manifest("real/"):
            if entry["convert"].get("reference") != "identical" or not loadable(entry):
                continue
            with self.subTest(entry["path"]):
                theirs = self.path("theirs.safetensors")
                reference_steps(entry, theirs)
                with open(self.convert(entry), "rb") as ours, open(theirs, "rb") as reference:
                    self.assertEqual(ours.read(), sorted_metadata(reference.read()))
                compared += 1
        self.assertGreater(compared, 70)

    def test_the_reference_reads_every_output(self):
        read = 0
        for entry in manifest("real/"):
            if entry["convert"]["verdict"] != "accept" or not loadable(entry):
                continue
            with self.subTest(entry["path"]):
                with safe_open(self.convert(entry), framework="pt") as file:
                    expected = entry["convert"]["tensors"]
                    self.assertEqual(set(file.keys()), set(expected))
                    for name in file.keys():
                        self.same(file.get_tensor(name), expected[name])
                read += 1
        self.assertGreater(read, 80)

    def same(self, tensor, row):
        self.assertEqual(DTYPES[tensor.dtype], row["dtype"])
        self.assertEqual(shape(tensor), row["shape"])
        self.assertEqual(hashlib.sha256(bits(tensor)).hexdigest(), row["sha256"])

    def test_the_folder_holds_nothing_else(self):
        self.convert(manifest("real/torch-2.13/dict")[0])
        self.assertEqual(os.listdir(self.folder), ["ours.safetensors"])


if __name__ == "__main__":
    main()
