"""What the `tensorvet` command says, as typed objects.

Trusts the command's program, not its lines: each is decoded strictly (no duplicate key, no NaN, every type and every word
of a closed list checked, required keys present), and anything else is a `CommandError`. Keys that are not known here are
allowed, as docs/json.md has it: keys are added, never changed.

Texts come from whoever made the file. Where a line has the exact bytes beside a text (`path_b64`), the exact text is
taken, with bytes that are not UTF-8 as surrogate escapes (`os.fsencode` gives them back); so escape it before you print
it. `repr` of these objects does.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tensorvet import _json

__all__ = [
    "CheckResult",
    "CommandError",
    "ConvertResult",
    "Decision",
    "DroppedObject",
    "Finding",
    "Global",
    "InspectResult",
    "SharedName",
    "TensorEntry",
    "decode_lines",
]

_SCHEMA = 1
_VERDICTS = ("accept", "reject", "undecided", "unjudged")
_CLASSES = ("data-only", "reviewed", "inert-unknown", "dangerous", "unsupported", "malformed", "machine")
_REMEDIES = ("none", "convert", "disarm", "reupload", "lfs-pull", "retry")
_SEVERITIES = ("error", "warning", "note")
_GLOBAL_CLASSES = ("known", "reviewed", "unknown", "dangerous")


class CommandError(RuntimeError):
    """The `tensorvet` command ended or answered in a way that it never should."""


def _wrong(key: str, value: object) -> CommandError:
    return CommandError(f"the tensorvet command's line has {key!r}: {value!r:.200}, which this version does not understand")


# Decoders: (object of the line, key) -> value. The key is there when they are called.
_Decoder = Callable[[Mapping[str, Any], str], Any]


def _text(line: Mapping[str, Any], key: str) -> str:
    value = line[key]
    exact = line.get(key + "_b64")
    if not isinstance(value, str):
        raise _wrong(key, value)
    if exact is None:
        return value
    try:
        return base64.b64decode(exact, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, TypeError, ValueError):
        raise _wrong(key + "_b64", exact) from None


def _flag(line: Mapping[str, Any], key: str) -> bool:
    value = line[key]
    if not isinstance(value, bool):
        raise _wrong(key, value)
    return value


def _count(line: Mapping[str, Any], key: str) -> int:
    value = line[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(key, value)
    return value


def _number(line: Mapping[str, Any], key: str) -> float:
    value = line[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise _wrong(key, value)
    return float(value)


def _or_null(decoder: _Decoder) -> _Decoder:
    return lambda line, key: None if line[key] is None else decoder(line, key)


def _word(words: tuple[str, ...]) -> _Decoder:
    def decode(line: Mapping[str, Any], key: str) -> str:
        value = _text(line, key)
        if value not in words:
            raise _wrong(key, value)
        return value

    return decode


def _list(line: Mapping[str, Any], key: str) -> list[Any]:
    value = line[key]
    if not isinstance(value, list):
        raise _wrong(key, value)
    return value


def _shape(line: Mapping[str, Any], key: str) -> tuple[int, ...]:
    return tuple(_count({key: item}, key) for item in _list(line, key))


def _texts(line: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_text({key: item}, key) for item in _list(line, key))


def _pairs(line: Mapping[str, Any], key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in _list(line, key):
        if not isinstance(item, dict) or "key" not in item or "value" not in item:
            raise _wrong(key, item)
        name = _text(item, "key")
        if name in found:
            raise _wrong(key, item)
        found[name] = _text(item, "value")
    return found


def _object(line: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = line[key]
    if not isinstance(value, dict):
        raise _wrong(key, value)
    return value


def _counts(line: Mapping[str, Any], key: str) -> dict[str, int]:
    value = _object(line, key)
    return {name: _count(value, name) for name in value}


def _part(name: str) -> _Decoder:
    """The text of that name in an object."""

    def decode(line: Mapping[str, Any], key: str) -> str:
        value = _object(line, key)
        if name not in value:
            raise _wrong(key, value)
        return _text(value, name)

    return decode


def _from(key: str, decoder: _Decoder) -> dict[str, Any]:
    """A field's metadata: it is read of that key of a line, which has to be there if the field has no default."""
    return {"key": key, "decoder": decoder}


_Row = TypeVar("_Row")


def _decode(cls: type[_Row], line: object) -> _Row:
    if not isinstance(line, dict):
        raise _wrong(cls.__name__, line)
    values: dict[str, Any] = {}
    for entry in dataclasses.fields(cls):  # type: ignore[arg-type]
        key = entry.metadata.get("key")
        if key is None:
            continue
        if key in line:
            values[entry.name] = entry.metadata["decoder"](line, key)
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            raise CommandError(f"the tensorvet command's line lacks {key!r}")
    return cls(**values)


def _rows(cls: type[Any]) -> _Decoder:
    return lambda line, key: tuple(_decode(cls, item) for item in _list(line, key))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing wrong or notable; `tensorvet explain ID` says more of it."""

    id: str = field(metadata=_from("id", _text))
    """Stable for ever, kebab-case; docs/findings.md lists them."""
    severity: str = field(metadata=_from("severity", _word(_SEVERITIES)))
    """`error`, `warning` or `note`."""
    message: str = field(metadata=_from("message", _text))
    """A sentence for people, safe to print; it may change."""
    offset: int | None = field(default=None, metadata=_from("offset", _count))
    """Byte of the file."""
    subject: str | None = field(default=None, metadata=_from("subject", _text))
    """What it is about: a tensor's name, an entry, a path. Untrusted."""
    detail: str | None = field(default=None, metadata=_from("detail", _text))
    """What was met. Untrusted."""


@dataclass(frozen=True, kw_only=True)
class Global:
    """A name that a pickle mentions."""

    module: str = field(metadata=_from("module", _text))
    name: str = field(metadata=_from("name", _text))
    class_: str = field(metadata=_from("class", _word(_GLOBAL_CLASSES)))
    """`known`, `reviewed`, `unknown` or `dangerous`."""
    called: bool = field(metadata=_from("called", _flag))
    offset: int | None = field(default=None, metadata=_from("offset", _count))


@dataclass(frozen=True, kw_only=True)
class SharedName:
    """A tied name that was not written again: `name` is the tensor under `kept`."""

    name: str = field(metadata=_from("name", _text))
    kept: str = field(metadata=_from("kept", _text))


@dataclass(frozen=True, kw_only=True)
class DroppedObject:
    """A value of a checkpoint that is no tensor."""

    path: str = field(metadata=_from("path", _text))
    type: str = field(metadata=_from("type", _text))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the torch engine did to a tensor that safetensors has no form for."""

    name: str = field(metadata=_from("name", _text))
    what: str = field(metadata=_from("what", _text))


@dataclass(frozen=True, kw_only=True)
class TensorEntry:
    """One tensor of a file."""

    name: str = field(metadata=_from("name", _text))
    dtype: str | None = field(metadata=_from("dtype", _or_null(_text)))
    """As safetensors writes it (`F32`), None where it has none."""
    source_dtype: str | None = field(default=None, metadata=_from("source_dtype", _or_null(_text)))
    """As the file's own format calls it."""
    shape: tuple[int, ...] = field(metadata=_from("shape", _shape))
    """Dimensions, outermost first."""
    bytes: int = field(metadata=_from("bytes", _count))
    offset: int | None = field(default=None, metadata=_from("offset", _count))
    """Byte of the file where its data begin, if they lie there as they are."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What was found of one file or folder. `ok` says whether it was accepted."""

    path: str = field(metadata=_from("path", _text))
    """As it was given; `-` for bytes. Untrusted in a folder."""
    target: str | None = field(default=None, metadata=_from("target", _text))
    """Where a symbolic link led."""
    kind: str = field(metadata=_from("kind", _text))
    """What it is, by its bytes: `safetensors`, `torch-zip`, ..., `repository` for a folder."""
    verdict: str = field(metadata=_from("verdict", _word(_VERDICTS)))
    """`accept`, `reject`, `undecided` (could not be examined: never an accept), `unjudged` (in a folder: no model file)."""
    class_: str = field(metadata=_from("class", _word(_CLASSES)))
    """The worst of it: `data-only`, `reviewed`, `inert-unknown`, `dangerous`, `unsupported`, `malformed`, `machine`."""
    remedy: str = field(metadata=_from("remedy", _word(_REMEDIES)))
    """What may help: `none`, `convert`, `disarm`, `reupload`, `lfs-pull`, `retry`."""
    findings: tuple[Finding, ...] = field(metadata=_from("findings", _rows(Finding)))
    findings_omitted: int = field(default=0, metadata=_from("findings_omitted", _count))
    """How many more there were than the 64 that are listed."""
    complete: bool = field(metadata=_from("complete", _flag))
    """Was the examination finished?"""
    scope: str = field(metadata=_from("scope", _word(("full", "header"))))
    retryable: bool = field(metadata=_from("retryable", _flag))
    size: int | None = field(default=None, metadata=_from("size", _count))
    """Bytes of the file; None where it could not be opened, and of a folder."""
    header_sha256: str | None = field(default=None, metadata=_from("header_sha256", _text))
    """Of a safetensors header, in hex: a verdict is about bytes, not about a path."""
    tensors: int = field(default=0, metadata=_from("tensors", _count))
    data_bytes: int = field(default=0, metadata=_from("data_bytes", _count))
    seconds: float | None = field(default=None, metadata=_from("seconds", _number))
    reproduce: str | None = field(default=None, metadata=_from("reproduce", _text))
    """Where the reader crashed: a line for bash that runs it again on that file, in its jail."""
    ruleset: str = field(metadata=_from("ruleset", _text))
    """Digest of the tables that decide: with `policy_sha256` and the file's bytes, the key to cache a verdict by."""
    policy_name: str = field(metadata=_from("policy", _part("name")))
    policy_sha256: str = field(metadata=_from("policy", _part("sha256")))
    tool_version: str = field(metadata=_from("tool", _part("version")))
    tool_commit: str = field(metadata=_from("tool", _part("commit")))
    counts: dict[str, int] = field(default_factory=dict, metadata=_from("files", _counts))
    """Of a folder: how many files got which verdict."""
    files: tuple[CheckResult, ...] = ()
    """Of a folder: what was found of each of its files, of the same type as this."""

    @property
    def ok(self) -> bool:
        """Was it examined and accepted (`convert`: converted, verified, published)?"""
        return self.verdict == "accept"

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that reject it, or leave it undecided."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


@dataclass(frozen=True, kw_only=True)
class _Listing(CheckResult):
    """The lists that `inspect` and `convert` both give. Each is bounded; `omitted` counts what found no room."""

    globals: tuple[Global, ...] = field(default=(), metadata=_from("globals", _rows(Global)))
    """Names that the pickle mentions. None of them is ever imported."""
    dropped_shared: tuple[SharedName, ...] = field(default=(), metadata=_from("dropped_shared", _rows(SharedName)))
    made_contiguous: tuple[str, ...] = field(default=(), metadata=_from("made_contiguous", _texts))
    dropped_objects: tuple[DroppedObject, ...] = field(default=(), metadata=_from("dropped_objects", _rows(DroppedObject)))
    notes: tuple[str, ...] = field(default=(), metadata=_from("notes", _texts))
    omitted: dict[str, int] = field(default_factory=dict)
    """By the name of the list."""


@dataclass(frozen=True, kw_only=True)
class InspectResult(_Listing):
    """`CheckResult`, and what is in the file."""

    tensor_list: tuple[TensorEntry, ...] = field(default=(), metadata=_from("tensor_list", _rows(TensorEntry)))
    metadata: dict[str, str] = field(default_factory=dict, metadata=_from("metadata", _pairs))
    """Of a safetensors header, in the order of the file; else empty."""


@dataclass(frozen=True, kw_only=True)
class ConvertResult(_Listing):
    """What became of a conversion: `verdict` is about the output, and `accept` means that it is published."""

    source_verdict: str | None = field(default=None, metadata=_from("source_verdict", _word(_VERDICTS)))
    """What `check` says of the source; None on the line of a folder."""
    disarmed: bool = field(default=False, metadata=_from("disarmed", _flag))
    """Were dangerous names left behind?"""
    output: str | None = field(default=None, metadata=_from("output", _or_null(_text)))
    """The file that was published."""
    output_size: int | None = field(default=None, metadata=_from("output_size", _count))
    engine: str | None = field(default=None, metadata=_from("engine", _text))
    """`native` or `torch`; the next three are of the torch engine."""
    engine_version: str | None = field(default=None, metadata=_from("engine_version", _text))
    code_ran: bool = field(default=False, metadata=_from("code_ran", _flag))
    """Was code of the file allowed to run, and a Python started for it? Then its numbers may be lies."""
    decisions: tuple[Decision, ...] = field(default=(), metadata=_from("decisions", _rows(Decision)))
    verified: bool = field(default=False, metadata=_from("verified", _flag))
    """Was the output compared with the source bit for bit, judged, and published?"""
    dry_run: bool = field(default=False, metadata=_from("dry_run", _flag))
    """True where nothing was to be written: `ok` then means that it would be."""
    free_bytes: int | None = field(default=None, metadata=_from("free_bytes", _count))


_LISTS = ("globals", "dropped_shared", "made_contiguous", "dropped_objects", "decisions", "notes", "tensor_list", "metadata")
_Result = TypeVar("_Result", bound=CheckResult)


def _decode_line(cls: type[_Result], text: bytes) -> _Result:
    try:
        line = _json.loads(text)
    except ValueError as error:
        raise CommandError(f"a line of the tensorvet command is not JSON: {error}") from None
    if not isinstance(line, dict) or line.get("schema") != _SCHEMA or isinstance(line["schema"], bool):
        raise CommandError(f"a line of the tensorvet command is not of schema {_SCHEMA}: {text[:200]!r}")
    result = _decode(cls, line)
    if isinstance(result, _Listing):
        result.omitted.update((name, _count(line, name + "_omitted")) for name in _LISTS if name + "_omitted" in line)
    return result


def decode_lines(cls: type[_Result], output: bytes) -> list[_Result]:
    """The results of all lines of a command's output, in its order. CommandError where one is not what it should be."""
    if output and not output.endswith(b"\n"):
        raise CommandError("the tensorvet command's output was cut short")
    return [_decode_line(cls, line) for line in output.split(b"\n")[:-1]]
