"""Cases of the stage layout: all tensors together."""
from cases import Rule, one, tensor


def file(*parts):
    """A header of U8 tensors: (name, begin, end), the name marked where the finding is to point."""
    return "{" + ",".join(
        ("¤" if name.startswith("!") else "") + f'"{name.lstrip("!")}":{tensor(shape=f"[{max(0, e - b)}]", offsets=f"[{b},{e}]")}'
        for name, b, e in parts) + "}"


def add():
    chain()
    ends()
    alignment()
    count()


# Each row: its name, the bytes of data, the tensors. Refused where one is marked.
GAPS = [
    ("in-order", 9, ("a", 0, 4), ("b", 4, 6), ("c", 6, 9)),
    ("reversed", 9, ("a", 6, 9), ("b", 4, 6), ("c", 0, 4)),
    ("mixed", 9, ("a", 4, 6), ("b", 6, 9), ("c", 0, 4)),
    ("empty-at-start", 4, ("a", 0, 0), ("b", 0, 4)),
    ("empty-between", 6, ("a", 0, 4), ("b", 4, 4), ("c", 4, 4), ("d", 4, 6)),
    ("empty-at-end", 4, ("a", 0, 4), ("b", 4, 4)),
    ("empty-first-in-header", 4, ("a", 4, 4), ("b", 0, 4)),
    ("at-start", 4, ("!a", 1, 4)),
    ("between", 6, ("a", 0, 4), ("!b", 5, 6)),
    ("between-reversed", 6, ("!b", 5, 6), ("a", 0, 4)),
    ("two-gaps", 10, ("c", 9, 10), ("!b", 5, 6), ("a", 0, 4)),
    ("empty-beyond", 4, ("a", 0, 4), ("!b", 5, 5)),
    ("empty-alone", 1, ("!a", 1, 1)),
    ("whole-file", 8, ("!a", 4, 8)),
    ("and-truncated", 6, ("a", 0, 4), ("!b", 5, 9)),
]
OVERLAPS = [
    ("touch", 8, ("a", 0, 4), ("b", 4, 8)),
    ("by-1", 8, ("a", 0, 4), ("!b", 3, 8)),
    ("same", 4, ("a", 0, 4), ("!b", 0, 4)),
    ("inside", 8, ("a", 0, 8), ("!b", 2, 4)),
    ("same-begin", 8, ("!a", 0, 8), ("b", 0, 4)),
    ("empty-inside", 4, ("a", 0, 4), ("!b", 2, 2)),
    ("before-a-gap", 10, ("c", 9, 10), ("a", 0, 4), ("!b", 3, 6)),
    ("and-truncated", 5, ("a", 0, 4), ("!b", 3, 8)),
]
ENDS = [
    ("exact", 8, ("a", 0, 4), ("b", 4, 8)),
    ("missing-1", 7, ("a", 0, 4), ("!b", 4, 8)),
    ("missing-4", 4, ("a", 0, 4), ("!b", 4, 8)),
    ("missing-5", 3, ("!a", 0, 4), ("b", 4, 8)),
    ("missing-all", 0, ("!a", 0, 4), ("b", 4, 8)),
    ("reversed", 7, ("!b", 4, 8), ("a", 0, 4)),
]


def add_rows(rule, rows):
    for name, size, *parts in rows:
        marked = [part[0][1:] for part in parts if part[0].startswith("!")]
        if marked:
            rule.reject(name, file(*parts), size, subject=marked[0])
        else:
            rule.accept(name, file(*parts), size)


def chain():
    add_rows(Rule("offsets-gap", "each tensor begins where the one before it ends, the first at 0"), GAPS)
    add_rows(Rule("offsets-overlap", "no tensor begins before the one before it ends"), OVERLAPS)


def ends():
    add_rows(Rule("offsets-out-of-range", "the last tensor ends where the file does"), ENDS)
    rest = Rule("trailing-data", "nothing follows the last tensor")
    rest.accept("exact", file(("a", 0, 4)), 4)
    text = file(("a", 0, 4))
    rest.reject("by-1", text, 5, offset=8 + len(text) + 4)
    rest.reject("by-100", text, 104, offset=8 + len(text) + 4)
    rest.reject("no-tensors", "{}", 1, offset=8 + 2)
    rest.reject("only-empty", file(("a", 0, 0)), 1, offset=8 + len(file(("a", 0, 0))))
    rest.reject("metadata-only", '{"__metadata__":{"k":"v"}}', 1, offset=8 + 26)


def alignment():
    rule = Rule("tensor-misaligned", "a tensor that does not start at a multiple of its element's size is a warning")
    for dtype, size in (("F16", 2), ("F32", 4), ("F64", 8), ("C64", 8)):
        for at in sorted({0, 1, size - 1, size, size + 1}):
            text = (f'{{"a":{tensor(shape=f"[{at}]", offsets=f"[0,{at}]")},'
                    f'"t":{tensor(chr(34) + dtype + chr(34), "[1]", f"[{at},{at + size}]")}}}')
            rule.accept(f"{dtype}-at-{at}", text, at + size, ids=["tensor-misaligned"] if at % size else [])
    rule.accept("empty-does-not-count", f'{{"a":{tensor()},"t":{tensor(chr(34) + "F32" + chr(34), "[0]", "[1,1]")}}}', 1)
    rule.accept("two-are-one-finding", f'{{"a":{tensor()},"t":{tensor(chr(34) + "F32" + chr(34), "[1]", "[1,5]")},'
                f'"u":{tensor(chr(34) + "F32" + chr(34), "[1]", "[5,9]")}}}', 9, ids=["tensor-misaligned"])
    rule.accept("by-the-header", one(tensor('"F32"', "[1]", "[0,4]")) + " ", 4, pad=False,
                ids=["header-unaligned", "tensor-misaligned"])


def count():
    rule = Rule("too-many-tensors", "a file has at most as many tensors as the limit tensors")
    rule.accept("two", file(("a", 0, 1), ("b", 1, 2)), 2, limits={"tensors": 2})
    rule.reject("three", file(("a", 0, 1), ("b", 1, 2), ("!c", 2, 3)), 3, subject="c", limits={"tensors": 2})
    rule.reject("five", file(("a", 0, 1), ("b", 1, 2), ("!c", 2, 3), ("d", 3, 4), ("e", 4, 5)), 5, subject="c", limits={"tensors": 2})
    rule.reject("before-layout", file(("a", 5, 6), ("b", 1, 2), ("!c", 2, 3)), 3, subject="c", limits={"tensors": 2})
    rule.accept("none", "{}", limits={"tensors": 0})
    rule.reject("one", file(("!a", 0, 1)), 1, subject="a", limits={"tensors": 0})
