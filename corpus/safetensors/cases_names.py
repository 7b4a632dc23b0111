"""Cases of the stage names: tensor names, metadata."""
from cases import MARK, Rule, one, tensor, types_but


def two(first, second, second_tensor=None):
    other = second_tensor or tensor(offsets="[1,2]")
    return f'{{"{first}":{tensor()},{MARK}"{second}":{other}}}'


def add():
    duplicates()
    control()
    bidi()
    length()
    reserved()
    metadata()
    metadata_size()
    order()


def duplicates():
    rule = Rule("duplicate-key", "tensor names and metadata keys are unique once decoded")
    rule.accept("two-names", two("a", "b").replace(MARK, ""), 2)
    rule.accept("case-differs", two("a", "A").replace(MARK, ""), 2)
    rule.accept("normal-forms-differ", two("\u00e9", "e\u0301").replace(MARK, ""), 2)
    rule.accept("metadata-key-as-tensor", f'{{"__metadata__":{{"t":""}},"t":{tensor()}}}', 1)
    rule.accept("field-names", two("dtype", "shape").replace(MARK, ""), 2)
    for name, first, second, subject in (
            ("plain", "a", "a", "a"), ("escaped-second", "a", r"\u0061", "a"), ("escaped-first", r"\u0061", "a", "a"),
            ("both-escaped", r"\u0061", r"\u0061", "a"), ("short-escape", r"\/", "/", "/"),
            ("long-and-short", r"\u002f", r"\/", "/"), ("quote", r"\"", r"\u0022", '"'),
            ("pair", "\U0001f600", r"\ud83d\ude00", "\U0001f600"), ("hex-case", r"\u00e9", r"\u00E9", "\u00e9"),
            ("empty", "", "", ""), ("long", "n" * 300, "n" * 300, "n" * 300)):
        rule.reject("gap-free." + name, two(first, second), 2, id="duplicate-key", subject=subject)
    rule.reject("identical", two("a", "a", tensor()), 1, id="duplicate-key", subject="a")
    rule.reject("three", f'{{"a":{tensor()},¤"a":{tensor(offsets="[1,2]")},"a":{tensor(offsets="[2,3]")}}}', 3,
                id="duplicate-key", subject="a")
    rule.reject("two-pairs", f'{{"a":{tensor()},"b":{tensor()},¤"b":{tensor()},"a":{tensor()}}}', 1, id="duplicate-key",
                subject="b")
    many = ",".join(f'"n{i}":{tensor(shape="[0]", offsets="[0,0]")}' for i in range(40))
    rule.reject("far", f'{{{many},¤"n0":{tensor(shape="[0]", offsets="[0,0]")}}}', id="duplicate-key", subject="n0")
    rule.reject("first-is-broken", f'{{"a":{tensor(dtype="¤null")},"a":{tensor()}}}', 1, id="wrong-type", subject="a")
    rule.reject("second-is-broken", f'{{"a":{tensor()},¤"a":null}}', 1, id="duplicate-key", subject="a")
    meta = Rule("duplicate-key.metadata", "metadata keys are unique once decoded, and so is __metadata__")
    meta.accept("two-keys", '{"__metadata__":{"a":"1","b":"1"}}')
    meta.reject("plain", '{"__metadata__":{"a":"1",¤"a":"1"}}', id="duplicate-key", subject="a")
    meta.reject("escaped", '{"__metadata__":{"a":"1",¤"\\u0061":"2"}}', id="duplicate-key", subject="a")
    meta.reject("blanks", '{ "__metadata__" : { "a" : "1" , ¤"a" : "2" } }', id="duplicate-key", subject="a")
    meta.reject("value-broken", '{"__metadata__":{"a":"1",¤"a":2}}', id="duplicate-key", subject="a")
    meta.reject("itself", '{"__metadata__":{},¤"__metadata__":{}}', id="duplicate-key", subject="__metadata__")
    meta.reject("itself-escaped", '{"__metadata__":{},¤"\\u005f_metadata__":{}}', id="duplicate-key", subject="__metadata__")
    meta.reject("itself-null", '{"__metadata__":{},¤"__metadata__":null}', id="duplicate-key", subject="__metadata__")


def control():
    rule = Rule("name-control-character", "names and metadata keys hold no character of category Cc")
    for name, text in (("space", " "), ("tilde", "~"), ("nbsp", "\u00a0"), ("soft-hyphen", "\u00ad"), ("line-separator", "\u2028"),
                       ("escaped-space", "\\u0020"), ("escaped-nbsp", "\\u00a0"), ("ff", "\u00ff")):
        rule.accept("name." + name, one(name=text), 1)
        rule.accept("key." + name, f'{{"__metadata__":{{"{text}":""}}}}')
    rule.accept("value", '{"__metadata__":{"k":"\\u0000\\n\\u007f\\u0085\x7f\u0085"}}')
    codes = [0x00, 0x01, 0x08, 0x09, 0x0a, 0x0d, 0x1b, 0x1f, 0x7f, 0x80, 0x85, 0x9b, 0x9f]
    for code in codes:
        rule.reject(f"name.escaped-{code:02x}", f'{{¤"a\\u{code:04x}b":{tensor()}}}', 1, subject=f"a{chr(code)}b")
        rule.reject(f"key.escaped-{code:02x}", f'{{"__metadata__":{{¤"\\u{code:04x}":""}}}}', subject=chr(code))
        if code >= 0x7f:
            rule.reject(f"name.raw-{code:02x}", f'{{¤"{chr(code)}":{tensor()}}}', 1, subject=chr(code))
    rule.reject("name.newline", f'{{¤"a\\n":{tensor()}}}', 1, subject="a\n")
    rule.reject("name.late", f'{{"{"a" * 40}":{tensor()},¤"{"b" * 40}\x7f":{tensor()}}}', 1, subject="b" * 40 + "\x7f")


def bidi():
    rule = Rule("name-bidi", "a name with a character that changes the direction of text is noted")
    for code in (0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069):
        rule.accept(f"noted-{code:04x}", one(name="a" + chr(code)), 1, ids=["name-bidi"])
    rule.accept("escaped", one(name="\\u202e"), 1, ids=["name-bidi"])
    rule.accept("key", '{"__metadata__":{"\u202e":""}}', ids=["name-bidi"])
    rule.accept("value", '{"__metadata__":{"k":"\u202e"}}')
    for code in (0x061b, 0x061d, 0x200d, 0x2010, 0x2029, 0x202f, 0x2065, 0x206a):
        rule.accept(f"silent-{code:04x}", one(name=chr(code)), 1)
    empty = Rule("name-empty", "an empty tensor name is a warning")
    empty.accept("empty", one(name=""), 1, ids=["name-empty"])
    empty.accept("blank", one(name=" "), 1)
    empty.accept("key", '{"__metadata__":{"":""}}')
    both = Rule("warnings", "warnings come in the order of the table's stages, each once")
    f32 = chr(34) + "F32" + chr(34)  # at 1 and at 6: wherever the data section starts, one of them is misaligned
    both.accept("all", f'{{"":{tensor()},"\u202e":{tensor(f32, offsets="[1,5]")},"b":{tensor(offsets="[5,6]")},'
                f'"c":{tensor(f32, offsets="[6,10]")}}}', 10, pad=False,
                ids=["header-unaligned", "name-bidi", "name-empty", "tensor-misaligned"])


def length():
    rule = Rule("name-too-long", "a name has at most name_bytes bytes of UTF-8, decoded")
    for name, text in (("1023", "n" * 1023), ("1024", "n" * 1024), ("escaped-1024", "\\u006e" * 1024),
                       ("two-byte-1024", "\u00e9" * 512), ("pair-1024", "\\ud83d\\ude00" * 256)):
        rule.accept("name." + name, one(name=text), 1)
    rule.accept("key.1024", '{"__metadata__":{"' + "k" * 1024 + '":""}}')
    for name, text, subject in (("1025", "n" * 1025, "n" * 1025), ("escaped-1025", "\\u006e" * 1025, "n" * 1025),
                                ("two-byte-1025", "\u00e9" * 512 + "n", "\u00e9" * 512 + "n"),
                                ("pair-1028", "\\ud83d\\ude00" * 257, "\U0001f600" * 257)):
        rule.reject("name." + name, f'{{¤"{text}":{tensor()}}}', 1, subject=subject)
    rule.reject("key.1025", '{"__metadata__":{¤"' + "k" * 1025 + '":""}}', subject="k" * 1025)
    rule.accept("limit-2", one(name="ab"), 1, limits={"name_bytes": 2})
    rule.reject("limit-2", '{¤"abc":' + tensor() + "}", 1, subject="abc", limits={"name_bytes": 2})
    rule.reject("before-control", '{¤"ab\\n":' + tensor() + "}", 1, subject="ab\n", limits={"name_bytes": 2})


def reserved():
    rule = Rule("name-reserved", "no tensor is called __metadata__")
    rule.accept("underscores", one(name="_metadata__"), 1)
    rule.accept("longer", one(name="__metadata__."), 1)
    rule.accept("strings", '{"__metadata__":{"dtype":"U8","shape":"[1]"}}')
    rule.reject("tensor", '{"__metadata__":{"dtype":"U8","shape":¤[1],"data_offsets":[0,1]}}', 1, subject="__metadata__")
    rule.reject("offsets-first", '{"__metadata__":{"data_offsets":¤[0,1],"shape":[1],"dtype":"U8"}}', 1,
                subject="__metadata__")
    rule.reject("escaped-field", '{"__metadata__":{"\\u0073hape":¤[]}}', subject="__metadata__")
    rule.reject("shape-null", '{"__metadata__":{"shape":¤null}}', id="metadata-wrong-type", subject="shape")


def metadata():
    rule = Rule("metadata-wrong-type", "__metadata__ is an object of strings")
    rule.accept("absent", one(), 1)
    rule.accept("empty", '{"__metadata__":{}}')
    rule.accept("string", '{"__metadata__":{"k":"v"}}')
    rule.accept("last", f'{{"t":{tensor()},"__metadata__":{{"k":"v"}}}}', 1)
    rule.accept("escaped-key", '{"\\u005f_metadata__":{"k":"v"}}')
    for name, value in types_but("object").items():
        rule.reject("itself." + name, f'{{"__metadata__":¤{value}}}', subject="__metadata__")
    for name, value in types_but("string").items():
        rule.reject("value." + name, f'{{"__metadata__":{{"k":¤{value}}}}}', subject="k")
        rule.reject("second-value." + name, f'{{"__metadata__":{{"k":"v","l":¤{value}}}}}', subject="l")


def metadata_size():
    rule = Rule("metadata-too-large", "metadata values have at most metadata_bytes bytes together, decoded")
    at = {"metadata_bytes": 4}
    rule.accept("four", '{"__metadata__":{"a":"12","b":"34"}}', limits=at)
    rule.accept("keys-do-not-count", '{"__metadata__":{"long key":"1234"}}', limits=at)
    rule.accept("escapes", '{"__metadata__":{"a":"\\u0031\\u0032\\n\\t"}}', limits=at)
    rule.reject("five", '{"__metadata__":{"a":"12","b":¤"345"}}', subject="b", limits=at)
    rule.reject("first", '{"__metadata__":{"a":¤"12345","b":""}}', subject="a", limits=at)
    rule.reject("two-byte", '{"__metadata__":{"a":¤"\u00e9\u00e9\\u00e9"}}', subject="a", limits=at)
    rule.recipe("standard", {"header": '{"__metadata__":{"k":"@@"}}', "fill": 16777216})
    rule.recipe("standard-plus-1", {"header": '{"__metadata__":{"k":"@@"}}', "fill": 16777217}, ["metadata-too-large"],
                "reject", 8 + 21, "k")


def order():
    rule = Rule("the-first-error", "within names and tensors the first place in the header decides")
    t = tensor()
    rule.accept("nothing-wrong", f'{{"a":{t},"b":{tensor(offsets="[1,2]")}}}', 2)
    rule.reject("type-then-duplicate", f'{{"a":¤null,"a":{t}}}', 1, id="wrong-type", subject="a")
    rule.reject("duplicate-then-type", f'{{"a":{t},¤"a":null,"b":null}}', 1, id="duplicate-key", subject="a")
    rule.reject("tensor-then-metadata", '{"a":¤null,"__metadata__":null}', id="wrong-type", subject="a")
    rule.reject("metadata-then-tensor", '{"__metadata__":¤null,"a":null}', id="metadata-wrong-type", subject="__metadata__")
    rule.reject("metadata-twice-then-tensor", '{"__metadata__":{"k":"",¤"k":""},"a":null}', id="duplicate-key", subject="k")
    rule.reject("tensor-then-metadata-twice", '{"a":¤null,"__metadata__":{"k":"","k":""}}', id="wrong-type", subject="a")
    rule.reject("name-before-layout", f'{{"a":{tensor(offsets="[5,6]")},¤"\\n":{t}}}', 1, id="name-control-character",
                subject="\n")
    rule.reject("control-before-duplicate", f'{{¤"\\n":{t},"\\n":{t}}}', 1, id="name-control-character", subject="\n")
