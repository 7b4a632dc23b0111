"""Help and manual: every command and option is in both, and both say the same exit statuses."""
import os
import re

from support import SOURCE, Case, main, tensorvet

MANUAL = os.path.join(SOURCE, "docs", "man")
PAGES = {"check": "tensorvet-check.1", "convert": "tensorvet-convert.1", "inspect": "tensorvet-inspect.1",
         "diff": "tensorvet-diff.1",
         "explain": "tensorvet.1", "doctor": "tensorvet.1"}


def page(name):
    """The words of a manual page, without its markup."""
    with open(os.path.join(MANUAL, name), encoding="utf-8") as file:
        return re.sub(r"\\f.|\"", "", file.read().replace("\\-", "-"))


def help_of(*command):
    return tensorvet(*command, "--help").stdout.decode()


class Help(Case):
    def test_every_command_has_a_page(self):
        commands = re.findall(r"^  ([a-z]+) ", help_of(), re.M)
        self.assertEqual(set(commands), set(PAGES))
        for command in commands:
            self.assertRegex(page("tensorvet.1"), rf"(?m)^\.BR? {command}\b")

    def test_a_wrong_letter_is_named(self):
        for words, said in ((["-vx"], b"there is no option -x here"), (["-x.pt"], b"there is no option -x here"),
                            (["--no-such"], b"there is no option --no-such here"),
                            (["--limit"], b"--limit needs an argument")):
            done = tensorvet("check", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr, words)

    def test_every_option_is_in_the_manual(self):
        for command, name in PAGES.items():
            text, told = page(name), help_of(command)
            options = re.findall(r"^  (?:-(\w), )? *(--[a-z-]+)", told, re.M)
            self.assertGreaterEqual(len(options), 4)
            for letter, option in options:
                with self.subTest((command, option)):
                    self.assertRegex(text, re.escape(option) + r"(?![a-z-])")
                    if letter:
                        self.assertRegex(text, rf"-{letter}\b")

    def test_no_option_is_in_the_manual_alone(self):
        for command, name in PAGES.items():
            if name == "tensorvet.1":
                continue
            options = page(name).split(".SH OPTIONS")[1].split(".SH")[0]
            for option in re.findall(r"^\.B.*?(--[a-z-]+)", options, re.M):
                with self.subTest((command, option)):
                    self.assertIn(option, help_of(command))

    def test_every_limit_is_in_the_manual(self):
        with open(os.path.join(SOURCE, "core", "include", "tensorvet", "limits.def"), encoding="utf-8") as file:
            rows = re.findall(r"^TV_LIMIT\((\w+), (\d+),", file.read(), re.M)
        self.assertGreater(len(rows), 15)
        for name, value in rows:
            with self.subTest(name):
                self.assertRegex(page("tensorvet.1"), rf"\.B {name} \({value} ")

    def test_limits_can_be_set(self):
        self.assertEqual(tensorvet("check", "--limit", "rank=3", "/dev/null").returncode, 1)
        for wrong in ("rank", "rank=", "rank=x", "rank=-1", "rank= 1", "rank=1x", "nothing=1", "=1",
                      "rank=18446744073709551616", "a" * 100 + "=1"):
            with self.subTest(wrong):
                done = tensorvet("check", "--limit", wrong, "/dev/null")
                self.assertEqual(done.returncode, 2)
                self.assertIn(b"folder_depth", done.stderr)

    def test_usage_says_what_is_wrong(self):
        for arguments, word in ((["check", "--frob"], "--frob"), (["frob"], "frob"), (["convert", "a", "-o"], "-o"),
                                (["check", "--format", "xml", "a"], "xml"), (["convert", "-"], "-o FILE"),
                                (["convert", "a", "b", "-o", "c"], "--out-dir"),
                                (["convert", "a", "-o", "c", "--out-dir", "d"], "exclude"),
                                (["convert", "a", "-o", "."], "--out-dir"), (["convert", ".", "-o", "c"], "--out-dir"),
                                (["convert", "a", "--ties", "perhaps"], "perhaps"), (["explain", "x\x1b[2J"], "\\x1b")):
            with self.subTest(arguments):
                done = tensorvet(*arguments, cwd=self.folder)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertIn(word.encode(), done.stderr)
                self.assertNotIn(b"\x1b", done.stderr)

    def test_version(self):
        self.assertRegex(tensorvet("--version").stdout.decode(), r"^tensorvet \d+\.\d+\.\d+ \(commit [0-9a-z]+\)\n$")

    def test_the_jail_works(self):
        """doctor's exit status is what every other command depends on."""
        done = tensorvet("doctor")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"The jail works.", done.stdout)


if __name__ == "__main__":
    main()
