"""The lock, as a library that is loaded by its path. Its form is that of sandbox/python_lock.h."""
import ctypes

VERSION = 1
JAIL_LANDLOCK = 1 << 3


class Form(ctypes.Structure):
    _fields_ = [("memory_bytes", ctypes.c_uint64), ("cpu_seconds", ctypes.c_uint64), ("keeper", ctypes.c_uint32),
                ("telling", ctypes.c_uint32), ("layers", ctypes.c_uint32), ("landlock_abi", ctypes.c_uint32),
                ("failed_at", ctypes.c_char * 64)]


class Lock:
    def __init__(self, path):
        library = ctypes.CDLL(path)
        library.tensorvet_lock_version.restype = ctypes.c_uint32
        if library.tensorvet_lock_version() != VERSION:
            raise ValueError("it is of another build than this harness")
        self._lock = library.tensorvet_lock
        self._lock.restype = None
        self._lock.argtypes = [ctypes.POINTER(Form)]

    def close(self, memory, seconds, keeper, telling):
        """Locks the calling process for good; a form whose layers are 0 says at which step that failed."""
        form = Form(memory_bytes=memory, cpu_seconds=seconds, keeper=keeper, telling=telling)
        self._lock(ctypes.byref(form))
        return form
