"""check, inspect and convert: the command's verdicts as objects, and what happens without a command or a jail."""

import base64
import dataclasses
import json
import os
import pathlib
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tensorvet
import tensorvet.numpy
from tensorvet import CheckResult, CommandError, ConvertResult, InspectResult, JailUnavailable, _results, _vet

COMMAND = os.environ["TV_COMMAND"]
WEIGHTS = {"b": np.arange(4, dtype=np.float32), "a": np.ones((2, 3), np.float16)}
FILE = tensorvet.numpy.save(WEIGHTS, {"k": "v"})


class Evil:
    def __reduce__(self):
        return os.system, ("touch it-ran",)


EVIL = pickle.dumps({"x": Evil()})


@pytest.fixture(autouse=True)
def command(monkeypatch):
    monkeypatch.setenv("TENSORVET_COMMAND", COMMAND)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.safetensors").write_bytes(FILE)
    np.save(tmp_path / "w.npy", WEIGHTS["b"])
    (tmp_path / "evil.pkl").write_bytes(EVIL)
    return tmp_path


# check


@pytest.mark.parametrize("source", ["m.safetensors", pathlib.Path("m.safetensors"), FILE, bytearray(FILE), memoryview(FILE)])
def test_check(folder, source):
    result = tensorvet.check(source)
    assert type(result) is CheckResult
    assert (result.ok, result.verdict, result.kind, result.class_, result.remedy) == (True, "accept", "safetensors", "data-only", "none")
    assert (result.tensors, result.data_bytes, result.size, result.complete) == (2, 28, len(FILE), True)
    assert result.path == ("-" if isinstance(source, (bytes, bytearray, memoryview)) else "m.safetensors")
    assert len(result.header_sha256) == 64 and result.ruleset.startswith("sha256:") and result.tool_version == tensorvet.__version__
    assert result.findings == result.errors == result.files == ()


@pytest.mark.parametrize("source", ["evil.pkl", EVIL])
def test_what_is_wrong_is_a_result(folder, source):
    result = tensorvet.check(source)
    assert (result.ok, result.verdict, result.class_, result.remedy) == (False, "reject", "dangerous", "disarm")
    assert "dangerous-global" in {finding.id for finding in result.errors}
    assert not os.path.exists("it-ran")


def test_a_finding_has_its_place(folder):
    finding = tensorvet.check(FILE[:-1]).errors[0]
    assert (finding.id, finding.severity, finding.subject) == ("offsets-out-of-range", "error", "a")
    assert finding.offset > 8 and "truncated" in finding.message


def test_a_file_that_is_not_there_is_undecided(folder):
    result = tensorvet.check("none.safetensors")
    assert (result.ok, result.verdict, result.errors[0].id, result.size) == (False, "undecided", "unreadable", None)


def test_a_folder_has_its_files(folder):
    result = tensorvet.check(folder)
    assert (result.kind, result.verdict) == ("repository", "reject")
    assert result.counts == {"accept": 2, "reject": 1, "undecided": 0, "unjudged": 0}
    assert {pathlib.Path(file.path).name: file.verdict for file in result.files} == {
        "evil.pkl": "reject", "m.safetensors": "accept", "w.npy": "accept"}  # fmt: skip


@pytest.mark.parametrize("name", ["-", "--help", "-o", "a b", "\u00e4\u202e\n", os.fsdecode(b"\xff\xfe.safetensors")])
def test_any_name_is_a_path(folder, name):
    (folder / name).write_bytes(FILE)
    result = tensorvet.check(name)
    assert result.ok and result.path == ("./-" if name == "-" else name)
    assert repr(result).isascii() or "\u202e" not in repr(result)


def test_limits(folder):
    assert tensorvet.check(FILE, limits={"tensors": 1}).errors[0].id == "too-many-tensors"
    for limits in ({"no-such": 1}, {"tensors": -1}, {"tensors": "1"}, {"tensors": True}, {"tensors=1 --x": 1}):
        with pytest.raises(ValueError):
            tensorvet.check(FILE, limits=limits)


@pytest.mark.parametrize("source", [None, 5, ["m.safetensors"], np.zeros(3)])
def test_other_sources_are_refused(source):
    with pytest.raises(TypeError):
        tensorvet.check(source)


def test_odd_paths_are_refused():
    for path in ("", "a\0b"):
        with pytest.raises(ValueError):
            tensorvet.check(path)


# inspect


def test_inspect(folder):
    result = tensorvet.inspect("m.safetensors")
    assert type(result) is InspectResult and result.ok and result.metadata == {"k": "v"}
    rows = {entry.name: (entry.dtype, entry.shape, entry.bytes) for entry in result.tensor_list}
    assert rows == {"b": ("F32", (4,), 16), "a": ("F16", (2, 3), 12)}
    entry = next(entry for entry in result.tensor_list if entry.name == "b")
    assert FILE[entry.offset : entry.offset + 16] == WEIGHTS["b"].tobytes()


def test_inspect_names_globals(folder):
    assert [(g.name, g.class_, g.called) for g in tensorvet.inspect(EVIL).globals] == [("system", "dangerous", True)]


def test_names_are_exact(folder):
    name = "caf\u00e9 \u200b\u2066x"  # an isolate: in reports it stands escaped
    result = tensorvet.inspect(tensorvet.numpy.save({name: WEIGHTS["b"]}, {"\u200b": "\u2066"}))
    assert [entry.name for entry in result.tensor_list] == [name] and result.metadata == {"\u200b": "\u2066"}


# convert


def torch_zip(path):
    """A checkpoint as torch writes it, of one tensor, without torch."""
    data = (
        b"\x80\x02}q\0X\1\0\0\0wq\1ctorch._utils\n_rebuild_tensor_v2\nq\2((X\7\0\0\0storageq\3ctorch\nFloatStorage\nq\4"
        b"X\1\0\0\0" b"0q\5X\3\0\0\0cpuq\6K\2tq\7QK\0K\2\x85q\x08K\1\x85q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0b"
        b"tq\x0cRq\x0ds."
    )  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", data), ("data/0", np.array([1, 2], np.float32).tobytes()), ("version", b"3\n")):
            archive.writestr("m/" + name, content)


def test_convert(folder):
    torch_zip("m.pt")
    result = tensorvet.convert("m.pt", folder / "out.safetensors")
    assert type(result) is ConvertResult and result.ok, result
    assert (result.verified, result.source_verdict, result.output) == (True, "accept", str(folder / "out.safetensors"))
    assert tensorvet.numpy.load_file("out.safetensors")["w"].tolist() == [1, 2]
    assert result.output_size == os.path.getsize("out.safetensors") and result.tensors == 1


def test_convert_beside_and_bytes_and_dry(folder):
    torch_zip("m2.pt")
    assert tensorvet.convert("m2.pt", dry_run=True).dry_run and not os.path.exists("m2.safetensors")
    assert tensorvet.convert("m2.pt").output == "m2.safetensors"
    result = tensorvet.convert(pathlib.Path("m2.pt").read_bytes(), "b.safetensors")
    assert result.ok and pathlib.Path("b.safetensors").read_bytes() == pathlib.Path("m2.safetensors").read_bytes()


def test_a_refused_conversion_is_a_result_and_writes_nothing(folder):
    result = tensorvet.convert("evil.pkl", "x.safetensors")
    assert (result.ok, result.verdict, result.output, result.verified) == (False, "reject", None, False)
    assert not os.path.exists("x.safetensors")
    before = pathlib.Path("m.safetensors").read_bytes()
    assert tensorvet.convert("w.npy", "m.safetensors").errors[0].id == "output-exists"
    assert pathlib.Path("m.safetensors").read_bytes() == before
    assert tensorvet.convert("w.npy", "m.safetensors", overwrite=True).ok


def test_a_selection(folder):
    assert tensorvet.convert("m.safetensors", "o.safetensors", include=["?"], exclude=["b"]).ok
    assert list(tensorvet.numpy.load_file("o.safetensors")) == ["a"]


def test_options_reach_the_command(monkeypatch, tmp_path):
    """Each as one argument, whatever it holds, and the source behind the end of options."""
    monkeypatch.setenv("TENSORVET_COMMAND", str(program(tmp_path / "t", f'printf "%s\\0" "$@" > {tmp_path}/given; exit 2\n')))
    with pytest.raises(ValueError):
        tensorvet.convert("--src", "--dst", key="k e", include=["-x", "*"], exclude=["e"], strip_prefix="p.", discard=["d"],
                          skip_unsupported=True, ties="copy", disarm=True, overwrite=True, dry_run=True, limits={"rank": 3}, engine="torch", densify=True,
                          dequantize=True, preload=["m"], allow_code=True, namespaces=True)  # fmt: skip
    assert (tmp_path / "given").read_bytes().decode().split("\0")[:-1] == [
        "convert", "--format", "json", "--progress", "never", "--limit", "rank=3", "--output=--dst", "--key=k e",
        "--strip-prefix=p.", "--include=-x", "--include=*", "--exclude=e", "--discard=d", "--skip-unsupported", "--disarm",
        "--overwrite", "--dry-run", "--ties=copy", "--engine=torch", "--python=" + sys.executable, "--densify",
        "--dequantize", "--preload=m", "--allow-code", "--namespaces", "--", "--src"]  # fmt: skip


def test_wrong_options_are_refused(folder):
    with pytest.raises(ValueError, match="not both"):
        tensorvet.convert("m.safetensors", "x", out_dir="y")
    for option in ({"ties": "sideways"}, {"engine": "steam"}):
        with pytest.raises(ValueError, match=next(iter(option))):
            tensorvet.convert("m.safetensors", "x", **option)
    with pytest.raises(ValueError, match="isolation"):
        tensorvet.check("m.safetensors", isolation="none")
    with pytest.raises(TypeError):
        tensorvet.convert("m.safetensors", "x", include="a")


def test_the_engine_that_ran_is_told(folder):
    torch_zip("m.pt")
    native = tensorvet.convert("m.pt", "n.safetensors")
    assert (native.engine, native.code_ran, native.decisions) == ("native", False, ())
    line = line_of(engine="torch", engine_version="2", code_ran=True, decisions=[{"name": "x", "what": "made dense"}], decisions_omitted=3)
    (by_torch,) = _results.decode_lines(ConvertResult, line.encode() + b"\n")
    assert (by_torch.engine, by_torch.code_ran, by_torch.omitted) == ("torch", True, {"decisions": 3})
    assert by_torch.decisions[0].what == "made dense"


def test_isolation_and_namespaces(folder):
    assert tensorvet.check("m.safetensors", isolation="batch", namespaces=True).ok


def test_convert_a_folder(folder):
    os.unlink("evil.pkl")
    result = tensorvet.convert(folder, out_dir=folder / "out")
    assert result.kind == "repository" and [type(file) for file in result.files] == [ConvertResult] * 2
    assert sorted(os.listdir("out")) == ["m.safetensors", "w.safetensors"]


# Where there is no command, no worker, no jail


def program(path, script):
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def line_of(**change):
    line = json.loads(subprocess.run([COMMAND, "check", "--format", "json", "-"], input=FILE, capture_output=True).stdout)
    return json.dumps({**line, **change})


def test_no_command(monkeypatch, tmp_path):
    monkeypatch.delenv("TENSORVET_COMMAND")
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (tensorvet.check, tensorvet.inspect, tensorvet.convert):
        with pytest.raises(JailUnavailable, match="no tensorvet command.*tensorvet doctor"):
            call(FILE)


def test_the_command_of_the_path(monkeypatch, tmp_path):
    monkeypatch.delenv("TENSORVET_COMMAND")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.path.dirname(COMMAND)}")
    assert tensorvet.check(FILE).ok


def test_the_current_folder_has_no_say(monkeypatch, tmp_path):
    program(tmp_path / "tensorvet", "touch ran\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENSORVET_COMMAND")
    for path in ("", ".", f".{os.pathsep}", f"{os.pathsep}{os.pathsep}", f"./{os.pathsep}../{tmp_path.name}"):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(JailUnavailable):
            tensorvet.check(FILE)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("named", ["tensorvet", "./tensorvet", "/nowhere/tensorvet", "/", os.path.dirname(COMMAND)])
def test_a_named_command_must_be_a_program(monkeypatch, tmp_path, named):
    program(tmp_path / "tensorvet", "touch ran\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENSORVET_COMMAND", named)
    with pytest.raises(JailUnavailable, match="TENSORVET_COMMAND"):
        tensorvet.check(FILE)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(JailUnavailable, match="WSL2"):
        tensorvet.check(FILE)
    with pytest.raises(JailUnavailable, match="container"):
        tensorvet.convert(FILE, "x")


def test_no_worker(monkeypatch, tmp_path):
    """The real command, alone in its folder."""
    alone = tmp_path / "tensorvet"
    alone.write_bytes(pathlib.Path(COMMAND).read_bytes())
    alone.chmod(0o755)
    monkeypatch.setenv("TENSORVET_COMMAND", str(alone))
    with pytest.raises(JailUnavailable, match="reader cannot be opened"):
        tensorvet.check(FILE)


def test_the_command_says_that_the_jail_does_not_work(monkeypatch, tmp_path):
    finding = {"id": "worker-failed", "severity": "error", "message": "the jailed reader could not start: no seccomp"}
    line = line_of(verdict="undecided", findings=[finding])
    monkeypatch.setenv("TENSORVET_COMMAND", str(program(tmp_path / "t", f"cat <<'END'\n{line}\nEND\nexit 3\n")))
    with pytest.raises(JailUnavailable, match="no seccomp.*tensorvet doctor") as caught:
        tensorvet.check(FILE)
    assert caught.value.results[0].verdict == "undecided"


def test_a_program_that_does_not_start(monkeypatch, tmp_path):
    bad = tmp_path / "t"
    bad.write_bytes(b"\x7fELF no program")
    bad.chmod(0o755)
    monkeypatch.setenv("TENSORVET_COMMAND", str(bad))
    with pytest.raises(JailUnavailable, match="does not start"):
        tensorvet.check(FILE)


def test_time_is_bounded(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORVET_COMMAND", str(program(tmp_path / "t", "exec cat /dev/zero > /dev/null\n")))
    with pytest.raises(TimeoutError):
        tensorvet.check("m", timeout=0.2)


# Lines are decoded strictly


def says(monkeypatch, tmp_path, output, status=0):
    (tmp_path / "output").write_bytes(output)
    monkeypatch.setenv("TENSORVET_COMMAND", str(program(tmp_path / "t", f"cat {tmp_path}/output; echo why >&2; exit {status}\n")))
    return tensorvet.check(b"x")


def test_a_new_key_is_no_error(monkeypatch, tmp_path):
    assert says(monkeypatch, tmp_path, line_of(new_key=[1]).encode() + b"\n").ok


GOOD = line_of().encode()
CHANGES = [
    {"schema": 2},
    {"schema": True},
    {"schema": "1"},
    {"verdict": "fine"},
    {"verdict": None},
    {"class": "x"},
    {"remedy": 1},
    {"complete": 1},
    {"retryable": "no"},
    {"size": -1},
    {"size": 1.5},
    {"size": True},
    {"seconds": "1"},
    {"tensors": None},
    {"path": 5},
    {"path_b64": "!"},
    {"path_b64": 5},
    {"findings": {}},
    {"findings": [5]},
    {"findings": [{"id": "x"}]},
    {"findings": [{"id": "x", "severity": "bad", "message": ""}]},
    {"policy": "hub"},
    {"policy": {"name": "hub"}},
    {"tool": []},
    {"files": []},
    {"files": {"accept": -1}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_wrong_lines_are_refused(monkeypatch, tmp_path, change):
    line = {**json.loads(GOOD), **change}
    with pytest.raises(CommandError):
        says(monkeypatch, tmp_path, json.dumps(line).encode() + b"\n")


@pytest.mark.parametrize("key", ["path", "kind", "verdict", "class", "remedy", "findings", "complete", "scope", "ruleset", "tool", "schema"])
def test_lines_that_lack_a_key_are_refused(monkeypatch, tmp_path, key):
    line = json.loads(GOOD)
    del line[key]
    with pytest.raises(CommandError):
        says(monkeypatch, tmp_path, json.dumps(line).encode() + b"\n")


@pytest.mark.parametrize("output", [
    GOOD, b"\n", b"[]\n", b"null\n", b"{}\n", b"\xff\n", GOOD[:-1] + b"\n", GOOD + GOOD + b"\n",
    GOOD.replace(b'"verdict"', b'"verdict": "reject", "verdict"', 1) + b"\n",
    GOOD.replace(b'"seconds": ', b'"seconds": NaN, "x": ', 1) + b"\n",
    b"[" * 100_000 + b"\n", GOOD + b"\n\n",
])  # fmt: skip
def test_what_is_no_line_is_refused(monkeypatch, tmp_path, output):
    with pytest.raises(CommandError):
        says(monkeypatch, tmp_path, output)


@pytest.mark.parametrize("status", [1, 4, 77, 143])
def test_an_ending_without_a_result_is_an_error(monkeypatch, tmp_path, status):
    with pytest.raises(CommandError, match="why"):
        says(monkeypatch, tmp_path, b"", status)


def test_an_exact_text_stands_for_the_shown(monkeypatch, tmp_path):
    exact = base64.b64encode(b"\xff\x00\n").decode()
    result = says(monkeypatch, tmp_path, line_of(path="\\xff", path_b64=exact).encode() + b"\n")
    assert os.fsencode(result.path) == b"\xff\x00\n" and "\n" not in repr(result)


def test_results_are_frozen_and_documented():
    for cls in (_results.CheckResult, _results.Finding, _results.TensorEntry, _results.Global):
        assert cls.__doc__ and dataclasses.fields(cls)
    with pytest.raises(dataclasses.FrozenInstanceError):
        tensorvet.check(FILE).verdict = "accept"
    assert _vet.check.__doc__
