"""tensorvet: the API of ``safetensors``, on a strict reader.

Change one import: ``import tensorvet.torch`` does what ``safetensors.torch`` does, ``tensorvet`` what ``safetensors``
does. Files are parsed in the caller's process by a small C library that refuses whatever is ambiguous; `check` and
`convert` run in a jail.

For those who add a framework's module: `tensorvet._files` opens, reads and writes; `tensorvet._open.BytesLoader` makes
a loader of one function; see `tensorvet.numpy`, which is the shortest.
"""

from tensorvet._core import __version__
from tensorvet._errors import JailUnavailable, SafetensorError
from tensorvet._open import _safe_open_handle, safe_open
from tensorvet._policy import get_policy, set_policy
from tensorvet._serialize import TensorSpec, deserialize, serialize, serialize_file

__all__ = [
    "JailUnavailable",
    "SafetensorError",
    "TensorSpec",
    "__version__",
    "_safe_open_handle",
    "deserialize",
    "get_policy",
    "safe_open",
    "serialize",
    "serialize_file",
    "set_policy",
]
