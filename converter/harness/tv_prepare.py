"""Before torch is imported: where it may be found, and how many threads it may start.

Trusts the interpreter that the user chose, and asks it once, in a process of its own, which folders it has: only `site`
knows them (virtual environments, .pth files, a user's own packages, what a distribution patched in). The code that .pth
files run stays in that process, so that this one still is -I -S.
"""
import os
import subprocess
import sys

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# Prints its path, and after it the folders of modules that only an import hook finds (editable installs have such): the
# specification of a top-level module is looked up, not the module imported. Path 0 is the folder we are in: nobody's.
ASK = """
import sys
answer = int(sys.argv[1])
del sys.path[0]
import importlib.util, os
folders = list(sys.path)
for name in sys.argv[2:]:
    try:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or [spec.origin])
    except Exception:
        continue
    folders += [os.path.dirname(place) for place in places if place]
with open(answer, "wb") as file:
    file.write(b"\\0".join(os.fsencode(folder) for folder in folders))
"""


def paths_of_python(modules):
    """The path that this interpreter has without -I and -S, with an empty environment and outside of any folder."""
    ours, theirs = os.pipe()
    with open(ours, "rb") as answer:
        try:
            asked = subprocess.Popen([sys.executable, "-E", "-B", "-X", "utf8", "-c", ASK, str(theirs), *modules],
                                     pass_fds=[theirs], cwd="/", env={}, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        finally:
            os.close(theirs)
        said = answer.read()
        status = asked.wait()
    if status != 0 or not said:
        raise OSError(f"{sys.executable} does not say where its packages are (it ended with {status})")
    folders = dict.fromkeys(os.fsdecode(folder) for folder in said.split(b"\0"))
    return [folder for folder in folders if os.path.isabs(folder)]


def settle(modules):
    """Makes torch and those modules importable, with one thread."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    sys.path[1:] = paths_of_python(["torch", *(module.partition(".")[0] for module in modules)])
    sys.dont_write_bytecode = True
