"""The exit statuses of the design: 2 usage; else 1 if anything was rejected or refused; else 3 if anything is undecided or
nothing was examined; else 0. What cannot be read does not stop the rest of the list."""
import os
import shutil

from support import Case, corpus_file, ids, main, manifest, one_report, report, tensorvet

GOOD = corpus_file(manifest("real/torch-2.13/dict")[0])
BAD = corpus_file(manifest("hostile/zip-duplicate.pt")[0])


class ExitStatus(Case):
    def status(self, *arguments, **options):
        return tensorvet(*arguments, cwd=self.folder, **options).returncode

    def test_usage(self):
        for arguments in ([], ["frobnicate"], ["check"], ["convert"], ["check", "--no-such-option", GOOD],
                          ["convert", GOOD, "-o"], ["check", "--limit", "rank=x", GOOD], ["explain", "no-such-id"]):
            with self.subTest(arguments):
                self.assertEqual(self.status(*arguments), 2)
        self.assert_only()

    def test_help_and_version(self):
        for arguments in (["--help"], ["--version"], ["check", "--help"], ["convert", "--help"], ["inspect", "--help"]):
            with self.subTest(arguments):
                done = tensorvet(*arguments)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout)
                self.assertFalse(done.stderr)

    def test_accepted_and_rejected(self):
        self.assertEqual(self.status("check", GOOD), 0)
        self.assertEqual(self.status("check", BAD), 1)
        self.assertEqual(self.status("check", GOOD, BAD), 1)
        self.assertEqual(self.status("check", BAD, GOOD), 1)

    def test_a_missing_file_does_not_stop_the_rest(self):
        status, lines = report("check", GOOD, self.path("missing.pt"), GOOD)
        self.assertEqual(status, 3)
        self.assertEqual([line["verdict"] for line in lines], ["accept", "undecided", "accept"])
        self.assertEqual(ids(lines[1]), ["unreadable"])
        self.assertTrue(lines[1]["retryable"])

    def test_a_rejection_outweighs_what_is_undecided(self):
        self.assertEqual(self.status("check", self.path("missing.pt"), BAD), 1)

    def test_an_unreadable_file_does_not_stop_the_rest(self):
        """Root reads everything, so the command runs without the capability to."""
        shutil.copy(GOOD, self.path("closed.pt"))
        os.chmod(self.path("closed.pt"), 0)
        prefix = ()
        if os.geteuid() == 0:
            prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
        status, lines = report("check", self.path("closed.pt"), GOOD, prefix=prefix)
        self.assertEqual(status, 3)
        self.assertEqual([line["verdict"] for line in lines], ["undecided", "accept"])
        self.assertEqual(ids(lines[0]), ["unreadable"])

    def test_nothing_examined(self):
        os.mkdir(self.path("empty"))
        self.assertEqual(self.status("check", "empty"), 3)

    def test_convert(self):
        self.assertEqual(self.status("convert", GOOD, "-o", "a.safetensors"), 0)
        self.assertEqual(self.status("convert", BAD, "-o", "b.safetensors"), 1)
        self.assert_only("a.safetensors")

    def test_an_output_is_never_replaced_unasked(self):
        self.put("a.safetensors", b"mine")
        before = os.stat(self.path("a.safetensors"))
        self.assertNotEqual(self.status("convert", GOOD, "-o", "a.safetensors"), 0)
        self.assertNotEqual(self.status("convert", GOOD, "-o", "a.safetensors", "--overwrite"), 0)
        after = os.stat(self.path("a.safetensors"))
        self.assertEqual((before.st_ino, before.st_size), (after.st_ino, after.st_size))
        self.assert_only("a.safetensors")

    def test_overwrite_replaces_safetensors_alone(self):
        self.assertEqual(self.status("convert", GOOD, "-o", "a.safetensors"), 0)
        self.assertEqual(self.status("convert", GOOD, "-o", "a.safetensors", "--overwrite"), 0)
        self.assert_only("a.safetensors")

    def test_dry_run_writes_nothing(self):
        self.assertEqual(self.status("convert", "-n", GOOD, "-o", "a.safetensors"), 0)
        self.assert_only()

    def test_standard_input(self):
        with open(GOOD, "rb") as file:
            status, line = one_report("check", "-", stdin=file)
        self.assertEqual((status, line["verdict"]), (0, "accept"))


if __name__ == "__main__":
    main()
