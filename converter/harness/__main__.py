"""The torch engine's Python side, run as `python -I -S -B -X utf8 FOLDER LOCK-LIBRARY [MODULE ...]`.

Trusted as long as it has read nothing: this first process imports torch, and then only forks. Each child reads one
checkpoint after it has locked itself down (sandbox/python_lock.h), and from its first byte on is believed nothing.
Descriptor 3 is the control socket of the broker; there is no other but 0 to 2.
"""
import sys

import tv_zygote

if __name__ == "__main__":
    tv_zygote.serve(sys.argv[1], sys.argv[2:])
