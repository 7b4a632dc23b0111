"""Every checkpoint converts to what torch.load gives, bit for bit.

Run by a Python that has torch: Debian's 1.13.1 in one CTest test, PyPI's 2.13.0 in another. What torch 1.13 cannot load
(dtypes it has not) is stated here, so that nothing is left out by accident.
"""
from support import Case, corpus_file, main, manifest, one_report, read_safetensors, skip

try:
    import torch
except ImportError as error:
    skip(f"no torch in this Python: {error}")

from expect import DTYPES, outcome

OLD = torch.__version__.startswith("1.")


def loadable(entry):
    """torch 1.13 has neither the newer dtypes nor the function that rebuilds them."""
    if entry.get("torch") is not None:  # an assembled file that other versions load, or none does
        return entry["torch"] and torch.__version__.startswith(entry["torch"])
    dtypes = {row["dtype"] for row in entry["convert"].get("tensors", {}).values()}
    return dtypes <= set(DTYPES.values())


def load(entry):
    """The object, as torch gives it. These are files of our own making: nothing in them runs."""
    return torch.load(corpus_file(entry), map_location="cpu", **({} if OLD else {"weights_only": False}))


class Torch(Case):
    def test_what_is_loaded_is_what_is_written(self):
        compared = 0
        for entry in manifest(("real/", "assembled/")):
            if entry["convert"]["verdict"] != "accept" or not loadable(entry):
                continue
            with self.subTest(entry["path"]):
                expected = outcome(load(entry), entry["convert"].get("key"))
                output = self.path("out.safetensors")
                key = ["--key", entry["convert"]["key"]] if "key" in entry["convert"] else []
                status, line = one_report("convert", corpus_file(entry), "-o", output, "--overwrite", *key)
                self.assertEqual(status, 0, line["findings"])
                metadata, tensors = read_safetensors(output)
                self.assertEqual(tensors, expected["tensors"])
                self.assertEqual(metadata, {"format": "pt", **expected["aliases"]})
                compared += 1
        self.assertGreater(compared, 90)

    def test_only_new_dtypes_are_left_out(self):
        left_out = [entry["path"] for entry in manifest("real/") if not loadable(entry)]
        if OLD:
            self.assertTrue(left_out)
            self.assertTrue(all(path.startswith(("real/torch-2.13/dtype", "real/torch-2.13/conj-neg")) for path in left_out), left_out)
        else:
            self.assertEqual(left_out, [])


if __name__ == "__main__":
    main()
