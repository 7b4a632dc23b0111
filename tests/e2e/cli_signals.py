"""Signals while the command waits for its input: it ends at once, with the status of the signal, and nothing is said or left.

Each test waits until the command has its input open, as seen in /proc, never for a time to pass.
"""
import os
import signal
import subprocess

from support import COMMAND, Case, corpus_file, main, manifest

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])


class Signals(Case):
    def waiting(self, *arguments, **options):
        """The command, caught while it waits for somebody to write into its FIFO."""
        os.mkfifo(self.path("fifo"))
        command = subprocess.Popen([COMMAND, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        while not self.has_open(command.pid, self.path("fifo")):
            self.assertIsNone(command.poll(), "it was over before it could be interrupted")
        return command

    def has_open(self, pid, path):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == path:
                    return True
            except FileNotFoundError:
                continue
        return False

    def ended(self, command, number):
        command.send_signal(number)
        output, errors = command.communicate(timeout=60)
        self.assertEqual((command.returncode, output, errors), (128 + number, b"", b""))

    def test_interrupted_while_spooling(self):
        self.ended(self.waiting("check", "fifo", GOOD), signal.SIGINT)

    def test_terminated_while_spooling(self):
        self.ended(self.waiting("convert", "fifo", "-o", "new/out.safetensors"), signal.SIGTERM)
        self.assert_only("fifo")

    def test_hung_up(self):
        self.ended(self.waiting("inspect", "fifo"), signal.SIGHUP)

    def test_what_was_ignored_stays_ignored(self):
        """As under nohup: the signal changes nothing, and the file is judged once it comes."""
        command = self.waiting("check", "fifo", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        command.send_signal(signal.SIGHUP)
        with open(GOOD, "rb") as source, open(self.path("fifo"), "wb") as pipe:
            pipe.write(source.read())
        output, errors = command.communicate(timeout=60)
        self.assertEqual((command.returncode, errors), (0, b""), output)

    def test_reports_so_far_are_kept(self):
        """What was judged before the signal was told."""
        command = self.waiting("check", GOOD, "fifo")
        told = command.stdout.readline() # the FIFO is opened first of all; this says how far the command is
        command.send_signal(signal.SIGINT)
        output, _ = command.communicate(timeout=60)
        self.assertEqual((command.returncode, (told + output).count(b": accept")), (130, 1))


if __name__ == "__main__":
    main()
