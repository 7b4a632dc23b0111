"""The escape table of the torch engine: code in a checkpoint, under --allow-code, against the jail; one row each.

Every payload is harmless, and is first shown to work without the jail, in a fork of this Python. Then all of them go
through one command, so that each follows a Python that was attacked, and a good file at the end must convert as ever.
Run by a Python that has torch; the command uses that very Python.
"""
import os
import signal
import socket
import sys
import textwrap

from support import Case, main, read_safetensors, report, skip

try:
    import torch
except ImportError as error:
    skip(f"no torch in this Python: {error}")

VIOLATION, FAILED, CRASHED = "torch-violation", "torch-load-failed", "torch-crashed"
MEMORY, TIME, EARLY, STREAM = "torch-memory", "torch-time", "torch-ended-early", "torch-stream-invalid"
LIES = None  # accepted: it published the numbers that it wanted, and could do no more
SPIN = "spins"  # outside: still there after a second

CALL = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); assert libc.syscall(%s) >= 0"
FORGED = """
    import struct, os, torch
    if JAILED:
        import tv_wire, tv_structure, tv_tensors
        s = tv_structure.Structure(tv_tensors.Exotic(False, False))
        s.write({'forged': torch.full((2,), 666.0)})
        import tv_child
        tv_child.send(tv_wire.Wire(False), s)
        os._exit(0)
"""
PATCHED = """
    import torch
    if JAILED:
        import tv_tensors
        tv_tensors.Exotic.plain = lambda self, tensor, path: (torch.full((2,), 667.0), 'a lie')
        torch.Tensor.contiguous = lambda self: self
"""

# (name, what it runs, where it ends in the jail, how it ends outside: 0, a signal, or SPIN)
ROWS = [
    ("read", "assert open(CANARY).read() == 'canary'", FAILED, 0),
    ("read-proc", "assert open('/proc/self/environ', 'rb').read()", FAILED, 0),
    ("read-by-descriptor", "import os; assert os.open('/proc/self/fd/3', os.O_RDONLY)", FAILED, 0),
    ("write", "open(FOLDER + '/written', 'w').write('x')", FAILED, 0),
    ("write-source", "import os; os.write(3, b'x')", VIOLATION, 0),
    ("list", "import os; assert os.listdir('/')", FAILED, 0),
    ("stat", "import os; os.stat(CANARY)", FAILED, 0),
    ("unlink", "import os; os.unlink(FOLDER + '/written')", VIOLATION, 0),
    ("resolve", "import socket; assert socket.getaddrinfo('localhost', 80)", (VIOLATION, FAILED), 0),
    ("connect", "import socket; socket.create_connection(('127.0.0.1', PORT)).close()", VIOLATION, 0),
    ("datagram", "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))", VIOLATION, 0),
    ("unix-socket", "import socket; socket.socketpair()", VIOLATION, 0),
    ("fork", "import os; pid = os.fork(); pid or os._exit(0); os.waitpid(pid, 0)", VIOLATION, 0),
    ("exec", "import os; os.execv('/bin/true', ['true'])", VIOLATION, 0),
    ("system", "import os; assert os.system('true') == 0", VIOLATION, 0),
    ("thread", "import threading; t = threading.Thread(target=int); t.start(); t.join()", VIOLATION, 0),
    ("ptrace-parent", CALL % "101, 0x4206, ctypes.c_long(__import__('os').getppid()), None, None", VIOLATION, 0),
    ("kill-parent", "import os; os.kill(os.getppid(), 0)", VIOLATION, 0),
    ("signal-handler", "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)", VIOLATION, 0),
    ("executable-map", "import mmap; mmap.mmap(-1, 4096, prot=7)", VIOLATION, 0),
    ("executable-protect", "import ctypes, mmap; m = mmap.mmap(-1, 4096); a = ctypes.addressof(ctypes.c_char.from_buffer(m)); "
     "assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(a), 4096, 7) == 0", VIOLATION, 0),
    ("library", "import ctypes; ctypes.CDLL(LIBRARY)", FAILED, 0),
    ("environment", "import os; assert os.environ['TV_SECRET'] == 'canary'", FAILED, 0),
    ("memory-file", "import os; os.memfd_create('x')", VIOLATION, 0),
    ("io-uring", "import ctypes; p = ctypes.create_string_buffer(256); libc = ctypes.CDLL(None, use_errno=True); "
     "assert libc.syscall(425, 1, p) >= 0 or ctypes.get_errno() in (1, 38)", VIOLATION, 0),
    ("namespace", "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
     "assert libc.syscall(272, 0x10000000) == 0 or ctypes.get_errno() in (1, 28)", VIOLATION, 0),
    ("duplicate", "import os; os.dup(3)", VIOLATION, 0),
    ("descriptors-of-others", "import os\nfor n in range(64):\n    if n != 3:\n        try: os.read(n, 0)\n        except OSError: pass",
     VIOLATION, 0),
    ("sleep", "import time; time.sleep(0.01)", VIOLATION, 0),
    ("memory", "keep = bytearray(3 << 30)", MEMORY, 0),
    ("spin", "while True: pass", TIME, SPIN),
    ("recurse", "f = lambda: f()\ntry: f()\nexcept RecursionError: pass\nif JAILED: f()", FAILED, 0),
    ("null-read", "import ctypes; ctypes.string_at(0)", CRASHED, signal.SIGSEGV),
    ("abort", "import os; os.abort()", CRASHED, signal.SIGABRT),
    ("flood", "import os\nfor _ in range(64): os.write(5 if JAILED else NULL, bytes(1 << 20))", STREAM, 0),
    ("exit", "import os; os._exit(0)", EARLY, 0),
    ("forge", FORGED, LIES, 0),
    ("patch", PATCHED, LIES, 0),
    ("two-faces", "import time\nnumber = time.time()", "verify-failed", 0),
]


class Payload:
    def __init__(self, source):
        self.source = source

    def __reduce__(self):
        return exec, (self.source,)


class Moment:
    """A tensor that is another one in each run."""

    def __reduce__(self):
        return eval, ("__import__('torch').tensor([__import__('time').time()], dtype=__import__('torch').float64)",)


def run_outside(source):
    """How the payload ends in a fork: 0, a signal, or SPIN."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 2)
        os.dup2(null, 3)
        try:
            exec(source.replace("NULL", "3"), {"torch": torch})
        except BaseException:
            os._exit(9)
        os._exit(0)
    for _ in range(100):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else os.WTERMSIG(status)
        signal.sigtimedwait([], 0.01 if "while True" in source else 0.3)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return SPIN


class Escape(Case):
    def setUp(self):
        super().setUp()
        os.environ["TV_SECRET"] = "canary"
        os.chmod(self.folder, 0o777)
        self.put("canary", b"canary")
        library = os.path.join(os.path.dirname(os.environ["TV_COMMAND"]), "../libexec/tensorvet/tensorvet-lock.so")
        with open(library, "rb") as file:
            self.put("library.so", file.read())
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.names = {"CANARY": repr(self.path("canary")), "FOLDER": repr(self.folder),
                      "LIBRARY": repr(self.path("library.so")), "PORT": str(self.server.getsockname()[1])}

    def source(self, text, jailed):
        for name, value in self.names.items():
            text = text.replace(name, value)
        return textwrap.dedent(text).strip().replace("JAILED", str(jailed))

    def test_rows(self):
        os.makedirs(self.path("in"))
        files = {}
        for name, text, _, outside in ROWS:
            with self.subTest(name, where="outside"):
                self.assertEqual(run_outside(self.source(text, False)), outside)
            files[name] = self.path(f"in/{name}.pt")
            extra = Moment() if name == "two-faces" else Payload(self.source(text, True))
            torch.save({"weight": torch.ones(2), "extra": extra}, files[name])
        good = self.path("in/zz-good.pt")
        torch.save({"weight": torch.ones(2)}, good)
        before = sorted(os.listdir(self.folder))
        _, lines = report("convert", "--engine", "torch", "--python", sys.executable, "--allow-code", "--preload",
                          "mmap", "--limit", "cpu_seconds=4", *files.values(), good, "--out-dir", self.path("out"), limit=1200)
        lines = {line["path"]: line for line in lines}
        for name, _, expected, _ in ROWS:
            with self.subTest(name, where="jailed"):
                self.judge(name, lines[files[name]], expected)
        with self.subTest("the good file after them"):
            self.assertEqual(lines[good]["verdict"], "accept", lines[good]["findings"])
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(before + ["out"]))

    def judge(self, name, line, expected):
        """One row's line. That code ran is said in any case."""
        errors = [(found["id"], found.get("detail", "")) for found in line["findings"] if found["severity"] == "error"]
        self.assertTrue(line["code_ran"])
        if expected is LIES:
            self.assertEqual(line["verdict"], "accept", errors)
            _, tensors = read_safetensors(line["output"])
            self.assertEqual({row["shape"][0] for row in tensors.values()}, {2})
            return
        self.assertNotEqual(line["verdict"], "accept")
        self.assertIsNone(line["output"])
        wanted = expected if isinstance(expected, tuple) else (expected,)
        self.assertIn(errors[0][0] if errors else None, wanted, errors)
        if errors[0][0] == VIOLATION:
            # pthread_create blocks all signals first: then the call cannot be told, only that there was one
            self.assertRegex(errors[0][1], "^SIGSYS$" if name == "thread" and errors[0][1] == "SIGSYS" else "^system call ")


if __name__ == "__main__":
    main()
