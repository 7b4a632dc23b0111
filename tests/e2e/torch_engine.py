"""What only the torch engine can do, what it says where it cannot, and that it needs what it is given.

Run by a Python that has torch; the command uses that very Python.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import textwrap

from support import COMMAND, Case, corpus_file, ids, main, manifest, one_report, read_safetensors, report, skip, tensorvet

try:
    import torch
except ImportError as error:
    skip(f"no torch in this Python: {error}")

OLD = torch.__version__.startswith("1.")
ENGINE = ("--engine", "torch", "--python", sys.executable)
CODE = ("--allow-code",) if OLD else ()  # weights_only of 1.13 takes neither sparse nor quantized tensors


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def fields_of(pid):
    """What follows the program's name in /proc/PID/stat; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def state_of(pid):
    return (fields_of(pid) or ["Z"])[0]


def seconds_of(pid):
    """Processor time in user mode."""
    fields = fields_of(pid)
    return int(fields[11]) / os.sysconf("SC_CLK_TCK") if fields else 0


class NoModule:
    """Pickled as a call of what is in no module here."""

    def __reduce__(self):
        return __import__, ("tensorvet_has_no_such_module",)


class Engine(Case):
    def save(self, value, name="m.pt"):
        torch.save(value, self.path(name))
        return self.path(name)

    def convert(self, path, *options):
        return one_report("convert", path, "-o", self.path("out.safetensors"), "--overwrite", *ENGINE, *options)

    def test_sparse(self):
        dense = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
        path = self.save({"s": dense.to_sparse(), "d": dense})
        status, line = self.convert(path, *CODE)
        self.assertEqual((status, ids(line, "error")), (1, ["torch-needs-densify"]))
        self.assertIn("16 bytes", [found for found in line["findings"] if found["id"] == "torch-needs-densify"][0]["message"])
        status, line = self.convert(path, "--densify", *CODE)
        self.assertEqual(status, 0, line["findings"])
        self.assertEqual([row["name"] for row in line["decisions"]], ["s"])
        _, tensors = read_safetensors(line["output"])
        self.assertEqual(tensors["s"], tensors["d"])

    def test_quantized(self):
        numbers = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
        each = torch.quantize_per_tensor(numbers, 0.5, 3, torch.quint8)
        channel = torch.quantize_per_channel(numbers, torch.tensor([0.5, 0.25]), torch.tensor([1, 2]), 0, torch.qint8)
        path = self.save({"t": each, "c": channel, "e": each.int_repr(), "f": numbers})
        status, line = self.convert(path, *CODE)
        self.assertEqual(status, 0, line["findings"])
        _, tensors = read_safetensors(line["output"])
        self.assertEqual(set(tensors), {"e", "f", "t.int_repr", "t.scale", "t.zero_point", "c.int_repr", "c.scale",
                                        "c.zero_point", "c.axis"})
        self.assertEqual(tensors["t.int_repr"], tensors["e"])
        self.assertEqual(len(line["decisions"]), 2)
        status, line = self.convert(path, "--dequantize", *CODE)
        self.assertEqual(status, 0, line["findings"])
        _, tensors = read_safetensors(line["output"])
        self.assertEqual(tensors["t"], tensors["f"])
        self.assertEqual(tensors["c"], tensors["f"])

    def test_nested_and_subclass(self):
        parts = [torch.ones(2), torch.zeros(3)]
        make = getattr(torch, "nested_tensor", None) or torch.nested.nested_tensor
        value = {"n": make(parts), "p": torch.nn.Parameter(torch.ones(2))}
        try:
            path = self.save(value)
        except RuntimeError:  # torch 1.13 cannot save nested tensors
            path = self.save({"p": value["p"]})
        status, line = self.convert(path, "--allow-code")
        self.assertEqual(status, 0, line["findings"])
        _, tensors = read_safetensors(line["output"])
        if not OLD:
            self.assertEqual({name: row["shape"] for name, row in tensors.items()}, {"n.0": [2], "n.1": [3], "p": [2]})

    WRAPPED = textwrap.dedent("""
        import torch
        class Plain(torch.Tensor):
            pass
        class Twin(torch.Tensor):
            @staticmethod
            def __new__(cls, a, b):
                return torch.Tensor._make_wrapper_subclass(cls, a.size(), dtype=a.dtype)
            def __init__(self, a, b):
                self.a, self.b = a, b
            def __tensor_flatten__(self):
                return ["a", "b"], None
            @classmethod
            def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
                raise NotImplementedError(str(func))
            def __reduce_ex__(self, protocol):
                return Twin, (self.a, self.b)
        """)

    def test_subclasses(self):
        """Of a subclass the numbers are written; of one that wraps other tensors those are; both are told."""
        with open(self.path("wrapped.py"), "w", encoding="utf-8") as file:
            file.write(self.WRAPPED)
        sys.path.insert(0, self.folder)
        self.addCleanup(sys.path.remove, self.folder)
        self.addCleanup(sys.modules.pop, "wrapped", None)
        import wrapped
        plain = torch.arange(3.0).as_subclass(wrapped.Plain)
        plain.note = 1  # torch 1.13 with Python 3.11 cannot load one without attributes
        path = self.save({"p": plain, "t": wrapped.Twin(torch.ones(2), torch.zeros(2))})
        python, _ = self.environment_beside(os.path.dirname(os.path.dirname(torch.__file__)) + f"\n{self.folder}\n")
        status, line = one_report("convert", path, "-o", self.path("o.safetensors"), "--engine", "torch", "--python", python,
                                  "--allow-code", "--preload", "wrapped")
        self.assertEqual((status, ids(line, "error")), (0, []), line["findings"])
        _, tensors = read_safetensors(line["output"])
        self.assertEqual({name: row["shape"] for name, row in tensors.items()}, {"p": [3], "t.a": [2], "t.b": [2]})
        told = {row["name"]: row["what"] for row in line["decisions"]}
        self.assertIn("wrapped.Plain", told["p"])
        self.assertIn("wraps other tensors", told["t.a"])

    def killed(self, which):
        """The report of a run whose Python is killed from outside while a child of it spins: "zygote" or "child"."""
        payload = type("P", (), {"__reduce__": lambda self: (exec, ("while True: pass",))})()
        path = self.save({"a": torch.ones(1), "x": payload})
        run = subprocess.Popen([COMMAND, "convert", path, "-o", self.path("o.safetensors"), "--allow-code", "--format",
                                "json", "--limit", "cpu_seconds=300", *ENGINE], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while True:  # a child that has spun for a while is one that has locked itself down
            zygote = [pid for pid in children(run.pid) if b"harness" in command_of(pid)]
            spinning = [pid for pid in zygote for pid in children(pid) if seconds_of(pid) > 0.3]
            if spinning or run.poll() is not None:
                break
            os.sched_yield()
        os.kill(int(spinning[0] if which == "child" else zygote[0]), signal.SIGKILL)
        said = json.loads(run.communicate(timeout=60)[0])
        self.assertFalse(os.path.exists(self.path("o.safetensors")))
        self.assertEqual([pid for pid in zygote + spinning if os.path.exists(f"/proc/{pid}") and state_of(pid) != "Z"], [])
        return run.returncode, said["verdict"], said["retryable"], ids(said, "error")

    def test_killed_from_outside(self):
        """By somebody, or by a machine without memory: that says nothing of the file."""
        self.assertEqual(self.killed("child"), (3, "undecided", True, ["worker-killed"]))
        self.assertEqual(self.killed("zygote"), (3, "undecided", True, ["worker-killed"]))

    def test_what_is_there_stays(self):
        path = self.save({"a": torch.ones(1)})
        self.put("o.safetensors", b"mine")
        for options in ((), ("--overwrite",)):
            status, line = one_report("convert", path, "-o", self.path("o.safetensors"), *ENGINE, *options)
            self.assertEqual((status, line["output"], line["verdict"]), (1, None, "undecided"), line["findings"])
            with open(self.path("o.safetensors"), "rb") as file:
                self.assertEqual(file.read(), b"mine")

    def test_jobs_change_nothing(self):
        paths = [self.save({"a": torch.full((2,), float(i))}, f"m{i}.pt") for i in range(3)]
        status, lines = report("convert", *paths, "--out-dir", self.path("out"), "--jobs", "3", *ENGINE)
        self.assertEqual((status, [line["path"] for line in lines]), (0, paths))

    def test_lists_of_where_it_is_sparse(self):
        path = self.save({"a": [torch.ones(1), torch.eye(2).to_sparse()]})
        _, line = self.convert(path, *CODE)
        found = [row for row in line["findings"] if row["id"] == "torch-needs-densify"]
        self.assertEqual([row["subject"] for row in found], ["a.1"])

    def test_missing_module(self):
        path = self.save({"a": torch.ones(1), "x": NoModule()})
        status, line = self.convert(path, "--allow-code")
        self.assertEqual((status, ids(line, "error")), (1, ["torch-module-missing"]))
        self.assertEqual([row["subject"] for row in line["findings"] if row["id"] == "torch-module-missing"],
                         ["tensorvet_has_no_such_module"])

    def test_preloaded_module(self):
        """A module of the standard library that nothing has imported before."""
        source = "import wsgiref.simple_server, torch\nn = 1"
        payload = type("P", (), {"__reduce__": lambda self: (exec, (source,))})()
        path = self.save({"a": torch.ones(1), "x": payload})
        _, line = self.convert(path, "--allow-code")
        self.assertEqual(ids(line, "error"), ["torch-module-missing"])
        status, line = self.convert(path, "--allow-code", "--preload", "wsgiref.simple_server")
        self.assertEqual(status, 0, line["findings"])

    def test_danger_needs_the_flag(self):
        payload = type("P", (), {"__reduce__": lambda self: (exec, ("n = 1",))})()
        path = self.save({"a": torch.ones(1), "x": payload})
        status, line = self.convert(path)
        self.assertEqual((status, ids(line, "error"), line["code_ran"]), (1, ["dangerous-global"], False))
        status, line = self.convert(path, "--allow-code")
        self.assertEqual((status, line["code_ran"], line["source_verdict"]), (0, True, "reject"))

    def test_refused_class(self):
        path = self.save({"a": torch.ones(1), "x": torch.nn.ReLU()})
        status, line = self.convert(path)
        self.assertEqual((status, ids(line, "error")), (1, ["torch-class-refused"]))
        self.assertIn("ReLU", [row["subject"] for row in line["findings"] if row["id"] == "torch-class-refused"][0])

    def test_container_is_passed_first(self):
        """What torch would read, and read wrongly: refused by a worker, with the ids that `check` gives."""
        paths = []
        for entry in manifest("hostile/"):
            wanted = set(entry["check"].get("findings") or ())
            if entry["check"]["verdict"] == "reject" and not wanted & {"dangerous-global", "unknown-global"}:
                with open(corpus_file(entry), "rb") as file:
                    paths.append(self.put(f"{len(paths)}.pt", file.read()))
        self.assertGreater(len(paths), 50)
        _, lines = report("convert", *paths, "--out-dir", self.path("out"), *ENGINE)
        for line in lines:
            with self.subTest(line["path"]):
                self.assertNotEqual(line["verdict"], "accept")
                self.assertTrue(ids(line, "error"))
                self.assertEqual((line["code_ran"], line["output"]), (False, None))
        self.assertEqual(len(lines), len(paths))
        self.assert_only(*(os.path.basename(path) for path in paths))

    def test_other_kinds(self):
        script = torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1))
        torch.jit.save(script, self.path("script.pt"))
        status, line = self.convert(self.path("script.pt"))
        self.assertEqual((status, ids(line, "error")), (1, ["torch-kind"]))

    def test_no_torch(self):
        folder = self.path("venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        path = self.save({"a": torch.ones(1)})
        status, line = one_report("convert", path, "-o", self.path("o.safetensors"), "--engine", "torch", "--python",
                                  folder + "/bin/python")
        self.assertEqual((status, line["verdict"], ids(line)), (3, "undecided", ["torch-missing"]))
        done = tensorvet("convert", path, "-o", self.path("o.safetensors"), "--engine", "torch", "--python", "/nowhere/python")
        self.assertEqual(done.returncode, 3)

    def environment_beside(self, pth):
        """A virtual environment without packages of its own, but for that .pth file; its Python."""
        folder = self.path("venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        packages, = glob.glob(folder + "/lib/python3.*/site-packages")
        with open(packages + "/beside.pth", "w", encoding="utf-8") as file:
            file.write(pth)
        return folder + "/bin/python", packages

    def test_torch_by_a_path_file(self):
        """The environment names where torch lies; its .pth file prints, too, which must not be taken for an answer."""
        python, _ = self.environment_beside(os.path.dirname(os.path.dirname(torch.__file__)) +
                                            "\nimport sys; print('/nowhere')\n")
        path = self.save({"a": torch.ones(1)})
        status, line = one_report("convert", path, "-o", self.path("o.safetensors"), "--engine", "torch", "--python", python)
        self.assertEqual((status, ids(line, "error")), (0, []), line["findings"])
        self.assertIn(torch.__version__, line["engine_version"])

    def test_packages_by_an_import_hook(self):
        """As editable installs have them: code in a .pth file, and no path."""
        hook = textwrap.dedent("""
            import sys
            from importlib.util import spec_from_file_location
            class Finder:
                @staticmethod
                def find_spec(name, path=None, target=None):
                    folder = PLACES.get(name)
                    return folder and spec_from_file_location(name, folder + "/__init__.py", submodule_search_locations=[folder])
            sys.meta_path.append(Finder)
            """)
        os.makedirs(self.path("source/edited"))
        with open(self.path("source/edited/__init__.py"), "w", encoding="utf-8") as file:
            file.write("number = 1\n")
        python, packages = self.environment_beside("import the_hook\n")
        with open(packages + "/torch.pth", "w", encoding="utf-8") as file:
            file.write(os.path.dirname(os.path.dirname(torch.__file__)))
        with open(packages + "/the_hook.py", "w", encoding="utf-8") as file:
            file.write(f"PLACES = {{'edited': {self.path('source/edited')!r}}}\n{hook}")
        path = self.save({"a": torch.ones(1)})
        status, line = one_report("convert", path, "-o", self.path("o.safetensors"), "--engine", "torch", "--python", python,
                                  "--preload", "edited")
        self.assertEqual((status, ids(line, "error")), (0, []), line["findings"])

    def user_site(self, home, python):
        """Under that home what `pip install --user` leaves: a package, and where torch is. The prefix of a command for
        which the password file says that it is our home, in a mount namespace of its own: nobody's home is written to."""
        site = subprocess.run([python, "-c", "import site; print(site.getusersitepackages())"], check=True, text=True,
                              capture_output=True, env={"HOME": home}).stdout.strip()
        os.makedirs(site + "/of_the_user")
        self.put(os.path.relpath(site, self.folder) + "/of_the_user/__init__.py", b"number = 1\n")
        with open(site + "/torch.pth", "w", encoding="utf-8") as file:
            file.write(os.path.dirname(os.path.dirname(torch.__file__)))
        with open("/etc/passwd", encoding="utf-8") as file:
            others = [line for line in file if line.split(":")[2] != str(os.getuid())]
        us = f"us:x:{os.getuid()}:{os.getgid()}::{home}:/bin/sh\n"
        self.put("passwd", "".join([us, *others]).encode())
        alone = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-current-user", "--keep-caps"])
        script = 'mount --bind "$0" /etc/passwd && exec "$@"'
        prefix = [*alone, "sh", "-c", script, self.path("passwd")]
        tried = subprocess.run([*prefix, "true"], capture_output=True, text=True)
        return prefix if tried.returncode == 0 else self.skipTest(f"no mount namespace here: {tried.stderr.strip()}")

    def test_packages_of_the_user(self):
        """The home that the password file names counts, and HOME does not: then what is missing is named."""
        python = os.path.realpath(sys.executable)  # the environment's own does without the user's packages
        home = self.path("home")
        path = self.save({"a": torch.ones(1)})
        convert = ("convert", path, "-o", self.path("o.safetensors"), "--overwrite", "--engine", "torch", "--python", python,
                   "--preload", "of_the_user")
        prefix = self.user_site(home, python)
        status, line = one_report(*convert, env={**os.environ, "HOME": home})
        self.assertEqual((status, line["verdict"]), (3, "undecided"))
        self.assertRegex(line["findings"][0]["message"], "torch is not installed|No module named 'of_the_user'")
        status, line = one_report(*convert, prefix=prefix)
        self.assertEqual((status, ids(line, "error")), (0, []), line["findings"])
        self.assertIn(torch.__version__, line["engine_version"])

    def test_the_folder_we_are_in_has_no_say(self):
        """Modules beside the checkpoint are not those that are imported, neither by the harness nor by who is asked."""
        path = self.save({"a": torch.ones(1)})
        for name in ("torch", "os", "site", "sitecustomize", "importlib", "tv_wire", "subprocess", "socket"):
            self.put(name + ".py", b"raise SystemExit('imported from the folder of the checkpoint')")
        status, line = one_report("convert", path, "-o", self.path("o.safetensors"), *ENGINE, cwd=self.folder,
                                  env={**os.environ, "PYTHONPATH": self.folder, "PYTHONHOME": self.folder})
        self.assertEqual((status, ids(line, "error")), (0, []), line["findings"])

    def test_usage(self):
        path = self.save({"a": torch.ones(1)})
        for wrong in (["--allow-code"], ["--densify"], ["--dequantize"], ["--preload", "json"], ["--python", "x"],
                      ["--engine", "torch", "--disarm"], ["--engine", "other"],
                      ["--engine", "torch", "--save-extras", self.path("x.json")]):
            self.assertEqual(tensorvet("convert", path, *wrong).returncode, 2, wrong)

    def test_many_and_a_dry_run(self):
        paths = [self.save({"a": torch.full((2,), float(i))}, f"m{i}.pt") for i in range(12)]
        status, lines = report("convert", *paths, "--out-dir", self.path("out"), *ENGINE)
        self.assertEqual((status, {line["verdict"] for line in lines}), (0, {"accept"}))
        status, line = one_report("convert", paths[0], "-n", "-o", self.path("dry.safetensors"), *ENGINE)
        self.assertEqual((status, line["verdict"], line["dry_run"]), (0, "accept", True))
        self.assertFalse(os.path.exists(self.path("dry.safetensors")))

    def test_doctor(self):
        done = tensorvet("doctor", "--python", sys.executable, "--format", "json")
        rows = {row["what"]: row for row in json.loads(done.stdout)["rows"] if row["group"].startswith("torch")}
        self.assertEqual({row["state"] for row in rows.values()}, {"good"}, rows)
        self.assertIn(torch.__version__, rows["imports"]["found"])
        self.assertEqual((done.returncode, json.loads(done.stdout)["torch_works"]), (0, True))

    def test_doctor_without_torch(self):
        """Status 3 and how to get it, for the Python that was named; without one nobody has to have torch."""
        python, _ = self.environment_beside("")
        done = tensorvet("doctor", "--python", python)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn(b"torch is not installed", done.stdout)
        self.assertRegex(done.stdout, rb"to do +Install it .*pip install torch")
        empty = {**os.environ, "PATH": os.path.dirname(python)}
        self.assertEqual(tensorvet("doctor", env=empty).returncode, 0)
        self.assertEqual(tensorvet("doctor", "--python", "/nowhere/python").returncode, 3)


if __name__ == "__main__":
    main()
