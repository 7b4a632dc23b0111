"""`check`, `inspect` and `convert`: the `tensorvet` command from Python, so in the same jailed worker.

Trusts the installed command, and finds it where the current folder has no say. Nothing of the file is parsed in this
process: what comes back are the lines of `--format json`, decoded strictly (_results.py).
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar, Union

from tensorvet._errors import JailUnavailable
from tensorvet._results import CheckResult, CommandError, ConvertResult, InspectResult, decode_lines

__all__ = ["CommandError", "JailUnavailable", "check", "convert", "find_command", "inspect"]

Source = Union[str, "os.PathLike[str]", "os.PathLike[bytes]", bytes, bytearray, memoryview]
_Result = TypeVar("_Result", bound=CheckResult)

_UNUSABLE = frozenset({"worker-failed"})
"""Findings by which the command says that the jail, not the file, is what fails."""


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _named_command(named: str) -> str:
    path = Path(named)
    if not path.is_absolute() or not _is_program(path):
        raise JailUnavailable(f"TENSORVET_COMMAND={named!r} is not the absolute path of a program")
    return named


def find_command() -> str:
    """The absolute path of the `tensorvet` command.

    In this order: the environment's TENSORVET_COMMAND, beside the package (`tensorvet/bin`, the `bin` of this Python's
    prefix), the absolute folders of PATH. Relative and empty entries of PATH are passed over, so a program that lies in
    the current folder is never taken for it. JailUnavailable where there is none, and on systems other than Linux.
    """
    if sys.platform != "linux":
        raise JailUnavailable(f"there is no jail on {sys.platform}")
    named = os.environ.get("TENSORVET_COMMAND")
    if named:
        return _named_command(named)
    folders = [Path(__file__).resolve().parent / "bin", Path(sys.prefix) / "bin"]
    folders += [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry)]
    for folder in folders:
        if _is_program(folder / "tensorvet"):
            return str(folder / "tensorvet")
    raise JailUnavailable("there is no tensorvet command")


def _path_argument(path: str | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """A lone hyphen would be standard input."""
    text = os.fsdecode(path)
    if not text:
        raise ValueError("the path is empty")
    return "./-" if text == "-" else text


def _split(source: Source) -> tuple[str, bytes | None]:
    """The command's argument, and what to give to its standard input."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "-", bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return _path_argument(source), None
    raise TypeError(f"expected a path or bytes, not {type(source).__name__}")


def _options(limits: Mapping[str, int] | None, **options: object) -> list[str]:
    """The command's: None and False are left out, True is a flag, a list is the option again and again."""
    words: list[str] = []
    for name, value in (limits or {}).items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"the limit {name} must be a whole number, not {value!r}")
        words += ["--limit", f"{name}={value}"]
    for name, given in options.items():
        option = "--" + name.replace("_", "-")
        if given is True:
            words.append(option)
        elif isinstance(given, (list, tuple)):
            words += [f"{option}={item}" for item in given]
        elif given is not None and given is not False:
            words.append(f"{option}={os.fsdecode(given)}")  # type: ignore[arg-type]
    return words


def _listed(name: str, values: Iterable[str]) -> list[str]:
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} is a list of str, not one of them")
    return list(values)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked to end, the command takes its workers and unfinished outputs with it; unasked it is killed after a while."""
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def _communicate(command: list[str], given: bytes | None, timeout: float | None) -> tuple[int, bytes, str]:
    """Runs it to its end. Whatever ends the wait ends the command too, which then leaves nothing behind."""
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate(given, timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise TimeoutError(f"not done after {timeout} seconds") from None
        except BaseException:
            _end(process)
            raise
    return process.returncode, output, errors.decode("utf-8", "replace").strip()


def _run(
    cls: type[_Result], verb: str, source: Source, options: list[str], timeout: float | None
) -> _Result:
    argument, given = _split(source)
    command = [find_command(), verb, "--format", "json", "--progress", "never", *options, "--", argument]
    try:
        status, output, errors = _communicate(command, given, timeout)
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        raise JailUnavailable(f"the command {command[0]} does not start: {error}") from error
    if status == 2:
        raise ValueError(errors)
    if status not in (0, 1, 3):
        raise CommandError(f"{command[0]} ended with status {status}: {errors}")
    results = decode_lines(cls, output)
    if not results:
        raise JailUnavailable(errors or "the tensorvet command says nothing") if status == 3 else CommandError(errors)
    return _judge(results)


def _judge(results: list[_Result]) -> _Result:
    """The last line is that of the path itself; those before are of the files of a folder."""
    result = results[-1]
    broken = [finding for line in results for finding in line.errors if finding.id in _UNUSABLE]
    if result.verdict == "undecided" and broken:
        raise JailUnavailable(broken[0].message, results)
    if len(results) > 1:
        return dataclasses.replace(result, files=tuple(results[:-1]))
    return result


def check(
    path_or_bytes: Source,
    *,
    limits: Mapping[str, int] | None = None,
    isolation: str = "file",
    namespaces: bool = False,
    timeout: float | None = None,
) -> CheckResult:
    """Vets a file, the files of a folder, or bytes, in a jailed worker.

    path_or_bytes: a path (str or PathLike), or the content itself (bytes, bytearray, memoryview).
    limits: by name, as `tensorvet check --limit NAME=VALUE` takes them; units are in `man tensorvet`.
    isolation, namespaces: the command's options; `man tensorvet-check` explains both.
    timeout: seconds for the whole; TimeoutError when they are over.

    What is wrong with the file, unreadable included, is in the result, not raised: look at `ok`, `verdict`, `findings`.
    Of a folder, `files` has the results of its files. JailUnavailable where there is no jail to read it in; ValueError
    for a limit or an option that does not exist; CommandError where the command breaks its contract.
    """
    isolated = None if isolation == "file" else isolation
    return _run(CheckResult, "check", path_or_bytes, _options(limits, isolation=isolated, namespaces=namespaces), timeout)


def inspect(
    path_or_bytes: Source,
    *,
    limits: Mapping[str, int] | None = None,
    namespaces: bool = False,
    timeout: float | None = None,
) -> InspectResult:
    """`check`, and what is in the file: tensors, metadata, the names a pickle mentions. Nothing of it is run.

    Arguments and errors are those of `check`.
    """
    return _run(InspectResult, "inspect", path_or_bytes, _options(limits, namespaces=namespaces), timeout)


def convert(
    src: Source,
    dst: str | os.PathLike[str] | None = None,
    *,
    out_dir: str | os.PathLike[str] | None = None,
    key: str | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    strip_prefix: str | None = None,
    skip_unsupported: bool = False,
    ties: str = "drop",
    discard: Iterable[str] = (),
    disarm: bool = False,
    engine: str = "native",
    python: str | os.PathLike[str] | None = None,
    densify: bool = False,
    dequantize: bool = False,
    preload: Iterable[str] = (),
    allow_code: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    limits: Mapping[str, int] | None = None,
    namespaces: bool = False,
    timeout: float | None = None,
) -> ConvertResult:
    """Makes a safetensors file of a checkpoint (or, canonically, of a safetensors file) without running a byte of it.

    src: a file, a folder (with out_dir), or the content as bytes (with dst).
    dst: the file to write. Without it and out_dir it lies beside src, as `tensorvet convert` names it.
    python: of engine "torch" only: the Python that has torch; without it, this one.
    The other arguments are the command's options; `man tensorvet-convert` explains each. limits and timeout as in
    `check`.

    A refused conversion is a result too: `ok` is False, `findings` say why, and nothing was written. Errors as of
    `check`.
    """
    if dst is not None and out_dir is not None:
        raise ValueError("give dst or out_dir, not both")
    if engine != "native" and python is None:
        python = sys.executable
    options = _options(
        limits, output=dst, out_dir=out_dir, key=key, strip_prefix=strip_prefix, include=_listed("include", include),
        exclude=_listed("exclude", exclude), discard=_listed("discard", discard), skip_unsupported=skip_unsupported,
        disarm=disarm, overwrite=overwrite, dry_run=dry_run, ties=ties, engine=None if engine == "native" else engine,
        python=python, densify=densify, dequantize=dequantize, preload=_listed("preload", preload), allow_code=allow_code,
        namespaces=namespaces)  # fmt: skip
    return _run(ConvertResult, "convert", src, options, timeout)
