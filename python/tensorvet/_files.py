"""Files: opening one for reading, and replacing one whole or not at all.

What every framework module builds on::

    reader = open_reader(filename)      # a _core.Reader; OSError and SafetensorError name the true cause
    reader = bytes_reader(data)         # the same over bytes
    reader.table()                      # [(name, dtype, shape, begin, end), ...] in offset order
    reader.metadata()                   # dict or None
    reader.read(position)               # bytearray of that tensor's bytes
    write_file(entries, filename, metadata)
    write_bytes(entries, metadata)      # entries: [(name, dtype code, shape tuple, address, size in bytes), ...]
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Optional

from tensorvet import _core, _lenient, _policy
from tensorvet._errors import SafetensorError, explained, printable

Entry = tuple  # (name: str, dtype: str, shape: tuple[int, ...], address: int, size: int)

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO must not wait
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_WHY = {
    errno.EISDIR: "Is a directory: `tensorvet check` takes folders, a loader takes one file",
    errno.EINVAL: "Not a regular file",
}


def open_reader(filename) -> _core.Reader:
    """Open and validate a file; its header and its tensors are read from one descriptor.

    Raises the OSError that the system gave (FileNotFoundError, PermissionError, IsADirectoryError, ...), or
    SafetensorError with the rule that the file breaks.
    """
    path = os.fspath(filename)
    if not isinstance(path, str):
        raise TypeError(f"filename must be str or a path of str, not {type(path).__name__}")
    return reader_of(os.open(path, _READ), path)


def reader_of(descriptor: int, path: str) -> _core.Reader:
    """The reader of an open descriptor, which it takes over, failure included."""
    try:
        return _core.Reader(descriptor)
    except SafetensorError as error:
        try:
            return _refused(error, descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, _WHY.get(error.errno or 0, error.strerror or ""), path) from None
    except BaseException:
        os.close(descriptor)
        raise


def _refused(error: SafetensorError, descriptor: int, path: str) -> _core.Reader:
    """The lenient reader where the policy has one; else the error, with its whole text."""
    size = os.fstat(descriptor).st_size
    if _policy.is_reference():
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return _lenient.reader(descriptor, file.read, size, "deserializing header")
    head = b""
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        head = file.read(512)
    raise explained(error, "deserializing header", printable(path), head, size) from None


def bytes_reader(data: bytes) -> _core.Reader:
    """The reader of a whole file that is in memory. Raises TypeError for anything but bytes."""
    if not isinstance(data, bytes):
        raise TypeError(f"a file in memory is given as bytes, not {type(data).__name__}")
    try:
        return _core.Reader(data)
    except SafetensorError as error:
        if _policy.is_reference():
            return _lenient.reader_of_bytes(data)
        raise explained(error, "deserializing", None, data[:512], len(data)) from None


def write_bytes(entries: list[Entry], metadata: Optional[dict[str, str]]) -> bytes:
    """The bytes of the file that has those entries. What the entries point to must stay where it is meanwhile."""
    try:
        return _core.serialize(entries, metadata)
    except SafetensorError as error:
        raise explained(error, "serializing") from None


def _target(path: str) -> tuple[str, Optional[int]]:
    """Where the file really goes (a link is followed, and stays), and the mode it has if it is there already."""
    path = os.path.realpath(path) if os.path.islink(path) else path
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return path, None
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(there.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return path, stat.S_IMODE(there.st_mode)


def _sync_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows syncs names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(temporary: str, mode: Optional[int], entries: list[Entry], metadata: Optional[dict[str, str]]) -> None:
    syncs = _policy.syncs()
    descriptor = os.open(temporary, _CREATE, 0o666)  # less the umask
    try:
        _core.write(descriptor, entries, metadata, syncs)
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        if syncs:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(entries: list[Entry], filename, metadata: Optional[dict[str, str]]) -> None:
    """Write the file under a temporary name beside it, bring it to the disk, and put it in place of what was there.

    A new file's mode is 0666 less the umask; a file that is replaced keeps its mode. A symlink is followed: what it
    names is replaced, the link stays. On failure nothing has changed. TENSORVET_FSYNC=0 leaves the disk to the system.
    """
    asked = os.fspath(filename)
    if not isinstance(asked, str):
        raise TypeError(f"filename must be str or a path of str, not {type(asked).__name__}")
    path, mode = _target(asked)
    folder = os.path.dirname(path) or os.curdir
    temporary = os.path.join(folder, f".tensorvet-{os.urandom(8).hex()}")
    try:
        try:
            _fill(temporary, mode, entries, metadata)
            os.replace(temporary, path)
            if _policy.syncs():
                _sync_folder(folder)
        except BaseException:
            try:
                os.unlink(temporary)
            except FileNotFoundError:
                pass
            raise
    except SafetensorError as error:
        raise explained(error, "serializing") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, asked) from None
