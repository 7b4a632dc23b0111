"""What benign files hold of tensors can be had: each that has any converts, or says what to choose, and then does.

Over corpus/benign, with the real command (TV_COMMAND, from CTest); plans alone (-n), nothing is written.
"""
import json
import os
import re
import subprocess
import unittest

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "corpus", "benign")

# Whole objects that are no modules: what their tensors are called.
OBJECTS = {
    "torch-2.13/value-dataset.pt": {"tensors.0", "tensors.1"},
    "torch-2.13/value-packed.pt": {"0", "1"},
    "torch-2.13/value-distribution.pt": {"loc", "scale"},
    "torch-2.13/rng-torch-generator.pt": {"generator.2"},
    "torch-1.13/optim-whole-sgd.pt": None,
    "torch-2.13/optim-whole-adamw.pt": {f"state.{i}.{part}" for i in range(4) for part in (
        "exp_avg", "exp_avg_sq", "step")} | {f"param_groups.0.params.{i}" for i in range(4)},
    "others/geometric-data.pt": {"_store._mapping.x", "_store._mapping.edge_index", "_store._mapping.y"},
    "others/torchmetrics-whole.pt": {where + part for where in ("", "_defaults.") for part in ("tp", "fp", "tn", "fn")},
    "others/torchmetrics-whole.pkl": None,
}


def files():
    with open(os.path.join(CORPUS, "manifest.json"), encoding="utf-8") as file:
        return [entry["file"] for entry in json.load(file)["files"] if entry["has_tensors"]]


def plan(file, *arguments):
    command = [os.environ["TV_COMMAND"], "convert", "-n", "--format", "json", os.path.join(CORPUS, file), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return json.loads(done.stdout.decode("utf-8"))


def findings(line, name):
    return [finding["message"] for finding in line["findings"] if finding["id"] == name]


class Benign(unittest.TestCase):
    def test_tensors_can_be_had(self):
        commands = 0
        for file in files():
            with self.subTest(file):
                line = plan(file)
                if not findings(line, "ambiguous-root"):
                    self.assertEqual(line["verdict"], "accept", line["findings"])
                    continue
                keys = re.findall(r"--key ([\w.-]+)", findings(line, "ambiguous-root")[0])
                self.assertGreater(len(keys), 1)
                for key in keys:
                    commands += 1
                    chosen = plan(file, "--key", key)
                    self.assertEqual(chosen["verdict"], "accept", (key, chosen["findings"]))
        self.assertGreater(commands, 10)

    def test_objects(self):
        for file, names in OBJECTS.items():
            with self.subTest(file):
                line = plan(file)
                self.assertEqual(line["verdict"], "accept", line["findings"])
                if names is not None:
                    self.assertEqual({tensor["name"] for tensor in line["tensor_list"]}, names)


if __name__ == "__main__":
    unittest.main()
