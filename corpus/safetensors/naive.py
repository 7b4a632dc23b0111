#!/usr/bin/env python3
"""A second opinion: a deliberately naive checker, written straight from the rules (docs/findings.md) and sharing
nothing with the library but those. It must agree with what the generator says of every file: naive.py, no arguments.

It is slow, recursive where it likes, and keeps the whole file in memory: for tests alone."""
import json
import re
import struct
import sys
import tempfile

import recipe

LIMITS = {"header_bytes": 100000000, "rank": 64, "name_bytes": 1024, "metadata_bytes": 16777216, "tensors": 2000000}
BITS = dict(BOOL=8, F4=4, F6_E2M3=6, F6_E3M2=6, U8=8, I8=8, F8_E5M2=8, F8_E4M3=8, F8_E8M0=8, F8_E4M3FNUZ=8, F8_E5M2FNUZ=8,
            I16=16, U16=16, F16=16, BF16=16, I32=32, U32=32, F32=32, C64=64, F64=64, I64=64, U64=64)
MAGICS = {
    "git-lfs-pointer": [b"version "],
    "html-page": [b"<!DOCTYP", b"<!doctyp", b"<html", b"<HTML", b"<?xml", b'{"error', b"Entry no", b"Access t",
                  b"<body", b"<!--", b"\n<", b"\r\n<!", b"\r\n<h", b"\n\n<!", b"\xef\xbb\xbf<", b"Invalid ", b"Not Foun", b"404: Not"],
    "pickle-in-disguise": [b"\x80\x04\x95", b"\x80\x05\x95", b"L1195470"] + [bytes([0x80, v]) for v in range(6)],
    "archive-in-disguise": [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
                            b"\x04\x22\x4d\x18", b"7z\xbc\xaf\x27\x1c", b"Rar!"],
    "unsupported-kind": [b"\x93NUMPY", b"PYTORCH1", b"GGUF", b"lmgg", b"tjgg", b"fmgg", b"\x89HDF\r\n\x1a\n"],
}


class Reject(Exception):
    def __init__(self, id, offset=0, subject=""):
        super().__init__(id, offset, subject)


def foreign(head, least):
    for id, magics in MAGICS.items():
        if any(head.startswith(m) and len(m) >= least for m in magics):
            raise Reject(id)
    if head[4:8] in (b"PTMF", b"ET12"):
        raise Reject("unsupported-kind")


def check_prefix(data, size, limits):
    """The header, its length being right. `data` may lack the end of the file, never that of the header."""
    if size == 0:
        raise Reject("empty-file")
    length = struct.unpack("<Q", data[:8])[0] if size >= 8 else None
    if length is None or length > 100000000:
        foreign(data[:8], 0)
    if length is None:
        raise Reject("file-too-short")
    beyond = length > size - 8
    if beyond and length <= 100000000:
        foreign(data[:8], 3)
    if length > min(100000000, limits["header_bytes"]):
        raise Reject("header-too-large")
    if beyond:
        raise Reject("header-length-beyond-file")
    if data[8:9] != b"{" or length == 0:
        foreign(data[:8], 3)
    return data[8:8 + length]


# ---- JSON: a parser that keeps positions ----

class Node:
    """kind: object (value: list of (key node, node)), array (list of nodes), string (text), number (its text), word."""

    def __init__(self, kind, at, value):
        self.kind, self.at, self.value = kind, at, value


class Parser:
    def __init__(self, text):
        self.text, self.at = text, 8  # bytes, 8 of something before them: positions are those of the file

    def char(self):
        return self.text[self.at:self.at + 1]

    def bad(self, at=None):
        raise Reject("header-invalid-json", self.at if at is None else at)

    def blanks(self):
        while self.char() in (b" ", b"\t", b"\n", b"\r"):
            self.at += 1

    def expect(self, char):
        if self.char() != char:
            self.bad()
        self.at += 1

    def value(self, depth=1):
        self.blanks()
        at, char = self.at, self.char()
        if char in (b"{", b"["):
            if depth > 3:
                raise Reject("header-too-deep", at)
            self.at += 1
            return Node("object", at, self.members(depth)) if char == b"{" else Node("array", at, self.items(depth))
        if char == b'"':
            return self.string()
        for word in (b"true", b"false", b"null"):
            if char == word[:1]:
                for letter in word:
                    self.expect(bytes([letter]))
                return Node("word", at, word)
        return self.number()

    def members(self, depth):
        members = []
        self.blanks()
        if self.char() == b"}":
            self.at += 1
            return members
        while True:
            self.blanks()
            if self.char() != b'"':
                self.bad()
            key = self.string()
            self.blanks()
            self.expect(b":")
            members.append((key, self.value(depth + 1)))
            self.blanks()
            if self.char() == b"}":
                self.at += 1
                return members
            self.expect(b",")

    def items(self, depth):
        items = []
        self.blanks()
        if self.char() == b"]":
            self.at += 1
            return items
        while True:
            items.append(self.value(depth + 1))
            self.blanks()
            if self.char() == b"]":
                self.at += 1
                return items
            self.expect(b",")

    def number(self):
        at = self.at
        if self.char() == b"-":
            self.at += 1
        if self.char() == b"0":
            self.at += 1
        else:
            self.digits()
        if self.char() == b".":
            self.at += 1
            self.digits()
        if self.char() in (b"e", b"E"):
            self.at += 1
            if self.char() in (b"+", b"-"):
                self.at += 1
            self.digits()
        return Node("number", at, self.text[at:self.at].decode())

    def digits(self):
        if not self.char().isdigit():
            self.bad()
        while self.char().isdigit():
            self.at += 1

    def string(self):
        start, out = self.at, bytearray()
        self.at += 1
        while self.char() != b'"':
            plain = re.compile(rb'[^"\\\x00-\x1f]*').match(self.text, self.at)
            out += plain[0]
            self.at = plain.end()
            if self.char() == b"\\":
                out += self.escape()
            elif self.char() != b'"':
                self.bad()
        self.at += 1
        return Node("string", start, out.decode())

    def escape(self):
        start, rest = self.at, self.text[self.at:self.at + 12].decode("latin-1")
        simple = re.match(r'\\(["\\/bfnrt])', rest)
        if simple:
            self.at += 2
            return json.loads('"\\' + simple[1] + '"').encode()
        pair = re.match(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})", rest)
        if pair:
            self.at += 12
            return chr(0x10000 + (int(pair[1], 16) - 0xd800) * 0x400 + int(pair[2], 16) - 0xdc00).encode()
        single = re.match(r"\\u([0-9a-fA-F]{4})", rest)
        if not single or 0xd800 <= int(single[1], 16) <= 0xdfff:
            self.bad(start)
        self.at += 6
        return chr(int(single[1], 16)).encode()


def check_text(header):
    try:
        header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Reject("header-invalid-utf8", 8 + error.start) from None
    if not header.startswith(b"{"):
        raise Reject("header-not-object", 8)
    parser = Parser(b" " * 8 + header)
    root = parser.value()
    rest = header[parser.at - 8:].lstrip(b" ")
    if rest:
        raise Reject("header-trailing-bytes", 8 + len(header) - len(rest))
    return root


# ---- names and tensors ----

BIDI = [0x61c, 0x200e, 0x200f, *range(0x202a, 0x202f), *range(0x2066, 0x206a)]


def check_name(key, limits, warnings):
    if len(key.value.encode()) > limits["name_bytes"]:
        raise Reject("name-too-long", key.at, key.value)
    if any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in key.value):
        raise Reject("name-control-character", key.at, key.value)
    if any(ord(c) in BIDI for c in key.value):
        warnings.add("name-bidi")


def check_metadata(node, limits, warnings):
    if node.kind != "object":
        raise Reject("metadata-wrong-type", node.at, "__metadata__")
    seen, total = set(), 0
    for key, value in node.value:
        check_name(key, limits, warnings)
        if key.value in seen:
            raise Reject("duplicate-key", key.at, key.value)
        seen.add(key.value)
        if value.kind == "array" and key.value in ("shape", "data_offsets"):
            raise Reject("name-reserved", value.at, "__metadata__")
        if value.kind != "string":
            raise Reject("metadata-wrong-type", value.at, key.value)
        total += len(value.value.encode())
        if total > limits["metadata_bytes"]:
            raise Reject("metadata-too-large", value.at, key.value)


def check_integer(node, name):
    if node.kind != "number":
        raise Reject("wrong-type", node.at, name)
    if not node.value.isdigit() or int(node.value) >= 2**63:
        raise Reject("integer-out-of-range", node.at, name)
    return int(node.value)


def check_field(key, value, name, limits):
    wanted = {"dtype": "string", "shape": "array", "data_offsets": "array"}[key]
    if value.kind != wanted:
        raise Reject("wrong-type", value.at, name)
    if key == "dtype":
        if value.value not in BITS:
            raise Reject("unknown-dtype", value.at, name)
        return value.value
    numbers = []
    for i, item in enumerate(value.value):
        if key == "shape" and i >= limits["rank"]:
            raise Reject("rank-too-large", value.at, name)
        if key == "data_offsets" and i == 2:
            raise Reject("integer-out-of-range", value.at, name)
        numbers.append(check_integer(item, name))
    if key == "data_offsets" and len(numbers) != 2:
        raise Reject("integer-out-of-range", value.at, name)
    return numbers


def check_tensor(name, node, limits):
    if node.kind != "object":
        raise Reject("wrong-type", node.at, name)
    found, at = {}, {}
    for key, value in node.value:
        if key.value not in ("dtype", "shape", "data_offsets"):
            raise Reject("unknown-field", key.at, name)
        if key.value in found:
            raise Reject("duplicate-field", key.at, name)
        found[key.value], at[key.value] = check_field(key.value, value, name, limits), value.at
    if len(found) < 3:
        raise Reject("missing-field", node.at, name)
    bits, nonzero = BITS[found["dtype"]], BITS[found["dtype"]]
    for size in found["shape"]:
        bits *= size
        nonzero *= size or 1
    begin, end = found["data_offsets"]
    if nonzero >= 2**64:
        raise Reject("shape-overflow", at["shape"], name)
    if bits % 8:
        raise Reject("sub-byte-misaligned", at["shape"], name)
    if begin > end:
        raise Reject("offsets-reversed", at["data_offsets"], name)
    if end - begin != bits // 8:
        raise Reject("size-mismatch", at["data_offsets"], name)
    return begin, end, found["dtype"]


def check_members(root, limits, warnings):
    seen, tensors = set(), []
    for key, value in root.value:
        if key.value != "__metadata__":
            check_name(key, limits, warnings)
        if key.value in seen:
            raise Reject("duplicate-key", key.at, key.value)
        seen.add(key.value)
        if key.value == "__metadata__":
            check_metadata(value, limits, warnings)
            continue
        if key.value == "":
            warnings.add("name-empty")
        tensors.append((*check_tensor(key.value, value, limits), key))
    return tensors


# ---- layout ----

def check_layout(tensors, start, size, limits, warnings):
    if len(tensors) > limits["tensors"]:
        key = tensors[limits["tensors"]][3]
        raise Reject("too-many-tensors", key.at, key.value)
    tensors = sorted(tensors, key=lambda t: t[:2])
    last = 0
    for begin, end, _, key in tensors:
        if begin != last:
            raise Reject("offsets-overlap" if begin < last else "offsets-gap", key.at, key.value)
        last = end
    for begin, end, dtype, key in tensors:
        if end > size - start:
            raise Reject("offsets-out-of-range", key.at, key.value)
        if begin < end and BITS[dtype] > 8 and (start + begin) % (BITS[dtype] // 8):
            warnings.add("tensor-misaligned")
    if last < size - start:
        raise Reject("trailing-data", start + last)


def check(data, size, limits):
    """(verdict, ids, offset, subject). Warnings are only said of what is accepted."""
    limits, warnings = LIMITS | limits, set()
    try:
        header = check_prefix(data, size, limits)
        tensors = check_members(check_text(header), limits, warnings)
        check_layout(tensors, 8 + len(header), size, limits, warnings)
    except Reject as reject:
        id, offset, subject = reject.args
        return "reject", [id], offset, subject
    if len(header) % 8:
        warnings.add("header-unaligned")
    if len(header) > 25000000:
        warnings.add("header-over-25mb")
    order = ["header-unaligned", "header-over-25mb", "name-bidi", "name-empty", "tensor-misaligned"]
    return "accept", [w for w in order if w in warnings], 0, ""


def main():
    wrong = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for line in (recipe.HERE / "manifest.jsonl").read_text().splitlines():
            case = json.loads(line)
            path = recipe.path_of(case, folder)
            size = path.stat().st_size
            with open(path, "rb") as file:
                data = file.read(8)
                if len(data) == 8:
                    data += file.read(min(struct.unpack("<Q", data)[0], 100000000))
            found = check(data, size, case.get("limits", {}))
            wanted = (case["verdict"], case["ids"], case.get("offset", 0), case.get("subject", ""))
            count += 1
            if found != wanted:
                wrong += 1
                print(f"{case['file']}: the generator says {wanted}, the naive checker {found}")
            if case.get("recipe"):
                path.unlink()
    print(f"{count} files, {wrong} of them judged differently")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
