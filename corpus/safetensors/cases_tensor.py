"""Cases of the stage tensor: fields, types, numbers, sizes."""
from cases import Rule, one, tensor, types_but

DTYPES = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
          "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
          "C64": 64, "F64": 64, "I64": 64, "U64": 64}
FIELDS = {"dtype": '"U8"', "shape": "[1]", "data_offsets": "[0,1]"}


def fields(**changed):
    """A tensor's entry, its fields as given: a text for the whole field, or None to leave it out."""
    parts = [changed.get(f, f'"{f}":{FIELDS[f]}') for f in FIELDS]
    return "{" + ",".join(p for p in parts if p) + "}"


def quoted(text):
    return f'"{text}"'


def add():
    kinds_of_value()
    missing_and_double()
    unknown_field()
    dtypes()
    integers()
    edges()
    rank()
    sizes()
    overflow()


def kinds_of_value():
    rule = Rule("wrong-type", "a tensor is an object, its dtype a string, its shape and data_offsets arrays of integers")
    rule.accept("right", one(), 1)
    rule.accept("escaped-spelling", one('{"\\u0064type":"U\\u0038","\\u0073hape":[1],"data\\u005foffsets":[0,1]}'), 1)
    for name, value in types_but("object").items():
        rule.reject("tensor." + name, f'{{"t":¤{value}}}', subject="t")
    rule.reject("tensor.array-form", '{"t":¤["U8",[1],[0,1]]}', 1, subject="t")
    for name, value in types_but("string").items():
        rule.reject("dtype." + name, one(tensor(dtype="¤" + value)), 1, subject="t")
    rule.reject("dtype.map-form", one(tensor(dtype='¤{"U8":null}')), 1, subject="t")
    for field in ("shape", "data_offsets"):
        for name, value in types_but("array").items():
            rule.reject(f"{field}.{name}", one(fields(**{field: f'"{field}":¤{value}'})), 1, subject="t")
    for name, value in types_but("number", "array", "object").items():
        rule.reject("dimension." + name, one(tensor(shape=f"[¤{value}]")), 1, subject="t")
        rule.reject("second-dimension." + name, one(tensor(shape=f"[1,¤{value}]")), 1, subject="t")
        rule.reject("begin." + name, one(tensor(offsets=f"[¤{value},1]")), 1, subject="t")
        rule.reject("end." + name, one(tensor(offsets=f"[0,¤{value}]")), 1, subject="t")
    rule.reject("dimension.number-in-string", one(tensor(shape='[¤"1"]')), 1, subject="t")


def missing_and_double():
    missing = Rule("missing-field", "a tensor has dtype, shape and data_offsets")
    missing.accept("all", one(), 1)
    for order in ("shape,dtype,data_offsets", "data_offsets,shape,dtype", "dtype,data_offsets,shape"):
        names = order.split(",")
        missing.accept(".".join(names), one("{" + ",".join(f'"{f}":{FIELDS[f]}' for f in names) + "}"), 1)
    missing.reject("none", '{"t":¤{}}', subject="t")
    for field in FIELDS:
        missing.reject("no-" + field, one("¤" + fields(**{field: None})), 1, subject="t")
        missing.reject("only-" + field, '{"t":¤{' + f'"{field}":{FIELDS[field]}' + "}}", 1, subject="t")
    double = Rule("duplicate-field", "a tensor has each field once")
    double.accept("once", one(), 1)
    for field, value in FIELDS.items():
        double.reject(field, one(fields(**{field: f'"{field}":{value},¤"{field}":{value}'})), 1, subject="t")
        double.reject(field + "-at-end", one(fields()[:-1] + f',¤"{field}":{value}}}'), 1, subject="t")
        double.reject(field + "-broken", one(fields()[:-1] + f',¤"{field}":null}}'), 1, subject="t")
        escaped = "\\u%04x" % ord(field[0]) + field[1:]
        double.reject(field + "-escaped", one(fields()[:-1] + f',¤"{escaped}":{value}}}'), 1, subject="t")


def unknown_field():
    rule = Rule("unknown-field", "a tensor has no other field")
    rule.accept("none", one(), 1)
    for name, value in types_but().items():
        rule.reject("first." + name, one(f'{{¤"x":{value},' + fields()[1:]), 1, subject="t")
        rule.reject("last." + name, one(fields()[:-1] + f',¤"x":{value}}}'), 1, subject="t")
    # One letter of a field's own key is wrong, in the spelling that every writer uses.
    for key in ("dtype", "shape", "data_offsets"):
        rule.reject("key-misspelt-" + key, one(fields().replace(f'"{key}"', f'¤"{key[:-1]}z"')), 1, subject="t")
    for name, key in (("capital", "Dtype"), ("empty", ""), ("blank", "dtype "), ("offsets", "offsets"), ("strides", "strides"),
                      ("camel", "dataOffsets"), ("escaped", "\\u0078"), ("nul", "dtype\\u0000")):
        rule.reject("key-" + name, one(fields()[:-1] + f',¤"{key}":0}}'), 1, subject="t")


def dtypes():
    rule = Rule("unknown-dtype", "the dtype is one of the 22, to the letter")
    for name, bits in DTYPES.items():
        rule.accept(name, one(tensor(quoted(name), "[8]", f"[0,{bits}]")), bits)
    for name in ("", "f32", "F32 ", " F32", "F8", "F8_E4M3FN", "F8_E4M3FNU", "F128", "C128", "FLOAT32", "float32", "U4", "I4", "F6",
                 "BOOLE", "Bool", "\\u0046\\u0033", "U80", "BF1", "BF166", "F3", "F\\u0000"):
        rule.reject("as-" + (name.replace(" ", "_").replace("\\", "+") or "nothing"),
                    one(tensor("¤" + quoted(name), "[0]", "[0,0]")), subject="t")


EXOTIC = {"minus-1": "-1", "minus-0": "-0", "1.0": "1.0", "0.0": "0.0", "1e0": "1e0", "1E0": "1E0", "10e-1": "10e-1", "half": "0.5"}


def integers():
    rule = Rule("integer-out-of-range", "dimensions and offsets are integers from 0 to 2^63-1; there are two offsets")
    rule.accept("right", one(), 1)
    for name, text in EXOTIC.items():
        rule.reject("dimension." + name, one(tensor(shape=f"[¤{text}]")), 1, subject="t")
        rule.reject("begin." + name, one(tensor(offsets=f"[¤{text},1]")), 1, subject="t")
        rule.reject("end." + name, one(tensor(offsets=f"[0,¤{text}]")), 1, subject="t")
    for name, text in (("none", "[]"), ("one", "[0]"), ("three", "[0,1,1]"), ("four", "[0,1,1,2]"), ("third-broken", '[0,1,"x"]')):
        rule.reject("count." + name, one(tensor(offsets="¤" + text)), 1, subject="t")


# around 2^31, 2^32, 2^53, 2^63, 2^64
EDGES = [2**p + d for p in (31, 32, 53, 63, 64) for d in (-1, 0, 1)] + [10**18, 10**19, 10**40]
SPARSE = 2**33  # larger files are not asked of a file system


def edges():
    rule = Rule("number-edges", "each number is taken as it is, however large")
    rule.accept("small", one(tensor(shape="[200]", offsets="[0,200]")), 200)
    for n in EDGES:
        at = f"{n}"
        if n > 2**63 - 1:
            for name, text in (("dimension", tensor(shape=f"[0,¤{n}]", offsets="[0,0]")),
                               ("begin", tensor(shape="[0]", offsets=f"[¤{n},{n}]")),
                               ("end", tensor(shape="[0]", offsets=f"[0,¤{n}]"))):
                rule.reject(f"{name}.{at}", one(text), id="integer-out-of-range", subject="t")
            continue
        huge = n * 8 > 2**64 - 1
        if huge:
            rule.reject("dimension." + at, one(tensor(shape=f"¤[{n}]", offsets=f"[0,{n}]")), id="shape-overflow", subject="t")
        else:
            rule.accept("empty-dimension." + at, one(tensor(shape=f"[0,{n}]", offsets="[0,0]")))
            rule.reject("end-minus-1." + at, one(tensor(shape=f"[{n}]", offsets=f"¤[0,{n - 1}]")), id="size-mismatch", subject="t")
            rule.reject("end-plus-1." + at, one(tensor(shape=f"[{n}]", offsets=f"¤[0,{n + 1}]")), id="size-mismatch", subject="t")
            rule.reject("beyond." + at, '{¤"t":' + tensor(shape=f"[{n}]", offsets=f"[0,{n}]") + "}", 1,
                        id="offsets-out-of-range", subject="t")
        if n <= SPARSE:
            rule.recipe("exact." + at, {"header": one(tensor(shape=f"[{n}]", offsets=f"[0,{n}]")), "pad_to": 80, "data": n})
            rule.recipe("short." + at, {"header": one(tensor(shape=f"[{n}]", offsets=f"[0,{n}]")), "pad_to": 80, "data": n - 1},
                        ["offsets-out-of-range"], "reject", 9, "t")
            rule.recipe("long." + at, {"header": one(tensor(shape=f"[{n}]", offsets=f"[0,{n}]")), "pad_to": 80, "data": n + 1},
                        ["trailing-data"], "reject", 8 + 80 + n, "")
        rule.reject("gap." + at, '{¤"t":' + tensor(shape="[0]", offsets=f"[{n},{n}]") + "}", id="offsets-gap", subject="t")
        rule.reject("reversed." + at, one(tensor(shape="[0]", offsets=f"¤[{n},0]")), id="offsets-reversed", subject="t")


def rank():
    rule = Rule("rank-too-large", "a shape has at most as many dimensions as the limit rank")
    for count in (0, 1, 63, 64):
        rule.accept(str(count), one(tensor(shape="[" + ",".join(["1"] * count) + "]")), 1)
    for count in (65, 1000):
        rule.reject(str(count), one(tensor(shape="¤[" + ",".join(["1"] * count) + "]")), 1, subject="t")
    rule.accept("limit-2", one(tensor(shape="[1,1]")), 1, limits={"rank": 2})
    rule.reject("limit-2", one(tensor(shape="¤[1,1,1]")), 1, subject="t", limits={"rank": 2})
    rule.reject("before-a-bad-one", one(tensor(shape='¤[1,1,"x"]')), 1, subject="t", limits={"rank": 2})


def sizes():
    rule = Rule("size-mismatch", "shape and dtype make as many bytes as data_offsets span")
    for name, bits in DTYPES.items():
        rule.accept(name, one(tensor(quoted(name), "[2,4]", f"[0,{bits}]")), bits)
        rule.reject(name + "-minus-1", one(tensor(quoted(name), "[2,4]", f"¤[0,{bits - 1}]")), bits - 1, subject="t")
        rule.reject(name + "-plus-1", one(tensor(quoted(name), "[2,4]", f"¤[0,{bits + 1}]")), bits + 1, subject="t")
    rule.accept("scalar", one(tensor(shape="[]")), 1)
    rule.reject("scalar-empty", one(tensor(shape="[]", offsets="¤[0,0]")), subject="t")
    rule.accept("empty", one(tensor(shape="[3,0,5]", offsets="[0,0]")))
    rule.reject("empty-with-data", one(tensor(shape="[3,0,5]", offsets="¤[0,1]")), 1, subject="t")
    sub = Rule("sub-byte-misaligned", "elements below a byte fill whole bytes together")
    for dtype, counts in (("F4", {0: 0, 1: None, 2: 1, 3: None, 4: 2}), ("F6_E2M3", {0: 0, 1: None, 2: None, 3: None, 4: 3}),
                          ("F6_E3M2", {2: None, 4: 3, 6: None, 8: 6})):
        for count, size in counts.items():
            if size is None:
                sub.reject(f"{dtype}-{count}", one(tensor(quoted(dtype), f"¤[{count}]", "[0,1]")), 1, subject="t")
            else:
                sub.accept(f"{dtype}-{count}", one(tensor(quoted(dtype), f"[{count}]", f"[0,{size}]")), size)
    sub.reject("F4-scalar", one(tensor('"F4"', "¤[]", "[0,1]")), 1, subject="t")
    back = Rule("offsets-reversed", "begin is not after end")
    back.accept("equal", one(tensor(shape="[0]", offsets="[0,0]")))
    back.reject("by-1", one(tensor(shape="[0]", offsets="¤[1,0]")), 1, subject="t")
    back.reject("swapped", one(tensor(shape="[4]", offsets="¤[4,0]")), 4, subject="t")


def overflow():
    rule = Rule("shape-overflow", "the non-zero dimensions' product, times the dtype's bits, fits 64 bits")
    big = 2**61 - 1
    rule.accept("u8-most", one(tensor(shape=f"[0,{big}]", offsets="[0,0]")))
    rule.accept("zero-first", one(tensor(shape=f"[0,{2**32},{2**28}]", offsets="[0,0]")))
    rule.accept("f4-most", one(tensor('"F4"', f"[0,{2**62 - 1}]", "[0,0]")))
    rule.accept("f64-most", one(tensor('"F64"', f"[{2**58 - 1},0]", "[0,0]")))
    for name, dtype, shape in (
            ("u8-plus-1", '"U8"', f"[0,{big + 1}]"), ("f4-plus-1", '"F4"', f"[0,{2**62}]"), ("f64-plus-1", '"F64"', f"[0,{2**58}]"),
            ("two-halves", '"U8"', f"[{2**32},{2**32}]"), ("wraps-to-1", '"U8"', f"[{2**63 - 1},{2**63 - 1}]"),
            ("zero-last", '"U8"', f"[{2**62},{2**62},0]"), ("zero-middle", '"U8"', f"[{2**62},0,{2**62}]"),
            ("many-twos", '"U8"', "[" + ",".join(["2"] * 64) + "]"), ("bits-only", '"U64"', f"[{2**60},0]")):
        rule.reject(name, one(tensor(dtype, "¤" + shape, "[0,0]")), subject="t")
    rule.accept("sixty-twos", one(tensor(shape="[" + ",".join(["2"] * 60) + ",0]", offsets="[0,0]")))
