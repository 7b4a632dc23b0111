#!/usr/bin/env python3
"""The inert machine's walk over operations against Python's pickletools.

Over the fuzzer's seeds, generated pickles, and mutated ones of both: the machine begins operations where pickletools
finds them and nowhere else; what it accepts ends where pickletools says STOP ends; where it refuses, it had begun no
operation that pickletools does not find.

    pickle_walk.py PICKLE_WALK SEEDS [COUNT [SEED]]
"""
import pickletools
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from pickle_oracle import Maker

LARGEST = 1 << 14


def line(file):
    text = file.readline()
    if not text.endswith(b"\n"):
        raise ValueError("no newline at the end of the stream")
    return text


# pickletools takes names, persistent ids and quoted strings for ASCII; CPython's unpickler reads UTF-8. Only where they end
# matters here.
pickletools.stringnl_noescape_pair.reader = lambda file: (line(file), line(file))
pickletools.stringnl_noescape.reader = line
pickletools.stringnl.reader = line


def theirs(data):
    """Where each operation starts, and where the stream ends; None for the end of a stream that breaks off."""
    starts = []
    try:
        for info, _, at in pickletools.genops(data):
            starts.append(at)
            if info.name == "STOP":
                return starts, at + 1
    except (ValueError, EOFError):
        pass
    return starts, None


def ours(walk, pickles):
    with tempfile.NamedTemporaryFile() as file:
        for data in pickles:
            file.write(struct.pack("<I", len(data)) + data)
        file.flush()
        out = subprocess.run([walk, file.name], capture_output=True, check=True).stdout.decode("ascii")
    for line in out.splitlines():
        *starts, end = line.split(" ")
        yield [int(at) for at in starts], None if end == "!" else int(end[1:])


def complaint(data, mine, other):
    """None where both walks agree. The machine may begin one operation more than pickletools could finish."""
    starts, end = mine
    known, known_end = other
    if end is not None and (end, starts) != (known_end, known):
        return "an accepted pickle is walked otherwise"
    if starts[:len(known)] != known[:len(starts)]:
        return "an operation starts elsewhere"
    if len(starts) > len(known) + 1:
        return "the machine goes on where pickletools cannot"
    return None


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(3)
        if how == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif how == 1:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4)))
        else:
            del data[at:at + rng.randrange(1, 4)]
    return bytes(data)


def main():
    walk, seeds = sys.argv[1], Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 20260101)
    pickles = [path.read_bytes() for path in sorted(seeds.iterdir()) if path.stat().st_size <= LARGEST]
    if not pickles:
        sys.exit(f"no pickle in {seeds}")
    from_seeds = len(pickles)
    pickles += [data for data in (Maker(rng).make() for _ in range(count)) if len(data) <= LARGEST]
    pickles += [mutated(rng, rng.choice(pickles)) for _ in range(5 * count)]
    bad = accepted = operations = 0
    for data, mine in zip(pickles, ours(walk, pickles), strict=True):
        what = complaint(data, mine, theirs(data))
        accepted += mine[1] is not None
        operations += len(mine[0])
        if what:
            bad += 1
            if bad <= 3:
                print(f"{what}: {data!r}\n  machine     {mine}\n  pickletools {theirs(data)}")
    print(f"{from_seeds} seeds, {len(pickles) - from_seeds} generated, {accepted} accepted, {operations} operations, {bad} differ")
    return 1 if bad or accepted == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
