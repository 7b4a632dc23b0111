"""What goes wrong while a checkpoint is converted: the disk fills up, someone presses Ctrl-C, the worker is killed, the
command itself is killed. Nothing partial appears, no process stays, and the exit status says what happened.

Each test waits for the output to grow, as seen through the command's own descriptor of it, never for a time to pass.
"""
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import struct
import subprocess

from support import COMMAND, Case, corpus_file, ids, main, manifest, one_report, report, tensorvet

from containers import archive, torch_entries
from pickles import mapping, program, tensor

STORAGE = 1 << 29
SMALL = corpus_file(manifest("real/torch-2.13/alignment-4096")[0])


def large_checkpoint(path):
    """A checkpoint of one storage of 512 MiB of zeros, sparse on disk, without checksums as torch can write it."""
    count = STORAGE // 4
    pickle = program(mapping([("w", tensor(size=(count,), count=count))]))
    marker = b"<the storage>" + bytes(64 - 13)
    whole = archive(torch_entries(pickle, {"0": marker}, lies={"data.pkl": {"crc": 0}, "version": {"crc": 0},
                                                              "data/0": {"crc": 0, "size": STORAGE, "packed": STORAGE}}))
    head, tail = whole.split(marker)
    grown = STORAGE - len(marker)
    tail = grow(tail, len(head) + len(marker), grown)
    with open(path, "wb") as file:
        file.write(head)
        file.seek(STORAGE, os.SEEK_CUR)
        file.write(tail)


def grow(tail, start, grown):
    """The bytes after the storage, with every offset of something behind it moved by what the storage has grown."""
    tail = bytearray(tail)
    directory = tail.index(b"PK\1\2")
    at = directory
    while tail[at:at + 4] == b"PK\1\2":
        offset = struct.unpack_from("<I", tail, at + 42)[0]
        if offset > start:
            struct.pack_into("<I", tail, at + 42, offset + grown)
        at += 46 + struct.unpack_from("<H", tail, at + 28)[0]
    struct.pack_into("<Q", tail, at + 48, start + directory + grown)
    struct.pack_into("<Q", tail, at + 56 + 8, start + at + grown)
    struct.pack_into("<I", tail, at + 56 + 20 + 16, start + directory + grown)
    return bytes(tail)


def children(parent):
    """The pids of the living children of a process."""
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state, its_parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_parent) == parent and state != "Z":
            found.add(int(entry))
    return found


def adopt_orphans():
    """Makes this process the parent of whatever outlives its own: PR_SET_CHILD_SUBREAPER of prctl(2)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Interrupted(Case):
    def setUp(self):
        super().setUp()
        adopt_orphans()
        large_checkpoint(self.path("large.pt"))

    def converting(self):
        """The command in a session of its own, caught while it writes: the process and its workers' pids."""
        command = subprocess.Popen([COMMAND, "convert", "large.pt", "-o", "out.safetensors", "--format", "json"],
                                   cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(command.stderr.close)
        self.addCleanup(command.stdout.close)
        while not 0 < self.written(command.pid) < STORAGE:
            self.assertIsNone(command.poll(), "it was over before it could be interrupted")
        workers = [os.pidfd_open(pid) for pid in children(command.pid)]
        for worker in workers:
            self.addCleanup(os.close, worker)
        self.assertEqual(len(workers), 1, "one worker at a time")
        return command, workers[0]

    def written(self, pid):
        """Bytes of the output so far: the largest unnamed or new file of the folder that the command has open."""
        sizes = [0]
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            link = f"/proc/{pid}/fd/{descriptor}"
            try:
                target = os.readlink(link)
                if target.startswith(self.folder + "/") and "large.pt" not in target:
                    sizes.append(os.stat(link).st_size)
            except FileNotFoundError:
                continue
        return max(sizes)

    def ended(self, command, worker):
        """The command's exit status and report, once it and its worker are gone and left nothing but the source."""
        output, _ = command.communicate(timeout=120)
        poll = select.poll()
        poll.register(worker, select.POLLIN)
        self.assertTrue(poll.poll(60000), "a worker outlived the command")
        self.assertEqual(children(os.getpid()), set(), "an orphan was left")
        self.assert_only("large.pt")
        return command.returncode, [json.loads(line) for line in output.splitlines()]

    def test_the_file_converts_when_nobody_interrupts(self):
        done = tensorvet("convert", "large.pt", "-o", "out.safetensors", "--format", "json", "--progress", "json",
                         cwd=self.folder)
        line = json.loads(done.stdout)
        self.assertEqual((done.returncode, line["verdict"]), (0, "accept"), line["findings"])
        self.assertEqual(line["data_bytes"], STORAGE)
        last = json.loads(done.stderr.splitlines()[-1])["progress"]
        self.assertEqual((last["path"], last["done"]), ("large.pt", last["total"]))

    def test_ctrl_c(self):
        command, worker = self.converting()
        command.send_signal(signal.SIGINT)
        self.assertEqual(self.ended(command, worker)[0], 130)

    def test_terminated(self):
        command, worker = self.converting()
        command.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended(command, worker)[0], 143)

    def test_the_worker_is_killed(self):
        command, worker = self.converting()
        signal.pidfd_send_signal(worker, signal.SIGKILL)
        status, lines = self.ended(command, worker)
        self.assertEqual((status, lines[0]["verdict"], ids(lines[0])), (3, "undecided", ["worker-killed"]))

    def test_the_command_is_killed(self):
        command, worker = self.converting()
        command.kill()
        self.assertEqual(self.ended(command, worker)[0], -signal.SIGKILL)


class Full(Case):
    """A disk too small for the output, and one that ends in the middle of it."""

    def test_a_full_disk(self):
        """A tmpfs of 16 KiB; the output needs 32."""
        if os.geteuid() != 0:
            self.skipTest("only root can mount a tiny disk")
        disk = self.path("disk")
        os.mkdir(disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk], check=False).returncode != 0:
            self.skipTest("this root may not mount")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        status, line = one_report("convert", self.large_source(), "-o", "out.safetensors", cwd=disk)
        self.assertEqual((status, line["verdict"], ids(line)), (3, "undecided", ["no-space"]))
        self.assertEqual(os.listdir(disk), [])

    def large_source(self):
        """A checkpoint of 32 KiB of data."""
        count = 8192
        return self.put("source.pt", archive(torch_entries(
            program(mapping([("w", tensor(size=(count,), count=count))])), {"0": bytes(range(256)) * (count // 64)})))

    def test_a_file_that_may_not_grow(self):
        """RLIMIT_FSIZE stops the write where the free space said it would do."""
        source = self.large_source()

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
        status, lines = report("convert", source, "-o", "out.safetensors", cwd=self.folder, preexec_fn=limit)
        self.assertEqual((status, lines[0]["verdict"]), (3, "undecided"), lines)
        self.assert_only("source.pt")

    def test_a_folder_that_refuses(self):
        """A file where the output's folder should be."""
        self.put("file", b"mine")
        status, line = one_report("convert", SMALL, "-o", "file/out.safetensors", cwd=self.folder)
        self.assertEqual((status, ids(line)), (3, ["output-unwritable"]))
        self.assert_only("file")

    def test_the_rest_goes_on(self):
        """A target that cannot be written does not keep the next input from its own."""
        shutil.copy(SMALL, self.path("a.pt"))
        shutil.copy(SMALL, self.path("b.pt"))
        os.mkdir(self.path("a.safetensors"))
        status, lines = report("convert", "a.pt", "b.pt", cwd=self.folder)
        self.assertNotEqual(status, 0)
        self.assertEqual([line["verdict"] == "accept" for line in lines], [False, True])
        self.assert_only("a.pt", "b.pt", "a.safetensors", "b.safetensors")


if __name__ == "__main__":
    main()
