"""Settings as users write them: classes of their own that end up in checkpoints."""
import collections
import dataclasses
import enum
import typing

Point = collections.namedtuple("Point", "x y")


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Optim:
    lr: float = 0.1
    betas: typing.Any = (0.9, 0.99)


@dataclasses.dataclass
class Config:
    width: int = 4
    mode: Mode = Mode.FAST
    optim: Optim = dataclasses.field(default_factory=Optim)
    names: typing.List[str] = dataclasses.field(default_factory=lambda: ["a"])


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    width: int


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, [2]


class Tracker:
    """Keeps a count, but not the callback that came with it."""

    def __init__(self):
        self.count, self.callback = 3, print

    def __getstate__(self):
        return {"count": self.count}

    def __setstate__(self, state):
        self.count, self.callback = state["count"], None


def schedule(epoch):
    return 0.9 ** epoch
