"""Each test that SECURITY.md names behind a promise is there: a program or script of that name, and the cases named after
it. A promise whose test was renamed away would be worth nothing.
"""
import glob
import os
import re
import subprocess
import unittest

from support import SOURCE, main


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Promises(unittest.TestCase):
    def setUp(self):
        listed = subprocess.run(["ctest", "--test-dir", os.environ["TV_BUILD"], "-N"], capture_output=True, text=True, check=True)
        self.names = set(re.findall(r"Test +#\d+: (\S+)", listed.stdout))
        # Where a build leaves a test out for want of a tool (core_install without a C++ compiler), its list has the name.
        for path in glob.glob(os.path.join(SOURCE, "tests", "*", "CMakeLists.txt")):
            self.names.update(re.findall(r"NAME (\w+)", read(path)))
        self.names.update(re.findall(r"suite_check (\S+) ", read(os.path.join(SOURCE, "check"))))
        table = read(os.path.join(SOURCE, "SECURITY.md")).split("## The test behind each promise")[1].split("\n## ")[0]
        self.rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][2:]

    def test_every_row_names_a_test(self):
        self.assertGreater(len(self.rows), 20)
        for row in self.rows:
            self.assertRegex(row, r"`[a-z0-9_*]+`", row)

    def test_every_name_is_there(self):
        for name in set(re.findall(r"`([a-z0-9_]+)`", " ".join(self.rows))):
            self.assertIn(name, self.names)

    def test_every_case_is_there(self):
        named = 0
        for row in self.rows:
            for name, cases in re.findall(r"`(test_[a-z0-9_]+)`: ([a-z0-9_, ]+)", row):
                sources = glob.glob(os.path.join(SOURCE, "tests", "*", name + ".c"))
                self.assertEqual(len(sources), 1, name)
                for case in re.split(r",\s*", cases.strip()):
                    self.assertIn(f"TEST({case},", re.sub(r"\s+", " ", read(sources[0])), f"{name}: {case}")
                    named += 1
        self.assertGreater(named, 15)


if __name__ == "__main__":
    main()
