"""The examples of the README's section on Python run as they stand, and print what they say they print."""

import contextlib
import io
import os
import pathlib
import re

import pytest

TEXT = (pathlib.Path(os.environ["TV_SOURCE"]) / "README.md").read_text("utf-8")
SECTION = re.search(r"^## In Python\n(.*?)^## ", TEXT, re.M | re.S).group(1)
BLOCKS = re.findall(r"^```python\n(.*?)^```", SECTION, re.M | re.S)
SUBJECTS = ("tensorvet.torch", "tensorvet.numpy", "tensorvet.flax", "tensorvet.pytree", "tensorvet.convert")


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_example_prints_what_it_says(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENSORVET_COMMAND", os.environ["TV_COMMAND"])
    said = re.findall(r"^ *print\(.*\)  # (.*)$", block, re.M)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "README.md", "exec"), {})
    assert said and printed.getvalue().splitlines() == said


@pytest.mark.parametrize("subject", SUBJECTS)
def test_there_is_an_example_for(subject):
    assert any(subject in block for block in BLOCKS)
