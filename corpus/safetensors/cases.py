"""What a case of the corpus is, and the words in which cases are written down."""
import dataclasses
import struct

MARK = "\u00a4"
PREFIX = 8


@dataclasses.dataclass
class Case:
    path: str
    rule: str
    verdict: str
    ids: list
    content: bytes = None  # None: made by a recipe, or given
    offset: int = 0
    subject: str = ""
    limits: dict = dataclasses.field(default_factory=dict)
    recipe: dict = dataclasses.field(default_factory=dict)
    neighbours: list = dataclasses.field(default_factory=list)


CASES = []


def header_bytes(text):
    """The header without its mark, and the mark's offset in the file (0 where there is none)."""
    raw = text if isinstance(text, bytes) else text.encode()
    mark = MARK.encode()
    at = raw.find(mark)
    return raw.replace(mark, b""), PREFIX + at if at >= 0 else 0


def file_bytes(header, data):
    return struct.pack("<Q", len(header)) + header + bytes(i * 37 % 251 for i in range(data))


def padded(header):
    return header + b" " * (-len(header) % PREFIX)


class Rule:
    """One rule: accepted files on one side of it, rejected ones on the other, each with neighbours beyond it."""

    def __init__(self, name, text):
        self.name, self.text, self.good, self.bad = name, text, [], []

    def _add(self, case):
        assert all(c.path != case.path for c in CASES), case.path
        CASES.append(case)
        (self.good if case.verdict == "accept" else self.bad).append(case)
        self._link()

    def _link(self):
        for case in self.good:
            case.neighbours = [c.path for c in self.bad[:3]]
        for case in self.bad:
            case.neighbours = [c.path for c in self.good[:1]]

    def accept(self, name, header, data=0, ids=(), limits=None, pad=True, recipe=None):
        raw, _ = header_bytes(header)
        raw = padded(raw) if pad else raw
        content = file_bytes(raw, data)
        self._add(Case(f"accept/{self.name}.{name}.safetensors", self.text, "accept", list(ids), content,
                       limits=limits or {}, recipe=recipe or {}))

    def reject(self, name, header, data=0, id=None, subject="", limits=None, offset=None, recipe=None):
        raw, at = header_bytes(header)
        content = file_bytes(raw, data)
        self._add(Case(f"reject/{self.name}.{name}.safetensors", self.text, "reject", [id or self.name], content,
                       offset=at if offset is None else offset, subject=subject, limits=limits or {},
                       recipe=recipe or {}))

    def raw(self, name, content, id=None, offset=0, subject="", recipe=None, limits=None):
        """A file as it is, prefix included. id None: accepted."""
        verdict = "accept" if id is None else "reject"
        self._add(Case(f"{verdict}/{self.name}.{name}.safetensors", self.text, verdict, [id] if id else [], content,
                       offset=offset, subject=subject, recipe=recipe or {}, limits=limits or {}))

    def recipe(self, name, recipe, ids=(), verdict="accept", offset=0, subject="", limits=None):
        """A file that is made when it is needed: {"header": text, "pad_to": bytes, "data": bytes, all of them sparse}."""
        self._add(Case(f"recipe/{self.name}.{name}.safetensors", self.text, verdict, list(ids), None, offset=offset,
                       subject=subject, recipe=recipe, limits=limits or {}))


def real(path, ids):
    """A file that the reference package wrote."""
    CASES.append(Case(path, "what the reference package writes is accepted", "accept", ids, None))


def tensor(dtype='"U8"', shape="[1]", offsets="[0,1]"):
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


def one(value=None, name="t"):
    return f'{{"{name}":{tensor() if value is None else value}}}'


# each JSON type, by name
TYPES = {"null": "null", "true": "true", "false": "false", "number": "1", "string": '"x"', "array": "[]", "object": "{}"}


def types_but(*names):
    return {name: value for name, value in TYPES.items() if name not in names}
