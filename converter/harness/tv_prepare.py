"""Before torch is imported: where it may be found, and how many threads it may start.

Trusts the interpreter that the user chose. Without `site`, whose .pth files run code, the folders of packages are named
here: a virtual environment's own, then, where it asks for them, those of the interpreter it was made from.
"""
import os
import sys

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def environment_of(folder):
    """Is that a virtual environment, and does it see the packages of its interpreter?"""
    try:
        with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8") as file:
            lines = [line.partition("=") for line in file]
    except OSError:
        return False, True
    settings = {key.strip().lower(): value.strip().lower() for key, _, value in lines}
    return True, settings.get("include-system-site-packages") == "true"


def package_folders():
    """The folders in which packages are installed, those that exist, in the order in which `site` would have them."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    own = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    is_environment, sees_system = environment_of(own)
    folders = [os.path.join(own, lib, version, "site-packages") for lib in ("lib", "lib64")] if is_environment else []
    if sees_system:
        prefixes = [sys.base_prefix, sys.base_exec_prefix]
        if sys.base_prefix == "/usr":
            prefixes.insert(0, "/usr/local")
        for prefix in prefixes:
            for place in (f"{version}/site-packages", f"{version}/dist-packages", "python3/dist-packages"):
                folders += [os.path.join(prefix, lib, place) for lib in ("lib", "lib64")]
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def settle():
    """Makes torch importable, with one thread."""
    for name in ONE_THREAD:
        os.environ[name] = "1"
    sys.path += package_folders()
    sys.dont_write_bytecode = True
