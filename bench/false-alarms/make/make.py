#!/usr/bin/env python3
"""Makes corpus/benign/: files that real libraries write, none of which does harm.

    python3 make.py GROUP...        (with Debian's Python: torch; in the venv of ../requirements.txt: all)

The groups are the modules whose names begin with group_. The same versions write the same bytes again, but for the
few files of which the manifest says otherwise.
"""
import importlib
import os
import sys


def main():
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets are written in the order of their hashes
        os.environ.update(PYTHONHASHSEED="0", CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
                          OMP_NUM_THREADS="1", LOGNAME="user", USER="user", HF_HUB_DISABLE_TELEMETRY="1")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    groups = sys.argv[1:]
    if not groups:
        names = sorted(name[6:-3] for name in os.listdir(here) if name.startswith("group_"))
        sys.exit(f"usage: make.py GROUP...\ngroups: {' '.join(names)}")
    import corpus
    for group in groups:
        corpus.fresh_run()
        importlib.import_module(f"group_{group}").make()


if __name__ == "__main__":
    main()
