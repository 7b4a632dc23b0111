"""The trust boundary is in the binaries: the command holds no reader of checkpoints, the worker no code of the gate.

Symbols are compared with those that each part's own library defines, so that a new file of a part is covered at once.
"""
import os
import subprocess

from support import COMMAND, Case, main

BUILD = os.path.dirname(os.path.dirname(COMMAND))
WORKER = os.path.join(BUILD, "libexec", "tensorvet", "tensorvet-worker")


def defined(path, functions_of_ours=False):
    """Names of the functions that a binary or an archive defines."""
    listing = subprocess.run(["nm", "--defined-only", path], capture_output=True, check=True).stdout.decode()
    rows = (line.split() for line in listing.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1] in "Tt" and (not functions_of_ours or row[1] == "T")}


def public(name):
    found = defined(os.path.join(BUILD, name), functions_of_ours=True)
    if not found:
        raise AssertionError(f"{name} defines nothing")
    return found


def part(name):
    """The public functions of one of our libraries, but for names that the other side of the boundary uses too."""
    trusted = {"gate/libtv_gate.a", "sandbox/libtv_keeper.a"}
    confined = {"converter/libtv_converter.a", "worker/libtv_worker_jobs.a", "sandbox/libtv_inmate.a"}
    other_side = confined if name in trusted else trusted
    return public(name) - set().union(*map(public, other_side))


class Boundary(Case):
    def test_the_command_links_no_reader(self):
        self.assertEqual(part("converter/libtv_converter.a") & defined(COMMAND), set())
        self.assertEqual(part("worker/libtv_worker_jobs.a") & defined(COMMAND), set())
        self.assertEqual(part("sandbox/libtv_inmate.a") & defined(COMMAND), set())

    def test_the_worker_links_no_gate(self):
        self.assertEqual(part("gate/libtv_gate.a") & defined(WORKER), set())
        self.assertEqual(part("sandbox/libtv_keeper.a") & defined(WORKER), set())

    def test_the_symbols_would_be_seen(self):
        self.assertTrue(part("converter/libtv_converter.a") & defined(WORKER))
        self.assertTrue(part("gate/libtv_gate.a") & defined(COMMAND))

    def test_the_worker_needs_nothing_to_start(self):
        """Static: no interpreter, no shared library that could be swapped."""
        headers = subprocess.run(["readelf", "--wide", "--program-headers", "--dynamic", WORKER], capture_output=True,
                                 check=True).stdout.decode()
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("(NEEDED)", headers)


if __name__ == "__main__":
    main()
