"""Bad machines: too few descriptors, no seccomp, a command that is killed while a worker waits ahead of its file. The status
is right, the message says what is missing, nothing is judged that was not read in the jail, and no process is left.
"""
import ctypes
import errno
import os
import platform
import select
import signal
import struct
import subprocess

from support import COMMAND, Case, corpus_file, main, manifest, report, tensorvet

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
# Numbers of calls that old kernels lack and containers forbid.
CALLS = {
    "x86_64": {"seccomp": 317, "prctl": 157, "landlock_create_ruleset": 444, "landlock_add_rule": 445,
               "landlock_restrict_self": 446, "execveat": 322, "close_range": 436, "clone": 56, "clone3": 435,
               "pidfd_send_signal": 424, "memfd_create": 319, "setpgid": 109, "prlimit64": 302, "getrandom": 318},
    "aarch64": {"seccomp": 277, "prctl": 167, "landlock_create_ruleset": 444, "landlock_add_rule": 445,
                "landlock_restrict_self": 446, "execveat": 281, "close_range": 436, "clone": 220, "clone3": 435,
                "pidfd_send_signal": 424, "memfd_create": 279, "setpgid": 154, "prlimit64": 261, "getrandom": 278},
}[platform.machine()]
REFUSED = ("seccomp", "prctl", "landlock_restrict_self", "execveat", "clone", "setpgid", "prlimit64")


def without(call, error=errno.ENOSYS):
    """A function for the child before its exec: that call answers so, by a filter put on through prctl(2)."""
    def put_on():
        class Program(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
        answer, allow = 0x00050000 | error, 0x7FFF0000
        code = b"".join(struct.pack("=HBBI", *row) for row in (
            (0x20, 0, 0, 0),                                   # the call's number
            (0x15, 0, 1, CALLS[call]),
            (0x06, 0, 0, answer),
            (0x06, 0, 0, allow)))
        program = Program(4, code)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    return put_on


class Machine(Case):
    def test_too_few_descriptors(self):
        """Wherever the limit cuts, it is undecided, and it is the machine's fault; above, nothing changes."""
        seen = set()
        for most in range(4, 24):
            done = tensorvet("check", GOOD, GOOD, GOOD, prefix=("prlimit", f"--nofile={most}"))
            self.assertIn(done.returncode, (0, 3), (most, done))
            if done.returncode == 3:
                self.assertIn(b"Too many open files", done.stdout + done.stderr, most)
                self.assertNotIn(b"accept", done.stdout)
            seen.add(done.returncode)
        self.assertEqual(seen, {0, 3})
        self.assertEqual(done.returncode, 0)

    def test_less_memory_than_a_file_may_take(self):
        """Where the caller's own limit ends a worker, the file is undecided; above, nothing changes."""
        seen = set()
        for mebibytes in (8, 10, 12, 64):
            done = tensorvet("convert", GOOD, "-o", f"{mebibytes}.safetensors", cwd=self.folder,
                             prefix=("prlimit", f"--as={mebibytes << 20}"))
            self.assertIn(done.returncode, (0, 3), (mebibytes, done))
            seen.add(b"memory-short" in done.stdout)
        self.assertEqual((seen, done.returncode), ({False, True}, 0))

    def test_less_room_in_a_file_than_the_output_needs(self):
        done = tensorvet("convert", GOOD, "-o", "out.safetensors", cwd=self.folder, prefix=("prlimit", "--fsize=10"))
        self.assertEqual(done.returncode, 3)
        self.assertIn(b'the output "out.safetensors" cannot be written: "File too large"', done.stdout)
        self.assert_only()

    def test_no_seccomp(self):
        status, lines = report("check", GOOD, preexec_fn=without("seccomp"))
        self.assertEqual((status, lines[0]["verdict"]), (3, "undecided"))
        self.assertIn("seccomp", lines[0]["findings"][0]["message"])
        status, _ = report("convert", GOOD, "-o", self.path("out.safetensors"), preexec_fn=without("seccomp"))
        self.assertEqual(status, 3)
        self.assert_only()
        doctor = tensorvet("doctor", preexec_fn=without("seccomp"))
        self.assertEqual(doctor.returncode, 3)
        self.assertIn(b"refuses", doctor.stdout)

    def test_the_doctor_is_right(self):
        """Whatever call is missing or forbidden: work is done where the doctor says so, and there alone. Without a Python:
        where clone3 is forbidden, not missing, glibc starts no thread, and torch 1.13's import waits for one."""
        no_python = dict(os.environ, PATH=self.folder)
        for call in CALLS:
            for error in (errno.ENOSYS, errno.EPERM):
                with self.subTest(call=call, error=errno.errorcode[error]):
                    due = tensorvet("doctor", env=no_python, preexec_fn=without(call, error)).returncode
                    if call != "landlock_restrict_self": # which is not asked where there is no Landlock
                        self.assertEqual(due, 3 if call in REFUSED else 0)
                    output = self.path(f"{call}-{error}.safetensors")
                    for words in (["check", GOOD, GOOD], ["convert", GOOD, "-o", output]):
                        done = tensorvet(*words, preexec_fn=without(call, error))
                        self.assertEqual(done.returncode, due, (words, done.stdout))
                    self.assertEqual(os.path.exists(output), due == 0)

    def waiting_with_a_spare(self):
        """The command, waiting for a FIFO after two files, and the worker that waits with it."""
        os.mkfifo(self.path("fifo"))
        command = subprocess.Popen([COMMAND, "check", GOOD, GOOD, "fifo"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(command.stdout.close)
        self.addCleanup(command.stderr.close)
        for _ in range(2):
            self.assertIn(b"accept", command.stdout.readline())
        with open(f"/proc/{command.pid}/task/{command.pid}/children", encoding="ascii") as file:
            workers = file.read().split()
        self.assertEqual(len(workers), 1, "one worker is ahead")
        worker = os.pidfd_open(int(workers[0]))
        self.addCleanup(os.close, worker)
        return command, worker

    def assert_gone(self, worker):
        poll = select.poll()
        poll.register(worker, select.POLLIN)
        self.assertTrue(poll.poll(60000), "the worker that waited outlives the command")

    def test_killed_while_a_worker_waits(self):
        command, worker = self.waiting_with_a_spare()
        command.kill()
        command.wait(timeout=60)
        self.assert_gone(worker)

    def test_interrupted_while_a_worker_waits(self):
        command, worker = self.waiting_with_a_spare()
        command.send_signal(signal.SIGINT)
        self.assertEqual(command.wait(timeout=60), 130)
        self.assert_gone(worker)


if __name__ == "__main__":
    main()
