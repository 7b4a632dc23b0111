"""Writes zip archives as torch 1.13 lays them out, and lies about any part of them where it is told to.

A lie is a keyword: what it names is written wrong, everything else as an honest writer would.
"""
import struct
import zlib
from dataclasses import dataclass, field

ALIGNMENT = 64


@dataclass
class Entry:
    """One entry. Fields after data are lies; None is the truth."""
    name: bytes
    data: bytes
    local_name: bytes = None       # in the local header
    method: int = 0                # in both headers; the data is stored as it is given
    local_method: int = None
    flags: int = 0x0800            # UTF-8; 0x0008 is added where a data descriptor follows
    crc: int = None                # in descriptor and directory
    size: int = None               # unpacked size, in descriptor and directory
    packed: int = None             # packed size, in descriptor and directory
    descriptor_size: int = None    # in the descriptor alone
    extra: bytes = b""             # after the name in the directory
    hidden: bytes = b""            # bytes after the entry that belong to nothing
    shares: str = None             # name of an earlier entry whose local header this row points to
    at: int = None                 # local header offset in the directory
    disk: int = 0


def padding(position):
    """torch's FB field: fills up so that the data starts at a multiple of 64."""
    size = ALIGNMENT - (position + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", size % ALIGNMENT) + b"Z" * (size % ALIGNMENT)


def local_header(entry, at):
    """The local header of an entry that starts at that offset, up to its data."""
    name = entry.name if entry.local_name is None else entry.local_name
    method = entry.method if entry.local_method is None else entry.local_method
    flags = entry.flags | (8 if entry.data else 0)
    extra = padding(at + 30 + len(name))
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 0, flags, method, 0, 0, 0, 0, 0, len(name), len(extra)) + name + extra


def numbers(entry):
    """crc, packed size, size as the entry tells them."""
    truth = zlib.crc32(entry.data), len(entry.data), len(entry.data)
    lies = entry.crc, entry.packed, entry.size
    return tuple(fact if lie is None else lie for fact, lie in zip(truth, lies))


def descriptor(entry):
    if not entry.data:
        return b""
    crc, packed, size = numbers(entry)
    return struct.pack("<4sIII", b"PK\7\x08", crc, packed, size if entry.descriptor_size is None else entry.descriptor_size)


def directory_row(entry, at):
    crc, packed, size = numbers(entry)
    flags = entry.flags | (8 if entry.data else 0)
    return struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 0, 0, flags, entry.method, 0, 0, crc, packed, size,
                       len(entry.name), len(entry.extra), 0, entry.disk, 0, 0,
                       at if entry.at is None else entry.at) + entry.name + entry.extra


def archive(entries, prefix=b"", before_end=b"", comment=b"", suffix=b"", entries_said=None, directory_size=None,
            directory_at=None, end_at=None, disk=0):
    """All entries, the directory, and the three end records torch writes."""
    out, rows, starts = bytearray(prefix), [], {}
    for entry in entries:
        if entry.shares:
            rows.append(directory_row(entry, starts[entry.shares.encode()]))
            continue
        at = starts[entry.name] = len(out)
        out += local_header(entry, at) + entry.data + descriptor(entry) + entry.hidden
        rows.append(directory_row(entry, at))
    out += before_end
    at, directory = len(out), b"".join(rows)
    count = len(rows) if entries_said is None else entries_said
    size = len(directory) if directory_size is None else directory_size
    start = at if directory_at is None else directory_at
    out += directory
    end64 = len(out) if end_at is None else end_at
    out += struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 0x031e, 45, 0, 0, count, count, size, start)
    out += struct.pack("<4sIQI", b"PK\6\7", 0, end64, 1)
    out += struct.pack("<4sHHHHIIH", b"PK\5\6", disk, disk, count, count, size, start, len(comment)) + comment
    return bytes(out) + suffix


def torch_entries(pickle, storages, root="archive", version=b"3\n", lies=None, extra=(), without=()):
    """The entries of a checkpoint. lies: keywords for Entry by record name. extra: entries to add, names as they are."""
    records = [("data.pkl", pickle)] + [(f"data/{key}", data) for key, data in storages.items()] + [("version", version)]
    prefix = root.encode() + b"/"
    made = [Entry(prefix + record.encode(), data, **(lies or {}).get(record, {}))
            for record, data in records if record not in without]
    return made + list(extra)
