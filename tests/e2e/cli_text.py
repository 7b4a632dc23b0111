"""The text that people read: short, with colours and a bar on a terminal alone."""
import os
import pty
import select
import struct
import subprocess

from support import COMMAND, Case, corpus_file, main, manifest, tensorvet

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
TIED = corpus_file(manifest("real/torch-2.13/module-transformer")[0])
DANGEROUS = corpus_file(manifest("hostile/global-ctypes.pt")[0])


def on_a_terminal(*arguments, **environment):
    """Exit status and output of the command with a terminal as its standard output and error."""
    ours, theirs = pty.openpty()
    variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    run = subprocess.Popen([COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                           env={**variables, "TERM": "xterm", **environment})
    os.close(theirs)
    output = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            more = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        output += more
    os.close(ours)
    return run.wait(timeout=60), output.replace(b"\r\n", b"\n")


class Text(Case):
    def text(self, *arguments):
        done = tensorvet(*arguments, cwd=self.folder)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def test_check(self):
        self.assertRegex(self.text("check", GOOD), r"^\S+dict.pt: accept, a PyTorch checkpoint \(zip\), [\d.]+ KiB, \d+ tensors\n$")
        rejected = self.text("check", DANGEROUS).splitlines()
        self.assertRegex(rejected[0], r": reject \(dangerous\), ")
        self.assertRegex(rejected[1], r"^  error    dangerous-global at byte \d+: .*ctypes\.CDLL")
        self.assertRegex(rejected[2], r"^  to do    .*--disarm")

    def test_convert_in_eight_lines(self):
        for number, entry in enumerate(manifest("")):
            if entry["convert"]["verdict"] != "accept":
                continue
            with self.subTest(entry["path"]):
                key = ["--key", entry["convert"]["key"]] if "key" in entry["convert"] else []
                lines = self.text("convert", corpus_file(entry), "-o", f"{number}.safetensors", *key).splitlines()
                self.assertLessEqual(len(lines), 8)
                self.assertTrue(any(line.startswith("  wrote ") for line in lines), lines)
                self.assertTrue(any(line.startswith("  verified bit for bit") for line in lines), lines)

    def test_convert_says_what_was_left(self):
        lines = self.text("convert", TIED, "-o", "x.safetensors")
        self.assertRegex(lines, r"(?m)^  tied     1 name not repeated: \S+ is \S+$")
        lines = self.text("convert", DANGEROUS, "--disarm", "-o", "y.safetensors")
        self.assertRegex(lines, r"(?m)^  not run  1 dangerous name: ctypes\.CDLL$")

    def test_quiet(self):
        self.assertEqual(self.text("check", "-q", GOOD), "")
        self.assertEqual(self.text("convert", "-q", GOOD, "-o", "x.safetensors"), "")
        self.assertIn("reject", self.text("check", "-q", DANGEROUS))

    def test_verbose_lists_what_was_left_alone(self):
        self.put("README", b"hello")
        self.assertNotIn("README", self.text("check", "."))
        self.assertIn("./README: unjudged", self.text("check", "-v", "."))

    def test_inspect(self):
        lines = self.text("inspect", GOOD)
        self.assertRegex(lines, r"(?m)^tensors$")
        self.assertRegex(lines, r"(?m)^  known +collections\.OrderedDict|^  known +torch\._utils")

    def test_explain(self):
        self.assertIn("to do", self.text("explain", "duplicate-key"))

    def test_colours_are_for_terminals(self):
        self.assertIn(b"\x1b[", on_a_terminal("check", GOOD)[1])
        self.assertNotIn(b"\x1b[", on_a_terminal("check", GOOD, NO_COLOR="1")[1])
        self.assertIn(b"\x1b[", on_a_terminal("check", GOOD, NO_COLOR="")[1])
        self.assertNotIn(b"\x1b[", on_a_terminal("check", GOOD, TERM="dumb")[1])
        self.assertNotIn(b"\x1b[", on_a_terminal("check", GOOD, "--format", "json")[1])
        self.assertNotIn("\x1b", self.text("check", GOOD))

    def test_a_bar_for_large_files(self):
        """On a terminal a bar shows bytes, rate and time left, and is gone before the report; without one there is none."""
        large = self.path("large.safetensors")
        size = 128 << 20
        header = b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)
        with open(large, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + size)
        status, output = on_a_terminal("convert", large, "-o", self.path("out.safetensors"))
        self.assertEqual(status, 0)
        self.assertRegex(output, rb"\rlarge\.safetensors \[#*\.*\] [\d.]+ \w+ of 128\.0 MiB, [\d.]+ \w+/s")
        *bars, report = output.split(b"\r\x1b[K")
        self.assertTrue(bars)
        self.assertTrue(report.startswith(os.fsencode(large) + b": "), report)
        self.assertNotIn(b"\r", report)
        for more in (["--progress", "never"], ["-q"]):
            self.assertNotIn(b"\r", on_a_terminal("convert", large, "-o", self.path("out.safetensors"), "--overwrite", *more)[1])
        self.assertEqual(tensorvet("convert", large, "-o", self.path("out.safetensors"), "--overwrite").stderr, b"")

    def test_the_same_words_on_a_terminal(self):
        status, output = on_a_terminal("check", DANGEROUS, NO_COLOR="1")
        self.assertEqual((status, output.decode()), (1, self.text("check", DANGEROUS)))

    def test_a_full_device(self):
        """A report that cannot be written is not success, and it is said why nothing is to be seen."""
        for arguments in (["check", GOOD], ["inspect", GOOD], ["diff", GOOD, GOOD], ["doctor"], ["explain"], ["--help"],
                          ["check", "--help"], ["--version"]):
            with open("/dev/full", "wb") as full:
                run = subprocess.run([COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(run.returncode, 3, arguments)
            self.assertIn(b"tensorvet: the report could not be written", run.stderr, arguments)
        self.assertIn(b"No space left on device", run.stderr)

    def closed(self, descriptors, *arguments):
        """The command, started without those standard descriptors."""
        return subprocess.run(["/bin/sh", "-c", f'exec "$@" {descriptors}', "sh", COMMAND, *arguments], cwd=self.folder,
                              capture_output=True, timeout=60)

    def test_closed_standard_descriptors(self):
        """No file of ours is read or written in the place of a standard descriptor that is closed."""
        run = self.closed("<&-", "check", "-")
        self.assertEqual((run.returncode, run.stderr), (3, b""))
        self.assertIn(b"Bad file descriptor", run.stdout)
        run = self.closed(">&-", "check", GOOD)
        self.assertEqual(run.returncode, 3)
        self.assertIn(b"the report could not be written", run.stderr)
        run = self.closed("<&- >&- 2>&-", "convert", GOOD, "-o", "closed.safetensors", "--progress", "json")
        self.assertEqual(run.returncode, 3)
        self.assertEqual(tensorvet("convert", GOOD, "-o", "open.safetensors", cwd=self.folder).returncode, 0)
        with open(self.path("closed.safetensors"), "rb") as closed, open(self.path("open.safetensors"), "rb") as other:
            self.assertEqual(closed.read(), other.read())
        run = self.closed("<&- >&-", "check", "-q", GOOD)
        self.assertEqual((run.returncode, run.stderr), (0, b""))

    def test_a_closed_pipe(self):
        """Whoever reads the report may leave: then nothing more is done, and nothing partial is left."""
        ours, theirs = os.pipe()
        os.close(ours)
        run = subprocess.run([COMMAND, "convert", GOOD, TIED, "--out-dir", "out"], stdout=theirs,
                             stderr=subprocess.DEVNULL, cwd=self.folder, timeout=60)
        os.close(theirs)
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(os.listdir(self.path("out")), ["dict.safetensors"])


if __name__ == "__main__":
    main()
