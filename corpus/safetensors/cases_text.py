"""Cases of the stages foreign, prefix and text."""
import struct

from cases import MARK, Rule, file_bytes, one, padded, tensor


def add():
    foreign()
    prefix()
    utf8()
    not_object()
    json_strings()
    json_structure()
    json_numbers()
    depth()
    trailing()


MAGICS = {
    "git-lfs-pointer": [("pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")],
    "html-page": [("doctype", b"<!DOCTYPE html><html></html>"), ("html", b"<html><body>429</body></html>"),
                  ("short", b"<html>"), ("xml", b"<?xml version='1.0'?><Error/>"),
                  ("json-error", b'{"error":"Repository not found"}'), ("entry", b"Entry not found"),
                  ("access", b"Access to model x is restricted"),
                  ("after-line", b"\n<!DOCTYPE html><html></html>"), ("after-crlf", b"\r\n<html></html>"),
                  ("after-lines", b"\n\n<!doctype html>"), ("after-bom", b"\xef\xbb\xbf<!DOCTYPE html>"),
                  ("comment", b"<!-- saved --><html></html>"), ("body", b"<body>gone</body>"),
                  ("password", b"Invalid username or password."), ("not-found", b"Not Found"),
                  ("not-found-404", b"404: Not Found")],
    "pickle-in-disguise": [
        ("protocol-2", b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s."), ("protocol-4", b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}."),
        ("protocol-4-short", b"\x80\x04\x95\x02\0\0\0\0\0\0\0}."), ("tiny", b"\x80\x02}."), ("torch-legacy", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
        ("torch-legacy-text", b"L119547037146038801333356L\n.")],
    "archive-in-disguise": [
        ("zip", b"PK\x03\x04\x14\0\0\0\0\0" + bytes(40)), ("zip-empty", b"PK\x05\x06" + bytes(18)),
        ("gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"), ("gzip-no-time", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ("bzip2", b"BZh91AY&SY"), ("xz", b"\xfd7zXZ\0\0\x04"), ("zstd", b"\x28\xb5\x2f\xfd\x04\x58\x01\0"),
        ("lz4", b"\x04\x22\x4d\x18\x64\x40\xa7\0"), ("7z", b"7z\xbc\xaf\x27\x1c\0\x04"), ("rar", b"Rar!\x1a\x07\x01\0")],
    "unsupported-kind": [
        ("gguf", b"GGUF\x03\0\0\0" + bytes(8)), ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(8)),
        ("npy", b"\x93NUMPY\x01\0v\0{'descr'"), ("torch-preview", b"PYTORCH1" + bytes(8)),
        ("ggml", b"lmgg\x01\0\0\0" + bytes(8)), ("executorch", b"\x1c\0\0\0ET12" + bytes(8)),
        ("mobile", b"\x1c\0\0\0PTMF" + bytes(8))],
}


def foreign():
    empty = Rule("empty-file", "a file has bytes")
    empty.raw("empty", b"", "empty-file")
    empty.accept("least", "{}")
    for id, files in MAGICS.items():
        rule = Rule(id, "no known magic stands where the header length should be")
        for name, content in files:
            rule.raw(name, content, id)
        rule.accept("not", one(), 1)
        if id == "archive-in-disguise":  # gzip's magic and no time stamp: a length that fits, with no brace behind it
            rule.recipe("gzip-no-time-long", {"start": "1f8b08000000000000034b", "size": 600000}, [id], "reject")
    # lengths that are magics by chance: with a header behind them they are lengths
    rule = Rule("magic-by-chance", "a plausible length before a brace is a length, whatever its bytes spell")
    for name, length in (("proto-2", 0x0280), ("proto-4", 0x0480)):
        header = one().encode()
        rule.raw(name, file_bytes(header + b" " * (length - len(header)), 1), None)
    rule.raw("proto-2-cut", file_bytes(b"{}" + b" " * (0x0280 - 2), 0)[:600], "header-length-beyond-file")


def prefix():
    rule = Rule("file-too-short", "the header's length takes 8 bytes")
    for size in range(1, 8):
        rule.raw(f"{size}-bytes", struct.pack("<Q", 2)[:size], "file-too-short")
    rule.accept("ten-bytes", "{}", pad=False, ids=["header-unaligned"])
    rule = Rule("header-length-beyond-file", "the header lies in the file")
    rule.accept("fits", "{}")
    rule.raw("only-length", struct.pack("<Q", 2), "header-length-beyond-file")
    rule.raw("one-byte-less", struct.pack("<Q", 8) + b"{}     ", "header-length-beyond-file")
    rule.raw("one-more", struct.pack("<Q", 9) + b"{}      ", "header-length-beyond-file")
    rule.raw("limit-claimed", struct.pack("<Q", 100000000) + b"{}", "header-length-beyond-file")
    rule = Rule("header-too-large", "the header's length is at most 100000000 and the limit")
    for name, length in (("limit-plus-1", 100000001), ("2-31", 2**31), ("2-32-minus-1", 2**32 - 1), ("2-32", 2**32),
                         ("2-32-plus-1", 2**32 + 1), ("2-53", 2**53), ("2-63-minus-1", 2**63 - 1), ("2-63", 2**63),
                         ("2-64-minus-8", 2**64 - 8), ("2-64-minus-1", 2**64 - 1)):
        rule.raw(name, struct.pack("<Q", length) + b"{}      ", "header-too-large")
    rule.recipe("limit", {"header": "{}", "pad_to": 100000000}, ["header-over-25mb"])
    rule.accept("at-limit", "{}", limits={"header_bytes": 8})
    rule.reject("above-limit", "{}       ", limits={"header_bytes": 8}, offset=0)
    rule = Rule("header-over-25mb", "hub clients refuse headers above 25000000 bytes: a note")
    rule.recipe("at", {"header": "{}", "pad_to": 25000000})
    rule.recipe("above", {"header": "{}", "pad_to": 25000008}, ["header-over-25mb"])
    rule = Rule("header-unaligned", "a header length that is no multiple of 8 is a warning")
    for extra in range(0, 9):
        rule.accept(f"{extra}-spaces", "{}" + " " * extra, pad=False, ids=[] if extra == 6 else ["header-unaligned"])
    rule = Rule("truncated-anywhere", "a file that was cut is refused at every place")
    header = padded(one().encode())
    whole = file_bytes(header, 1)
    rule.raw("whole", whole, None)
    for size in range(8, 8 + len(header)):
        rule.raw(f"{size:03}-bytes", whole[:size], "header-length-beyond-file")
    rule.raw("no-data", whole[:-1], "offsets-out-of-range", 9, "t")


GOOD_UTF8 = {"u7e": b"~", "ua0": b"\xc2\xa0", "u7ff": b"\xdf\xbf", "u800": b"\xe0\xa0\x80", "ud7ff": b"\xed\x9f\xbf",
             "ue000": b"\xee\x80\x80", "uffff": b"\xef\xbf\xbf", "u10000": b"\xf0\x90\x80\x80", "u10ffff": b"\xf4\x8f\xbf\xbf"}
BAD_UTF8 = {"stray-80": b"\x80", "stray-bf": b"\xbf", "overlong-2": b"\xc0\x80", "overlong-2-c1": b"\xc1\xbf",
            "overlong-3": b"\xe0\x9f\xbf", "overlong-4": b"\xf0\x8f\xbf\xbf", "surrogate-low-end": b"\xed\xa0\x80",
            "surrogate-high-end": b"\xed\xbf\xbf", "above-10ffff": b"\xf4\x90\x80\x80", "f5": b"\xf5\x80\x80\x80",
            "ff": b"\xff", "fe": b"\xfe", "latin-1": b"\xe9", "cut-2": b"\xc3", "cut-3": b"\xe2\x82", "cut-4": b"\xf0\x9f\x98"}


def utf8():
    rule = Rule("header-invalid-utf8", "the header is well-formed UTF-8 (RFC 3629)")
    for name, raw in GOOD_UTF8.items():
        rule.accept(name, b'{"__metadata__":{"k":"' + raw + b'"},"' + raw + b'":' + tensor().encode() + b"}", 1)
    for name, raw in BAD_UTF8.items():
        rule.reject("in-name." + name, b'{"' + MARK.encode() + raw + b'":' + tensor().encode() + b"}", 1)
        rule.reject("in-value." + name, b'{"__metadata__":{"k":"' + MARK.encode() + raw + b'"}}')
    rule.reject("before-bad-json", b"{]" + MARK.encode() + b"\xff}")
    rule.reject("outside-strings", b"{" + MARK.encode() + b"\xff}")
    rule.reject("in-padding", b"{}" + MARK.encode() + b"\xff     ")
    rule.reject("at-the-end", b"{}     " + MARK.encode() + b"\xc3")


def not_object():
    rule = Rule("header-not-object", "byte 8 is an opening brace")
    rule.accept("object", "{}")
    rule.accept("spaces-inside", "{ }")
    for name, text in (("empty", ""), ("space", " {}"), ("newline", "\n{}"), ("tab", "\t{}"), ("return", "\r{}"),
                       ("bom", "\ufeff{}"), ("array", "[]"), ("null", "null"), ("string", '"x"'), ("number", "1"),
                       ("true", "true"), ("nul", "\0\0\0\0\0\0\0\0"), ("only-spaces", "        ")):
        rule.reject(name, MARK + text)


def json_strings():
    rule = Rule("header-invalid-json.string", "strings are RFC 8259's")
    value = '{{"__metadata__":{{"k":"{}"}}}}'
    for name, text in (("escapes", r"\"\\\/\b\f\n\r\t"), ("u-escape", r"\u00e9\u00E9"), ("pair", r"\ud83d\ude00"),
                       ("pair-ends", r"\ud800\udc00\udbff\udfff"), ("below-surrogates", r"\ud7ff"),
                       ("above-surrogates", r"\ue000\uffff"), ("nul-escape", r"\u0000"), ("del", "\x7f"), ("slash", "/"),
                       ("line-separator", "\u2028")):
        rule.accept(name, value.format(text))
    for code in range(0x20):
        rule.reject(f"raw-control-{code:02x}", value.format(MARK + chr(code)), id="header-invalid-json")
    for name, text in (("x-escape", r"¤\x41"), ("capital-u", r"¤\U0041"), ("a-escape", r"¤\a"), ("single-quote", r"¤\'"),
                       ("short-u", r"¤\u004"), ("bad-hex", r"¤\u004g"), ("lone-high", r"¤\ud83d"), ("lone-high-text", r"¤\ud83dx"),
                       ("lone-low", r"¤\ude00"), ("two-high", r"¤\ud83d\ud83d"), ("high-then-letter", r"¤\ud83d\u0041"),
                       ("low-then-high", r"¤\ude00\ud83d"), ("high-bad-escape", r"¤\ud83d\x"), ("nul-escape-octal", r"¤\0")):
        rule.reject(name, value.format(text), id="header-invalid-json")
        rule.reject("name." + name, '{"' + text + '":' + tensor() + "}", 1, id="header-invalid-json")
    rule.reject("unterminated", '{"abc¤', id="header-invalid-json")
    rule.reject("ends-in-backslash", '{"abc¤\\', id="header-invalid-json")


def json_structure():
    rule = Rule("header-invalid-json.structure", "brackets, commas and colons are RFC 8259's")
    t = tensor()
    rule.accept("blanks", '{ "t" :\t{ "dtype" : "U8" ,\n"shape" : [ 1 ] ,\r"data_offsets" : [ 0 , 1 ] } }', 1)
    rule.accept("two", f'{{"a":{t},"b":{tensor(offsets="[1,2]")}}}', 2)
    for name, text in (
            ("only-brace", "{¤"), ("comma-only", "{¤,}"), ("leading-comma", f'{{¤,"t":{t}}}'),
            ("trailing-comma", f'{{"t":{t},¤}}'), ("two-commas", f'{{"a":{t},¤,"b":{t}}}'), ("no-comma", f'{{"a":{t} ¤"b":{t}}}'),
            ("no-colon", f'{{"t" ¤{t}}}'), ("two-colons", f'{{"t":¤:{t}}}'), ("no-value", '{"t":¤}'), ("no-key", f"{{¤:{t}}}"),
            ("key-number", f"{{¤1:{t}}}"), ("key-bare", f"{{¤t:{t}}}"), ("key-single", f"{{¤'t':{t}}}"),
            ("unclosed", f'{{"t":{t}¤'), ("unclosed-array", '{"t":{"shape":[1¤'), ("wrong-close", '{"t":{"shape":[1¤}}}'),
            ("wrong-close-object", '{"t":{"shape":1¤]}'), ("array-comma", '{"t":{"shape":[1,¤]}}'),
            ("array-leading-comma", '{"t":{"shape":[¤,1]}}'), ("array-no-comma", '{"t":{"shape":[1 ¤2]}}'),
            ("offsets-semicolon", '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0¤;1]}}'),
            ("comment", f'{{¤/*x*/"t":{t}}}'), ("line-comment", f'{{¤//x\n"t":{t}}}'), ("nan", '{"t":¤NaN}'),
            ("infinity", '{"t":¤Infinity}'), ("undefined", '{"t":¤undefined}'), ("capital-true", '{"t":¤True}'),
            ("half-null", '{"t":nul¤}'), ("null-longer", '{"t":null¤l}'), ("form-feed", f'{{¤\f"t":{t}}}'),
            ("vertical-tab", f'{{¤\v"t":{t}}}'), ("nbsp", f'{{¤\u00a0"t":{t}}}'), ("inner-bom", f'{{¤\ufeff"t":{t}}}'),
            ("inner-nul", f'{{¤\0"t":{t}}}')):
        rule.reject(name, text, 1, id="header-invalid-json")
    rule.reject("after-a-broken-rule", '{"t":null,"u":[1,¤]}', id="header-invalid-json")


def json_numbers():
    rule = Rule("header-invalid-json.number", "numbers are RFC 8259's")
    rule.accept("zero", one(tensor(shape="[0]", offsets="[0,0]")))
    for name, text in (("leading-zero", "0¤1"), ("two-zeros", "0¤0"), ("plus", "¤+1"), ("minus", "-¤"), ("minus-word", "-¤x"),
                       ("minus-leading-zero", "-0¤1"), ("point-first", "¤.5"), ("point-last", "1.¤"), ("exponent-open", "1e¤"),
                       ("exponent-sign", "1e+¤"), ("hex", "0¤x1"), ("underscore", "1¤_000"), ("two-points", "1.0¤.0"),
                       ("minus-infinity", "-¤Infinity"), ("letter-after", "1¤f")):
        rule.reject(name, one(tensor(shape=f"[{text}]")), 1, id="header-invalid-json")
        rule.reject("offset." + name, one(tensor(offsets=f"[0,{text}]")), 1, id="header-invalid-json")


def depth():
    rule = Rule("header-too-deep", "brackets nest 3 deep at most")
    rule.accept("three", one(), 1)
    for name, text in (("shape-array", one('{"shape":[¤[1]]}')), ("shape-object", one('{"shape":[¤{}]}')),
                       ("field-deeper", one('{"x":{"y":¤{}}}')), ("metadata-deeper", '{"__metadata__":{"k":[¤[]]}}'),
                       ("before-bad-json", one('{"x":[¤[}}')), ("hundred", '{"t":[[¤' + "[" * 100 + "]" * 102 + "}"),
                       ("ten-thousand-open", '{"t":[[¤' + "[" * 10000)):
        rule.reject(name, text)
    rule.reject("bad-json-first", one('{"x":¤}}, [[[[]]]]'), id="header-invalid-json")


def trailing():
    rule = Rule("header-trailing-bytes", "only spaces follow the object")
    rule.accept("spaces", "{}" + " " * 30)
    for name, text in (("newline", "¤\n"), ("tab", "¤\t"), ("return", "¤\r"), ("nul", "¤\0"), ("spaces-then-nul", "   ¤\0"),
                       ("brace", "¤}"), ("object", "¤{}"), ("comma", "¤,"), ("letter", " ¤x"), ("comment", "¤// pad"),
                       ("nbsp", "¤\u00a0"), ("newline-last", "    ¤\n")):
        rule.reject(name, "{}" + text)
